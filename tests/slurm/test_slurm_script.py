"""The text of the batch script: its header, its quoting, and the template that is handed out."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from slurm_stand_ins import Cluster

from hocket.cluster.script import Job, render
from hocket.errors import ConfigError

TEMPLATE = Path(__file__).parents[2] / "slurm" / "train.sbatch"

WORDS = st.lists(
    st.one_of(
        st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1),
        # Names that are no UTF-8, as Python holds them.
        st.binary(min_size=1).filter(lambda name: b"\0" not in name).map(os.fsdecode),
    ),
    max_size=5,
)


def options(script: str) -> dict[str, str]:
    """The header's settings as sbatch reads them: up to the first line that is no comment."""
    found = {}
    for line in script.splitlines()[1:]:
        if not line.startswith("#"):
            break
        if line.startswith("#SBATCH --"):
            name, _, value = line.removeprefix("#SBATCH --").partition("=")
            found[name] = value
    return found


def syntax_error(script: str) -> str:
    done = subprocess.run(["bash", "-n"], input=os.fsencode(script), capture_output=True, check=False)
    return done.stderr.decode(errors="replace") or ("" if done.returncode == 0 else "rejected")


def test_the_template_is_what_the_generator_writes() -> None:
    expected = render(Job(account="ACCOUNT", partition="gpu"))
    assert TEMPLATE.read_text(encoding="utf-8") == expected, (
        "write it again: hocket slurm --template --account ACCOUNT --partition gpu > slurm/train.sbatch"
    )


def test_the_template_asks_for_a_node_of_levante() -> None:
    assert options(TEMPLATE.read_text(encoding="utf-8")) == {
        "account": "ACCOUNT",
        "partition": "gpu",
        "job-name": "hocket",
        "nodes": "1",
        "gpus-per-node": "4",
        "ntasks-per-node": "4",
        "cpus-per-task": "16",
        "time": "12:00:00",
        "signal": "USR1@180",
        "requeue": "",
        "open-mode": "append",
        "output": '"%x-%j.log"',
    }


def test_what_is_asked_for_stands_in_the_header() -> None:
    job = Job(
        nodes=3, gpus=0, tasks=5, cpus_per_task=2, time_seconds=36 * 3600, signal_seconds=60, name="a.b",
        constraint="a100_80|[a100_40]", memory="200G", output_dir=Path("/logs/100 % mine"), python=Path("/v/python"),
        command=("train", "/d", "--run=/r"),
    )  # fmt: skip
    found = options(render(job))
    assert found["nodes"] == "3" and found["ntasks-per-node"] == "5" and found["cpus-per-task"] == "2"
    assert "gpus-per-node" not in found and "account" not in found and "partition" not in found
    assert found["time"] == "1-12:00:00" and found["signal"] == "USR1@60" and found["mem"] == "200G"
    assert found["constraint"] == "a100_80|[a100_40]" and found["dependency"] == "singleton"
    assert found["output"] == '"/logs/100 %% mine/%x-%j.log"', "a % of the folder's own is no pattern"


@pytest.mark.parametrize("gpus", [0, 1, 4])
@pytest.mark.parametrize("command", [None, ("train", "d", "--run", "r")])
def test_bash_takes_it(gpus, command) -> None:
    script = render(Job(gpus=gpus, tasks=max(gpus, 1), command=command))
    assert syntax_error(script) == ""
    assert "\t" not in script and all(line == line.rstrip() for line in script.splitlines())
    # Wherever a variable is expanded as a word of its own it must be quoted.
    unquoted = [line for line in script.splitlines() if " $run" in line and '"' not in line]
    assert not [line for line in unquoted if not line.startswith("#")]


def test_the_syntax_check_would_notice() -> None:
    assert syntax_error("if true; then echo") != ""


@settings(max_examples=60)
@given(words=WORDS, python=st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1))
@example(
    words=["$(touch pwned)", "`id`", "a'b", 'a"b', "-n", "\n", "*", "~", "!x", "#", "é", "\udcff"],
    python="x'$y",
)
def test_any_name_reaches_hocket_as_it_is(words, python) -> None:
    script = render(Job(python=Path("/") / python, command=("train", *words)))
    prelude = script[: script.index("set -uo pipefail")]
    prelude += 'printf \'%s\\0\' "$python" "$@"'
    done = subprocess.run(["bash"], input=os.fsencode(prelude), capture_output=True, check=True, timeout=20)
    assert [os.fsdecode(word) for word in done.stdout.split(b"\0")[:-1]] == [
        str(Path("/") / python),
        "train",
        *words,
    ]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=WORDS)
@example(words=["$(touch pwned)", "*", "a b", ";", "\n--run"])
def test_any_name_gets_through_the_body_to_srun(tmp_path_factory, words) -> None:
    folder = tmp_path_factory.mktemp("cluster")
    cluster = Cluster(folder / "stand-ins", folder / "r" / "run")
    words = [word for word in words if word != "--run"]
    command = ("train", f"--run={cluster.run_dir}", *words)
    cluster.run(render(Job(python=Path(sys.executable), command=command)))
    assert cluster.words()[6:] == list(command)
    assert not list(folder.rglob("pwned"))


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"nodes": 0}, "--nodes 0"),
        ({"gpus": -1}, "--gpus -1"),
        ({"gpus": 0, "tasks": 0}, "--tasks 0"),
        ({"gpus": 4, "tasks": 2}, "leave --tasks out"),
        ({"cpus_per_task": 0}, "--cpus-per-task 0"),
        ({"signal_seconds": 0}, "--signal-seconds 0"),
        ({"time_seconds": 180, "signal_seconds": 180}, "not within --time 00:03:00"),
        ({"signal_seconds": 70_000, "time_seconds": 10**6}, "between 1 and 65535"),
        ({"account": "a b"}, "--account 'a b'"),
        ({"partition": "gpu\n#SBATCH --wrap=id"}, "--partition"),
        ({"name": "x#y"}, "--job-name"),
        ({"constraint": "a;b"}, "--constraint"),
        ({"memory": ""}, "--mem"),
        ({"output_dir": Path('/a"b')}, "--output-dir"),
        ({"output_dir": Path("/a\nb")}, "--output-dir"),
    ],
)
def test_what_slurm_could_not_read_is_refused(fields, part) -> None:
    with pytest.raises(ConfigError) as caught:
        Job(**fields)
    assert part in str(caught.value) and len(str(caught.value).splitlines()) == 1

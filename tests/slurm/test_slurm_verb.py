"""`hocket slurm`: what is checked before a job waits in the queue for hours, and what sbatch is given."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from slurm_stand_ins import executable

from hocket.cli import main


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A folder with music in it, where the verb is called; and no sbatch but a test's own."""
    (tmp_path / "music").mkdir()
    (tmp_path / "runs").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return tmp_path


def slurm(capfdbinary, *words: str) -> tuple[int, str, str]:
    code = main(["slurm", *words])
    out, err = capfdbinary.readouterr()
    return code, os.fsdecode(out), err.decode()


def command_of(script: str) -> list[str]:
    """The words that the script hands on, as bash reads them."""
    prelude = script[: script.index("set -uo pipefail")] + "printf '%s\\0' \"$@\""
    done = subprocess.run(["bash"], input=os.fsencode(prelude), capture_output=True, check=True)
    return [os.fsdecode(word) for word in done.stdout.split(b"\0")[:-1]]


def refused(capfdbinary, *words: str) -> str:
    code, out, err = slurm(capfdbinary, *words)
    assert code == 2 and out == "" and len(err.splitlines()) == 1, err
    assert err.startswith("hocket slurm: error: ")
    return err


def test_paths_are_made_absolute_and_the_rest_is_kept(place, capfdbinary) -> None:
    (place / "c.toml").write_text("num_epochs = 3\n")
    code, out, _ = slurm(
        capfdbinary, "--time", "2:00:00", "--", "train", "--num-epochs", "7", "./music", "--run", "runs/a b",
        "--config=c.toml", "--gan-weight=0.1", "--fresh",
    )  # fmt: skip
    assert code == 0
    assert command_of(out) == [
        "train", f"{place}/music", f"--run={place}/runs/a b", f"--config={place}/c.toml", "--num-epochs=7",
        "--adversarial-weight=0.1", "--fresh",
    ]  # fmt: skip
    assert f"python={sys.executable}" in out
    assert f'--output="{place}/%x-%j.log"' in out


def test_names_that_are_no_utf8_are_written_as_they_are(place, capfdbinary) -> None:
    name = os.fsdecode(b"runs/\xff'$HOME")
    _, out, _ = slurm(capfdbinary, "--", "train", "music", "--run", name)
    assert command_of(out)[2] == f"--run={place}/{name}"


def test_runs_of_one_name_in_two_places_are_two_jobs(place, capfdbinary) -> None:
    (place / "other").mkdir()
    names = set()
    for run in ("runs/first", "other/first", "runs/../runs/first"):
        _, out, _ = slurm(capfdbinary, "--", "train", "music", "--run", run)
        names |= {line for line in out.splitlines() if "--job-name" in line}
    assert len(names) == 2 and all("=hocket-first-" in name for name in names)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--", "train", "music", "--run", "runs/a", "--num_epoch=3"], "did you mean --num-epochs?"),
        (["--", "train", "music", "--run", "runs/a", "--num_epochs=0"], "num_epochs is 0"),
        (["--", "train", "music", "--run", "runs/a", "--preset", "fixd"], "did you mean 'fixed'?"),
        (["--", "train", "music"], "give the music and a run folder"),
        (["--", "train", "musik", "--run", "runs/a"], "musik does not exist"),
        (["--", "train", "music", "--run", "rums/a"], "rums does not exist"),
        (["--", "train", "music", "--run", "runs/a", "--config", "none.toml"], "none.toml does not exist"),
        (["--", "fuse", "a.wav", "b.wav"], "the training command is missing"),
        ([], "the training command is missing"),
        (["--time", "12h", "--", "train", "music", "--run", "runs/a"], "--time 12h"),
        (["--time", "3", "--", "train", "music", "--run", "runs/a"], "not within --time 00:03:00"),
        (["--cpus-per-task", "0", "--", "train", "music", "--run", "runs/a"], "--cpus-per-task 0"),
        (["--tasks", "0", "--gpus", "0", "--", "train", "music", "--run", "runs/a"], "--tasks 0"),
        (["--output-dir", "logs", "--", "train", "music", "--run", "runs/a"], "create it first"),
        (["--venv", "none", "--", "train", "music", "--run", "runs/a"], "none/bin/python cannot be run"),
        (["--template", "--submit"], "--template takes no command"),
    ],
)
def test_mistakes_are_told_before_the_queue(place, capfdbinary, words, part) -> None:
    assert part in refused(capfdbinary, *words)


def test_a_file_is_no_run_folder(place, capfdbinary) -> None:
    (place / "runs" / "a").write_text("")
    assert "runs/a is a file" in refused(capfdbinary, "--", "train", "music", "--run", "runs/a")


def test_a_batch_that_the_tasks_cannot_share_is_told_before_the_queue(place, capfdbinary) -> None:
    words = ("--nodes", "2", "--gpus", "4", "--", "train", "music", "--run", "runs/a", "--batch_size")
    assert "8 tasks cannot share: give a multiple of 8" in refused(capfdbinary, *words, "12")
    assert "multiple of 16" in refused(capfdbinary, *words, "24", "--accumulation_steps", "2")


def test_flags_take_hyphens_and_underscores(place, capfdbinary) -> None:
    train = ["--", "train", "music", "--run", "runs/a"]
    hyphens = slurm(capfdbinary, "--gpus=0", "--cpus-per-task=3", "--job-name=a_b", *train)
    underscores = slurm(capfdbinary, "--gpus=0", "--cpus_per_task=3", "--job_name=a_b", *train)
    assert hyphens == underscores and "--job-name=a_b\n" in hyphens[1] and "--cpus-per-task=3\n" in hyphens[1]


@pytest.mark.parametrize(
    ("words", "tasks", "cpus"),
    [([], 4, 16), (["--gpus=2"], 2, 16), (["--gpus=0"], 1, 1), (["--gpus=0", "--tasks=3"], 3, 1)],
)
def test_each_gpu_has_its_task(place, capfdbinary, words, tasks, cpus) -> None:
    _, out, _ = slurm(capfdbinary, *words, "--", "train", "music", "--run-dir", "runs/a", "--batch-size=12")
    assert "--run=" in out and "--run_dir" not in out and "--run-dir" not in out.partition("set -uo")[0]
    assert f"--ntasks-per-node={tasks}\n" in out and f"--cpus-per-task={cpus}\n" in out
    assert ("--gpus-per-node" in out) == ("--gpus=0" not in words)


TRAIN = ["--submit", "--", "train", "music", "--run", "runs/a"]


def test_submitting_gives_sbatch_the_very_script_that_is_printed(place, capfdbinary) -> None:
    executable(place / "bin" / "sbatch", '#!/bin/bash\necho "$*" >words\ncat >given\necho "77;levante"\n')
    code, out, _ = slurm(capfdbinary, *TRAIN)
    assert code == 0 and out.startswith("submitted job 77: ") and f"{place}/hocket-a-" in out
    assert (place / "words").read_text() == "--parsable\n"
    _, printed, _ = slurm(capfdbinary, *TRAIN[1:])
    assert (place / "given").read_text() == printed


def test_without_sbatch_it_says_where_to_go(place, capfdbinary, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(place))
    assert "login node" in refused(capfdbinary, *TRAIN)


def test_sbatch_refusal_is_told_with_its_reason(place, capfdbinary) -> None:
    reason = "sbatch: error: Batch job submission failed: Invalid account\nsbatch: error: more"
    executable(place / "bin" / "sbatch", f'#!/bin/bash\necho "{reason}" >&2\nexit 1\n')
    said = refused(capfdbinary, *TRAIN)
    assert "(Batch job submission failed: Invalid account more)" in said and "check --account" in said

"""Training under a real SLURM: signals, time limits, requeues and dead tasks, and the same weights in the end."""

import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from slurm_machine import Slurm, flags_of, wait_until, why_not

from small_run import SMALL

pytestmark = pytest.mark.slow

# Two tasks share a batch of two.
FIELDS = SMALL | {"num_epochs": 3, "steps_per_epoch": 20}
RUNS_AGAIN_SECONDS = 15
DEAD_SECONDS = 30
STARTS_SECONDS = 180
"""How long a start may take beside other work on two cores; what it takes is in docs/results/reliability.md."""


@pytest.fixture(scope="module")
def slurm() -> Iterator[Slurm]:
    if reason := why_not():
        pytest.skip(reason)
    # A short path: sockets have at most 107 characters of it.
    parent = Path(tempfile.mkdtemp(prefix="hocket-"))
    machine = Slurm(parent / "slurm")
    try:
        machine.up()
    except RuntimeError as error:
        machine.down()
        pytest.skip(f"SLURM does not start here: {error}")
    yield machine
    machine.down()
    shutil.rmtree(parent, ignore_errors=True)


def words(corpus: Path, run: Path, **fields: object) -> list[str]:
    return ["train", str(corpus / "music"), "--run", str(run), *flags_of(FIELDS | fields)]


def tensors(run: Path) -> dict[str, torch.Tensor]:
    """All that the last checkpoint holds, every generator's state with it."""
    from hocket.model.weights import load_checkpoint
    from hocket.runs import newest_first

    return load_checkpoint(newest_first(run)[0])[0]


def figures(run: Path) -> list[dict]:
    """The log without what depends on the clock and on how often the run was interrupted."""
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    clocks = ("examples_per_second", "seconds", "data_seconds", "step_seconds")
    return [
        {name: value for name, value in line.items() if name not in clocks}
        for line in lines
        if line["kind"] in ("train", "validation", "epoch")
        or (line["kind"] == "end" and line["stopped"] is None)
    ]


def assert_same_end(run: Path, whole: Path) -> None:
    mine, wanted = tensors(run), tensors(whole)
    assert mine.keys() == wanted.keys()
    assert not [name for name in wanted if not torch.equal(mine[name], wanted[name])]
    assert figures(run)[-1] == figures(whole)[-1]
    assert figures(run) == figures(whole)


def wait_for_a_checkpoint(slurm: Slurm, job: str, run: Path, log: Path) -> None:
    """Until training is under way; a job that ended before is told with its log."""

    def there() -> bool:
        assert not slurm.job(job).ended, log.read_text()
        return any((run / "checkpoints").glob("step-*.safetensors"))

    wait_until(there, seconds=STARTS_SECONDS, what="a first checkpoint")


def is_alive(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


def pauses(log: Path) -> list[float]:
    """Seconds between a stop by the warning and the next start, by the script's own clock."""
    times = re.findall(r"hocket slurm: (\S+ \S+) job \d+: (start|stopped)", log.read_text())
    moments = [(datetime.fromisoformat(moment), what) for moment, what in times]
    return [
        (after - before).total_seconds()
        for (before, first), (after, second) in pairwise(moments)
        if (first, second) == ("stopped", "start")
    ]


def uninterrupted(slurm: Slurm, corpus: Path, folder: Path, **fields: object) -> tuple[Path, float]:
    """A run of two tasks that nothing stopped, and how long its job took."""
    job, log = slurm.submit(
        "--tasks=2", "--time=10", "--", *words(corpus, folder / "run", **fields), log_dir=folder
    )  # fmt: skip
    ended, _ = slurm.wait_for(job, lambda job: job.ended, seconds=300)
    assert ended["JobState"] == "COMPLETED" and ended["Restarts"] == "0", log.read_text()
    began, over = (datetime.fromisoformat(ended[name]) for name in ("StartTime", "EndTime"))
    return folder / "run", (over - began).total_seconds()


@pytest.fixture(scope="module")
def whole(slurm, corpus, tmp_path_factory) -> Path:
    """A run of two tasks that nothing stopped."""
    return uninterrupted(slurm, corpus, tmp_path_factory.mktemp("whole"))[0]


def test_the_time_limit_costs_nothing(slurm, corpus, whole, tmp_path) -> None:
    # As long as it must be here for SLURM to warn it in the middle: SLURM looks every half minute, and warns from half
    # a minute before it was told to. So of 60 s of steps, between 10 and 40 s are done.
    rate = json.loads((whole / "log.jsonl").read_text().splitlines()[-1])["examples_per_second"]
    fields = {"num_epochs": 1, "steps_per_epoch": round(60 * rate / SMALL["batch_size"])}
    (tmp_path / "whole").mkdir()
    uncut, seconds = uninterrupted(slurm, corpus, tmp_path / "whole", **fields)
    lead = round(240 - (seconds - 60) - 40)
    job, log = slurm.submit(
        *("--tasks=2", "--time=4", f"--signal-seconds={lead}", "--"),
        *words(corpus, tmp_path / "run", **fields),
        log_dir=tmp_path,
    )
    ended, _ = slurm.wait_for(job, lambda job: job.ended, seconds=480)
    said = log.read_text()
    assert ended["JobState"] == "COMPLETED" and int(ended["Restarts"]) >= 1, said
    assert len(pauses(log)) == int(ended["Restarts"]) and max(pauses(log)) <= RUNS_AGAIN_SECONDS, said
    assert_same_end(tmp_path / "run", uncut)


@pytest.mark.parametrize(
    ("words_of_signal", "code"),
    [(("scancel", "--signal=USR1"), "138"), (("scontrol", "requeue"), None)],
    ids=["scancel --signal=USR1", "scontrol requeue, as in preemption"],
)
def test_a_job_that_is_stopped_in_the_middle_goes_on(
    slurm, corpus, whole, tmp_path, words_of_signal, code
) -> None:
    run = tmp_path / "run"
    job, log = slurm.submit(
        "--tasks=2", "--time=10", "--", *words(corpus, run, checkpoint_every_steps=10), log_dir=tmp_path
    )  # fmt: skip
    wait_for_a_checkpoint(slurm, job, run, log)
    tasks = slurm.processes(job)
    assert slurm.tell(*words_of_signal, job).returncode == 0
    # How long a step takes, and the way out of Python, is the machine's affair; from then on it is SLURM's and ours.
    wait_until(lambda: not any(map(is_alive, tasks)), seconds=60, what="the tasks' end")
    _, seconds = slurm.wait_for(
        job, lambda job: job["Restarts"] == "1" and job["JobState"] == "RUNNING", seconds=60
    )
    assert seconds <= RUNS_AGAIN_SECONDS
    ended, _ = slurm.wait_for(job, lambda job: job.ended, seconds=240)
    said = log.read_text()
    assert ended["JobState"] == "COMPLETED" and ended["Restarts"] == "1", said
    assert code is None or "stopped at step" in said
    assert_same_end(run, whole)


def test_a_warning_to_the_batch_shell_alone_is_handed_on(slurm, corpus, tmp_path) -> None:
    run = tmp_path / "run"
    printed = slurm.tell(
        *(sys.executable, "-m", "hocket", "slurm", "--gpus=0", "--tasks=2", "--time=10", "--"),
        *words(corpus, run, checkpoint_every_steps=10),
    ).stdout
    body = printed.replace("--signal=USR1", "--signal=B:USR1").partition("\n")[2]
    log = tmp_path / "log"
    job = slurm.batch(body, log=log)
    wait_for_a_checkpoint(slurm, job, run, log)
    slurm.tell("scancel", "--batch", "--signal=USR1", job)
    slurm.wait_for(job, lambda job: job["Restarts"] == "1", seconds=30)
    assert "requeued, and will continue" in log.read_text()
    slurm.tell("scancel", job)
    slurm.wait_for(job, lambda job: job.ended, seconds=60)


def test_a_killed_task_ends_the_job_and_it_stays_ended(slurm, corpus, tmp_path) -> None:
    run = tmp_path / "run"
    job, log = slurm.submit(
        "--tasks=2", "--time=10", "--", *words(corpus, run, checkpoint_every_steps=10), log_dir=tmp_path
    )  # fmt: skip
    wait_for_a_checkpoint(slurm, job, run, log)
    tasks = slurm.processes(job)
    assert len(tasks) == 2
    os.kill(tasks[1], signal.SIGKILL)
    ended, seconds = slurm.wait_for(job, lambda job: job.ended, seconds=DEAD_SECONDS)
    assert ended["JobState"] == "FAILED" and ended["ExitCode"] != "0:0", log.read_text()
    assert not any(map(is_alive, tasks)), "an orphan is left"
    # Longer than a requeued job takes to run again.
    time.sleep(RUNS_AGAIN_SECONDS)
    assert slurm.job(job)["Restarts"] == "0" and slurm.job(job).ended
    assert seconds <= DEAD_SECONDS and "not requeued" in log.read_text()


def test_a_finished_run_stays_finished(slurm, corpus, whole, tmp_path) -> None:
    before = tensors(whole)
    job, log = slurm.submit("--tasks=2", "--time=5", "--", *words(corpus, whole), log_dir=tmp_path)
    ended, _ = slurm.wait_for(job, lambda job: job.ended, seconds=60)
    assert ended["JobState"] == "COMPLETED", log.read_text()
    assert all(torch.equal(tensor, before[name]) for name, tensor in tensors(whole).items())


SHORT = {"num_epochs": 1, "steps_per_epoch": 4}


@pytest.mark.parametrize(
    ("options", "launcher", "fields"),
    [
        (["--ntasks=2"], "", {}),
        (["--ntasks=3", "--ntasks-per-node=3"], "", {}),
        (["--ntasks=2"], "srun", {}),
        (["--ntasks=3"], "srun", {"batch_size": 3}),
        (["--ntasks=3"], "srun", {"batch_size": 2}),
        (["--nodes=1"], "srun", {}),
    ],
    ids=[
        "no srun",
        "no srun, tasks per node",
        "srun, tasks alone",
        "srun of three",
        "three share two",
        "one",
    ],
)
def test_unusual_jobs_train_or_say_why(slurm, corpus, tmp_path, options, launcher, fields) -> None:
    python = f"{launcher} {sys.executable} -m hocket"
    command = f"{python} {' '.join(words(corpus, tmp_path / 'run', **SHORT, **fields))}"
    job = slurm.batch(command, "--time=5", "--no-requeue", *options, log=tmp_path / "log")
    ended, _ = slurm.wait_for(job, lambda job: job.ended, seconds=STARTS_SECONDS)
    assert_trained_or_told(ended["ExitCode"].partition(":")[0], tmp_path, (tmp_path / "log").read_text())


@pytest.mark.parametrize("launcher", [[], ["srun"]], ids=["alone", "srun"])
def test_salloc_trains(slurm, corpus, tmp_path, launcher) -> None:
    done = slurm.tell(
        *("salloc", "--ntasks=2", "--time=5", *launcher, sys.executable, "-m", "hocket"),
        *words(corpus, tmp_path / "run", **SHORT),
        seconds=STARTS_SECONDS,
    )
    assert_trained_or_told(str(done.returncode), tmp_path, done.stdout + done.stderr)


def assert_trained_or_told(code: str, folder: Path, said: str) -> None:
    if code == "0":
        assert [step["step"] for step in figures(folder / "run") if step["kind"] == "train"] == [1, 2, 3, 4]
    else:
        assert code == "2" and "error: " in said and "Traceback" not in said, said

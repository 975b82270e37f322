"""The batch script's body, run by bash: what is requeued, what is not, and what reaches the tasks."""

import signal
import sys
import time
from pathlib import Path

import pytest
from slurm_stand_ins import Cluster

from hocket.cluster.script import Job, render


@pytest.fixture
def cluster(tmp_path) -> Cluster:
    return Cluster(tmp_path / "cluster", tmp_path / "runs" / "first")


@pytest.fixture
def script(cluster) -> str:
    command = ("train", "/music", f"--run={cluster.run_dir}")
    return render(Job(python=Path(sys.executable), command=command))


def stalled(cluster: Cluster) -> Path:
    return cluster.run_dir.with_name("first.stalled")


def test_a_finished_run_ends_the_job(cluster, script) -> None:
    code, said = cluster.run(script, CODE="0", STEPS_PER_START="5")
    assert code == 0 and cluster.count("requeued") == 0
    assert "from step 0" in said and "finished." in said


def test_a_warned_run_is_requeued_under_its_own_number(cluster, script) -> None:
    code, said = cluster.run(script, CODE="138", STEPS_PER_START="7")
    assert code == 138
    assert (cluster.folder / "requeued").read_text().split() == ["41234"]
    assert "at step 7" in said
    assert not stalled(cluster).exists()


@pytest.mark.parametrize("ending", [1, 2, 3, 130, 134, 137, 139, 143])
def test_no_other_ending_is_requeued(cluster, script, ending) -> None:
    code, said = cluster.run(script, CODE=str(ending), STEPS_PER_START="5")
    assert code == ending and cluster.count("requeued") == 0
    assert f"exit code {ending}: not requeued" in said


def checkpoint(cluster: Cluster, step: int) -> Path:
    path = cluster.run_dir / "checkpoints" / f"step-{step:08d}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def starts_until_the_queue_is_empty(cluster: Cluster, script: str, **environment: str) -> int:
    """Plays SLURM: what asks to be requeued is started again."""
    for start in range(1, 21):
        asked = cluster.count("requeued")
        cluster.run(script, SLURM_RESTART_COUNT=str(start - 1), **environment)
        if cluster.count("requeued") == asked:
            return start
    raise AssertionError("requeued forever")


def test_a_run_that_gets_on_is_requeued_until_it_is_done(cluster, script) -> None:
    starts = starts_until_the_queue_is_empty(
        cluster, script, CODE="138", STEPS_PER_START="1", STARTS_UNTIL_DONE="9"
    )
    assert starts == 9


def test_a_run_that_makes_no_step_is_requeued_twice_and_not_for_ever(cluster, script) -> None:
    checkpoint(cluster, 12)
    assert starts_until_the_queue_is_empty(cluster, script, CODE="138") == 3
    assert not stalled(cluster).exists(), "submitted again by hand it has its three starts again"


def test_one_step_forgives_the_starts_without_any(cluster, script) -> None:
    cluster.run(script, CODE="138")
    cluster.run(script, CODE="138")
    assert stalled(cluster).read_text() == "2\n"
    cluster.run(script, CODE="138", STEPS_PER_START="1")
    assert not stalled(cluster).exists() and cluster.count("requeued") == 3


def test_what_is_reached_is_the_newest_whole_checkpoint(cluster, script) -> None:
    for step in (7, 99_999_998, 8, 100_000_009):
        path = checkpoint(cluster, step)
    path.with_name(path.name + ".damaged").touch()
    path.with_name("step-999999999.safetensors.part").touch()
    _, said = cluster.run(script)
    assert "from step 100000009 " in said


def test_training_names_its_checkpoints_as_the_script_expects(cluster, script) -> None:
    from hocket.runs import newest_first

    paths = [checkpoint(cluster, step) for step in (3, 20)]
    assert newest_first(cluster.run_dir) == paths[::-1]


def test_a_refused_requeue_says_how_to_go_on(cluster, script) -> None:
    code, said = cluster.run(script, CODE="138", STEPS_PER_START="5", REQUEUE_CODE="1")
    assert code == 138 and "submit the same job again" in said


@pytest.mark.parametrize(("ending", "requeued"), [(138, 1), (0, 0), (1, 0)])
def test_a_signal_to_the_shell_alone_reaches_the_tasks_and_their_code_counts(
    cluster, script, ending, requeued
) -> None:
    # bash's `wait` returns 138 as soon as the trap runs, whatever the tasks do after that.
    process = cluster.start(script, CODE_WHEN_WARNED=str(ending), WAIT_SECONDS="20", STEPS_PER_START="5")
    deadline = time.monotonic() + 10
    while not (cluster.folder / "ready").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGUSR1)
    said, _ = process.communicate(timeout=15)
    assert process.returncode == ending, said
    assert cluster.count("warned") == 1 and cluster.count("requeued") == requeued


def test_tasks_that_go_on_after_a_signal_are_waited_for(cluster, script) -> None:
    process = cluster.start(script, WAIT_SECONDS="1", CODE="0", STEPS_PER_START="5")
    while not (cluster.folder / "ready").exists():
        time.sleep(0.02)
    for _ in range(3):
        process.send_signal(signal.SIGUSR1)
        time.sleep(0.1)
    process.communicate(timeout=15)
    assert process.returncode == 0 and cluster.count("requeued") == 0


def test_the_tasks_are_told_where_to_meet(cluster, script) -> None:
    cluster.run(script)
    exported = cluster.exported()
    assert exported["MASTER_ADDR"] == "l50000"
    assert int(exported["MASTER_PORT"]) == 10_000 + 41234 % 20_000
    assert exported["OMP_NUM_THREADS"] == "16"
    assert exported["PYTHONUNBUFFERED"] == "1"
    assert cluster.words()[:3] == ["--kill-on-bad-exit=0", "--wait=15", "--cpus-per-task=16"]
    assert cluster.words()[3:6] == [sys.executable, "-m", "hocket"]


@pytest.mark.parametrize("job", [1, 19_999, 20_000, 2**31])
def test_the_port_is_one_that_users_may_take_and_linux_does_not_give_away(cluster, script, job) -> None:
    cluster.run(script, SLURM_JOB_ID=str(job))
    assert 10_000 <= int(cluster.exported()["MASTER_PORT"]) < 30_000


def test_starting_over_is_for_the_first_start_only(cluster) -> None:
    command = ("train", "/music", "--run", str(cluster.run_dir), "--fresh", "--num_epochs=3")
    script = render(Job(python=Path(sys.executable), command=command))
    cluster.run(script)
    assert cluster.words()[6:] == list(command)
    cluster.run(script, SLURM_RESTART_COUNT="1")
    assert cluster.words()[6:] == [word for word in command if word != "--fresh"]


@pytest.mark.parametrize(
    ("words", "environment", "part"),
    [
        (["train", "/music"], {}, "no run folder"),
        (["train", "/music", "--run", "r"], {"SLURM_ARRAY_TASK_ID": "3"}, "one job for each run"),
        (["train", "/music", "--run", "r"], {"SLURM_JOB_ID": ""}, "give it to sbatch"),
        (["train", "/music", "--run", "r"], {"HOCKET_PYTHON": "/no/python"}, "/no/python cannot be run"),
        (["train", "/music", "--run", "r"], {"HOCKET_PYTHON": ""}, "/.venv/bin/python cannot be run"),
    ],
)
def test_what_cannot_run_is_refused_in_one_line(cluster, words, environment, part) -> None:
    python = {"HOCKET_PYTHON": sys.executable, "SLURM_SUBMIT_DIR": str(cluster.folder)}
    code, said = cluster.run(render(Job()), *words, **(python | environment))
    assert code == 2 and len(said.splitlines()) == 1 and part in said
    assert cluster.count("starts") == 0


def test_the_template_takes_the_words_that_sbatch_hands_on(cluster) -> None:
    words = ["train", "/my music", "--run", str(cluster.run_dir), "--seed=3"]
    code, said = cluster.run(
        render(Job()), *words, CODE="138", STEPS_PER_START="2", HOCKET_PYTHON=sys.executable
    )
    assert code == 138 and cluster.words()[6:] == words
    assert cluster.count("requeued") == 1 and str(cluster.run_dir) in said

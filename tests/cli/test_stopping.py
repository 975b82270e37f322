"""Signals at any moment: before torch is loaded, while a step hangs, and twice."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hocket.model.weights import load_checkpoint
from hocket.runs import newest_first

CODES = {signal.SIGUSR1: 138, signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGHUP: 129}


def heed_signals() -> None:
    """What a shell starts in the background ignores Ctrl-C, and so would its children here."""
    for number in CODES:
        signal.signal(number, signal.SIG_DFL)


def start(data: Path, run: Path, flags: list[str]) -> subprocess.Popen[str]:
    words = ["train", data, "--run", run, *flags, "--steps_per_epoch=5000"]
    return subprocess.Popen(
        [sys.executable, "-m", "hocket", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_signals,
    )


def wait_for(process: subprocess.Popen[str], begin: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(begin):
            return
    raise AssertionError(f"no line begins with {begin!r}: {process.stderr.read() if process.stderr else ''}")


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGUSR1,
        signal.SIGTERM,
        pytest.param(signal.SIGINT, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, marks=pytest.mark.slow),
    ],
)
def test_each_signal_saves_after_the_step_and_has_its_own_exit_code(
    prepared, tmp_path, small_flags, number
) -> None:
    process = start(prepared, tmp_path / "run", small_flags)
    wait_for(process, "run ")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == CODES[number], err
    assert f"({number.name}); run the same command again to continue" in out
    (checkpoint,) = newest_first(tmp_path / "run")
    _, metadata = load_checkpoint(checkpoint)
    assert checkpoint.name == f"step-{metadata['progress']['step']:08d}.safetensors"
    assert metadata["progress"]["step"] < 2_500, "of 5,000: not at the end of the epoch"


@pytest.mark.parametrize("seconds", [0.3, 1.0, 2.0])
def test_a_signal_while_things_are_loaded_ends_at_once(prepared, tmp_path, small_flags, seconds) -> None:
    process = start(prepared, tmp_path / "run", small_flags)
    time.sleep(seconds)
    process.send_signal(signal.SIGUSR1)
    out, err = process.communicate(timeout=60)
    # Before Python itself is up, a signal ends it as it ends any program; a shell reports 138 of both.
    assert process.returncode in (138, -signal.SIGUSR1), out + err
    assert "Traceback" not in err


HANGING = """
import sys, time
from hocket.cli.ending import Stopping
with Stopping() as stopping:
    stopping.handler = lambda name: print("asked", name, flush=True)
    print("ready", flush=True)
    {hang}
"""


HANGS = {
    "asleep": "time.sleep(60); time.sleep(60)",
    "where Python's own handlers never run": (
        "import threading; (lock := threading.Lock()).acquire(); lock.acquire()"
    ),
    "reading": "import os; os.read(os.pipe()[0], 1)",
}


def test_the_second_signal_ends_what_hangs() -> None:
    """All at once, because most of it is waiting."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", HANGING.format(hang=hang)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for hang in HANGS.values()
    ]
    for process in processes:
        wait_for(process, "ready")
    send(processes, signal.SIGTERM)
    time.sleep(0.2)
    # torchrun and a terminal may both pass on the same Ctrl-C: that is no second wish.
    send(processes, signal.SIGTERM)
    time.sleep(2.2)
    # Nor is a cluster's warning.
    send(processes, signal.SIGUSR1)
    time.sleep(0.5)
    assert [process.poll() for process in processes] == [None] * 3, list(HANGS)
    for process in processes:
        begin = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        seconds = time.monotonic() - begin
        assert process.returncode == 143
        # How busy the machine is: on a quiet one a program that does nothing takes a fiftieth of a second.
        begin = time.monotonic()
        subprocess.run([sys.executable, "-S", "-c", ""], check=True)
        assert seconds < 2 + 20 * (time.monotonic() - begin)


def send(processes: list[subprocess.Popen[str]], number: signal.Signals) -> None:
    for process in processes:
        process.send_signal(number)

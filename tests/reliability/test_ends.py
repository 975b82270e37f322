"""Every verb ends by a signal as it should: its exit code, one line, and nothing that is left behind."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pytest

from forked import hocket
from hocket import audio
from small_run import SMALL

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="processes are watched in /proc"
)

EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
MOMENTS = (0.02, 0.25, 0.5, 0.75, 0.95)
"""Fractions of the processor time of an undisturbed run, which does not depend on what else the machine does."""
LIMIT_SECONDS = 30.0
"""A signal ends a verb within 3 s where the machine is quiet; more than this is a hang on any."""


@dataclass(frozen=True)
class Place:
    """The files that the verbs work on."""

    corpus: Path
    pair: tuple[Path, Path]

    @cached_property
    def run(self) -> Path:
        """A run of a few steps."""
        path = self.pair[0].with_name("run")
        flags = [f"--{name}={value}" for name, value in (SMALL | {"num_epochs": 1}).items()]
        words = ["train", str(self.corpus / "music"), "--run", str(path), "--no_report", *flags]
        assert hocket(*words).returncode == 0
        return path


@pytest.fixture(scope="session")
def place(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Rendered music, and two recordings long enough to be interrupted."""
    folder = tmp_path_factory.mktemp("place")
    noise = np.random.default_rng(0).normal(0.0, 0.05, (2, 44_100 * 15)).astype(np.float32)
    pair = folder / "input.wav", folder / "target.wav"
    for path, part in zip(pair, noise, strict=True):
        audio.save(path, audio.Audio(part[None], 44_100))
    return Place(corpus, pair)


VERBS: dict[str, Callable[[Place, Path], list[object]]] = {
    "fuse": lambda place, folder: ["fuse", *place.pair, "-o", folder / "out.wav"],
    "check": lambda place, folder: [
        "check",
        place.pair[0],
        "--input",
        place.pair[0],
        "--target",
        place.pair[1],
    ],
    "evaluate": lambda place, folder: ["evaluate", "--pairs", place.corpus / "pairs.csv", "--baselines"],
    "evaluate --jobs 2": lambda place, folder: [
        *("evaluate", "--pairs", place.corpus / "pairs.csv", "--baselines", "--jobs", "2"),
    ],
    "prepare": lambda place, folder: ["prepare", place.corpus, "-o", folder / "data", "--jobs", "2"],
    "report": lambda place, folder: ["report", place.run, "-o", folder / "page.html"],
    "export": lambda place, folder: ["export", "-o", folder / "model.onnx"],
    "render": lambda place, folder: ["render", folder / "corpus", "--num-songs", "12"],
    "slurm": lambda place, folder: ["slurm", "--", "train", place.corpus / "music", "--run", folder / "run"],
    "studio": lambda place, folder: ["studio", "--port", "0", "--no-browser"],
    "train": lambda place, folder: [
        *("train", place.corpus / "music", "--run", folder / "run", "--num_workers=1"),
        *(f"--{name}={value}" for name, value in (SMALL | {"num_epochs": 20}).items()),
    ],
}


class Started:
    """A verb in a process, with all that it starts."""

    def __init__(self, words: list[object], folder: Path) -> None:
        self.verb, self.folder, self._mark = words[0], folder, f"HOCKET_TEST_MARK={uuid.uuid4()}"
        name, value = self._mark.split("=")
        self._out, self._err = folder.parent / f"{folder.name}.out", folder.parent / f"{folder.name}.err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "hocket", *map(str, words)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=folder,
                env={**os.environ, name: value, "TMPDIR": str(folder)},
                start_new_session=True,
                preexec_fn=_heed_signals,
            )
        while self.process.poll() is None and not self._heeds():
            time.sleep(0.002)

    def wait_until(self, cpu_seconds: float, num_processes: int = 1) -> None:
        """Returns when so many processes have used so much processor time, or do nothing, or have ended."""
        deadline, before = time.monotonic() + LIMIT_SECONDS, -1.0
        looks = 0
        while self.process.poll() is None and time.monotonic() < deadline and looks < 100:
            used, found = self._used()
            if used >= cpu_seconds and found >= num_processes:
                return
            looks, before = looks + 1 if used == before else 0, used
            time.sleep(0.02)

    def _used(self) -> tuple[float, int]:
        """Processor seconds of the processes of its session, and how many there are."""
        ticks, num_processes = 0, 0
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = path.read_text().rpartition(")")[2].split()
                if int(fields[3]) == self.process.pid:
                    ticks += sum(map(int, fields[11:15]))
                    num_processes += 1
        return ticks / os.sysconf("SC_CLK_TCK"), num_processes

    @property
    def told(self) -> str:
        """What it wrote to stderr."""
        return self._err.read_text(errors="replace")

    def _heeds(self) -> bool:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        caught = int(status.partition("SigCgt:")[2].split()[0], 16)
        return bool(caught >> (signal.SIGTERM - 1) & 1)

    def left(self) -> list[str]:
        """The command lines of its processes that are still there."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                if self._mark.encode() in (path / "environ").read_bytes() and _state(path) != "Z":
                    found.append((path / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
        return found


def _state(process: Path) -> str:
    return (process / "stat").read_text().rpartition(")")[2].split()[0]


def _heed_signals() -> None:
    for number in EXIT_CODES:
        signal.signal(number, signal.SIG_DFL)


def whole_cpu_seconds(verb: str, place: Place, folder: Path) -> float:
    """What the verb takes where nobody disturbs it; the studio does not end, and is there after less."""
    if verb == "studio":
        return 2.0
    folder.mkdir()
    words = VERBS[verb](place, folder)
    before = os.times()
    started = Started(words, folder)
    assert started.process.wait(300) == 0, started.told
    after = os.times()
    return sum(after[2:4]) - sum(before[2:4])


def assert_ends(started: Started, number: signal.Signals, *, may_be_done: bool = False) -> None:
    """Sends the signal and looks at all that must be true after it."""
    started.process.send_signal(number)
    code = started.process.wait(LIMIT_SECONDS)
    verb = started.verb
    assert code == EXIT_CODES[number] or (code == 0 and may_be_done), (code, started.told)
    deadline = time.monotonic() + 3.0
    while (left := started.left()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left, left
    assert not re.search("Traceback|Exception|Error", started.told), started.told
    if code and "a checkpoint is saved" not in started.told:
        word = "interrupted" if number == signal.SIGINT else "stopped"
        assert started.told.strip().rpartition("\n")[2] == f"hocket {verb}: {word}"
    for path in started.folder.rglob("*"):
        assert not re.search(r"^\.hocket-|^hocket-|\.tmp$|\.partial$", path.name), path


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("verb", VERBS)
def test_a_signal_ends_every_verb_at_any_moment(
    place: Place, tmp_path: Path, verb: str, number: signal.Signals
) -> None:
    whole = whole_cpu_seconds(verb, place, tmp_path / "whole")
    for moment in MOMENTS:
        folder = tmp_path / f"at-{moment}"
        folder.mkdir()
        started = Started(VERBS[verb](place, folder), folder)
        started.wait_until(whole * moment)
        assert_ends(started, number, may_be_done=moment > 0.7)


@pytest.mark.parametrize(
    ("verb", "number", "cpu_seconds", "num_processes"),
    [
        ("report", signal.SIGINT, 1.0, 1),
        ("check", signal.SIGHUP, 0.5, 1),
        ("prepare", signal.SIGTERM, 1.2, 4),
        ("evaluate --jobs 2", signal.SIGINT, 5.0, 4),
        pytest.param("evaluate --jobs 2", signal.SIGTERM, 8.0, 4, marks=pytest.mark.slow),
    ],
)
def test_a_signal_ends_a_verb_and_the_processes_that_it_computes_in(
    place: Place, tmp_path: Path, verb: str, number: signal.Signals, cpu_seconds: float, num_processes: int
) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    started = Started(VERBS[verb](place, folder), folder)
    started.wait_until(cpu_seconds, num_processes)
    assert_ends(started, number)


def children_of(pid: int) -> list[int]:
    return [
        int(child)
        for file in Path(f"/proc/{pid}/task").glob("*/children")
        for child in file.read_text().split()
    ]


def command_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def evaluating(place: Place, folder: Path) -> Started:
    """An evaluation at work in two processes."""
    folder.mkdir()
    started = Started(VERBS["evaluate --jobs 2"](place, folder), folder)
    started.wait_until(8.0, 4)
    return started


@pytest.mark.slow
def test_processes_that_compute_end_with_a_parent_that_is_killed(place: Place, tmp_path: Path) -> None:
    started = evaluating(place, tmp_path / "work")
    started.process.kill()
    started.process.wait()
    deadline = time.monotonic() + LIMIT_SECONDS
    while (left := started.left()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left


@pytest.mark.slow
def test_a_process_that_dies_while_it_scores_is_a_sentence(place: Place, tmp_path: Path) -> None:
    started = evaluating(place, tmp_path / "work")
    (server,) = (pid for pid in children_of(started.process.pid) if b"forkserver" in command_of(pid))
    os.kill(children_of(server)[0], signal.SIGKILL)
    assert started.process.wait(LIMIT_SECONDS) == 2
    assert started.told.splitlines()[-1].endswith("(killed, or out of memory): give fewer --jobs.")
    assert "Traceback" not in started.told

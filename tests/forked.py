"""Processes that are copies of one with torch loaded, which takes seconds each time; `hocket` runs in one."""

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess, TimeoutExpired

COPIES = multiprocessing.get_context("forkserver")
LOADED = [
    "torch", "torch._dynamo", "hocket.cli.train", "hocket.cli.fuse", "hocket.training.trainer", "hocket.report.page",
]  # fmt: skip


class Copy:
    """A process that runs a module's function, whose result is its exit code; what it prints is kept."""

    def __init__(self, function: Callable[..., int], *arguments: object, **environment: str) -> None:
        COPIES.set_forkserver_preload(LOADED)
        self._folder = tempfile.TemporaryDirectory()
        self._streams = [Path(self._folder.name, name) for name in ("stdout", "stderr")]
        surroundings = (Path.cwd(), os.environ | environment, self._streams)
        self._process = COPIES.Process(target=_run, args=(*surroundings, function, arguments))
        self._process.start()

    def end(self, timeout: float) -> CompletedProcess[str]:
        """Waits for it, and gives its exit code and what it printed."""
        with self._folder:
            self._process.join(timeout)
            if self._process.exitcode is None:
                self._process.kill()
                raise TimeoutExpired("a copy", timeout)
            told = [path.read_text(encoding="utf-8", errors="replace") for path in self._streams]
        return CompletedProcess("a copy", self._process.exitcode, *told)


def hocket(*words: object, timeout: float = 600.0) -> CompletedProcess[str]:
    """Runs one command to its end; for tests of signals, limits and streams start a real `python -m hocket`."""
    from hocket.cli import main

    return Copy(main, list(map(str, words))).end(timeout)


def _run(
    folder: Path,
    environment: dict[str, str],
    streams: list[Path],
    function: Callable[..., int],
    arguments: tuple[object, ...],
) -> None:
    for number, path in enumerate(streams, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.exit(function(*arguments))

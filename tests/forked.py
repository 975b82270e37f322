"""The `hocket` command in a process of its own that is a copy of one with torch loaded, which takes 3 s each time."""

import multiprocessing
import os
import sys
import tempfile
from pathlib import Path
from subprocess import CompletedProcess, TimeoutExpired

COPIES = multiprocessing.get_context("forkserver")
LOADED = ["torch", "hocket.cli.train", "hocket.cli.fuse", "hocket.training.trainer", "hocket.report.page"]


def hocket(*words: object, timeout: float = 600.0) -> CompletedProcess[str]:
    """Runs one command to its end; for tests of signals, limits and streams start a real `python -m hocket`."""
    COPIES.set_forkserver_preload(LOADED)
    arguments = list(map(str, words))
    with tempfile.TemporaryDirectory() as folder:
        streams = [Path(folder, "stdout"), Path(folder, "stderr")]
        process = COPIES.Process(target=_run, args=(arguments, Path.cwd(), dict(os.environ), streams))
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            raise TimeoutExpired(arguments, timeout)
        told = [path.read_text(encoding="utf-8", errors="replace") for path in streams]
    return CompletedProcess(arguments, process.exitcode, *told)


def _run(arguments: list[str], folder: Path, environment: dict[str, str], streams: list[Path]) -> None:
    for number, path in enumerate(streams, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    from hocket.cli import main

    sys.exit(main(arguments))

"""Commands in processes of their own, with what each took: time, processor time, memory."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import launch
from hocket.errors import HocketError

HOCKET = (sys.executable, "-m", "hocket")
# Isolated and without site packages, so that it is small.
LAUNCHER = (sys.executable, "-I", "-S", launch.__file__)


@dataclass(frozen=True)
class Child:
    """Result of a process; `peak_megabytes` is its largest resident set, `output` all it said."""

    seconds: float
    processor_seconds: float
    peak_megabytes: float
    output: str

    @property
    def figures(self) -> dict[str, float]:
        """All but what it said."""
        return {name: value for name, value in vars(self).items() if name != "output"}


def environment(num_threads: int | None) -> dict[str, str]:
    """This process's environment with so many threads for all libraries; None is their own choice."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    cleared = {name: value for name, value in os.environ.items() if name not in names}
    return cleared if num_threads is None else cleared | dict.fromkeys(names, str(num_threads))


def measured(command: Sequence[str], *, env: Mapping[str, str] | None = None) -> Child:
    """Runs a command to its end.

    Raises:
        HocketError: it failed; the last line that it wrote is told.
    """
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder) / "figures.json"
        process = subprocess.Popen(
            [*LAUNCHER, str(figures), *command],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # A group of its own, so that whoever ends the launcher can end what it has launched as well.
            start_new_session=True,
        )
        try:
            output, _ = process.communicate()
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        if process.returncode:
            last = (output.strip().splitlines() or ["it said nothing"])[-1]
            raise HocketError(f"'{' '.join(command)}' failed ({last}): run it by itself to see why.")
        return Child(**json.loads(figures.read_text(encoding="utf-8")), output=output)

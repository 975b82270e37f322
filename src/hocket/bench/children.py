"""Commands in processes of their own, with what each took: time, processor time, memory."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hocket.errors import HocketError

HOCKET = (sys.executable, "-m", "hocket")


@dataclass(frozen=True)
class Child:
    """What a process took; `peak_megabytes` is its largest resident set, `output` all it said."""

    seconds: float
    processor_seconds: float
    peak_megabytes: float
    output: str


def environment(num_threads: int | None) -> dict[str, str]:
    """This process's environment with so many threads for all libraries; None is their own choice."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    cleared = {name: value for name, value in os.environ.items() if name not in names}
    return cleared if num_threads is None else cleared | dict.fromkeys(names, str(num_threads))


def measured(command: Sequence[str], *, env: Mapping[str, str] | None = None) -> Child:
    """Runs a command to its end.

    Raises:
        HocketError: it failed; the last line that it wrote is told.
    """
    begin = time.perf_counter()
    with subprocess.Popen(
        command,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        # wait4 and not wait: what this child alone used.
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        last = (said.strip().splitlines() or ["it said nothing"])[-1]
        raise HocketError(f"'{' '.join(command)}' failed ({last}): run it by itself to see why.")
    scale = 2**20 if sys.platform == "darwin" else 2**10
    return Child(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / scale, said)

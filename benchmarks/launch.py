"""Runs a command and notes what it took: `launch.py FIGURES.json COMMAND ...`, with the standard library alone.

A program of its own, because Linux counts what a process held before it became another program towards its peak: the
child of a large process would seem as large, and this one is small.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path


def launch(figures: Path, command: list[str]) -> int:
    """The command's exit code; seconds, processor seconds and peak memory in megabytes go to the file."""
    begin = time.perf_counter()
    process = subprocess.Popen(command)
    # wait4 and not wait: what this child and its own children used.
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    scale = 2**20 if sys.platform == "darwin" else 2**10
    taken = {
        "seconds": seconds,
        "processor_seconds": usage.ru_utime + usage.ru_stime,
        "peak_megabytes": usage.ru_maxrss / scale,
    }
    figures.write_text(json.dumps(taken), encoding="utf-8")
    return abs(process.returncode)


if __name__ == "__main__":
    sys.exit(launch(Path(sys.argv[1]), sys.argv[2:]))

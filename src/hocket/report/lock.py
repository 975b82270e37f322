"""Whether a run's folder is being trained in, told by its lock."""

import fcntl
import os
import stat
import struct
import sys
import threading
from pathlib import Path

_PROBING = threading.Lock()
"""One at a time, or a probe would take another's open file for that of the one that trains."""


def is_locked(path: Path) -> bool | None:
    """Whether a process holds the run's lock, without touching it; None where the lock cannot tell."""
    # The layout of the kernel's answer is known for Linux only; a file system without locks leaves the file empty.
    if sys.platform != "linux":
        return None
    try:
        with _PROBING:
            facts = path.stat()
            if _is_open_here(facts):
                return True
            if not stat.S_ISREG(facts.st_mode) or facts.st_size == 0:
                return None
            with path.open("rb") as handle:
                asked = struct.pack("hhlli", fcntl.F_WRLCK, 0, 0, 0, 0)
                answer = fcntl.fcntl(handle, fcntl.F_GETLK, asked)
    except OSError:
        return None
    return bool(struct.unpack("hhlli", answer)[0] != fcntl.F_UNLCK)


def _is_open_here(facts: os.stat_result) -> bool:
    """Whether this very process has the lock's file open, as only the one that trains in the folder does.

    Told from its list of open files: to open and close the file, be it to read who holds it, would let go of the lock.
    """
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found = os.fstat(int(entry.name))
        except OSError:  # closed since it was listed
            continue
        if (found.st_dev, found.st_ino) == (facts.st_dev, facts.st_ino):
            return True
    return False

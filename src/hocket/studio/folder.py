"""The studio's private folder: nobody else's to read, gone when the studio ends, however it ended the last time."""

import os
import shutil
import stat
import sys
import tempfile
import time
from pathlib import Path

PREFIX = "hocket-studio-"
LOCK = "lock"
# Between making a folder and locking it a new studio must not lose it to another one.
GRACE_SECONDS = 60.0


class PrivateFolder:
    """A new folder below the system's folder for temporary files, which `remove` takes away with all that is in it.

    A lock that the system gives up with the process tells the folders of living studios from those of dead ones.
    """

    def __init__(self, parent: Path | None = None) -> None:
        parent = parent or Path(tempfile.gettempdir())
        remove_stale(parent)
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        self._lock = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        _lock(self._lock)

    def remove(self) -> None:
        """Takes it away; once more does nothing."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
        shutil.rmtree(self.path, ignore_errors=True)


def remove_stale(parent: Path) -> None:
    """Takes away what studios left that were killed: folders of ours whose lock nobody holds."""
    if sys.platform == "win32":  # without locks of this kind nobody can tell
        return
    for folder in parent.glob(f"{PREFIX}*"):
        if _is_stale(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _is_stale(folder: Path) -> bool:
    try:
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
            return False
        if time.time() - status.st_mtime < GRACE_SECONDS and not (folder / LOCK).exists():
            return False
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError:
        return False
    try:
        return _lock(descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Whether the lock was free; it is held until the descriptor is closed."""
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True

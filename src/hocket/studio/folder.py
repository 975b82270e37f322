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
        self.path, self._lock = _new_folder(parent)

    def remove(self) -> None:
        """Takes it away; once more does nothing."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
        shutil.rmtree(self.path, ignore_errors=True)


def _new_folder(parent: Path) -> tuple[Path, int]:
    """A new folder and its lock, which is ours; another one where a studio that tidied up was faster."""
    while True:
        path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        try:
            descriptor = os.open(path / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except FileNotFoundError:
            continue
        # Who takes a folder away holds its lock meanwhile: a lock that was gained on a file without a name came late.
        if sys.platform == "win32" or (_lock(descriptor) and os.fstat(descriptor).st_nlink > 0):
            return path, descriptor
        os.close(descriptor)


def remove_stale(parent: Path) -> None:
    """Takes away what studios left that were killed: folders of ours whose lock nobody holds."""
    if sys.platform == "win32":  # without locks of this kind nobody can tell
        return
    for folder in parent.glob(f"{PREFIX}*"):
        _remove_if_stale(folder)


def _remove_if_stale(folder: Path) -> None:
    try:
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
            return
        if time.time() - status.st_mtime < GRACE_SECONDS and not (folder / LOCK).exists():
            return
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError:
        return
    try:
        # Held until all is gone, so that a studio that is just starting there notices.
        if _lock(descriptor):
            shutil.rmtree(folder, ignore_errors=True)
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

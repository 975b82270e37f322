"""Everything that exists while the studio runs: its private folder, stored files and queue.

Only this user can read the folder. It is deleted when the studio ends, or by the next studio if this one was killed.
"""

import os
import shutil
import stat
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import anyio

from hocket.studio.fusing import fuse, load_fuser
from hocket.studio.intake import take_in
from hocket.studio.jobs import Jobs
from hocket.studio.runs import Runs
from hocket.studio.settings import Settings
from hocket.studio.store import Store

MAX_DECODERS = 2
STOP_SECONDS = 5.0
FOLDER_PREFIX = "hocket-studio-"
FOLDER_LOCK = "lock"
# Between making a folder and locking it a new studio must not lose it to another one.
GRACE_SECONDS = 60.0


class Studio:
    """Made when the server begins to serve; `close` leaves nothing behind."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.folder = PrivateFolder()
        self.store = Store(
            self.folder.path,
            max_bytes=settings.max_stored_bytes,
            max_items=settings.max_items,
            expire_seconds=settings.expire_seconds,
        )
        self.jobs = Jobs(
            lambda: load_fuser(settings),
            fuse,
            max_waiting=settings.max_waiting,
            expire_seconds=settings.expire_seconds,
        )
        self.runs = Runs(settings.runs, is_shared=settings.is_shared, prefix=settings.prefix)
        self.decoders = anyio.CapacityLimiter(MAX_DECODERS)
        self.listeners = anyio.CapacityLimiter(1)
        self.num_uploads = 0
        self._decoding: set[Path] = set()
        self._lock = threading.Lock()
        self.seen_seconds = 0.0
        self.is_prepared = False

    def prepare(self) -> None:
        """Loads the model in the background."""
        self.is_prepared = True
        self.jobs.prepare()

    def take_in(self, upload: Path, folder: Path, *, name: str, is_rhythm: bool) -> dict[str, Any]:
        """Decodes an upload within the studio's limits, see `hocket.studio.intake.take_in`."""
        with self._lock:
            self._decoding.add(upload)
        try:
            return take_in(
                upload,
                folder,
                name=name,
                is_rhythm=is_rhythm,
                max_seconds=self.settings.max_seconds,
                max_bytes=self.settings.max_stored_bytes // 2,
            )
        finally:
            with self._lock:
                self._decoding.discard(upload)

    def close(self) -> None:
        """Ends the decoders and the jobs, and removes the folder."""
        self._end_decoders()
        self.jobs.stop()
        self.folder.remove()

    def _end_decoders(self) -> None:
        """Removes what is being decoded, which ends who decodes it, and waits until it has."""
        with self._lock:
            uploads = list(self._decoding)
        for upload in uploads:
            upload.unlink(missing_ok=True)
        end_seconds = time.monotonic() + STOP_SECONDS
        while self._decoding and time.monotonic() < end_seconds:
            time.sleep(0.02)


class PrivateFolder:
    """A new folder below the system's folder for temporary files, which `remove` deletes with everything in it.

    A lock that the system gives up with the process tells the folders of living studios from those of dead ones.
    """

    def __init__(self, parent: Path | None = None) -> None:
        parent = parent or Path(tempfile.gettempdir())
        remove_stale(parent)
        self.path, self._lock = _new_folder(parent)

    def remove(self) -> None:
        """Removes it; a second call does nothing."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
        shutil.rmtree(self.path, ignore_errors=True)


def _new_folder(parent: Path) -> tuple[Path, int]:
    """A new folder and its lock, which is ours; another one where a studio that tidied up was faster."""
    while True:
        path = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX, dir=parent))
        try:
            descriptor = os.open(path / FOLDER_LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except FileNotFoundError:
            continue
        # Who removes a folder holds its lock meanwhile: a lock that was gained on a file without a name came late.
        if sys.platform == "win32" or (_lock(descriptor) and os.fstat(descriptor).st_nlink > 0):
            return path, descriptor
        os.close(descriptor)


def remove_stale(parent: Path) -> None:
    """Removes what killed studios left: folders of ours whose lock nobody holds."""
    if sys.platform == "win32":  # without locks of this kind nobody can tell
        return
    for folder in parent.glob(f"{FOLDER_PREFIX}*"):
        _remove_if_stale(folder)


def _remove_if_stale(folder: Path) -> None:
    try:
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
            return
        if time.time() - status.st_mtime < GRACE_SECONDS and not (folder / FOLDER_LOCK).exists():
            return
        descriptor = os.open(folder / FOLDER_LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError:
        return
    try:
        # Held until all is gone, so that a studio that is just starting there notices.
        if _lock(descriptor):
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """True if the lock was free; it is held until the descriptor is closed."""
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True

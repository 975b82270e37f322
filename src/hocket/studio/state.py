"""All that lives while the studio runs: its folder, what it keeps, its queue."""

import threading
import time
from pathlib import Path
from typing import Any

import anyio

from hocket.studio.folder import PrivateFolder
from hocket.studio.fusing import fuse, load_fuser
from hocket.studio.intake import take_in
from hocket.studio.jobs import Jobs
from hocket.studio.runs import Runs
from hocket.studio.settings import Settings
from hocket.studio.store import Store

MAX_DECODERS = 2
STOP_SECONDS = 5.0


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
        self.num_uploads = 0
        self._decoding: set[Path] = set()
        self._lock = threading.Lock()
        self.seen_seconds = 0.0
        self.is_prepared = False

    def prepare(self) -> None:
        """Has the model loaded in the background."""
        self.is_prepared = True
        self.jobs.prepare()

    def take_in(self, upload: Path, folder: Path, *, name: str) -> dict[str, Any]:
        """Decodes an upload within the studio's limits, see `hocket.studio.intake.take_in`."""
        with self._lock:
            self._decoding.add(upload)
        try:
            return take_in(
                upload,
                folder,
                name=name,
                max_seconds=self.settings.max_seconds,
                max_bytes=self.settings.max_stored_bytes // 2,
            )
        finally:
            with self._lock:
                self._decoding.discard(upload)

    def close(self) -> None:
        """Ends the decoders and the jobs, and takes the folder away."""
        self._end_decoders()
        self.jobs.stop()
        self.folder.remove()

    def _end_decoders(self) -> None:
        """Takes away what is being decoded, which ends who decodes it, and waits until it has."""
        with self._lock:
            uploads = list(self._decoding)
        for upload in uploads:
            upload.unlink(missing_ok=True)
        end_seconds = time.monotonic() + STOP_SECONDS
        while self._decoding and time.monotonic() < end_seconds:
            time.sleep(0.02)

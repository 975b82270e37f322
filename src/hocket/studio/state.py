"""All that lives while the studio runs: its folder, what it keeps, its queue."""

import anyio

from hocket.studio.folder import PrivateFolder
from hocket.studio.fusing import fuse, load_fuser
from hocket.studio.jobs import Jobs
from hocket.studio.runs import Runs
from hocket.studio.settings import Settings
from hocket.studio.store import Store

MAX_DECODERS = 2


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
        self.runs = Runs(settings.runs)
        self.decoders = anyio.CapacityLimiter(MAX_DECODERS)
        self.num_uploads = 0
        self.seen_seconds = 0.0
        self.is_prepared = False

    def prepare(self) -> None:
        """Has the model loaded in the background."""
        self.is_prepared = True
        self.jobs.prepare()

    def close(self) -> None:
        """Ends the jobs and takes the folder away."""
        self.jobs.stop()
        self.folder.remove()

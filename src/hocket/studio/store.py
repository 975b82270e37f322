"""Recordings and results on disk, each in its own folder, within a budget and for a time."""

import secrets
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from hocket.audio.streams import SPARE_BYTES

if TYPE_CHECKING:
    from hocket.score.timeline import Timeline

Kind = Literal["source", "result"]
GONE = {
    "source": "This recording is no longer in the studio: choose the file again.",
    "result": "This result is no longer in the studio: fuse again.",
}
FULL = "The studio is full: remove results or recordings, or wait."
# What was used so lately is not thrown out for something new.
FRESH_SECONDS = 300.0


class GoneError(Exception):
    """Raised if something does not exist any more; the message is a sentence for the user."""


class FullError(Exception):
    """Raised if there is no room for more; the message is a sentence for the user."""


class TooLargeError(FullError):
    """Raised if one item alone is larger than the studio's limit, so that waiting does not help."""


@dataclass(eq=False)
class Kept:
    """A recording or a result; `facts` are given to anyone who knows the id, and `mixes` describe its downloads.

    `timeline` is where the typed chords of a result are.
    """

    kind: Kind
    id: str
    folder: Path
    num_bytes: int
    facts: dict[str, Any]
    used_seconds: float
    mixes: dict[str, tuple[float, float]] = field(default_factory=dict)
    timeline: "Timeline | None" = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class Store:
    """All stored recordings and results, by unguessable ids. Safe to use from several threads."""

    def __init__(
        self,
        root: Path,
        *,
        max_bytes: int,
        max_items: int,
        expire_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.root, self.max_bytes = root, max_bytes
        self._max_items, self._expire_seconds = max_items, expire_seconds
        self._clock = clock
        self._lock = threading.RLock()
        self._kept: dict[tuple[Kind, str], Kept] = {}
        self._claimed_bytes = 0

    def draft(self) -> "Draft":
        """A new folder for a recording or result in the making.

        Raises:
            FullError: the disk has no room for it.
        """
        folder = self.root / secrets.token_hex(16)
        try:
            folder.mkdir(mode=0o700)
        except OSError as error:
            raise FullError(f"The studio's disk cannot be written to ({error.strerror}).") from error
        return Draft(self, folder)

    def get(self, kind: Kind, id: str) -> Kept:
        """Finds an item by its id, which counts as use.

        Raises:
            GoneError: there is no such thing, or no longer.
        """
        with self._lock:
            self.sweep()
            kept = self._kept.get((kind, id))
            if kept is None:
                raise GoneError(GONE[kind])
            kept.used_seconds = self._clock()
            return kept

    def remove(self, kind: Kind, id: str) -> None:
        """Removes it.

        Raises:
            GoneError: it is not there.
        """
        with self._lock:
            kept = self._kept.pop((kind, id), None)
        if kept is None:
            raise GoneError(GONE[kind])
        shutil.rmtree(kept.folder, ignore_errors=True)

    def sweep(self) -> None:
        """Removes items that were not used for too long."""
        with self._lock:
            oldest = self._clock() - self._expire_seconds
            for kept in [kept for kept in self._kept.values() if kept.used_seconds < oldest]:
                self.remove(kept.kind, kept.id)

    def claim(self, num_bytes: int, *, held: int = 0) -> None:
        """Reserves bytes; if there are too few, removes items that were not used for a while, the oldest first.

        Args:
            num_bytes: how many more.
            held: bytes that were set aside for the same thing before.

        Raises:
            TooLargeError: together they are more than all that may be stored.
            FullError: there are still too few; then nothing is removed.
        """
        if held + num_bytes > self.max_bytes:
            raise TooLargeError(
                f"This needs more than the {self.max_bytes / 2**30:.3g} GB that the studio may use: "
                "choose a shorter part, or a smaller file."
            )
        with self._lock:
            missing = self._stored_bytes() + num_bytes - self.max_bytes
            if missing > sum(kept.num_bytes for kept in self._stale()):
                raise FullError(FULL)
            while self._stored_bytes() + num_bytes > self.max_bytes:
                self._evict()
            if shutil.disk_usage(self.root).free < num_bytes + SPARE_BYTES:
                raise FullError(
                    "The studio's disk is full: remove results, or set TMPDIR to a folder with more room."
                )
            self._claimed_bytes += num_bytes

    def release(self, num_bytes: int) -> None:
        """Releases reserved bytes."""
        with self._lock:
            self._claimed_bytes -= num_bytes

    def add(self, kind: Kind, folder: Path, facts: dict[str, Any]) -> Kept:
        """Keeps a folder under a new id.

        Raises:
            FullError: too many things are kept and all were used lately.
        """
        num_bytes = _bytes_in(folder)
        with self._lock:
            self.sweep()
            while len(self._kept) >= self._max_items:
                self._evict()
            kept = Kept(kind, secrets.token_urlsafe(16), folder, num_bytes, facts, self._clock())
            self._kept[kind, kept.id] = kept
            return kept

    def holds(self, kept: Kept) -> bool:
        """True if something is still kept."""
        with self._lock:
            return (kept.kind, kept.id) in self._kept

    def recount(self, kept: Kept) -> None:
        """Counts again what is in the folder of something kept, after files came or went."""
        with self._lock:
            if self.holds(kept):
                kept.num_bytes = _bytes_in(kept.folder)

    def _stored_bytes(self) -> int:
        return self._claimed_bytes + sum(kept.num_bytes for kept in self._kept.values())

    def _stale(self) -> list[Kept]:
        """Items that may be removed for something new."""
        latest = self._clock() - FRESH_SECONDS
        return [kept for kept in self._kept.values() if kept.used_seconds <= latest]

    def _evict(self) -> None:
        oldest = min(self._stale(), key=lambda kept: kept.used_seconds, default=None)
        if oldest is None:
            raise FullError(FULL)
        self.remove(oldest.kind, oldest.id)


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


class Draft:
    """A folder in the making, with the bytes set aside for it; it goes when the block ends, unless it was kept."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.folder = folder
        self._store = store
        self._claimed_bytes = 0
        self._kept: Kept | None = None

    @property
    def is_there(self) -> bool:
        """True if what was made of it is still kept: somebody may have taken it away since."""
        return self._kept is not None and self._store.holds(self._kept)

    def claim(self, num_bytes: int) -> None:
        """Sets more bytes aside, see `Store.claim`."""
        self._store.claim(num_bytes, held=self._claimed_bytes)
        self._claimed_bytes += num_bytes

    def keep(self, kind: Kind, facts: dict[str, Any]) -> Kept:
        """Makes it a thing of its own, see `Store.add`; what was claimed stays claimed until the draft is closed."""
        self._kept = self._store.add(kind, self.folder, facts)
        return self._kept

    def close(self) -> None:
        """Gives the bytes back, and removes the folder unless it was kept; a second call does nothing."""
        self._store.release(self._claimed_bytes)
        self._claimed_bytes = 0
        if self._kept is not None and self.is_there:
            self._store.recount(self._kept)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> "Draft":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

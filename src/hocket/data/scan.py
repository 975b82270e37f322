"""Looking at one recording: its contents' hash, what it is like, and its fingerprint."""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hocket import audio
from hocket.data.fingerprints import Fingerprint, Fingerprinter
from hocket.data.measures import RATE_HZ, Gatherer, Measures
from hocket.errors import AudioError, ConfigError
from hocket.files import open_regular
from hocket.typed import check_types

BLOCK_SECONDS = 60.0
HASH_BYTES = 1 << 20


@dataclass(frozen=True)
class Look:
    """What one look at a file found; `num_bytes` and `mtime_ns` are the file's at that moment.

    `print_` is an encoded `Fingerprint`.
    """

    path: str
    num_bytes: int
    mtime_ns: int
    content: str
    format: str
    sample_rate: int
    num_channels: int
    measures: Measures
    print_: str

    def fingerprint(self) -> Fingerprint:
        """The decoded fingerprint."""
        return Fingerprint.decode(self.print_)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Look":
        """The inverse of `as_dict`.

        Raises:
            TypeError, KeyError, ValueError: the values are not a look's.
        """
        look = cls(**{**values, "measures": Measures(**values["measures"])})
        try:
            check_types(look)
            check_types(look.measures)
        except ConfigError as error:
            raise TypeError(str(error)) from error
        look.fingerprint()
        return look


@dataclass(frozen=True)
class Unread:
    """A file that could not be looked at: a word for the table's count, and a sentence that names the file."""

    path: str
    reason: str
    sentence: str


def look_at(path: Path, known: Look | None = None) -> Look | Unread:
    """Decodes a recording once, in blocks, so that its length does not count; `known` is an earlier look at it.

    Where the contents are as they were, the earlier look is kept and only its place and time renewed.
    """
    try:
        header = audio.info(
            path
        )  # first, as it refuses pipes and devices, on which reading would wait for ever
        status = path.stat()
        content = content_hash(path)
        size, mtime_ns = status.st_size, status.st_mtime_ns
        if known is not None and known.content == content:
            return replace(known, path=str(path), num_bytes=size, mtime_ns=mtime_ns)
        gatherer, fingerprinter = Gatherer(), Fingerprinter()
        for block in blocks(path):
            gatherer.add(block)
            fingerprinter.add(block)
        if path.stat().st_mtime_ns != mtime_ns or path.stat().st_size != size:
            return Unread(str(path), "changing", f"{path} changed while it was read: try again.")
    except (AudioError, OSError) as error:
        return _unread(path, error)
    return Look(
        str(path),
        size,
        mtime_ns,
        content,
        header.format,
        header.sample_rate,
        header.num_channels,
        gatherer.measures(),
        fingerprinter.fingerprint().encode(),
    )


def _unread(path: Path, error: AudioError | OSError) -> Unread:
    cause = error.__cause__ if isinstance(error, AudioError) else error
    if isinstance(cause, PermissionError):
        return Unread(str(path), "not permitted", f"{path} may not be read: change its permissions.")
    if isinstance(cause, FileNotFoundError) or not path.exists():
        return Unread(str(path), "gone", f"{path} went away while the folder was looked through.")
    if isinstance(error, AudioError):
        return Unread(str(path), "unreadable", str(error))
    return Unread(str(path), "unreadable", f"{path} cannot be read ({error.strerror}): check its disk.")


def look_in_child(task: dict[str, Any]) -> dict[str, Any]:
    """`look_at` for another process: takes `path` and `known`, gives `look` or `unread`, all in plain values."""
    known = Look.from_dict(task["known"]) if task["known"] else None
    result = look_at(Path(task["path"]), known)
    return {"look": result.as_dict()} if isinstance(result, Look) else {"unread": asdict(result)}


def content_hash(path: Path) -> str:
    """SHA-256 of the whole file, in hex.

    Raises:
        AudioError: it cannot be read.
    """
    digest = hashlib.sha256()
    with open_regular(path, failure=AudioError) as handle:
        while block := handle.read(HASH_BYTES):
            digest.update(block)
    return digest.hexdigest()


def measure(path: Path) -> Measures:
    """What a recording is like, without anything else.

    Raises:
        AudioError: it cannot be read.
    """
    gatherer = Gatherer()
    for block in blocks(path):
        gatherer.add(block)
    return gatherer.measures()


def blocks(path: Path) -> Iterator[np.ndarray]:
    """The recording in mono at `RATE_HZ`, a minute at a time; the last block may be short.

    Ends where the recording does, which for an MP3 may be before its header says.
    """
    seconds = audio.info(path).duration_seconds
    for index in range(max(1, math.ceil(seconds / BLOCK_SECONDS))):
        start = index * BLOCK_SECONDS
        if index and seconds - start < 1.0 / RATE_HZ:
            return
        block = audio.load(
            path, sample_rate=RATE_HZ, mono=True, start_seconds=start, duration_seconds=BLOCK_SECONDS
        ).samples[0]
        yield block
        if len(block) < BLOCK_SECONDS * RATE_HZ:
            return

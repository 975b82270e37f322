"""Scanning recordings: what one is like, and the file that remembers it for the next time."""

import hashlib
import json
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import torch

from hocket import audio, files
from hocket.data.fingerprints import Fingerprint, Fingerprinter
from hocket.data.measures import RATE_HZ, Gatherer, Measures
from hocket.errors import AudioError, ConfigError, DataError, HocketError
from hocket.files import open_regular, parse_json, read_lines
from hocket.typed import check_types

BLOCK_SECONDS = 60.0
HASH_BYTES = 1 << 20


@dataclass(frozen=True)
class ScanResult:
    """Result of a scan of one file; `num_bytes` and `mtime_ns` are the file's at that moment.

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
    def from_dict(cls, values: dict[str, Any]) -> "ScanResult":
        """The inverse of `as_dict`.

        Raises:
            TypeError, KeyError, ValueError: the values are not a result's.
        """
        result = cls(**{**values, "measures": Measures(**values["measures"])})
        try:
            check_types(result)
            check_types(result.measures)
        except ConfigError as error:
            raise TypeError(str(error)) from error
        result.fingerprint()
        return result


@dataclass(frozen=True)
class ScanError:
    """A file that could not be scanned: a word for the table's count, and a sentence that names the file."""

    path: str
    reason: str
    sentence: str


def scan_file(path: Path, known: ScanResult | None = None) -> ScanResult | ScanError:
    """Decodes a recording once, in blocks, so that its length does not count; `known` is an earlier result.

    Where the contents are as they were, the earlier result is kept and only its place and time renewed.
    """
    try:
        header = audio.info(
            path
        )  # first, as it refuses pipes and devices, on which reading would wait forever
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
            return ScanError(str(path), "changing", f"{path} changed while it was read: try again.")
    except (AudioError, OSError) as error:
        return _unread(path, error)
    return ScanResult(
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


def _unread(path: Path, error: AudioError | OSError) -> ScanError:
    cause = error.__cause__ if isinstance(error, AudioError) else error
    if isinstance(cause, PermissionError):
        return ScanError(str(path), "not permitted", f"{path} is not readable: change its permissions.")
    if isinstance(cause, FileNotFoundError) or not path.exists():
        return ScanError(str(path), "gone", f"{path} disappeared while the folder was being scanned.")
    if isinstance(error, AudioError):
        return ScanError(str(path), "unreadable", str(error))
    return ScanError(str(path), "unreadable", f"{path} cannot be read ({error.strerror}): check its disk.")


def scan_in_child(task: dict[str, Any]) -> dict[str, Any]:
    """`scan_file` for another process: takes `path` and `known`, gives `result` or `error`, all in plain values."""
    # There are as many such processes as cores: threads of their own would only be in each other's way.
    torch.set_num_threads(1)
    known = ScanResult.from_dict(task["known"]) if task["known"] else None
    result = scan_file(Path(task["path"]), known)
    return {"result": result.as_dict()} if isinstance(result, ScanResult) else {"error": asdict(result)}


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


MAX_CACHE_BYTES, MAX_LINE_BYTES = 2**32, 2**24
"""An hour of music takes 230 kB; what lies beyond is scanned again."""
VERSION = 3
"""Of the measurements as well: another one scans everything again."""


class ScanCache:
    """The file of results, a line for each, written as soon as it is known, so that a kill costs little.

    The last line for a path is the latest. `latest` has the results by path, `by_content` those of files that have
    changed or gone since as well. Results of the files `others`, which are written by shards, are known as well. A
    context manager that is open for adding.
    """

    def __init__(self, path: Path, others: Iterable[Path] = ()) -> None:
        self.path = path
        self.latest: dict[str, ScanResult] = {}
        self.by_content: dict[str, ScanResult] = {}
        # Those of shards are the newer ones.
        for file in (path, *others):
            for result in _read(file):
                self._keep(result)
        self._handle: FileIO | None = None

    def __enter__(self) -> "ScanCache":
        try:
            torn = self.path.exists() and not _ends_a_line(self.path)
            # Unbuffered, so that a full disk is met where a line is written, and not again where the file is closed.
            self._handle = FileIO(self.path, "a", opener=_not_through_links)
            if torn:  # a kill in the middle of a line
                self._handle.write(b"\n")
        except OSError as error:
            raise self._unwritable(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._handle is not None
        self._handle.close()

    def add(self, result: ScanResult) -> None:
        """Keeps a result, on the disk as well."""
        assert self._handle is not None
        self._keep(result)
        try:
            files.write_all(self._handle, _line(result).encode())
        except OSError as error:
            raise self._unwritable(error) from error

    def compact(self, *, paths: Iterable[str], contents: Iterable[str]) -> None:
        """Rewrites the file with the latest result for each of the paths and one for each of the other contents."""
        present = {path: self.latest[path] for path in sorted(set(paths)) if path in self.latest}
        others = set(contents) - {result.content for result in present.values()}
        old = [self.by_content[content] for content in sorted(others) if content in self.by_content]
        # Old ones first: a line below for the same path is the later result.
        kept = [*old, *present.values()]
        files.write_text(self.path, "".join(map(_line, kept)))

    def _keep(self, result: ScanResult) -> None:
        self.latest[result.path] = self.by_content[result.content] = result

    def _unwritable(self, error: OSError) -> DataError:
        return DataError(files.write_failure(self.path, error))


def _not_through_links(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def is_torn(path: Path) -> bool:
    """True if a file ends within its first result, as a kill or a full disk may leave it."""
    with files.open_regular(path) as handle:
        head = (handle.read(4096) or b"").lstrip()
    return f'{{"version": {VERSION}, "path": "'.encode().startswith(head)


def _line(result: ScanResult) -> str:
    return json.dumps({"version": VERSION, **result.as_dict()}, allow_nan=False) + "\n"


def _read(path: Path) -> list[ScanResult]:
    """All good lines; one that is torn or of another version is a recording to scan again."""
    results: list[ScanResult] = []
    if not path.exists():
        return results
    with open_regular(path) as handle:
        for line in read_lines(handle, max_bytes=MAX_CACHE_BYTES, max_line_bytes=MAX_LINE_BYTES):
            try:
                values = parse_json(line, path)
                if values.pop("version") == VERSION:
                    results.append(ScanResult.from_dict(values))
            except (HocketError, ValueError, TypeError, KeyError, AttributeError):
                continue
    return results


def _ends_a_line(path: Path) -> bool:
    with open_regular(path) as handle:
        handle.seek(max(0, os.fstat(handle.fileno()).st_size - 1))
        return handle.read(1) == b"\n"

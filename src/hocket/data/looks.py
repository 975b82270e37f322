"""What was seen so far: a line for each recording, written as soon as it is known, so that a kill costs little."""

import json
import os
from collections.abc import Iterable
from io import FileIO
from pathlib import Path
from types import TracebackType

from hocket import files
from hocket.data.scan import Look
from hocket.errors import DataError, HocketError
from hocket.files import open_regular, parse_json, read_lines

MAX_LOOKS_BYTES, MAX_LINE_BYTES = 2**32, 2**24
"""An hour of music takes 230 kB; what lies beyond is looked at anew."""
VERSION = 3
"""Of the measurements as well: another one looks at everything anew."""


class LookBook:
    """The file of looks, the last line for a path being the latest. A context manager that is open for adding.

    `latest` has the looks by path, `by_content` those at files that have changed or gone since as well.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.latest: dict[str, Look] = {}
        self.by_content: dict[str, Look] = {}
        for look in _read(path):
            self._keep(look)
        self._handle: FileIO | None = None

    def __enter__(self) -> "LookBook":
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

    def add(self, look: Look) -> None:
        """Keeps a look, on the disk as well."""
        assert self._handle is not None
        self._keep(look)
        try:
            files.write_all(self._handle, _line(look).encode())
        except OSError as error:
            raise self._unwritable(error) from error

    def compact(self, *, paths: Iterable[str], contents: Iterable[str]) -> None:
        """Rewrites the file with the latest look for each of the paths and one for each of the other contents."""
        present = {path: self.latest[path] for path in sorted(set(paths)) if path in self.latest}
        others = set(contents) - {look.content for look in present.values()}
        old = [self.by_content[content] for content in sorted(others) if content in self.by_content]
        # Old ones first: a line below for the same path is the later look.
        kept = [*old, *present.values()]
        files.write_text(self.path, "".join(map(_line, kept)))

    def _keep(self, look: Look) -> None:
        self.latest[look.path] = self.by_content[look.content] = look

    def _unwritable(self, error: OSError) -> DataError:
        return DataError(files.write_failure(self.path, error))


def _not_through_links(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def is_torn(path: Path) -> bool:
    """Tells whether a file ends within its first look, as a kill or a full disk may leave it."""
    with files.open_regular(path) as handle:
        head = (handle.read(4096) or b"").lstrip()
    return f'{{"version": {VERSION}, "path": "'.encode().startswith(head)


def _line(look: Look) -> str:
    return json.dumps({"version": VERSION, **look.as_dict()}, allow_nan=False) + "\n"


def _read(path: Path) -> list[Look]:
    """All good lines; one that is torn or of another version is a recording to look at again."""
    looks: list[Look] = []
    if not path.exists():
        return looks
    with open_regular(path) as handle:
        for line in read_lines(handle, max_bytes=MAX_LOOKS_BYTES, max_line_bytes=MAX_LINE_BYTES):
            try:
                values = parse_json(line, path)
                if values.pop("version") == VERSION:
                    looks.append(Look.from_dict(values))
            except (HocketError, ValueError, TypeError, KeyError, AttributeError):
                continue
    return looks


def _ends_a_line(path: Path) -> bool:
    with open_regular(path) as handle:
        handle.seek(max(0, os.fstat(handle.fileno()).st_size - 1))
        return handle.read(1) == b"\n"

"""What was seen so far: a line for each recording, written as soon as it is known, so that a kill costs little."""

import json
from collections.abc import Iterable
from io import FileIO
from pathlib import Path
from types import TracebackType

from hocket.data.scan import Look
from hocket.data.textfiles import replace_file
from hocket.errors import DataError

VERSION = 2
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
            torn = self.path.exists() and not self.path.read_bytes().endswith(b"\n")
            # Unbuffered, so that a full disk is met where a line is written, and not again where the file is closed.
            self._handle = FileIO(self.path, "a")
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
            rest = memoryview(_line(look).encode())
            while rest:
                rest = rest[self._handle.write(rest) :]
        except OSError as error:
            raise self._unwritable(error) from error

    def compact(self, *, paths: Iterable[str], contents: Iterable[str]) -> None:
        """Rewrites the file with the latest look for each of the paths and one for each of the other contents."""
        present = {path: self.latest[path] for path in sorted(set(paths)) if path in self.latest}
        others = set(contents) - {look.content for look in present.values()}
        old = [self.by_content[content] for content in sorted(others) if content in self.by_content]
        # Old ones first: a line below for the same path is the later look.
        kept = [*old, *present.values()]
        replace_file(self.path, lambda handle: handle.writelines(map(_line, kept)))

    def _keep(self, look: Look) -> None:
        self.latest[look.path] = self.by_content[look.content] = look

    def _unwritable(self, error: OSError) -> DataError:
        return DataError(
            f"{self.path} cannot be written ({error.strerror}): free some space or give another folder."
        )


def _line(look: Look) -> str:
    return json.dumps({"version": VERSION, **look.as_dict()}, allow_nan=False) + "\n"


def _read(path: Path) -> list[Look]:
    """All good lines; one that is torn or of another version is a recording to look at again."""
    looks: list[Look] = []
    try:
        with path.open("rb") as handle:
            for line in handle:
                try:
                    values = json.loads(line)
                    if values.pop("version") == VERSION:
                        looks.append(Look.from_dict(values))
                except (ValueError, TypeError, KeyError, AttributeError):
                    continue
    except FileNotFoundError:
        pass
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): change its permissions.") from error
    return looks

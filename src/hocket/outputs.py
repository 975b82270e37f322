"""Checks all planned outputs before the first one is written, so that no file of the user's is lost."""

import errno
import itertools
import os
import re
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from hocket.errors import ConfigError, DataError, HocketError
from hocket.files import TEMPORARY_PREFIX, Failure, open_regular, write_failure
from hocket.version import __version__

MARK = f"hocket {__version__}"
"""Pictures, pages and models state this as the program that made them."""

MOST_NAME_BYTES = 80
"""Of each source in the name of a fusion: with numbers and endings it stays below the 255 that systems allow."""

MARKED_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".svg", ".pdf", ".html", ".htm", ".onnx")

# PNG, EXIF (after the end of its directory), SVG, PDF, HTML; ONNX has its maker and version in two fields.
_MARKS = re.compile(
    rb'(?:Software\0|\0\0\0\0|<dc:title>|/Creator \(|name="generator" content=")hocket \d|\x12\x06hocket\x1a'
)
# The JSON beside a fusion, tables of fusions, and prepared data.
_BEGINNINGS = re.compile(
    rb'\{\s*"hocket(?:_manifest)?": "?\d'
    rb'|\[\s*\{\s*"name": "[^"]*",\s*"input": "|name,input,target,output'
    rb'|file,status,split,reason,duration_seconds|\s*\{"version": \d+, "path": "'
)


class Named(Protocol):
    """A source of a fusion, a file or typed chords: its name, and the part of it that others are named after."""

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def stem(self) -> str: ...  # noqa: D102


def fusion_name(input: Named, target: Named) -> str:
    """Names a fusion after its sources: `drums x strings`; long names are cut."""
    return " x ".join(_cut(source.stem) for source in (input, target))


def fusion_tags(input: Named, target: Named) -> dict[str, str]:
    """The texts that a fusion's file carries: what it was made of."""
    return {
        "title": fusion_name(input, target),
        "comment": f"Rhythm: {input.name}. Harmony: {target.name}.",
        "software": f"Hocket {__version__}",
    }


def _cut(name: str) -> str:
    content = os.fsencode(name)
    if len(content) <= MOST_NAME_BYTES:
        return name
    # What is left of a letter that was cut in two is dropped.
    return content[:MOST_NAME_BYTES].decode(errors="ignore").strip()


def unused(path: Path) -> Path:
    """Returns the path, or `NAME (2).wav`, `NAME (3).wav`, ...: the first at which nothing lies."""
    numbered = (path.with_name(f"{path.stem} ({number}){path.suffix}") for number in itertools.count(2))
    return next(name for name in itertools.chain([path], numbered) if not existing([name]))


def require_place(path: str | Path, *, failure: Failure = DataError) -> None:
    """Makes sure, before any work, that a file can be written at `path`; leaves nothing behind.

    Raises:
        HocketError: see `FileGroup`.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        probe(path.parent)
    except (OSError, ValueError) as error:
        raise failure(write_failure(path, error)) from error


def probe(folder: Path) -> None:
    """Raises OSError where no file can be made in a folder; leaves nothing behind."""
    # Where the file system knows no nameless files, other processes may see it for a moment.
    tempfile.TemporaryFile(dir=folder, prefix=TEMPORARY_PREFIX).close()


def make_folder(folder: Path) -> None:
    """Makes a folder for outputs, unless it is there; raises DataError where nothing can be written to it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe(folder)
    except OSError as error:
        raise DataError(
            f"{folder} cannot be written to ({error.strerror}): choose another output folder."
        ) from error


def is_ours(path: Path) -> bool:
    """True if Hocket wrote the JSON, table, picture, page or model at `path`, by its first and last bytes."""
    try:
        with open_regular(path) as handle:
            head = handle.read(4096) or b""
            handle.seek(max(0, os.fstat(handle.fileno()).st_size - 4096))
            tail = handle.read(4096) or b""
    except (HocketError, OSError):
        return False
    if path.suffix.lower() in MARKED_SUFFIXES:
        return any(_MARKS.search(part) is not None for part in (head, tail))
    return _BEGINNINGS.match(head) is not None


def existing(paths: Iterable[Path]) -> list[Path]:
    """Returns those of the paths at which something lies already, a broken link too."""
    return [path for path in paths if os.path.lexists(path)]


def check_outputs(
    planned: Iterable[str | Path],
    *,
    sources: Iterable[str | Path],
    sound: Sequence[str | Path] = (),
    overwrite: bool,
) -> None:
    """Refuses a plan that would lose a file of the user's. Call it before the first file is written.

    `planned` are all files that will be written, `sources` all files that will be read; `sound` names those of the
    planned that are recordings. Files are compared by identity, so that links and other spellings count as well.

    Raises:
        ConfigError: two planned files are one, a planned file is also read, exists already without being Hocket's
            own (for recordings: without `overwrite`), is a folder, or has a name that is too long.
    """
    recordings = {_identity(Path(path)) for path in sound}
    read = {_identity(Path(path)): path for path in sources}
    seen: set[object] = set()
    for path in map(Path, planned):
        require_short(path)
        identity = _identity(path)
        if identity in read:
            raise ConfigError(f"{path} is also read ({read[identity]}): choose another output.")
        if identity in seen:
            raise ConfigError(f"{path} would be written twice: give the outputs different names.")
        seen.add(identity)
        if not existing([path]):
            continue
        if path.is_dir():
            raise ConfigError(f"{path} is a folder: give the name of a file.")
        if identity in recordings:
            if not overwrite:
                raise ConfigError(f"{path} already exists: choose another output, or add --overwrite.")
        elif not is_ours(path):
            raise ConfigError(
                f"{path} already exists and was not written by Hocket: move it, or choose another output."
            )


def require_short(path: Path) -> None:
    """Raises ConfigError for a name or path that the system does not take; the file need not exist."""
    for name in (path, path.with_name(f"{TEMPORARY_PREFIX}{0:016x}.tmp")):
        try:
            name.lstat()
        except ValueError as error:
            raise ConfigError(write_failure(path, error)) from error
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                # Of 4,000 letters nobody can tell which ones are meant.
                shown = str(path) if len(str(path)) <= 80 else f"{str(path)[:40]}…{str(path)[-40:]}"
                raise ConfigError(f"{shown} is too long for a file: choose a shorter name.") from error


def _identity(path: Path) -> object:
    """Equal for two names of one file; the file need not exist."""
    try:
        facts = path.stat()
        return facts.st_dev, facts.st_ino
    except (OSError, ValueError):
        return os.path.realpath(path)

"""Finding the recordings of a folder."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from hocket.errors import DataError

SUFFIXES: tuple[str, ...] = (".aac", ".aif", ".aifc", ".aiff", ".flac", ".m4a", ".mp3", ".mp4")
SUFFIXES += (".oga", ".ogg", ".opus", ".rf64", ".w64", ".wav", ".wave")
"""The endings, in lower case, of the files that are taken for recordings.

`.aac`, `.m4a` and `.mp4` are among them where PyAV is missing as well: the error that says what to install is better
than music that nobody misses.
"""


def find_audio_files(folder: str | Path) -> list[Path]:
    """The files of `folder` and of its subfolders whose ending is in `SUFFIXES`, sorted.

    Symbolic links are followed and every folder is visited once, so that a loop of links ends. Names that
    begin with a dot are passed over: they are unfinished files of `save`, or what other systems keep beside a
    recording.

    Raises:
        DataError: `folder` is missing, is not a folder, may not be read, or holds no recording.
    """
    folder = Path(folder)
    try:
        if not folder.exists():
            raise DataError(f"{folder} does not exist: give a folder of music.")
        if not folder.is_dir():
            raise DataError(f"{folder} is not a folder: give the folder that holds the music.")
        found = sorted(path for path in _visible_files(folder) if path.suffix.lower() in SUFFIXES)
    except OSError as error:
        reason = f"{error.filename} cannot be read ({error.strerror})"
        raise DataError(f"{reason}: change its permissions or give another folder.") from error
    if not found:
        raise DataError(f"{folder} holds no recordings: give a folder with files in {', '.join(SUFFIXES)}.")
    return found


def _visible_files(folder: Path) -> Iterator[Path]:
    """Every file below `folder`; of two ways to one folder, the first in order counts."""
    visited = {_identity(folder)}
    for parent, folders, files in os.walk(folder, followlinks=True, onerror=_raise):
        kept = []
        for name in sorted(folders):
            identity = _identity(Path(parent, name))
            if not name.startswith(".") and identity not in visited:
                visited.add(identity)
                kept.append(name)
        folders[:] = kept
        paths = (Path(parent, name) for name in files if not name.startswith("."))
        yield from (path for path in paths if path.is_file())


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _raise(error: OSError) -> NoReturn:
    raise error

"""Finding the recordings of several folders, with everything that is passed over counted or named."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hocket.audio import SUFFIXES
from hocket.errors import DataError


@dataclass(frozen=True)
class Place:
    """A recording by the number of its folder and its path in it."""

    root: int
    name: str
    path: Path


@dataclass
class Found:
    """Files that a walk met: recordings in order, other files by ending, and sentences on what could not be entered."""

    recordings: list[Place] = field(default_factory=list)
    other_files: Counter[str] = field(default_factory=Counter)
    dead_links: list[Place] = field(default_factory=list)
    closed_folders: list[str] = field(default_factory=list)


def find_recordings(folders: Sequence[Path], *, passed_over: Path | None = None) -> Found:
    """Walks all folders and their subfolders, each once however many links lead to it.

    Names that begin with a dot are passed over: they are unfinished files, or what other systems keep beside a
    recording. So is the folder `passed_over`. A folder that may not be entered is named and the others are walked.

    Raises:
        DataError: one of `folders` is missing, is not a folder, or may not be read.
    """
    found = Found()
    visited = {identity for folder in (passed_over,) if folder and (identity := _identity(folder))}
    for root, folder in enumerate(folders):
        _require_folder(folder)
        for path in _files(folder, visited, found):
            _sort(Place(root, os.path.relpath(path, folder), path), found)
    found.recordings.sort(key=lambda place: (place.root, place.name))
    return found


def _require_folder(folder: Path) -> None:
    try:
        if not folder.exists():
            raise DataError(f"{folder} does not exist: give a folder of music.")
        if not folder.is_dir():
            raise DataError(f"{folder} is not a folder: give the folder that holds the music.")
        with os.scandir(folder):
            pass
    except OSError as error:
        raise DataError(
            f"{folder} cannot be read ({error.strerror}): change its permissions or give another folder."
        ) from error


def _files(folder: Path, visited: set[tuple[int, int]], found: Found) -> Iterator[Path]:
    def closed(error: OSError) -> None:
        found.closed_folders.append(f"{error.filename} cannot be opened ({error.strerror}).")

    if (identity := _identity(folder)) is None or identity in visited:
        return
    visited.add(identity)
    for parent, folders, files in os.walk(folder, followlinks=True, onerror=closed):
        kept = []
        for name in sorted(folders):
            identity = _identity(Path(parent, name))
            if identity is not None and not name.startswith(".") and identity not in visited:
                visited.add(identity)
                kept.append(name)
        folders[:] = kept
        yield from (Path(parent, name) for name in files if not name.startswith("."))


def _sort(place: Place, found: Found) -> None:
    if place.path.suffix.lower() not in SUFFIXES:
        found.other_files[place.path.suffix.lower() or "no ending"] += 1
    elif _leads_nowhere(place.path):
        found.dead_links.append(place)
    else:
        found.recordings.append(place)


def _leads_nowhere(path: Path) -> bool:
    try:
        return path.is_symlink() and not path.exists()
    except OSError:  # it leads into a closed folder, which looking at it will say
        return False


def _identity(folder: Path) -> tuple[int, int] | None:
    """Identity of a folder under any name; None if it has gone, or a link leads round in a circle."""
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino

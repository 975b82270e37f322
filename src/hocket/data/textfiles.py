"""Text files that appear whole or not at all."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from hocket.errors import DataError


def replace_file(path: Path, write: Callable[[TextIO], object]) -> None:
    """Calls `write` with an open text file, which then takes the place of `path`, flushed to the disk.

    Names that are not UTF-8 are written as the bytes that they are.

    Raises:
        DataError: the folder cannot be written to, or the disk is full.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        try:
            with temporary.open("x", encoding="utf-8", errors="surrogateescape", newline="") as handle:
                write(handle)
                handle.flush()
                os.fsync(handle.fileno())
            os.replace(temporary, path)
            _sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(
            f"{path} cannot be written ({error.strerror}): free some space or give another folder."
        ) from error


def _sync_folder(folder: Path) -> None:
    """Makes the new name last through a power cut, where the system knows how."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""The masks that a run keeps of an example: an npz file, which may come from a stranger."""

import math
import os
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import BinaryIO

import numpy as np

from hocket.errors import DataError
from hocket.files import open_regular

MAX_CELLS = 2**24
"""Of a mask: a minute of 2,049 channels has half as many."""
MAX_FILE_BYTES = 4 * MAX_CELLS + 2**20
MAX_MEMBERS = 16
MAX_VALUE, MAX_FRAME_RATE = 1e3, 1e6
# The end of a zip directory without a comment: two disk numbers, the entries on this disk and in all, size and place.
_END = struct.Struct("<4s4H2LH")
_WIDE_END_BYTES = 20
_DAMAGED = (
    *(OSError, EOFError, ValueError, KeyError, TypeError, RuntimeError, NotImplementedError, SyntaxError),
    *(MemoryError, struct.error, TokenError, zipfile.BadZipFile, zlib.error),
)
"""Errors that zipfile, zlib and numpy raise over a damaged archive; RecursionError is a RuntimeError."""


@dataclass(frozen=True, eq=False)
class KeptMasks:
    """Both masks `[d, t]` of an output, latent frames a second, and the frequency of each channel where it has one."""

    input: np.ndarray
    target: np.ndarray
    frame_rate: float
    bin_hz: np.ndarray | None


def read_masks(path: Path) -> KeptMasks:
    """Reads the masks of an example; nothing is unpacked before its size is known to be that of masks.

    Raises:
        DataError: the file is missing, damaged, or holds something else.
    """
    with open_regular(path) as handle:
        try:
            _check_directory(handle)
            with zipfile.ZipFile(handle) as archive:
                input_mask, target_mask = (
                    _array(archive, f"{role}_mask", axes=2) for role in ("input", "target")
                )
                frame_rate = float(_array(archive, "frame_rate", axes=0))
                has_hz = "bin_hz.npy" in archive.namelist()
                bin_hz = _array(archive, "bin_hz", axes=1).astype(np.float64) if has_hz else None
        except _DAMAGED as error:
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise DataError(f"{path} contains no readable masks ({reason}): leave it out.") from error
    masks = (input_mask, target_mask)
    is_pair = input_mask.shape == target_mask.shape and input_mask.size > 0
    if not is_pair or not all(map(_is_mask, masks)) or not 0 < frame_rate <= MAX_FRAME_RATE:
        raise DataError(f"{path} lacks two masks of one shape or their frame rate: leave it out.")
    if bin_hz is not None and not _are_frequencies(bin_hz, len(input_mask)):
        bin_hz = None
    return KeptMasks(input_mask, target_mask, frame_rate, bin_hz)


def _check_directory(handle: BinaryIO) -> None:
    """Makes sure that the zip's directory is as small as ours, before zipfile reads all of it."""
    num_bytes = os.fstat(handle.fileno()).st_size
    if not _END.size <= num_bytes <= MAX_FILE_BYTES:
        raise ValueError(f"{num_bytes} bytes")
    tail_bytes = min(num_bytes, _WIDE_END_BYTES + _END.size)
    handle.seek(-tail_bytes, os.SEEK_END)
    tail = handle.read(tail_bytes)
    sign, _, _, _, num_members, *_ = _END.unpack(tail[-_END.size :])
    if sign != b"PK\5\6" or num_members > MAX_MEMBERS or tail.startswith(b"PK\6\7"):
        raise ValueError("not a NumPy archive")
    handle.seek(0)


def _array(archive: zipfile.ZipFile, name: str, *, axes: int) -> np.ndarray:
    """An array of floats as float32, `axes` axes and at most `MAX_CELLS` cells."""
    member = archive.getinfo(f"{name}.npy")
    # The other methods of zip unpack more than is asked for.
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name} is packed in an unusual way")
    with archive.open(member) as stream:
        # Later versions may have headers of gigabytes, and no array of ours needs one.
        if np.lib.format.read_magic(stream) != (1, 0):
            raise ValueError(f"{name} has another version")
        shape, is_turned, kind = np.lib.format.read_array_header_1_0(stream)
        num_cells = math.prod(shape)
        if kind.kind != "f" or kind.itemsize > 8 or len(shape) != axes or not 0 <= num_cells <= MAX_CELLS:
            raise ValueError(f"{name} is {kind} of shape {shape}")
        content = stream.read(num_cells * kind.itemsize)
    values = np.frombuffer(content, dtype=kind, count=num_cells)
    values = values.reshape(shape[::-1]).T if is_turned else values.reshape(shape)
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def _is_mask(values: np.ndarray) -> bool:
    """NaN is neither at least nor at most anything."""
    return bool(values.min() >= 0 and values.max() <= MAX_VALUE)


def _are_frequencies(bin_hz: np.ndarray, num_channels: int) -> bool:
    return len(bin_hz) == num_channels >= 2 and bool((np.diff(bin_hz) > 0).all())

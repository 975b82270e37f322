"""Logs of a run: JSON lines always, TensorBoard if it is installed."""

import importlib.util
import itertools
import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from hocket import files
from hocket.errors import CheckpointError
from hocket.files import open_regular, read_lines
from hocket.runs import LOG, TENSORBOARD

MAX_LOG_BYTES, MAX_LINE_BYTES = 2**36, 2**24

Sound = tuple[np.ndarray, int]
"""A waveform `[1, samples]` and its rate in Hz."""


class Tracker:
    """Writes the run's log; on continuing, forgets what was written after the checkpoint.

    Raises:
        CheckpointError: the disk is full, or the folder cannot be written to.
    """

    def __init__(self, folder: Path, *, from_step: int, keep_lines: int) -> None:
        self.path = folder / LOG
        self._board: Any = None
        with self._guarded():
            self.num_lines = _cut(self.path, keep_lines)
            # Our own new file by now, whatever link lay there. A name that is no UTF-8 comes as lone surrogates, which
            # are escaped.
            self._file = self.path.open("a", encoding="utf-8", errors="backslashreplace")
            if importlib.util.find_spec("tensorboard"):
                from torch.utils.tensorboard import SummaryWriter

                self._board = SummaryWriter(str(folder / TENSORBOARD), purge_step=from_step + 1)

    def write(self, kind: str, step: int, values: dict[str, Any]) -> None:
        """Adds one line; numbers go to TensorBoard too, under `kind/name`."""
        line = {"kind": kind, "step": step, **{name: plain(value) for name, value in values.items()}}
        with self._guarded():
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
            self.num_lines += 1
            if self._board is not None:
                for name, value in values.items():
                    if isinstance(value, (int, float)):
                        self._board.add_scalar(f"{kind}/{name}", value, step)

    def show(self, step: int, sounds: Mapping[str, Sound], images: Mapping[str, np.ndarray]) -> None:
        """Gives TensorBoard recordings, and pictures `[rows, columns, 3]` in [0, 1] with the first row on top."""
        if self._board is None:
            return
        with self._guarded():
            for name, (waveform, sample_rate) in sounds.items():
                self._board.add_audio(name, waveform, step, sample_rate)
            for name, image in images.items():
                self._board.add_image(name, image, step, dataformats="HWC")

    def flush(self) -> None:
        """Makes sure that what was written is on the disk, for others and for the checkpoint that follows."""
        with self._guarded():
            self._file.flush()
            os.fsync(self._file.fileno())
            if self._board is not None:
                self._board.flush()

    def close(self) -> None:
        """Ends the log."""
        with self._guarded():
            self._file.close()
            if self._board is not None:
                self._board.close()

    @property
    def has_board(self) -> bool:
        """True if anybody wants sounds and images."""
        return self._board is not None

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise CheckpointError(
                f"{self.path} cannot be written ({error.strerror}): free some space and run the "
                "same command again to continue."
            ) from error


class SilentTracker:
    """Stands in for the tracker in all processes but the first."""

    num_lines = 0
    has_board = False

    def write(self, kind: str, step: int, values: dict[str, Any]) -> None:
        """Does nothing."""

    def show(self, step: int, sounds: Mapping[str, Sound], images: Mapping[str, np.ndarray]) -> None:
        """Does nothing."""

    def flush(self) -> None:
        """Does nothing."""

    def close(self) -> None:
        """Does nothing."""


def plain(value: Any) -> Any:
    """A value as JSON can hold it."""
    # JSON has no word for them, and a reader that meets a bare NaN stops.
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _cut(path: Path, num_lines: int) -> int:
    """Keeps the first lines of a file, and no line that a kill cut off; how many there are."""
    kept = 0
    with files.replacing(path, failure=CheckpointError) as copy:
        if num_lines and path.is_file():
            with open_regular(path, failure=CheckpointError) as log:
                lines = read_lines(log, max_bytes=MAX_LOG_BYTES, max_line_bytes=MAX_LINE_BYTES)
                for line in itertools.islice(lines, num_lines):
                    if line.endswith(b"\n"):
                        files.write_all(copy, line)
                        kept += 1
    return kept

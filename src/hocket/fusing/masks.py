"""The masks of a recording of any length: written as they come, read span by span."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hocket.audio.streams import Workspace, read_at, write_at
from hocket.model.arrangement import HALF_PRECISION_SECONDS
from hocket.model.result import Masks


class MaskStore:
    """Masks `[1, d, t]` in a workspace, and the figures of all of them. One after the other, frame by frame."""

    def __init__(self, dim: int, num_frames: int, *, frame_rate: float, workspace: Workspace) -> None:
        self.num_frames, self._dim = num_frames, dim
        # Half precision is -66 dB, and an hour is then 0.7 GB.
        halved = num_frames / frame_rate > HALF_PRECISION_SECONDS
        self._kind = np.dtype(np.float16 if halved else np.float32)
        self._folder = workspace.folder
        held = workspace.holds(2 * dim * num_frames)
        self._array = np.empty((num_frames, 2, dim), dtype=self._kind) if held else None
        self._file = None if held else workspace.file()
        self._done = 0
        self._totals, self._products = np.zeros(2), np.zeros(3)

    def add(self, masks: Masks) -> None:
        """The next frames."""
        rows = np.empty((masks.input.shape[-1], 2, self._dim), dtype=np.float32)
        for voice, mask in enumerate((masks.input, masks.target)):
            torch.from_numpy(rows)[:, voice].copy_(mask[0].T)
        for place, (first, second) in enumerate(((0, 0), (1, 1), (0, 1))):
            # Frame by frame in single precision, and all frames in double.
            products = np.einsum("td,td->t", rows[:, first], rows[:, second])
            self._products[place] += products.sum(dtype=np.float64)
        self._totals += rows.sum(axis=2).sum(axis=0, dtype=np.float64)
        if self._array is not None:
            self._array[self._done : self._done + len(rows)] = rows
        else:
            assert self._file is not None and self._folder is not None
            kept = rows.astype(self._kind, copy=False)
            write_at(self._file, self._done * self._row_bytes, kept, folder=self._folder)
        self._done += len(rows)

    def read(self, first: int, last: int) -> np.ndarray:
        """Both masks of some frames, `[2, d, last - first]`, in the precision that they are kept in.

        Not to be written to; in memory the bins of a frame stand together.
        """
        if self._array is not None:
            rows = self._array[first:last]
        else:
            assert self._file is not None
            rows = np.empty((last - first, 2, self._dim), dtype=self._kind)
            read_at(self._file, first * self._row_bytes, rows)
        return rows.transpose(1, 2, 0)

    def figures(self) -> dict[str, float]:
        """Means, complementarity and variance over all places."""
        num_places = self._done * self._dim
        first, second = self._totals / num_places
        first_square, second_square, product = self._products / num_places
        return {
            "input_mask_mean": float(first),
            "target_mask_mean": float(second),
            "complementarity": float(1.0 - product),
            "mask_variance": max(0.0, float((first_square - first**2 + second_square - second**2) / 2)),
        }

    @property
    def _row_bytes(self) -> int:
        return 2 * self._dim * self._kind.itemsize


@dataclass(frozen=True, eq=False)
class StoredScore:
    """An arrangement whose masks are in a store: see `hocket.model.arrangement.Score`."""

    store: MaskStore
    levels: Tensor
    tone: Tensor
    strikes: Tensor | None = None

    @property
    def num_frames(self) -> int:
        """Frames of the whole."""
        return self.store.num_frames

    def masks_between(self, first: int, last: int) -> Masks:
        """The masks `[1, d, last - first]` of some frames, in single precision."""
        both = torch.from_numpy(self.store.read(first, last)).to(self.levels.device).float()
        return Masks(both[:1], both[1:])


def mask_bytes(dim: int, num_frames: int, frame_rate: float) -> int:
    """Bytes that the masks of so many frames take."""
    return 2 * dim * num_frames * (2 if num_frames / frame_rate > HALF_PRECISION_SECONDS else 4)

"""The masks of a recording of any length: computed chunk by chunk, stored, and read span by span."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Protocol, TypeAlias

import numpy as np
import torch
from torch import Tensor

from hocket.audio.streams import Workspace, read_at, write_at
from hocket.codec import Codec
from hocket.fusing.strikes import StrikeGain
from hocket.model.cascade import Cascade
from hocket.model.masks import Masks
from hocket.model.result import FusionResult

CHUNK_SECONDS = 24.0
FADE_SECONDS, SHORT_FADE_SECONDS = 2.0, 0.1
"""Length of the joints of chunks: of models that hear all of a chunk at every frame, and of those of finite reach."""

HALF_PRECISION_SECONDS = 600.0

Excerpts: TypeAlias = Callable[[int, int], tuple[Tensor, Tensor]]
"""Input and target `[1, c, stop - start]` from one sample up to another."""


class Model(Protocol):
    """All of a model that fusing needs, so that the model's own `inference` can be built on fusing."""

    codec: Codec
    cascade: Cascade

    @property
    def device(self) -> torch.device:
        """Device of the weights."""

    def __call__(self, input_audio: Tensor, target_audio: Tensor, /) -> FusionResult:
        """Fuses equally long, equally loud waveforms `[b, c, samples]`."""


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
class MaskTrack:
    """Masks over a whole recording, on the grid of `codec`, and what comes after them.

    The `levels` `[1, 2]` of input and target are what each voice is turned up or down by, so that the output agrees as
    much with one source as with the other; the `tone` `[1, d]` is one curve for both. The `strikes`, where there are
    any, are laid over the target's voice.
    """

    store: MaskStore
    codec: Codec
    levels: Tensor
    tone: Tensor
    strikes: StrikeGain | None = None

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


def decide_masks(
    model: Model,
    excerpts: Excerpts,
    length: int,
    *,
    workspace: Workspace,
    chunk_seconds: float = CHUNK_SECONDS,
    on_progress: Callable[[float], None] | None = None,
) -> MaskTrack:
    """Computes masks chunk by chunk for `length` samples at the model's rate; `excerpts` gives them equally loud.

    Chunks overlap, by as much as the model hears before and after a frame, and their masks are cross-faded in the
    middle of that. The levels and the tone are those of the whole. `on_progress` is given the share of the whole that
    is done, in (0, 1], after each chunk.
    """
    codec, report = model.codec, on_progress or (lambda share: None)
    num_frames = codec.num_frames(length)
    store = MaskStore(codec.dim, num_frames, frame_rate=codec.frame_rate, workspace=workspace)
    seam, tallies = _Seam(), []
    for chunk in chunks_of(num_frames, cascade=model.cascade, codec=codec, chunk_seconds=chunk_seconds):
        result = model(*excerpts(chunk.first * codec.hop, min(chunk.last * codec.hop, length)))
        done = seam.join(result.stages[-1].group_masks, chunk)
        tallies.append(result.tally(done, *chunk.settled))
        store.add(done.spread(codec.grouping))
        report(min(1.0, chunk.last / num_frames))
    levels, tone = model.cascade.faders(reduce(add, tallies))
    return MaskTrack(store, codec, levels, codec.grouping.spread(tone))


@dataclass(frozen=True)
class Chunk:
    """The frames `first` up to `last` of a recording, heard together.

    Its masks are faded in and out over the frames of `fades`, each (first, last).
    """

    first: int
    last: int
    fades: tuple[tuple[int, int], tuple[int, int]]

    @property
    def settled(self) -> tuple[int, int]:
        """From which up to which of its own frames the masks are known with it: the next chunk fades into the rest."""
        return self.fades[0][0] - self.first, self.fades[1][0] - self.first


def chunks_of(num_frames: int, *, cascade: Cascade, codec: Codec, chunk_seconds: float) -> list[Chunk]:
    """Chunks that cover all frames, each of at most `chunk_seconds` and what the model's reach adds at both ends.

    A model of finite reach hears at every frame of a chunk that counts what it would hear in the whole.
    """
    margin = cascade.reach or 0
    fade = round((SHORT_FADE_SECONDS if margin else FADE_SECONDS) * codec.frame_rate)
    # Whole strides, so that frames are averaged as those of the whole recording would be.
    stride = cascade.stride if margin else 1
    overlap = math.ceil((2 * margin + fade) / stride) * stride
    length = max(round(chunk_seconds * codec.frame_rate) + 2 * margin, 2 * overlap)
    if num_frames <= length:
        return [Chunk(0, num_frames, ((0, 0), (num_frames, num_frames)))]
    # Equally long ones: what is left over would be a short chunk that hears little of the music.
    count = math.ceil((num_frames - overlap) / (length - overlap))
    step = max(overlap, math.ceil((num_frames - overlap) / count / stride) * stride)
    starts = [start for start in range(0, num_frames, step) if start == 0 or start + overlap < num_frames]
    fades = [(0, 0)]
    fades += [(start + (overlap - fade) // 2, start + (overlap + fade) // 2) for start in starts[1:]]
    fades.append((num_frames, num_frames))
    return [
        Chunk(start, num_frames if start == starts[-1] else start + step + overlap, (fades[k], fades[k + 1]))
        for k, start in enumerate(starts)
    ]


class _Seam:
    """Fades the masks of one chunk into the next.

    Both sides of a seam are the same recordings under almost the same masks, so a linear fade keeps their level.
    """

    def __init__(self) -> None:
        self._open: Masks | None = None

    def join(self, masks: Masks, chunk: Chunk) -> Masks:
        """Takes the masks `[b, groups, t]` of all frames of the next chunk; returns those that are settled by it."""
        first, last = chunk.settled
        if self._open is not None:
            length = self._open.input.shape[-1]
            rise = (torch.arange(length, device=masks.input.device) + 0.5) / length
            for mask, before in ((masks.input, self._open.input), (masks.target, self._open.target)):
                faded = mask[..., first : first + length]
                faded.copy_(before + rise * (faded - before))
        end = chunk.fades[1][1] - chunk.first
        self._open = Masks(masks.input[..., last:end].clone(), masks.target[..., last:end].clone())
        return Masks(masks.input[..., first:last], masks.target[..., first:last])

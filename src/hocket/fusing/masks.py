"""The masks of a recording of any length: decided chunk by chunk, kept as they come, read span by span."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import torch
from torch import Tensor

from hocket.audio.streams import Workspace, read_at, write_at
from hocket.codec import SpectralCodec
from hocket.model.cascade import Cascade
from hocket.model.masks import Masks
from hocket.model.result import FusionResult

CHUNK_SECONDS = 24.0
OVERLAP_SECONDS = 2.0
HALF_PRECISION_SECONDS = 600.0

Excerpts: TypeAlias = Callable[[int, int], tuple[Tensor, Tensor]]
"""Input and target `[1, c, stop - start]` from one sample up to another."""


class Model(Protocol):
    """All of a model that fusing needs, so that the model's own `inference` can be built on fusing."""

    codec: SpectralCodec
    cascade: Cascade

    @property
    def device(self) -> torch.device:
        """Where the weights are."""

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
    much with one source as with the other; the `tone` `[1, d]` is one curve for both. The `onset_gain` `[1, t]`, where
    there is one, is what the target's masks are multiplied by at each frame.
    """

    store: MaskStore
    codec: SpectralCodec
    levels: Tensor
    tone: Tensor
    onset_gain: Tensor | None = None

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
    """Listens chunk by chunk to `length` samples at the model's rate; `excerpts` gives them equally loud.

    Chunks overlap by 2 s and their masks are cross-faded. The levels are those of the whole, the tone is the chunks'
    geometric mean. `on_progress` is given the share of the whole that is done, in (0, 1], after each chunk.
    """
    codec, report = model.codec, on_progress or (lambda share: None)
    hop, num_frames = codec.hop, 1 + length // codec.hop
    store = MaskStore(codec.dim, num_frames, frame_rate=codec.frame_rate, workspace=workspace)
    # Whole hops, so that a chunk's frames lie where those of the whole recording would.
    overlap = round(OVERLAP_SECONDS * codec.sample_rate / hop) * hop
    chunk = max(round(chunk_seconds * codec.sample_rate / hop) * hop, 2 * overlap)
    if length <= chunk:
        result = model(*excerpts(0, length))
        store.add(result.masks)
        report(1.0)
        return MaskTrack(store, codec, result.levels, result.tone)
    # Equally long ones: what is left over would be a short chunk that hears little of the music.
    count = -(-(length - overlap) // (chunk - overlap))
    chunk = max(2 * overlap, overlap + -(-(length - overlap) // (count * hop)) * hop)
    seam = _Seam(lambda masks: store.add(masks.spread(codec.grouping)))
    agreed, log_tone = torch.zeros(()), torch.zeros(())
    for part, fade in _chunks(length, chunk, overlap, hop, model.device):
        result = model(*excerpts(part.start, part.stop))
        last, num_faded = result.stages[-1], len(fade)
        parts = Masks(
            *(mask[..., :num_faded] * fade for mask in (last.group_masks.input, last.group_masks.target))
        )
        agreed = agreed + result.powers.between(0, num_faded).agreement(parts)
        log_tone = log_tone + last.group_tone.log() * (fade.sum() / num_frames)
        seam.add(parts, num_open=0 if part.stop == length else overlap // hop)
        report(part.stop / length)
    tone = log_tone.exp()
    return MaskTrack(store, codec, model.cascade.levels(agreed, tone), codec.grouping.spread(tone))


class _Seam:
    """Adds up the masks of one chunk and the next where they overlap, and passes on those that are done."""

    def __init__(self, on_masks: Callable[[Masks], None]) -> None:
        self._on_masks = on_masks
        self._open: Masks | None = None

    def add(self, masks: Masks, *, num_open: int) -> None:
        """Faded masks `[b, d, t]` of a chunk, of which the last `num_open` frames go on in the next."""
        if self._open is not None:
            for mask, before in ((masks.input, self._open.input), (masks.target, self._open.target)):
                mask[..., : before.shape[-1]] += before
        done = masks.input.shape[-1] - num_open
        self._on_masks(Masks(masks.input[..., :done], masks.target[..., :done]))
        self._open = Masks(masks.input[..., done:].clone(), masks.target[..., done:].clone())


def _chunks(
    length: int, chunk: int, overlap: int, hop: int, device: torch.device
) -> Iterator[tuple[slice, Tensor]]:
    """Spans in samples that cover `length`, each with the weights of its frames; over all chunks they add up to 1.

    Both sides of a seam are the same recordings under almost the same masks, so a linear fade keeps their level.
    """
    num_fading = overlap // hop
    ramp = (torch.arange(num_fading, device=device) + 0.5) / num_fading
    starts = list(range(0, length - overlap, chunk - overlap))
    for start in starts:
        # The last one may be short; it is never shorter than the fade into it.
        stop = min(start + chunk, length)
        last = start == starts[-1]
        # A chunk's last frame is centred on its end, where the next one hears more.
        fade = torch.ones((stop - start) // hop + last, device=device)
        if start > 0:
            fade[:num_fading] = ramp[: len(fade)]
        if not last:
            fade[-num_fading:] = ramp.flip(0)
        yield slice(start, stop), fade

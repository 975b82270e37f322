"""Cutting waveforms into windowed frames, and laying frames over each other again, in blocks that fit into a cache."""

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import chain

import torch
import torch.nn.functional as F
from torch import Tensor

BLOCK_SAMPLES = 800_000
"""How much a processor transforms at once: each step then finds in the cache what the step before left there.

That takes a tenth less time than all at once and a fraction of the memory; smaller blocks lose more to the planning of
transforms and to small products. Other devices want everything at once.
"""


@lru_cache(maxsize=32)
@torch.inference_mode(False)
def hann(length: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """A periodic Hann window `[length]`, made once for each length, device and type."""
    return torch.hann_window(length, device=device, dtype=dtype)


class Framing:
    """Where the frames of a waveform of some shape `[..., samples]` lie.

    Frames as long as the window start every `hop` samples, the first of them `margin` samples before the waveform.
    Unless their number is given there are as many as end up to `margin` samples behind it.
    """

    def __init__(
        self, window: Tensor, hop: int, margin: int, shape: Sequence[int], num_frames: int | None = None
    ) -> None:
        self.window, self.hop, self.margin, self.shape = window, hop, margin, tuple(shape)
        self.size = len(window)
        most = 1 + (self.shape[-1] + 2 * margin - self.size) // hop
        self.num_frames = most if num_frames is None else num_frames
        self.num_examples = math.prod(self.shape[:-1])

    @cached_property
    def blocks(self) -> list[tuple[slice, slice]]:
        """Examples and frames that are worked on together; blocks begin at even frames."""
        samples = self.num_frames * self.size
        most = BLOCK_SAMPLES if self.window.device.type == "cpu" else max(1, samples * self.num_examples)
        num_examples = max(1, most // samples)
        num_frames = 2 * -(-self.num_frames // (2 * -(-samples // most)))
        return [
            (
                slice(example, min(example + num_examples, self.num_examples)),
                slice(frame, min(frame + num_frames, self.num_frames)),
            )
            for example in range(0, self.num_examples, num_examples)
            for frame in range(0, self.num_frames, num_frames)
        ]

    def spectra(self, waveform: Tensor, scale: float = 1.0) -> Iterator[Tensor]:
        """The spectra under the window, times a scale, block by block: `[examples, frames, bins]`."""
        behind = (self.num_frames - 1) * self.hop + self.size - self.margin - self.shape[-1]
        padded = F.pad(waveform.reshape(-1, self.shape[-1]), (self.margin, behind))
        frames = padded.unfold(-1, self.size, self.hop)
        window = self.window if scale == 1.0 else scale * self.window
        return (torch.fft.rfft(frames[block] * window) for block in self.blocks)

    def gather(self, parts: Iterable[Tensor], step: int = 1) -> Tensor:
        """Blocks of what there is of every `step`-th frame (1 or 2) as one tensor `[..., frames, n]`."""
        parts = iter(parts)
        whole = next(parts)
        if len(self.blocks) > 1:
            num_frames = -(-self.num_frames // step)
            first, whole = whole, whole.new_empty(self.num_examples, num_frames, whole.shape[-1])
            for block, part in zip(self._blocks(step), chain([first], parts), strict=True):
                whole[block] = part
        return whole.reshape(*self.shape[:-1], *whole.shape[1:])

    def split(self, whole: Tensor, step: int = 1) -> Iterator[Tensor]:
        """The blocks of such a tensor, `[examples, frames, n]` each."""
        flat = whole.reshape(self.num_examples, *whole.shape[-2:])
        return (flat[block] for block in self._blocks(step))

    def _blocks(self, step: int) -> Iterator[tuple[slice, slice]]:
        for examples, frames in self.blocks:
            yield examples, slice(frames.start // step, -(-frames.stop // step))

    def overlap_add(self, parts: Iterable[Tensor], scale: float = 1.0) -> Tensor:
        """Blocks of frames times the window and a scale, laid over each other: `[..., samples]`.

        Piece by piece of a hop, which takes a fraction of the time of a scattered sum.
        """
        per_frame = -(-self.size // self.hop)
        wanted = -(-(self.margin + self.shape[-1]) // self.hop)
        num_rows = max(self.num_frames - 1 + per_frame, wanted)
        rows = self.window.new_zeros(self.num_examples, num_rows, self.hop)
        window = scale * self.window
        for (examples, frames), part in zip(self.blocks, parts, strict=True):
            for row in range(per_frame):
                piece = slice(row * self.hop, min((row + 1) * self.hop, self.size))
                place = rows[examples, frames.start + row : frames.stop + row, : piece.stop - piece.start]
                place.addcmul_(part[..., piece], window[piece])
        return rows.flatten(1)[:, self.margin : self.margin + self.shape[-1]].reshape(self.shape)

    def waveform_gradient(self, parts: Iterable[Tensor]) -> Tensor:
        """The adjoint of `spectra`, for blocks of gradients in which the first and the last bin have been doubled.

        The bins between them stand for two of the full transform, and an inverse adds both: half of that is right.
        """
        frames = (torch.fft.irfft(part, n=self.size, norm="forward") for part in parts)
        return self.overlap_add(frames, scale=0.5)

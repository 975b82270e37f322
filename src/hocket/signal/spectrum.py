"""Short-time spectra there and back: frames cut from waveforms, transformed, and added up again.

Inside, frames stand before bins: a Fourier transform leaves the bins of a frame side by side, and whatever works on
them in that order has nothing to move. `stft` and `istft` show the same numbers as the field writes them, bins first.
Frames are worked on in blocks that fit into a cache.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import chain
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

REFERENCE_RATE_HZ = 24_000
SMALLEST_ENVELOPE = 1e-11
BLOCK_SAMPLES = 800_000
"""Samples that a processor transforms at once: each step then finds in the cache what the step before left there.

That takes a tenth less time than all at once and a fraction of the memory; smaller blocks lose more to the planning of
transforms and to small products. Other devices want everything at once.
"""


@lru_cache(maxsize=32)
@torch.inference_mode(False)
def hann(length: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """A periodic Hann window `[length]`, made once for each length, device and type."""
    return torch.hann_window(length, device=device, dtype=dtype)


def add_frames(rows: Tensor, frames: Tensor, window: Tensor) -> None:
    """Adds frames `[..., n, size]` times the window to the rows of a hop each that they cover, `[..., rows, hop]`.

    Frame k begins with row k. Piece by piece of a hop, which takes a fraction of the time of a scattered sum.
    """
    hop, size = rows.shape[-1], frames.shape[-1]
    for row, first in enumerate(range(0, size, hop)):
        piece = slice(first, min(first + hop, size))
        covered = rows[..., row : row + frames.shape[-2], : piece.stop - first]
        covered.addcmul_(frames[..., piece], window[piece])


class Framing:
    """Positions of the frames of a waveform of some shape `[..., samples]`.

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
        """Blocks of frames times the window and a scale, laid over each other: `[..., samples]`."""
        per_frame = -(-self.size // self.hop)
        wanted = -(-(self.margin + self.shape[-1]) // self.hop)
        num_rows = max(self.num_frames - 1 + per_frame, wanted)
        rows = self.window.new_zeros(self.num_examples, num_rows, self.hop)
        window = scale * self.window
        for (examples, frames), part in zip(self.blocks, parts, strict=True):
            add_frames(rows[examples, frames.start : frames.stop + per_frame - 1], part, window)
        return rows.flatten(1)[:, self.margin : self.margin + self.shape[-1]].reshape(self.shape)

    def waveform_gradient(self, parts: Iterable[Tensor]) -> Tensor:
        """The adjoint of `spectra`, for blocks of gradients in which the first and the last bin have been doubled.

        The bins between them stand for two of the full transform, and an inverse adds both: half of that is right.
        """
        frames = (torch.fft.irfft(part, n=self.size, norm="forward") for part in parts)
        return self.overlap_add(frames, scale=0.5)


def window_length(seconds_at_reference: int, sample_rate: int) -> int:
    """Scales a window or hop given in samples at 24 kHz to another rate, as an even number of samples."""
    return max(2, 2 * round(seconds_at_reference * sample_rate / REFERENCE_RATE_HZ / 2))


def stft(waveform: Tensor, *, fft_size: int, hop: int) -> Tensor:
    """The complex spectrum of `[..., samples]`, as `[..., fft_size // 2 + 1, frames]`; `fft_size` is even.

    Frames are centred on multiples of the hop, `1 + samples // hop` of them; the ends see zeros, so that any length
    works.
    """
    return frame_spectra(waveform, fft_size=fft_size, hop=hop).transpose(-1, -2)


def frame_spectra(waveform: Tensor, *, fft_size: int, hop: int) -> Tensor:
    """Spectra as `[..., frames, fft_size // 2 + 1]`, as they lie in memory; the gradient has none of its own."""
    spectra: Tensor = _FrameSpectra.apply(waveform, fft_size, hop)
    return spectra


def istft(spectrum: Tensor, *, fft_size: int, hop: int, length: int) -> Tensor:
    """The waveform `[..., length]` of a complex spectrum `[..., bins, frames]`; undoes `stft`.

    Its gradient has none of its own.

    Raises:
        ValueError: some of the samples lie where no window reaches.
    """
    waveform: Tensor = _Resynthesis.apply(spectrum.transpose(-1, -2), fft_size, hop, length)
    return waveform


def power(spectrum: Tensor) -> Tensor:
    """Squared magnitude, without the square root that has no gradient at zero."""
    squares: Tensor = _Power.apply(spectrum)
    return squares


class _FrameSpectra(torch.autograd.Function):
    """Window and transform; the way back is one inverse real transform (torch's own is a complex one twice as long)."""

    @staticmethod
    def forward(ctx: Any, waveform: Tensor, fft_size: int, hop: int) -> Tensor:
        window = hann(fft_size, waveform.device, waveform.dtype)
        ctx.framing = Framing(window, hop, fft_size // 2, waveform.shape)
        return ctx.framing.gather(ctx.framing.spectra(waveform))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        framing: Framing = ctx.framing
        parts = map(_with_edges_doubled, framing.split(gradients[0]))
        return framing.waveform_gradient(parts), None, None


class _Resynthesis(torch.autograd.Function):
    """Inverse transform, window, overlap-add, and division by what the squared windows add up to."""

    @staticmethod
    def forward(ctx: Any, spectra: Tensor, fft_size: int, hop: int, length: int) -> Tensor:
        num_frames = spectra.shape[-2]
        window = hann(fft_size, spectra.device, spectra.real.dtype)
        ctx.level = _one_over_envelope(fft_size, hop, num_frames, length, window.device, window.dtype)
        ctx.framing = framing = Framing(window, hop, fft_size // 2, (*spectra.shape[:-2], length), num_frames)
        frames = (torch.fft.irfft(part, n=fft_size) for part in framing.split(spectra))
        return framing.overlap_add(frames).mul_(ctx.level)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        framing: Framing = ctx.framing
        spectra = framing.gather(framing.spectra(gradients[0] * ctx.level, scale=2.0 / framing.size))
        spectra[..., :: framing.size // 2] *= 0.5
        return spectra, None, None, None


class _Power(torch.autograd.Function):
    """One product on the way back, where torch would put real and imaginary parts together again."""

    @staticmethod
    def forward(ctx: Any, spectrum: Tensor) -> Tensor:
        ctx.save_for_backward(spectrum)
        return spectrum.real.square().add_(spectrum.imag.square())

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (spectrum,) = ctx.saved_tensors
        return spectrum * (2.0 * gradients[0])


def _with_edges_doubled(spectra: Tensor) -> Tensor:
    doubled = spectra.clone()
    doubled[..., :: spectra.shape[-1] - 1] *= 2.0
    return doubled


@lru_cache(maxsize=8)
@torch.inference_mode(False)
def _one_over_envelope(
    fft_size: int, hop: int, num_frames: int, length: int, device: torch.device, dtype: torch.dtype
) -> Tensor:
    """One over the sum of all squared windows, `[length]`."""
    window = hann(fft_size, device, dtype)
    framing = Framing(window, hop, fft_size // 2, (length,), num_frames)
    frames = (window.expand(1, block.stop - block.start, -1) for _, block in framing.blocks)
    envelope = framing.overlap_add(frames)
    if length and not float(envelope.min()) >= SMALLEST_ENVELOPE:
        raise ValueError(
            f"{num_frames} frames of {fft_size} samples every {hop} do not cover {length} samples"
        )
    return 1.0 / envelope

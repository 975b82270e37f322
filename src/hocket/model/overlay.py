"""Filters that change from frame to frame, laid over recordings: transform, multiply, transform back, overlap and add.

The arithmetic is that of `hocket.signal.spectrum`, in another order: some frames at a time, so that all that is made of
them on the way stays in the processor's cache, and any span of a long recording by itself.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from hocket.signal.spectrum import add_frames, hann

CACHED_SAMPLES = 2**18
"""How much is transformed at once, in samples over all channels and frames (measured from 2^16 to 2^20)."""

Gains = Callable[[int, int], Iterable[Tensor]]
"""For each source the gains `[b, 1, last - first, bins]` from one frame up to another."""


class Frames:
    """The frames of a recording of `length` samples: centred on multiples of the hop, as `stft` lays them."""

    def __init__(self, length: int, *, fft_size: int, hop: int) -> None:
        self.length, self.fft_size, self.hop = length, fft_size, hop
        self.count = 1 + length // hop
        self._num_parts = -(-fft_size // hop)

    def reaching(self, start: int, stop: int) -> tuple[int, int]:
        """From which frame up to which the samples `start` up to `stop` are part of."""
        half = self.fft_size // 2
        return max(0, (start - half) // self.hop + 1), min(self.count, (stop + half - 1) // self.hop + 1)

    def heard(self, first: int, last: int) -> tuple[int, int]:
        """From which sample up to which there is in the frames `first` up to `last`."""
        half = self.fft_size // 2
        return max(0, first * self.hop - half), min(self.length, (last - 1) * self.hop + half)

    def filtered(self, sources: Sequence[Tensor], gains: Gains, start: int, stop: int) -> Tensor:
        """The samples `start` up to `stop`, `[b, c, stop - start]`, of the sum of all sources under their gains.

        The sources are `[b, c, samples]`, each the span that is `heard` in the frames `reaching` these samples.
        """
        first, last = self.reaching(start, stop)
        padded = [self._padded(source, first, last).unfold(-1, self.fft_size, self.hop) for source in sources]
        rows = padded[0].new_zeros(*padded[0].shape[:2], last - first + self._num_parts - 1, self.hop)
        window, synthesis = hann(self.fft_size, rows.device, rows.dtype), self._synthesis.to(rows)
        step = last - first
        if rows.device.type == "cpu":
            step = max(1, CACHED_SAMPLES // (rows.shape[0] * rows.shape[1] * self.fft_size))
        for begin in range(0, last - first, step):
            end = min(begin + step, last - first)
            mixed: Tensor | None = None
            for source, gain in zip(padded, gains(first + begin, first + end), strict=True):
                spectrum = torch.fft.rfft(source[..., begin:end, :] * window).mul_(gain)
                mixed = spectrum if mixed is None else mixed.add_(spectrum)
            assert mixed is not None
            covered = rows[..., begin : end + self._num_parts - 1, :]
            add_frames(covered, torch.fft.irfft(mixed, n=self.fft_size), synthesis)
        self._even_out(rows, first)
        skipped = start + self.fft_size // 2 - first * self.hop
        return rows.flatten(2)[..., skipped : skipped + stop - start]

    def _padded(self, source: Tensor, first: int, last: int) -> Tensor:
        """With the silence before the beginning and after the end."""
        begin, end = self.heard(first, last)
        half = self.fft_size // 2
        before, after = begin - first * self.hop + half, (last - 1) * self.hop + half - end
        return F.pad(source, (before, after)) if before or after else source

    @cached_property
    def _squares(self) -> Tensor:
        """The squared window in rows of a hop `[rows, hop]`."""
        squares = hann(self.fft_size, torch.device("cpu"), torch.float64).square()
        return F.pad(squares, (0, self._num_parts * self.hop - self.fft_size)).unflatten(0, (-1, self.hop))

    @cached_property
    def _synthesis(self) -> Tensor:
        """The window that makes frames add up to what they were cut from."""
        window = hann(self.fft_size, torch.device("cpu"), torch.float64)
        whole = self._squares.sum(dim=0).repeat(self._num_parts)
        return (window / whole[: self.fft_size]).float()

    def _even_out(self, rows: Tensor, first: int) -> None:
        """Turns up the rows at both ends of the recording, where there are fewer frames than elsewhere."""
        num_parts = self._num_parts
        whole = self._squares.sum(dim=0)
        for place in range(rows.shape[-2]):
            row = first + place
            if num_parts - 1 <= row < self.count:
                continue
            there = [index for index in range(num_parts) if 0 <= row - index < self.count]
            rows[..., place, :] *= (whole / self._squares[there].sum(dim=0).clamp_min(1e-8)).to(rows)

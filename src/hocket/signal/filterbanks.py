"""Filterbanks: products with matrices in which a bin belongs to one or two rows, and their sums over spectra."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from hocket.signal.spectrum import Framing, hann, power

NUM_BLOCKS = 8
"""Into how many parts a product is cut: more save arithmetic, fewer save calls (measured with 32 and 128 rows)."""


@dataclass(frozen=True)
class Block:
    """The dense part `values` of a matrix at some of its rows and columns."""

    rows: slice
    columns: slice
    values: Tensor


class BandedLinear:
    """A matrix `[n, d]` whose rows are short runs of numbers, wandering to the right from row to row.

    `pool` and `expand` give what dense products give, from the blocks alone that hold something. Both have a gradient
    with respect to their argument; the matrix is fixed.
    """

    def __init__(self, matrix: Tensor, num_blocks: int = NUM_BLOCKS) -> None:
        num_rows, num_columns = matrix.shape
        self._pooling = _Way(_row_blocks(matrix, num_blocks), num_rows)
        # In memory as they are multiplied by.
        blocks = _row_blocks(matrix.T, num_blocks)
        blocks = [replace(block, values=block.values.T.contiguous().T) for block in blocks]
        self._expanding = _Way(blocks, num_columns)

    def pool(self, bins: Tensor) -> Tensor:
        """`[..., d]` to `[..., n]`: what each row makes of the bins."""
        pooled: Tensor = _Product.apply(bins, self._pooling, self._expanding)
        return pooled

    def expand(self, rows: Tensor) -> Tensor:
        """`[..., n]` to `[..., d]`: each bin's mix of the rows it belongs to."""
        expanded: Tensor = _Product.apply(rows, self._expanding, self._pooling)
        return expanded


@dataclass(frozen=True)
class _Way:
    """The blocks of a matrix with `num_rows` rows, by whose transpose rows of numbers are multiplied."""

    blocks: list[Block]
    num_rows: int

    def of(self, values: Tensor) -> Tensor:
        """`[..., columns]` to `[..., num_rows]`."""
        flat = _as_rows(values)
        product = flat.new_empty(len(flat), self.num_rows)
        for block in self.blocks:
            torch.mm(flat[:, block.columns], block.values.to(flat.dtype).T, out=product[:, block.rows])
        return product.view(*values.shape[:-1], -1)


class _Product(torch.autograd.Function):
    """One way, whose gradient is the other."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, way: _Way, back: _Way) -> Tensor:
        ctx.way, ctx.back = way, back
        return way.of(values)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return _Product.apply(gradients[0], ctx.back, ctx.way), None, None


def _as_rows(values: Tensor) -> Tensor:
    """`[..., k]` as `[rows, k]` in at least single precision."""
    if values.dtype in (torch.float16, torch.bfloat16):
        values = values.float()
    return values.reshape(-1, values.shape[-1])


def _row_blocks(matrix: Tensor, num_blocks: int) -> list[Block]:
    """Runs of rows that cover the matrix, each with the columns in which any of them holds something."""
    occupied = [row.nonzero().flatten().tolist() for row in matrix]
    return [
        Block(rows, columns, matrix[rows, columns].contiguous())
        for rows in _runs(occupied, min(num_blocks, len(occupied)))
        for columns in [_span(occupied[rows])]
    ]


def _runs(occupied: Sequence[Sequence[int]], count: int) -> list[slice]:
    """Rows cut into about as many runs, equally long."""
    edges = [round(index * len(occupied) / count) for index in range(count + 1)]
    return [slice(first, last) for first, last in pairwise(edges)]


def _span(occupied: Sequence[Sequence[int]]) -> slice:
    """The columns from the first to the last one that is occupied; the first one where none is."""
    columns = [column for row in occupied for column in row] or [0]
    return slice(min(columns), max(columns) + 1)


class Bank:
    """Weights `[n, bins]` of the lowest bins of a spectrum, in short runs; applied to every `step`-th frame."""

    def __init__(self, weights: Tensor, *, fft_size: int, step: int = 1) -> None:
        self.num_bins, self.step = weights.shape[1], step
        self._weights = BandedLinear(weights)
        # A square's gradient has a factor of two; the outermost bins are doubled as the way back wants them.
        slopes = 2.0 * weights
        slopes[:, :: fft_size // 2] *= 2.0
        self._slopes = BandedLinear(slopes)

    def pool(self, energy: Tensor) -> Tensor:
        """Pools `[..., frames, bins]` at every `step`-th frame: `[..., frames, n]`."""
        return self._weights.pool(energy[..., :: self.step, : self.num_bins])

    def expand(self, gradient: Tensor) -> Tensor:
        """By what the real and imaginary parts of spectra are to be multiplied to give their gradient."""
        return self._slopes.expand(gradient)


def band_energies(
    waveform: Tensor, banks: Sequence[Bank], *, fft_size: int, hop: int, centred: bool = True
) -> tuple[Tensor, ...]:
    """The squared magnitudes of `stft` as each bank adds them up: `[..., samples]` to `[..., frames, n]` for each.

    Without `centred` the first frame starts at the first sample and the last one ends with or before the last.
    Gradients have none of their own.
    """
    energies: tuple[Tensor, ...] = _BandEnergies.apply(
        waveform, tuple(banks), fft_size, hop, fft_size // 2 if centred else 0
    )
    return energies


class _BandEnergies(torch.autograd.Function):
    """From waveform to bands in one piece, because what lies between them is a hundred times as large as both."""

    @staticmethod
    def forward(
        ctx: Any, waveform: Tensor, banks: tuple[Bank, ...], fft_size: int, hop: int, margin: int
    ) -> tuple[Tensor, ...]:
        framing = Framing(hann(fft_size, waveform.device, waveform.dtype), hop, margin, waveform.shape)
        num_bins = max(bank.num_bins for bank in banks)
        kept, pooled = [], []
        for spectra in framing.spectra(waveform):
            low = spectra[..., :num_bins]
            energy = power(low)
            pooled.append([bank.pool(energy) for bank in banks])
            if ctx.needs_input_grad[0]:
                kept.append(low if 2 * num_bins > spectra.shape[-1] else low.clone())
        ctx.save_for_backward(*kept)
        ctx.framing, ctx.banks = framing, banks
        ctx.set_materialize_grads(False)
        return tuple(
            framing.gather(parts, step=bank.step)
            for bank, parts in zip(banks, zip(*pooled, strict=True), strict=True)
        )

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, None, None, None, None]:
        framing: Framing = ctx.framing
        heard = [
            (bank, framing.split(gradient, bank.step))
            for bank, gradient in zip(ctx.banks, gradients, strict=True)
            if gradient is not None
        ]
        if not heard:
            return None, None, None, None, None
        parts = (
            _gradient(spectra, [(bank, next(gradients)) for bank, gradients in heard])
            for spectra in ctx.saved_tensors
        )
        return framing.waveform_gradient(parts), None, None, None, None


def _gradient(spectra: Tensor, heard: Sequence[tuple[Bank, Tensor]]) -> Tensor:
    """That of spectra `[examples, frames, bins]`, given those of what the banks made of them."""
    slopes: Tensor | None = None
    for bank, gradient in heard:
        expanded = bank.expand(gradient)
        if slopes is None and expanded.shape == spectra.shape:
            slopes = expanded
            continue
        if slopes is None:
            slopes = torch.zeros_like(spectra.real)
        slopes[:, :: bank.step, : bank.num_bins] += expanded
    assert slopes is not None
    return slopes.to(spectra.dtype).mul_(spectra)


@lru_cache(maxsize=32)
@torch.inference_mode(False)
def mel_filterbank(
    num_bands: int, fft_size: int, sample_rate: int, *, device: torch.device | str = "cpu"
) -> Tensor:
    """Triangles of unit area, evenly spaced in mel (O'Shaughnessy's formula), as `[num_bands, fft_size // 2 + 1]`.

    From 0 Hz to half the sample rate. Bands too narrow for the FFT take their nearest bin, so that none is empty.
    """
    top_mel = 2595.0 * torch.log10(torch.tensor(1.0 + sample_rate / 2 / 700.0, dtype=torch.float64))
    mels = torch.linspace(0.0, float(top_mel), num_bands + 2, dtype=torch.float64)
    edges_hz = 700.0 * (10.0 ** (mels / 2595.0) - 1.0)
    bins_hz = torch.linspace(0.0, sample_rate / 2, fft_size // 2 + 1, dtype=torch.float64)
    rising = (bins_hz - edges_hz[:-2, None]) / (edges_hz[1:-1] - edges_hz[:-2])[:, None]
    falling = (edges_hz[2:, None] - bins_hz) / (edges_hz[2:] - edges_hz[1:-1])[:, None]
    bank = torch.minimum(rising, falling).clamp_min(0.0)
    empty = bank.sum(dim=1) == 0
    nearest = torch.round(edges_hz[1:-1] / (sample_rate / fft_size)).long()
    bank[empty, nearest[empty]] = 1.0
    return (bank / bank.sum(dim=1, keepdim=True)).float().to(device)

"""What a filterbank hears in a waveform, from one spectrum for all banks that want the same."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from hocket.signal.banded import Banded
from hocket.signal.framing import Framing, hann
from hocket.signal.spectrum import power


class Bank:
    """Weights `[n, bins]` of the lowest bins of a spectrum, in short runs; applied to every `step`-th frame."""

    def __init__(self, weights: Tensor, *, fft_size: int, step: int = 1) -> None:
        self.num_bins, self.step = weights.shape[1], step
        self._weights = Banded(weights)
        # A square's gradient has a factor of two; the outermost bins are doubled as the way back wants them.
        slopes = 2.0 * weights
        slopes[:, :: fft_size // 2] *= 2.0
        self._slopes = Banded(slopes)

    def pool(self, energy: Tensor) -> Tensor:
        """What the bank hears in `[..., frames, bins]`, at every `step`-th frame: `[..., frames, n]`."""
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

"""Short-time spectra there and back, and filterbanks.

Inside, frames stand before bins: a Fourier transform leaves the bins of a frame side by side, and whatever works on
them in that order has nothing to move. `stft` and `istft` show the same numbers as the field writes them, bins first.
"""

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from hocket.signal.framing import Framing, hann

REFERENCE_RATE_HZ = 24_000
SMALLEST_ENVELOPE = 1e-11


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
    """The same as `[..., frames, fft_size // 2 + 1]`, as it lies in memory; its gradient has none of its own."""
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

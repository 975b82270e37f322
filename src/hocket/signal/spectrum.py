"""Short-time spectra and filterbanks."""

from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

REFERENCE_RATE_HZ = 24_000


def window_length(seconds_at_reference: int, sample_rate: int) -> int:
    """Scales a window or hop given in samples at 24 kHz to another rate, as an even number of samples."""
    return max(2, 2 * round(seconds_at_reference * sample_rate / REFERENCE_RATE_HZ / 2))


@lru_cache(maxsize=32)
@torch.inference_mode(False)
def hann(length: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """A periodic Hann window `[length]`, made once for each length, device and type."""
    return torch.hann_window(length, device=device, dtype=dtype)


def stft(waveform: Tensor, *, fft_size: int, hop: int) -> Tensor:
    """The complex spectrum of `[..., samples]`, as `[..., fft_size // 2 + 1, frames]`.

    Frames are centred on multiples of the hop, `1 + samples // hop` of them; the ends see zeros, so that any length
    works.
    """
    window = hann(fft_size, waveform.device, waveform.dtype)
    frames = F.pad(waveform, (fft_size // 2, fft_size // 2)).unfold(-1, fft_size, hop)
    spectrum: Tensor = RealFFT.apply(frames * window)
    return spectrum.transpose(-1, -2)


class RealFFT(torch.autograd.Function):
    """`torch.fft.rfft` whose gradient is one inverse real FFT; torch's own is a complex FFT of twice the size."""

    @staticmethod
    def forward(ctx: Any, frames: Tensor) -> Tensor:
        """Real `[..., n]` to complex `[..., n // 2 + 1]`, n even."""
        ctx.length = frames.shape[-1]
        return torch.fft.rfft(frames)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        """The adjoint: each bin but the first and the last stands for two of the full transform."""
        gradient = gradients[0].clone()
        gradient[..., 1:-1] *= 0.5
        return torch.fft.irfft(gradient, n=ctx.length, norm="forward")


def istft(spectrum: Tensor, *, fft_size: int, hop: int, length: int) -> Tensor:
    """The waveform `[..., length]` of a complex spectrum `[..., bins, frames]`; undoes `stft`."""
    window = hann(fft_size, spectrum.device, spectrum.real.dtype)
    flat = spectrum.reshape(-1, *spectrum.shape[-2:])
    waveform = torch.istft(flat, fft_size, hop, window=window, center=True, length=length)
    return waveform.reshape(*spectrum.shape[:-2], length)


def power(spectrum: Tensor) -> Tensor:
    """Squared magnitude, without the square root that has no gradient at zero."""
    return spectrum.real.square() + spectrum.imag.square()


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

"""Onset strength: how much new energy appears at each moment, which is what rhythm is made of."""

import torch
import torch.nn.functional as F
from scipy.ndimage import median_filter
from torch import Tensor

from hocket.signal.spectrum import istft, mel_filterbank, power, stft, window_length

NUM_BANDS = 128
WINDOW = 2048
HOP = 256
FLOOR_DB = 80.0
MEDIAN_FRAMES = 31
MEDIAN_BINS = 31


def onset_strength(waveform: Tensor, *, sample_rate: int) -> Tensor:
    """Half-wave rectified flux of the log mel spectrum, mean over bands: `[b, samples]` to `[b, frames]`, in dB >= 0.

    Window 2048 and hop 256 at 24 kHz, scaled to other rates; the floor is 80 dB under each example's loudest place.
    (Böck and Widmer 2013; the quantity is librosa's `onset_strength`, the code is not.)
    """
    fft_size, hop = window_length(WINDOW, sample_rate), window_length(HOP, sample_rate)
    return _flux(power(stft(waveform, fft_size=fft_size, hop=hop)), fft_size, sample_rate)


@torch.no_grad()
def harmonic_part(waveform: Tensor, *, sample_rate: int) -> Tensor:
    """What of `[b, samples]` is steady along time rather than broad along frequency, as `[b, samples]`.

    Median-filter separation with a soft mask (Fitzgerald 2010), for diagnosis: it has no gradient. The way back to a
    waveform matters: the flux of a masked spectrum itself is mostly that of the mask's holes.
    """
    fft_size, hop = window_length(WINDOW, sample_rate), window_length(2 * HOP, sample_rate)
    spectrum = stft(waveform, fft_size=fft_size, hop=hop)
    return istft(
        spectrum * harmonic_mask(spectrum.abs()), fft_size=fft_size, hop=hop, length=waveform.shape[-1]
    )


def harmonic_mask(magnitude: Tensor) -> Tensor:
    """Soft mask `[b, bins, frames]` in [0, 1] of what is steady along time rather than broad along frequency."""
    # torch's median over a sliding window takes twice as long as scipy's filter.
    array = magnitude.cpu().numpy()
    steady = torch.from_numpy(median_filter(array, size=(1, 1, MEDIAN_FRAMES), mode="reflect"))
    broad = torch.from_numpy(median_filter(array, size=(1, MEDIAN_BINS, 1), mode="reflect"))
    mask = steady.square() / (steady.square() + broad.square()).clamp_min(1e-20)
    return mask.to(magnitude.device)


def _flux(energy: Tensor, fft_size: int, sample_rate: int) -> Tensor:
    mel = mel_filterbank(NUM_BANDS, fft_size, sample_rate, device=energy.device) @ energy
    peak = mel.amax(dim=(-2, -1), keepdim=True).detach()
    floor = (peak * 10 ** (-FLOOR_DB / 10)).clamp_min(1e-10)
    level_db = 10.0 * torch.log10(torch.maximum(mel, floor))
    rise = F.relu(level_db[..., 1:] - level_db[..., :-1]).mean(dim=-2)
    return F.pad(rise, (1, 0))

"""Onset strength: how much new energy appears at each moment, which is what rhythm is made of."""

from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import median_filter
from torch import Tensor

from hocket.signal.bands import Bank, band_energies
from hocket.signal.spectrum import istft, mel_filterbank, stft, window_length

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
    bank = mel_bank(NUM_BANDS, fft_size, sample_rate, device=waveform.device)
    return flux(*band_energies(waveform, [bank], fft_size=fft_size, hop=hop))


@lru_cache(maxsize=16)
@torch.inference_mode(False)
def mel_bank(num_bands: int, fft_size: int, sample_rate: int, *, device: torch.device, step: int = 1) -> Bank:
    """`mel_filterbank`, to be applied to every `step`-th frame."""
    weights = mel_filterbank(num_bands, fft_size, sample_rate, device=device)
    return Bank(weights, fft_size=fft_size, step=step)


def running_median(values: np.ndarray, length: int) -> np.ndarray:
    """Median of `length` neighbours along the last axis of `[b, n, k]`, mirrored at the ends; `length` is odd.

    All rows of an example as one: scipy's filter for a single axis takes a tenth of the time of its other one, and of
    torch's median.
    """
    reach = length // 2
    padded = np.pad(values, ((0, 0), (0, 0), (reach, reach)), mode="symmetric")
    medians = [median_filter(example.ravel(), size=length).reshape(example.shape) for example in padded]
    return np.stack(medians)[..., reach:-reach]


def flux(mel: Tensor) -> Tensor:
    """Onset strength `[b, frames]` of mel energies `[b, frames, bands]`."""
    peak = mel.amax(dim=(-2, -1), keepdim=True).detach()
    floor = (peak * 10 ** (-FLOOR_DB / 10)).clamp_min(1e-10)
    level_db = 10.0 * torch.log10(torch.maximum(mel, floor))
    rise = F.relu(level_db[..., 1:, :] - level_db[..., :-1, :]).mean(dim=-1)
    return F.pad(rise, (1, 0))


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
    array = magnitude.cpu().numpy()
    steady = torch.from_numpy(running_median(array, MEDIAN_FRAMES))
    broad = torch.from_numpy(running_median(array.swapaxes(1, 2), MEDIAN_BINS)).transpose(1, 2)
    mask = steady.square() / (steady.square() + broad.square()).clamp_min(1e-20)
    return mask.to(magnitude.device)

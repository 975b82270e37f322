"""Short-time spectra and their bands in numpy, for looking at recordings in light processes without torch."""

from functools import lru_cache

import numpy as np
from scipy import fft
from scipy.sparse import csr_array

LOWEST_HZ, HIGHEST_HZ = 65.4, 2_093.0  # C2 to C7
WIDTH_SEMITONES = 0.3


def power_spectra(waveform: np.ndarray, *, window: int, hop: int) -> np.ndarray:
    """`[samples]` to float32 `[window // 2 + 1, frames]`, Hann windows that lie wholly inside the waveform."""
    if len(waveform) < window:
        return np.zeros((window // 2 + 1, 0), np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(waveform, window)[::hop]
    spectrum = fft.rfft(frames * _hann(window), axis=1)
    return np.ascontiguousarray((spectrum.real**2 + spectrum.imag**2).T)


def log_bands(power: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Sums of `[bins, frames]` between neighbouring edges (bins, ascending): `[len(edges) - 1, frames]`."""
    return np.add.reduceat(power[: edges[-1]], edges[:-1], axis=0)


@lru_cache(maxsize=4)
def log_edges(lowest_hz: float, highest_hz: float, count: int, window: int, sample_rate: int) -> np.ndarray:
    """`count` bins or fewer, evenly spaced in log frequency, no two of them equal."""
    return np.unique(np.round(np.geomspace(lowest_hz, highest_hz, count) * window / sample_rate).astype(int))


def pitch_classes(power: np.ndarray, *, window: int, sample_rate: int) -> np.ndarray:
    """`[bins, frames]` to `[12, frames]` (C first): magnitude in each pitch class, each frame's largest 1."""
    classes = _pitch_bank(window, sample_rate) @ np.sqrt(power)
    return np.asarray(classes / np.maximum(classes.max(axis=0, keepdims=True), 1e-6))


@lru_cache(maxsize=2)
def _hann(window: int) -> np.ndarray:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)).astype(np.float32)


@lru_cache(maxsize=2)
def _pitch_bank(window: int, sample_rate: int) -> csr_array:
    """Gaussians around the notes, of equal weight each, folded into classes: sparse `[12, bins]`."""
    # Sparse, because a dense product would start the linear algebra library's threads in every process.
    bins_hz = np.maximum(np.arange(window // 2 + 1) * sample_rate / window, 1.0)
    semitones = 12 * np.log2(bins_hz / LOWEST_HZ)
    bank = np.zeros((12, len(bins_hz)), np.float32)
    for note in range(round(12 * np.log2(HIGHEST_HZ / LOWEST_HZ)) + 1):
        weight = np.exp(-0.5 * ((semitones - note) / WIDTH_SEMITONES) ** 2)
        weight[np.abs(semitones - note) > 3 * WIDTH_SEMITONES] = 0.0
        bank[note % 12] += (weight / weight.sum()).astype(np.float32)
    return csr_array(bank)

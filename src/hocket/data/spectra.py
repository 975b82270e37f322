"""Short-time spectra and their bands in numpy, for fingerprints."""

from functools import lru_cache

import numpy as np
from scipy import fft

LONG_WINDOW, LONG_HOP = 16_384, 4_096


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


@lru_cache(maxsize=2)
def _hann(window: int) -> np.ndarray:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)).astype(np.float32)

"""Fusions that need no training: the bars that a trained model has to clear."""

from collections.abc import Callable

import librosa
import numpy as np
from librosa.decompose import hpss  # librosa loads its parts when first used; a timing should not hold that
from scipy.ndimage import gaussian_filter1d

from hocket.evaluation.conventions import at_level

FFT_SAMPLES = 2048
HOP_SAMPLES = 512
MARGIN = 3.0
LEVEL_RMS = 0.1  # of each part; any equal level scores alike
GATE_SMOOTHING_BINS = 40
GATE_PERCENTILE = 95
GATE_CEILING = 1.5

Baseline = Callable[[np.ndarray, np.ndarray, int], np.ndarray]


def overlay(input: np.ndarray, target: np.ndarray, sample_rate: int) -> np.ndarray:
    """Both recordings at once, at equal RMS: what a model that decides nothing gives.

    Shapes: `[samples]` each, equal lengths, like the output. The sample rate does not matter here.
    """
    return _sum_at_equal_level(input, target)


def layering(input: np.ndarray, target: np.ndarray, sample_rate: int) -> np.ndarray:
    """Percussive part of the input plus harmonic part of the target (HPSS, margin 3), at equal RMS.

    Shapes: `[samples]` each, equal lengths, like the output. The FFT of 2048 is meant for about 24 kHz.
    """
    struck, held = _percussive(_stft(input)), _harmonic(_stft(target))
    return _sum_at_equal_level(_istft(struck, len(input)), _istft(held, len(input)))


def gated_layering(input: np.ndarray, target: np.ndarray, sample_rate: int) -> np.ndarray:
    """Layering in which the target's part sounds, band by band, only where the input is loud.

    The gate is the input's magnitude, smoothed over frequency (Gaussian of 40 bins), over its own 95th
    percentile in each bin, capped at 1.5. Shapes and rate as in `layering`.
    """
    spectrum = _stft(input)
    held = _harmonic(_stft(target)) * _gate(np.abs(spectrum))
    return _sum_at_equal_level(_istft(_percussive(spectrum), len(input)), _istft(held, len(input)))


BASELINES: dict[str, Baseline] = {"overlay": overlay, "layering": layering, "gated_layering": gated_layering}


def _gate(magnitude: np.ndarray) -> np.ndarray:
    """Gains `[bins, frames]` in [0, 1.5]; a bin that is nearly always empty stays shut."""
    smooth = gaussian_filter1d(magnitude, GATE_SMOOTHING_BINS, axis=0)
    loud = np.broadcast_to(np.percentile(smooth, GATE_PERCENTILE, axis=1, keepdims=True), smooth.shape)
    gain = np.divide(smooth, loud, out=np.zeros_like(smooth), where=loud > 0)
    return np.minimum(gain, GATE_CEILING)


def _percussive(spectrum: np.ndarray) -> np.ndarray:
    return hpss(spectrum, margin=(1.0, MARGIN))[1]


def _harmonic(spectrum: np.ndarray) -> np.ndarray:
    return hpss(spectrum, margin=(MARGIN, 1.0))[0]


def _stft(waveform: np.ndarray) -> np.ndarray:
    return librosa.stft(waveform, n_fft=FFT_SAMPLES, hop_length=HOP_SAMPLES)


def _istft(spectrum: np.ndarray, num_samples: int) -> np.ndarray:
    return librosa.istft(spectrum, hop_length=HOP_SAMPLES, length=num_samples)


def _sum_at_equal_level(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return at_level(first, rms=LEVEL_RMS) + at_level(second, rms=LEVEL_RMS)

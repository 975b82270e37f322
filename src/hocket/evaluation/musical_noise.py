"""Musical noise: short tones out of nowhere, which hard time-frequency masks leave behind.

Two views of it. Isolated peaks are counted where they stand alone; the spectral kurtosis tells whether the power
of each bin comes in few large pieces (used for musical noise by Uemura et al., IWAENC 2008).
"""

from dataclasses import dataclass

import librosa
import numpy as np
from scipy.ndimage import maximum_filter

from hocket.evaluation.conventions import SAMPLE_RATE_HZ, at_level

FFT_SAMPLES = 1024
HOP_SAMPLES = 256
LEVEL_RMS = 0.1
POWER_FLOOR = 1e-9  # added to the power before the logarithm
CORE = (5, 3)  # bins, frames: a peak is the largest of these around it
SURROUNDINGS = (9, 7)  # bins, frames: without the core, the ring that it has to stand out of
RANGE_DB = 60.0  # under the file's maximum; what is weaker is not heard
PROMINENCE_DB = 10.0
KURTOSIS_BINS = slice(4, 400)  # 94 Hz to 9.4 kHz


@dataclass(frozen=True)
class MusicalNoise:
    """Both figures of one waveform."""

    isolated_peaks: float  # per second
    spectral_kurtosis: float


def musical_noise(waveform: np.ndarray) -> MusicalNoise:
    """Both figures of a mono waveform `[samples]` at 24 kHz; its level does not count."""
    power = power_spectrogram(waveform)
    return MusicalNoise(isolated_peaks(power), spectral_kurtosis(power))


def power_spectrogram(waveform: np.ndarray) -> np.ndarray:
    """Power `[513, frames]` of a waveform `[samples]` brought to RMS 0.1."""
    levelled = at_level(waveform, rms=LEVEL_RMS)
    return np.square(np.abs(librosa.stft(levelled, n_fft=FFT_SAMPLES, hop_length=HOP_SAMPLES)))


def isolated_peaks(power: np.ndarray) -> float:
    """Isolated peaks per second in a power spectrogram `[bins, frames]`, from 0 up; 0 for silence.

    A peak is the maximum of the 5 bins by 3 frames around it, lies within 60 dB of the file's maximum, and
    exceeds all that is around those, up to 9 bins by 7 frames, by more than 10 dB. Beyond the edges there is
    nothing.
    """
    if not power.any():
        return 0.0
    level_db = 10 * np.log10(power + POWER_FLOOR)
    peaks = level_db == maximum_filter(level_db, size=CORE, mode="constant", cval=-np.inf)
    around_db = maximum_filter(level_db, footprint=_ring(), mode="constant", cval=-np.inf)
    heard = level_db > level_db.max() - RANGE_DB
    count = np.count_nonzero(peaks & heard & (level_db > around_db + PROMINENCE_DB))
    return count * SAMPLE_RATE_HZ / (HOP_SAMPLES * power.shape[1])


def spectral_kurtosis(power: np.ndarray) -> float:
    """Mean over the bins of `ln E[(p / E p)²]` over time, of a power spectrogram `[bins, frames]`; from 0 up.

    0 for a steady tone in each bin, ln 2 = 0.69 for Gaussian noise; bins in which nothing sounds count as
    steady.
    """
    chosen = power[KURTOSIS_BINS].astype(np.float64)
    mean = chosen.mean(axis=1)
    spread = np.square(chosen).mean(axis=1)
    ratio = np.divide(spread, np.square(mean), out=np.ones_like(mean), where=mean > 0)
    return float(np.mean(np.log(ratio)))


def _ring() -> np.ndarray:
    """Footprint `[bins, frames]` of what surrounds a peak."""
    ring = np.ones(SURROUNDINGS, dtype=bool)
    bins, frames = ((outer - inner) // 2 for outer, inner in zip(SURROUNDINGS, CORE, strict=True))
    ring[bins:-bins, frames:-frames] = False
    return ring

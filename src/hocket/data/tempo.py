"""The tempo of a piece of music and how sure it is: a comb over the autocorrelation of its attacks."""

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.ndimage import gaussian_filter1d

SLOWEST_BPM, FASTEST_BPM = 45.0, 220.0
USUAL_BPM, SPREAD_OCTAVES = 115.0, 0.8
NUM_PERIODS = 400
NUM_MULTIPLES = 4
# How far attacks may lie from where the tempo wants them and still count as alike: people play.
PLAY_SECONDS = 0.021
MIN_SECONDS = 3.0


def find_tempo(strength: np.ndarray, *, frames_a_second: float) -> tuple[float, float]:
    """Beats a minute and a confidence in [0, 1] from onset strength `[frames]`; (0, 0) where there is nothing to say.

    The confidence is how alike the strength is one to four beats apart. Which multiple of the beat is counted is a
    matter of taste; a Gaussian around 115 beats a minute, 0.8 octaves wide, decides.
    """
    if len(strength) < MIN_SECONDS * frames_a_second or strength.std() < 1e-6:
        return 0.0, 0.0
    likeness = _autocorrelation(gaussian_filter1d(strength, PLAY_SECONDS * frames_a_second))
    longest = min(0.7 * len(strength), len(likeness) - 1)
    bpm = np.geomspace(SLOWEST_BPM, FASTEST_BPM, NUM_PERIODS)
    lags = 60.0 * frames_a_second / bpm * np.arange(1, NUM_MULTIPLES + 1)[:, None]
    heard = lags < longest
    found = np.where(heard, np.interp(lags, np.arange(len(likeness)), likeness), 0.0)
    clarity = np.maximum(found.sum(axis=0) / np.maximum(heard.sum(axis=0), 1), 0.0)
    usual = np.exp(-0.5 * (np.log2(bpm / USUAL_BPM) / SPREAD_OCTAVES) ** 2)
    best = int(np.argmax(clarity * usual))
    return float(bpm[best]), float(min(clarity[best], 1.0))


def _autocorrelation(strength: np.ndarray) -> np.ndarray:
    """Correlation of the strength with itself `[lags]`, each lag over the frames that overlap, in [-1, 1]."""
    centred = strength - strength.mean()
    size = next_fast_len(2 * len(centred), real=True)
    product = irfft(np.abs(rfft(centred, size)) ** 2, size)[: len(centred)]
    energy = np.cumsum(centred**2)
    late = energy[-1] - np.concatenate([[0.0], energy[:-1]])
    return np.asarray(product / np.maximum(np.sqrt(energy[::-1] * late), 1e-12 * energy[-1] + 1e-30))

"""NMF-inspired audio mosaicing: the target's grains, chosen so that together they follow the input.

Driedger, Prätzlich and Müller, "Let It Bee: Towards NMF-inspired audio mosaicing", ISMIR 2015. The templates
are the target's frames and stay as they are; only their activations are learned, and three restrictions keep
the target recognisable in the result.
"""

import librosa
import numpy as np
from scipy.ndimage import maximum_filter1d

FFT_SAMPLES = 2048
HOP_SAMPLES = 1024
NUM_ITERATIONS = 20
REPETITION_FRAMES = 3  # a grain sounds at most once within so many frames to either side
POLYPHONY = 10  # grains at a time
CONTINUITY_FRAMES = 3  # to either side along the diagonal: neighbouring grains follow one another
SEED = 0
# Time and memory grow with the square of the number of frames, so longer recordings are done in stretches.
STRETCH_FRAMES = 1400
_FLOOR = 1e-9
_SILENT = 1e-6  # of the loudest grain: a quieter one would be blown up into noise


def nmf_mosaicing(input: np.ndarray, target: np.ndarray, sample_rate: int) -> np.ndarray:
    """The target's short-time spectra, rearranged and mixed so that they approximate the input's.

    Shapes: `[samples]` each, equal lengths, like the output. The target's phases are kept, as its grains'.
    Each stretch of a minute is made of the same stretch of the target.
    """
    wanted, grains = _stft(input), _stft(target)
    stretches = [slice(start, start + STRETCH_FRAMES) for start in range(0, wanted.shape[1], STRETCH_FRAMES)]
    mosaic = [_mosaic(np.abs(wanted[:, stretch]), grains[:, stretch]) for stretch in stretches]
    return librosa.istft(np.concatenate(mosaic, axis=1), hop_length=HOP_SAMPLES, length=len(input))


def _mosaic(wanted: np.ndarray, grains: np.ndarray) -> np.ndarray:
    """Complex spectrogram `[bins, frames]` of grains of unit weight times their activations."""
    weights = np.abs(grains).sum(axis=0)
    audible = weights > weights.max() * _SILENT
    sounding = grains[:, audible] / weights[audible]
    return sounding @ activations(wanted=wanted, templates=np.abs(sounding))


def activations(*, wanted: np.ndarray, templates: np.ndarray) -> np.ndarray:
    """Activations `[templates, frames]` with which the templates `[bins, templates]` approximate `[bins, frames]`.

    Multiplicative updates for the Kullback-Leibler divergence (Lee and Seung 2000), each after the three
    restrictions, whose grip tightens from iteration to iteration until it is full in the last one.
    """
    share = np.random.default_rng(SEED).random((templates.shape[1], wanted.shape[1]), dtype=np.float32)
    for iteration in range(NUM_ITERATIONS):
        damping = np.float32(1 - (iteration + 1) / NUM_ITERATIONS)
        share = without_repetition(share, damping)
        share = without_crowding(share, damping)
        share = along_diagonals(share)
        ratio = wanted / (templates @ share + np.float32(_FLOOR))
        share *= templates.T @ ratio  # the templates sum to 1, which is the update's divisor
    return share


def without_repetition(share: np.ndarray, damping: np.float32) -> np.ndarray:
    """Damps each activation `[templates, frames]` that is not the largest of its template within ±3 frames."""
    largest = maximum_filter1d(share, 2 * REPETITION_FRAMES + 1, axis=1, mode="constant")
    return np.where(share >= largest, share, share * damping)


def without_crowding(share: np.ndarray, damping: np.float32) -> np.ndarray:
    """Damps in each frame all activations `[templates, frames]` but the 10 largest."""
    if len(share) <= POLYPHONY:
        return share
    least = np.partition(share, -POLYPHONY, axis=0)[-POLYPHONY]
    return np.where(share >= least, share, share * damping)


def along_diagonals(share: np.ndarray) -> np.ndarray:
    """Sums activations `[templates, frames]` over ±3 steps to the next template and the next frame at once."""
    total = share.copy()
    for step in range(1, min(CONTINUITY_FRAMES + 1, *share.shape)):
        total[step:, step:] += share[:-step, :-step]
        total[:-step, :-step] += share[step:, step:]
    return total


def _stft(waveform: np.ndarray) -> np.ndarray:
    return librosa.stft(waveform, n_fft=FFT_SAMPLES, hop_length=HOP_SAMPLES)

"""Harmony by librosa's constant-Q chroma, on the whole signal and on its harmonic part."""

from collections.abc import Sequence

import librosa
import numpy as np
from scipy.ndimage import median_filter, uniform_filter1d

from hocket.evaluation.conventions import SAMPLE_RATE_HZ, expected_warnings

CHROMA_HOP_SAMPLES = 512
SMOOTHING_FRAMES = 23  # 0.49 s: about a beat, so that the moment of a chord's attack does not count
MEDIAN_BINS = 31  # librosa's own kernel
HARMONY_MARGIN = 4.0
ARTICULATION_MARGIN = 1.0


def harmonic_parts(waveform: np.ndarray, *, margins: Sequence[float]) -> list[np.ndarray]:
    """The harmonic part of a waveform `[samples]` for each margin: what `librosa.effects.harmonic` gives.

    Median-filter separation (Fitzgerald, DAFx 2010; margins: Driedger, Müller and Disch, ISMIR 2014). Two
    margins are asked of every signal and nearly all the time goes into the medians, so those are taken once
    for all of them.
    """
    magnitude, phase = librosa.magphase(librosa.stft(waveform))
    steady = median_filter(magnitude, size=(1, MEDIAN_BINS), mode="reflect")
    struck = median_filter(magnitude, size=(MEDIAN_BINS, 1), mode="reflect")
    parts = []
    for margin in margins:
        mask = librosa.util.softmask(steady, struck * margin, power=2.0, split_zeros=margin == 1.0)
        parts.append(librosa.istft((magnitude * mask) * phase, dtype=waveform.dtype, length=len(waveform)))
    return parts


def raw_chroma(waveform: np.ndarray) -> np.ndarray:
    """Chroma `[12, frames]` from 0 to 1, the largest class of each frame at 1; silent frames hold zeros."""
    with expected_warnings():
        return librosa.feature.chroma_cqt(y=waveform, sr=SAMPLE_RATE_HZ, hop_length=CHROMA_HOP_SAMPLES)


def smoothed_chroma(chroma: np.ndarray) -> np.ndarray:
    """Chroma `[12, frames]`, averaged over 23 frames, with the mean over the classes taken off each frame.

    Without the mean, any two chroma vectors are similar because all their entries are positive.
    """
    smooth = uniform_filter1d(chroma, SMOOTHING_FRAMES, axis=-1, mode="nearest")
    return smooth - smooth.mean(axis=0, keepdims=True)


def chroma_cosine(*, output: np.ndarray, reference: np.ndarray) -> float:
    """Cosine of two centred chromagrams `[12, frames]` per frame, averaged over the frames; in [-1, 1].

    A frame without pitch classes in either (silence) agrees with nothing and counts as 0.
    """
    dots = (output * reference).sum(axis=0, dtype=np.float64)
    norms = np.linalg.norm(output, axis=0) * np.linalg.norm(reference, axis=0)
    return float(np.mean(np.divide(dots, norms, out=np.zeros_like(dots), where=norms > 1e-9)))

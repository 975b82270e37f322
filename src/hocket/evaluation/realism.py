"""The distance of outputs from real whole mixes: a kernel distance between descriptions of three-second windows."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import librosa
import numpy as np

from hocket.audio import find_audio_files
from hocket.errors import DataError
from hocket.evaluation.conventions import SAMPLE_RATE_HZ, at_level, read_folded, require_length

LEVEL_RMS = 0.1
FFT_SAMPLES, HOP_SAMPLES, NUM_BANDS = 1024, 480, 40
FRAME_RATE = SAMPLE_RATE_HZ // HOP_SAMPLES
WINDOW_FRAMES, STEP_FRAMES = 3 * FRAME_RATE, 3 * FRAME_RATE // 2
NUM_GROUPS = 8
POWER_FLOOR = 1e-5
MODULATION_EDGES = (1, 4, 7, 13, 25, 49)
"""Of bands of a window's modulation spectrum, in steps of a third of a hertz."""
NUM_RIPPLES = 11
KEPT_VARIANCE = 0.95
LEAST_WINDOWS = 16


def describe_windows(waveform: np.ndarray) -> np.ndarray:
    """Describes windows of 3 s of a waveform `[samples]` at 24 kHz, `[windows, 199]`; they overlap by half.

    Mean, spread and rise of each mel band, how quickly groups of bands beat, how much groups beat together, and how
    finely the spectrum is structured. A recording shorter than a window is one window.
    """
    power = librosa.feature.melspectrogram(
        y=at_level(waveform, rms=LEVEL_RMS),
        sr=SAMPLE_RATE_HZ,
        n_fft=FFT_SAMPLES,
        hop_length=HOP_SAMPLES,
        n_mels=NUM_BANDS,
    )
    levels = np.log(power + POWER_FLOOR)
    if levels.shape[1] < WINDOW_FRAMES:
        levels = np.pad(levels, ((0, 0), (0, WINDOW_FRAMES - levels.shape[1])), mode="wrap")
    starts = range(0, levels.shape[1] - WINDOW_FRAMES + 1, STEP_FRAMES)
    return np.stack([_described(levels[:, start : start + WINDOW_FRAMES]) for start in starts])


def _described(levels: np.ndarray) -> np.ndarray:
    """The figures `[199]` of log powers `[40, frames]`."""
    means, rises = levels.mean(axis=1), np.maximum(np.diff(levels, axis=1), 0).mean(axis=1)
    groups = levels.reshape(NUM_GROUPS, -1, levels.shape[1]).mean(axis=1)
    centred = groups - groups.mean(axis=1, keepdims=True)
    spectrum = np.abs(np.fft.rfft(centred, axis=1))
    beating = [spectrum[:, low:high].mean(axis=1) for low, high in pairwise(MODULATION_EDGES)]
    norms = np.linalg.norm(centred, axis=1)
    products = np.outer(norms, norms)
    together = np.divide(centred @ centred.T, products, out=np.zeros_like(products), where=products > 1e-9)
    ripples = np.abs(np.fft.rfft((levels - means[:, np.newaxis]).T, axis=1))[:, 1 : 1 + NUM_RIPPLES]
    return np.concatenate(
        [
            means,
            levels.std(axis=1),
            rises,
            np.log(np.stack(beating, axis=1) + 0.1).ravel(),
            together[np.triu_indices(NUM_GROUPS, 1)],
            np.log(ripples.mean(axis=0) + 1e-3),
        ]
    )


@dataclass(frozen=True, eq=False)
class Mixes:
    """Real whole mixes as reference: their windows `[windows, 199]`."""

    windows: np.ndarray

    @classmethod
    def read(cls, folder: Path) -> "Mixes":
        """Describes all recordings of a folder.

        Raises:
            AudioError: one of them cannot be read or is shorter than 1 s.
            DataError: there is no such folder, or less music than 30 s in it.
        """
        windows = []
        for path in find_audio_files(folder):
            waveform = read_folded(path)
            require_length(waveform, name=str(path))
            windows.append(describe_windows(waveform))
        if sum(map(len, windows)) < LEAST_WINDOWS:
            raise DataError(
                f"{folder} contains too little music to compare with: give a folder of complete recordings, "
                "at least a minute in total."
            )
        return cls(np.concatenate(windows))

    def distance(self, outputs: Sequence[np.ndarray]) -> float:
        """The squared maximum mean discrepancy times 100, unbiased, with a Gaussian kernel; about 0 for real mixes.

        `outputs` are the windows `[windows, 199]` of a system's outputs. Gretton et al. 2012; for audio: Chung et al.
        2025. With fewer than two windows there is no estimate, which is NaN.
        """
        given = self._embedded(np.concatenate(outputs))
        if len(given) < 2:
            return float("nan")
        own, other = self._kernel(given, given), self._kernel(self._reference, self._reference)
        between = self._kernel(given, self._reference)
        return float(100 * (_off_diagonal_mean(own) + _off_diagonal_mean(other) - 2 * between.mean()))

    def _kernel(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return np.exp(-_squared_distances(first, second) / (2 * self._bandwidth**2))

    @cached_property
    def _bandwidth(self) -> float:
        """The median distance between two windows of the reference."""
        squares = _squared_distances(self._reference, self._reference)
        return float(np.sqrt(np.median(squares[np.triu_indices(len(squares), 1)])))

    @cached_property
    def _reference(self) -> np.ndarray:
        return self._embedded(self.windows)

    def _embedded(self, windows: np.ndarray) -> np.ndarray:
        return ((windows - self._means) / self._spreads) @ self._axes

    @cached_property
    def _means(self) -> np.ndarray:
        return self.windows.mean(axis=0)

    @cached_property
    def _spreads(self) -> np.ndarray:
        return self.windows.std(axis=0) + 1e-6

    @cached_property
    def _axes(self) -> np.ndarray:
        """Directions `[199, axes]` that hold 95 % of the reference's variance."""
        _, sizes, axes = np.linalg.svd((self.windows - self._means) / self._spreads, full_matrices=False)
        shares = np.cumsum(sizes**2) / np.sum(sizes**2)
        return axes[: int(np.searchsorted(shares, KEPT_VARIANCE)) + 1].T


def _squared_distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    squares = (first**2).sum(axis=1)[:, np.newaxis] + (second**2).sum(axis=1) - 2 * first @ second.T
    return np.maximum(squares, 0.0)


def _off_diagonal_mean(kernel: np.ndarray) -> float:
    size = len(kernel)
    return float((kernel.sum() - np.trace(kernel)) / (size * (size - 1)))

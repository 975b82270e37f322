"""The chord of each stretch of a recording: one of 24 triads or none, from its chroma."""

from collections.abc import Iterable

import numpy as np
import torch

from hocket.signal.harmony import HOP, chroma
from hocket.signal.loudness import TARGET_RMS
from hocket.signal.spectrum import window_length

TRIADS = 24
NO_CHORD = -1
# Semitones above the root, by mode: sevenths count as the triads in them.
SHAPES = ((0, (0, 4, 7)), (0, (0, 4, 7, 10)), (0, (0, 4, 7, 11)), (1, (0, 3, 7)), (1, (0, 3, 7, 10)))
SEVENTH = 0.7
# In cosines. On 24 rendered songs a cost of 0.1 named 95 % of the time rightly, 0.2 90 %; without sevenths it was 85 %.
# Drums reach 0.64 (95 of 100 stretches), music has more (98 of 100).
CHANGE_COST = 0.1
NONE_COSINE = 0.63
# A stretch this far below the loudest has no chord: what is left there is reverberation and noise.
QUIET_SHARE = 1e-4


def stretch_chroma(
    parts: Iterable[np.ndarray], edges_seconds: np.ndarray, *, sample_rate: int
) -> tuple[np.ndarray, np.ndarray]:
    """The mean chroma `[12, stretches]` and power `[stretches]` between successive edges, ascending.

    `parts` are the recording's samples in mono, part by part, `[samples]` each.
    """
    hop = window_length(HOP, sample_rate)
    num_stretches = len(edges_seconds) - 1
    total, power, count, start = (
        np.zeros((12, num_stretches)),
        np.zeros(num_stretches),
        np.zeros(num_stretches),
        0,
    )
    for samples in parts:
        gain = TARGET_RMS / max(float(np.sqrt(np.mean(samples**2))), 1e-6)
        frames = (
            chroma(torch.as_tensor(gain * samples).float()[None], sample_rate=sample_rate)[0].double().numpy()
        )
        energy = np.add.reduceat(samples.astype(np.float64) ** 2, np.arange(0, len(samples), hop))
        times = (start + hop * np.arange(frames.shape[1])) / sample_rate
        places = np.clip(np.searchsorted(edges_seconds, times, side="right") - 1, 0, num_stretches - 1)
        for place, frame, level in zip(places, frames.T, np.resize(energy, len(times)), strict=True):
            total[:, place] += frame
            power[place] += level
            count[place] += 1
        start += len(samples)
    return total / np.maximum(count, 1), power / np.maximum(count, 1)


def find_chords(classes: np.ndarray, power: np.ndarray) -> np.ndarray:
    """The most likely triad of each stretch from `stretch_chroma`: 0 to 11 major from C up, 12 to 23 minor.

    `NO_CHORD` where nothing sounds or no triad stands out. Cosines with the triads, and the best path in which chords
    tend to stay (Viterbi).
    """
    norms, templates = np.linalg.norm(classes, axis=0), _templates()
    cosines = templates.reshape(-1, 12) @ (classes / np.maximum(norms, 1e-9))
    shapes = cosines.reshape(len(SHAPES), 12, -1)
    modes = [
        np.max([fit for (own, _), fit in zip(SHAPES, shapes, strict=True) if own == mode], 0)
        for mode in (0, 1)
    ]
    quiet = (power <= QUIET_SHARE * power.max(initial=0.0)) | (norms < 1e-9)
    path = _best_path(np.vstack([*modes, np.where(quiet, 2.0, NONE_COSINE)]))
    return np.where(path == TRIADS, NO_CHORD, path)


def _best_path(fits: np.ndarray) -> np.ndarray:
    """The row of each column `[columns]` with the largest sum, where each change of row costs something."""
    score, before = np.zeros(len(fits)), np.empty(fits.shape, dtype=np.int64)
    for column in range(fits.shape[1]):
        best = int(score.argmax())
        moved = score[best] - CHANGE_COST > score
        before[:, column] = np.where(moved, best, np.arange(len(fits)))
        score = np.where(moved, score[best] - CHANGE_COST, score) + fits[:, column]
    path = np.empty(fits.shape[1], dtype=np.int64)
    row = int(score.argmax())
    for column in reversed(range(fits.shape[1])):
        path[column] = row
        row = int(before[row, column])
    return path


def _templates() -> np.ndarray:
    """All shapes on all roots, `[shapes, 12 roots, 12]`, each of norm 1."""
    shapes = np.zeros((len(SHAPES), 12))
    for shape, (_, steps) in zip(shapes, SHAPES, strict=True):
        shape[list(steps)] = (1.0, 1.0, 1.0, SEVENTH)[: len(steps)]
    shapes /= np.linalg.norm(shapes, axis=1, keepdims=True)
    return np.stack([np.roll(shapes, root, axis=1) for root in range(12)], axis=1)

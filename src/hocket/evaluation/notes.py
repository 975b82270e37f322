"""The notes of a recording as a network hears them that nothing here was tuned to: basic-pitch (Bittner et al. 2022).

The weights lie next to this file with their licence, 230 kB; running them needs onnxruntime.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from typing import Any

import librosa
import numpy as np
import soxr
from scipy.ndimage import maximum_filter1d, uniform_filter1d

from hocket.evaluation.conventions import SAMPLE_RATE_HZ, at_level
from hocket.evaluation.waveform import correlation

MISSING = "note scores need onnxruntime (not installed): run pip install 'hocket[eval]'"

NETWORK_RATE_HZ, HOP_SAMPLES = 22_050, 256
FRAME_RATE = NETWORK_RATE_HZ / HOP_SAMPLES
WINDOW_SAMPLES, WINDOW_FRAMES, OVERLAP_FRAMES = 43_844, 172, 30
LEVEL_RMS = 0.1
NUM_PITCHES, LOWEST_CLASS = 88, 9  # from A0 up; classes are counted from C

SOUNDING = 0.3
"""Posterior from which a note counts as heard."""
POOL_FRAMES = round(0.5 * FRAME_RATE)
ONSET_SMOOTHING_FRAMES = 3


def is_available() -> bool:
    """True if the network can be run here."""
    return find_spec("onnxruntime") is not None


@dataclass(frozen=True)
class Notes:
    """Posteriors in [0, 1], `[frames, 88]` from A0 up, 86 frames a second: that a note sounds, and that it begins.

    `onset_strength` `[frames]` is librosa's, of all that is struck, on the same frames.
    """

    sounding: np.ndarray
    beginning: np.ndarray
    onset_strength: np.ndarray


def hear_notes(waveform: np.ndarray) -> Notes:
    """The notes of a waveform `[samples]` at 24 kHz, brought to one level first; windows overlap by 30 frames.

    Silence has no notes, whatever the network makes of it.
    """
    num_frames = len(waveform) * NETWORK_RATE_HZ // SAMPLE_RATE_HZ // HOP_SAMPLES
    if not waveform.any():
        silence = np.zeros((num_frames, NUM_PITCHES), dtype=np.float32)
        return Notes(silence, silence, silence[:, 0])
    resampled = soxr.resample(at_level(waveform, rms=LEVEL_RMS), SAMPLE_RATE_HZ, NETWORK_RATE_HZ)
    step = WINDOW_SAMPLES - OVERLAP_FRAMES * HOP_SAMPLES
    margin = OVERLAP_FRAMES // 2
    padded = np.pad(resampled.astype(np.float32), (margin * HOP_SAMPLES, WINDOW_SAMPLES))
    heard: tuple[list[np.ndarray], list[np.ndarray]] = [], []
    for start in range(0, len(resampled), step):
        window = padded[start : start + WINDOW_SAMPLES]
        for kept, plane in zip(heard, _run(window), strict=True):
            kept.append(plane[margin : WINDOW_FRAMES - margin])
    sounding, beginning = (np.concatenate(planes)[:num_frames] for planes in heard)
    strength = librosa.onset.onset_strength(y=resampled, sr=NETWORK_RATE_HZ, hop_length=HOP_SAMPLES)
    return Notes(sounding, beginning, strength[:num_frames])


def _run(window: np.ndarray) -> list[np.ndarray]:
    """Both planes `[172, 88]` of one window."""
    outputs = _network().run(
        ["StatefulPartitionedCall:1", "StatefulPartitionedCall:2"],
        {"serving_default_input_2:0": window[np.newaxis, :, np.newaxis]},
    )
    return [plane[0] for plane in outputs]


@cache
def _network() -> Any:
    from hocket.onnx_runtime import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    weights = files("hocket.evaluation").joinpath("basic_pitch/nmp.onnx").read_bytes()
    return onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])


def score_notes(*, output: Notes, input: Notes, target: Notes) -> dict[str, float]:
    """Scores the notes of an output.

    `note_recall` and `note_precision` are of the target's notes, each pitch in pools of half a second. The
    `note_margin` is in [-2, 2]. `foreign_notes` is the share of the output's note activity on pitch classes that the
    target does not sound within half a second. `struck_margin` says how much more the output's notes begin where the
    input is struck than where the target's own notes begin. What a silent output has no notes for is 0.
    """
    heard, wanted = (_pooled(notes.sounding) > SOUNDING for notes in (output, target))
    common = (heard & wanted).sum()
    return {
        "note_recall": float(common / max(1, wanted.sum())),
        "note_precision": float(common / max(1, heard.sum())),
        "note_margin": _likeness(output, target, target) - _likeness(output, input, target),
        "foreign_notes": _foreign(output, target),
        "struck_margin": _struck(output, input.onset_strength)
        - _struck(output, target.beginning.sum(axis=1)),
    }


def _pooled(sounding: np.ndarray) -> np.ndarray:
    """The largest of each half second `[pools, 88]`."""
    starts = np.arange(0, len(sounding), POOL_FRAMES)
    return np.maximum.reduceat(sounding, starts, axis=0)


def _likeness(output: Notes, reference: Notes, weights: Notes) -> float:
    """Cosine per frame of smoothed and centred posteriors, its mean weighted by how much `weights` sounds."""
    first, second = (_centred(notes.sounding) for notes in (output, reference))
    dots = (first * second).sum(axis=1)
    norms = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    cosines = np.divide(dots, norms, out=np.zeros_like(dots), where=norms > 1e-9)
    weight = _smoothed(weights.sounding).sum(axis=1)
    return float((cosines * weight).sum() / max(weight.sum(), 1e-9))


def _centred(sounding: np.ndarray) -> np.ndarray:
    smooth = _smoothed(sounding)
    return smooth - smooth.mean(axis=1, keepdims=True)


def _smoothed(sounding: np.ndarray) -> np.ndarray:
    return uniform_filter1d(sounding, POOL_FRAMES, axis=0, mode="nearest")


def _foreign(output: Notes, target: Notes) -> float:
    heard, there = (_of_classes(notes.sounding) for notes in (output, target))
    activity = np.where(heard > SOUNDING, heard, 0.0)
    near = maximum_filter1d(there, 2 * POOL_FRAMES + 1, axis=0) > SOUNDING
    return float(activity[~near].sum() / max(activity.sum(), 1e-9))


def _of_classes(sounding: np.ndarray) -> np.ndarray:
    """The largest posterior of each pitch class `[frames, 12]`, from C."""
    classes = (np.arange(NUM_PITCHES) + LOWEST_CLASS) % 12
    return np.stack([sounding[:, classes == number].max(axis=1) for number in range(12)], axis=1)


def _struck(output: Notes, struck: np.ndarray) -> float:
    """Pearson correlation of when notes begin with another series `[frames]`, both smoothed over 35 ms."""
    beginning = output.beginning.sum(axis=1)
    num_frames = min(len(beginning), len(struck))
    smooth = [uniform_filter1d(series[:num_frames], ONSET_SMOOTHING_FRAMES) for series in (beginning, struck)]
    return correlation(output=smooth[0], reference=smooth[1])

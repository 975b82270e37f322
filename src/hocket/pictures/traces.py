"""From waveforms to as many numbers as a picture has columns."""

import numpy as np
import torch
from scipy.signal import find_peaks

from hocket.signal import chroma, onset_strength

ATTACK_SHARE = 0.3
ATTACK_GAP_SECONDS = 0.08
PITCH_CLASSES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
MOST_GUIDES = 120
"""More attacks of a source in the output's track would be a grey wall."""


def envelope(
    waveform: np.ndarray, sample_rate: int, *, num_columns: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times in seconds, lowest and highest sample of at most `num_columns` equal stretches of `[samples]`."""
    edges = np.linspace(0, len(waveform), min(num_columns, len(waveform)) + 1).astype(int)
    low = np.minimum.reduceat(waveform, edges[:-1])
    high = np.maximum.reduceat(waveform, edges[:-1])
    return (edges[:-1] + edges[1:]) / 2 / sample_rate, low, high


def onsets_of(waveform: np.ndarray, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Times in seconds and onset strength `[frames]` of a mono waveform, in [0, 1].

    The strongest frames of two hundred count as 1, so that one beginning out of silence does not flatten the rest.
    """
    strength = onset_strength(_batch(waveform), sample_rate=sample_rate)[0].numpy()
    hop_seconds = len(waveform) / sample_rate / max(len(strength) - 1, 1)
    strong = max(float(np.quantile(strength, 0.995)), 0.1 * float(strength.max()), 1e-9)
    return np.arange(len(strength)) * hop_seconds, np.minimum(strength / strong, 1.0)


def thin(seconds: np.ndarray, values: np.ndarray, *, num_columns: int) -> tuple[np.ndarray, np.ndarray]:
    """At most `num_columns` points of a curve, the highest value of each stretch."""
    if len(values) <= num_columns:
        return seconds, values
    starts = np.linspace(0, len(values), num_columns, endpoint=False).astype(int)
    return seconds[starts], np.maximum.reduceat(values, starts)


def find_attacks(seconds: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """Which frames are attacks: peaks that rise by three tenths of the strongest, at least 80 ms apart."""
    frames_per_second = (len(seconds) - 1) / max(float(seconds[-1]), 1e-9)
    peaks, _ = find_peaks(
        strength, prominence=ATTACK_SHARE, distance=max(1, round(ATTACK_GAP_SECONDS * frames_per_second))
    )
    return np.asarray(peaks)


def chroma_of(waveform: np.ndarray, sample_rate: int) -> tuple[np.ndarray, float]:
    """How far each pitch class stands out in a mono waveform, and the seconds from frame to frame.

    Chroma above its mean over the classes, as the harmony margin sees it: `[12, frames]` in [0, 1].
    """
    values = chroma(_batch(waveform), sample_rate=sample_rate)[0].numpy()
    above = np.clip(values - values.mean(axis=0), 0.0, None) / (11 / 12)
    return above, len(waveform) / sample_rate / max(values.shape[1] - 1, 1)


def _batch(waveform: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.array(waveform, dtype=np.float32))[None]

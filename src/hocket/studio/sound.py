"""Recordings as browsers play and draw them."""

import numpy as np

from hocket.audio.streams import Recording
from hocket.audio.views import folded

NUM_PEAKS = 1200
PLAYED, EXACT = "played.wav", "exact.wav"
"""16 bits for players, and the samples as they are (float32)."""


class Played(Recording):
    """A recording for players: never beyond full scale, more than two channels folded to one."""

    def __init__(self, source: Recording, *, highest: float) -> None:
        self._source = source if source.num_channels <= 2 else folded(source)
        self._gain = np.float32(1.0 / max(highest, 1.0))
        self.sample_rate, self.num_samples = source.sample_rate, source.num_samples
        self.num_channels = self._source.num_channels

    def read(self, start: int, stop: int) -> np.ndarray:
        """See `Recording`."""
        return self._source.read(start, stop) * self._gain


def measure(source: Recording) -> tuple[list[float], float, float]:
    """What is drawn of a recording, at most 1200 magnitudes in [0, 1]; its root mean square; its peak."""
    count = min(NUM_PEAKS, source.num_samples)
    edges = np.linspace(0, source.num_samples, count + 1).astype(int)
    peaks, energy = np.zeros(count), 0.0
    for start, stop in source.spans():
        block = source.read(start, stop)
        energy += float(np.square(block, dtype=np.float64).sum())
        magnitude = np.abs(block).max(axis=0)
        first, last = np.searchsorted(edges, start, "right") - 1, np.searchsorted(edges[:-1], stop)
        places = np.maximum(edges[first:last] - start, 0)
        peaks[first:last] = np.maximum(peaks[first:last], np.maximum.reduceat(magnitude, places))
    highest = float(peaks.max())
    rms = float(np.sqrt(energy / (source.num_samples * source.num_channels)))
    return np.round(peaks / max(highest, 1.0), 4).tolist(), rms, highest

"""Recordings made of others as they are read: without what cannot be heard, in other channels, at another rate."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from hocket.audio.resampling import resample, resampled_length, source_span
from hocket.audio.streams import Recording
from hocket.hearing import LowBand, cancels, low_band


def audible(source: Recording) -> Recording:
    """A recording without DC and rumble, see `hocket.hearing`; the same one where it has none."""
    low = low_band(source.read, source.num_samples, source.sample_rate)
    return source if low is None else _Audible(source, low)


def folded(source: Recording) -> Recording:
    """One channel for all of a recording: their mean, or the loudest where they cancel each other."""
    if source.num_channels == 1:
        return source
    if not cancels(source.read, source.spans()):
        return Mean(source)
    powers = sum(np.square(block, dtype=np.float64).sum(axis=1) for block in source.blocks())
    return Channel(source, int(np.argmax(powers)))


def together(
    sources: Sequence[Recording], *, spans: Callable[[Recording], Iterable[tuple[int, int]]] = Recording.spans
) -> list[Recording]:
    """Recordings in equally many channels, to be compared: their means, or all channels where those of one cancel.

    `spans` gives the parts of a recording that are looked at.
    """
    if not any(cancels(source.read, spans(source)) for source in sources):
        return [source if source.num_channels == 1 else Mean(source) for source in sources]
    num_channels = max(source.num_channels for source in sources)
    return [
        source if source.num_channels == num_channels else Upmixed(source, num_channels) for source in sources
    ]


class _Audible(Recording):
    def __init__(self, source: Recording, low: LowBand) -> None:
        self._source, self._low, self.num_samples = source, low, source.num_samples
        self.sample_rate, self.num_channels = source.sample_rate, source.num_channels

    def read(self, start: int, stop: int) -> np.ndarray:
        """See `Recording`."""
        samples = self._source.read(start, stop)
        return samples - self._low.read(start, start + samples.shape[1])


class Channel(Recording):
    """One channel of a recording."""

    num_channels = 1

    def __init__(self, source: Recording, index: int) -> None:
        self._source, self._index = source, index
        self.sample_rate, self.num_samples = source.sample_rate, source.num_samples

    def read(self, start: int, stop: int) -> np.ndarray:
        """See `Recording`."""
        return self._source.read(start, stop)[self._index : self._index + 1]


class Mean(Recording):
    """The mean of a recording's channels, whatever cancels in it: see `folded`."""

    num_channels = 1

    def __init__(self, source: Recording) -> None:
        self._source = source
        self.sample_rate, self.num_samples = source.sample_rate, source.num_samples

    def read(self, start: int, stop: int) -> np.ndarray:
        """See `Recording`."""
        return np.asarray(self._source.read(start, stop).mean(axis=0, keepdims=True))


class Upmixed(Recording):
    """A recording in more channels: its own again and again, so that mono is the same in all of them."""

    def __init__(self, source: Recording, num_channels: int) -> None:
        self._source, self.num_channels = source, num_channels
        self.sample_rate, self.num_samples = source.sample_rate, source.num_samples

    def read(self, start: int, stop: int) -> np.ndarray:
        """See `Recording`."""
        return self._source.read(start, stop)[np.arange(self.num_channels) % self._source.num_channels]


class Resampled(Recording):
    """A recording at another rate: any span of what resampling the whole gives, up to the resampler's own error."""

    def __init__(self, source: Recording, sample_rate: int) -> None:
        self._source, self.sample_rate = source, sample_rate
        self.num_channels = source.num_channels
        self.num_samples = resampled_length(source.num_samples, from_hz=source.sample_rate, to_hz=sample_rate)

    def read(self, start: int, stop: int) -> np.ndarray:
        """See `Recording`."""
        from_hz, to_hz, source = self._source.sample_rate, self.sample_rate, self._source
        if from_hz == to_hz:
            return source.read(start, stop)
        first, last, skipped = source_span(
            start, stop, from_hz=from_hz, to_hz=to_hz, num_source=source.num_samples
        )
        samples = resample(source.read(first, last), from_hz=from_hz, to_hz=to_hz)
        wanted = samples[:, start - skipped : stop - skipped]
        missing = stop - start - wanted.shape[1]
        # The last sample of the whole may lie beyond the last one of its source.
        return np.pad(wanted, ((0, 0), (0, missing))) if missing > 0 else wanted

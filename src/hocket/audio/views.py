"""Recordings made of others as they are read: cut, looped, turned up, in other channels, at another rate."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from hocket.audio.resampling import resample, resampled_length, source_span
from hocket.audio.streams import BLOCK_SECONDS, Recording
from hocket.hearing import LowBand, cancels, low_band

FADE_SECONDS = 0.03
CUT_FADE_SECONDS = 0.005


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


class Cut(Recording):
    """A stretch of a recording: `num_samples` of it from `first` on."""

    def __init__(self, source: Recording, num_samples: int, *, first: int = 0) -> None:
        self._source, self._first, self.num_samples = source, first, num_samples
        self.sample_rate, self.num_channels = source.sample_rate, source.num_channels

    def read(self, start: int, stop: int) -> np.ndarray:
        """See `Recording`."""
        return self._source.read(self._first + start, self._first + min(stop, self.num_samples))


class Faded(Recording):
    """A recording that was cut in the middle of its sound: the last few ms fade out."""

    def __init__(self, source: Recording) -> None:
        self._source, self.num_samples = source, source.num_samples
        self.sample_rate, self.num_channels = source.sample_rate, source.num_channels
        reach = min(round(CUT_FADE_SECONDS * source.sample_rate), source.num_samples)
        self._falling = np.cos((np.arange(reach, dtype=np.float32) + 1.0) / max(reach, 1) * (np.pi / 2))

    def read(self, start: int, stop: int) -> np.ndarray:
        """See `Recording`."""
        samples = self._source.read(start, stop)
        first = self.num_samples - len(self._falling)
        if start + samples.shape[1] <= first:
            return samples
        samples, begin = samples.copy(), max(start, first)
        samples[:, begin - start :] *= self._falling[
            begin - first : begin - first + samples.shape[1] + start - begin
        ]
        return samples


class Scaled(Recording):
    """A recording turned up or down."""

    def __init__(self, source: Recording, gain: float) -> None:
        self._source, self._gain = source, np.float32(gain)
        self.sample_rate, self.num_channels = source.sample_rate, source.num_channels
        self.num_samples = source.num_samples

    def read(self, start: int, stop: int) -> np.ndarray:
        """See `Recording`."""
        return self._source.read(start, stop) * self._gain


class Sum(Recording):
    """The sum of recordings of one shape, each turned up or down."""

    def __init__(self, parts: Sequence[Recording], gains: Sequence[float]) -> None:
        self._parts = [Scaled(part, gain) for part, gain in zip(parts, gains, strict=True)]
        self.sample_rate, self.num_channels = parts[0].sample_rate, parts[0].num_channels
        self.num_samples = parts[0].num_samples

    def read(self, start: int, stop: int) -> np.ndarray:
        """See `Recording`."""
        return np.sum([part.read(start, stop) for part in self._parts], axis=0)


class Watched(Recording):
    """A recording that says whenever it is read, so that who reads it can be stopped."""

    def __init__(self, source: Recording, on_read: Callable[[], None]) -> None:
        self._source, self._on_read = source, on_read
        self.sample_rate, self.num_channels = source.sample_rate, source.num_channels
        self.num_samples = source.num_samples

    def read(self, start: int, stop: int) -> np.ndarray:
        """See `Recording`."""
        self._on_read()
        return self._source.read(start, stop)


class Looped(Recording):
    """A recording repeated up to a length; `period` is in samples.

    The period is the source's length less the fade of 30 ms (less in a source under 0.12 s: a quarter of it), in
    which the end of one round passes into the beginning of the next at equal power. With `beat_seconds` the period is
    the largest number of whole beats in that, if there is one; what is left of the source is not heard.
    """

    def __init__(self, source: Recording, num_samples: int, *, beat_seconds: float | None = None) -> None:
        self.sample_rate, self.num_channels = source.sample_rate, source.num_channels
        self.num_samples = num_samples
        self._fade = min(round(FADE_SECONDS * source.sample_rate), source.num_samples // 4)
        self.period = source.num_samples - self._fade
        if beat_seconds is not None:
            beat = beat_seconds * source.sample_rate
            # A hair of tolerance, so that a source of exactly so many beats and a fade keeps the last of them.
            self.period = round(int(self.period / beat + 1e-6) * beat) or self.period
        angle = (np.arange(self._fade, dtype=np.float32) + 0.5) / max(self._fade, 1) * (np.pi / 2)
        self._rising, self._falling = np.sin(angle), np.cos(angle)
        length = self.period + self._fade
        # What is short is read often.
        short = length <= BLOCK_SECONDS * source.sample_rate
        self._source, self._part = source, source.read(0, length) if short else None

    def read(self, start: int, stop: int) -> np.ndarray:
        """See `Recording`."""
        stop = min(stop, self.num_samples)
        output = np.zeros((self.num_channels, max(0, stop - start)), dtype=np.float32)
        length = self.period + self._fade
        first_round = max(0, (start - length) // self.period)
        for number in range(first_round, -(-stop // self.period)):
            begin = number * self.period
            first, last = max(start - begin, 0), min(stop - begin, length)
            if first < last:
                output[:, begin + first - start : begin + last - start] += self._round(number, first, last)
        return output

    def _round(self, number: int, first: int, last: int) -> np.ndarray:
        """Samples `first` to `last` of one round: it fades out, and in unless it is the first one."""
        source = self._source.read(first, last) if self._part is None else self._part[:, first:last]
        part = source.copy()
        if last > self.period:
            ends = max(first, self.period)
            part[:, ends - first :] *= self._falling[ends - self.period : last - self.period]
        if number > 0 and first < self._fade:
            begins = min(last, self._fade)
            part[:, : begins - first] *= self._rising[first:begins]
        return part

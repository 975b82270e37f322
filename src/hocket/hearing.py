"""The audible part of a recording: without what is too low to hear, and with all channels even if their mean cancels.

NumPy alone, so that every layer judges by the same rules.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

MINIMUM_SECONDS = 0.1
"""The shortest recording that is fused: a dozen of the model's frames."""

SILENCE_DB = -80.0
"""A recording whose peak, or whose loudest second, is below this (dBFS) is silent: it is under the noise of 14 bits."""

SILENCE_RMS = 10 ** ((SILENCE_DB - 20.0) / 20)
"""A stretch whose root mean square is below this is silent: a recording may consist of pauses mostly."""

INAUDIBLE_HZ, AUDIBLE_HZ = 16.0, 26.0
"""All up to the first is taken out and all from the second on stays: the lowest key of a piano is at 27.5 Hz."""

LEAST_OFFSET = 1e-4
"""A constant below this share of a recording's power (-40 dB) is left where it is."""

MUCH, NOTICED = 1e-2, 2.5e-4
"""Shares of the power (-20 and -36 dB) from which rumble is taken out: always, and where it outdoes all bass.

Drums have up to -15 dB of their power down there, but in their hits, and -40 dB between them; white noise has -30 dB.
"""

LOW_RATE_HZ = 300.0
EDGE_SECONDS = 0.03
STOPBAND_DB = 70.0
BLOCK_SAMPLES = 2**17

FRAME, STRIDE = 2048, 8192
GROUP_BINS = 16
LOSING = 0.5
"""Channels cancel if the mean of n has less than 0.5 / n of their mean power: unrelated ones have 1 / n."""

LEAST_CANCELLED = 0.1
"""The share of a recording's power that has to be in what cancels."""

Read = Callable[[int, int], np.ndarray]
"""Gives float32 `[channels, samples]` from one sample up to another."""


def audible(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """Float32 `[..., samples]` without DC and rumble; the same array where there is none."""
    if samples.size == 0:
        return samples
    rows = samples.reshape(-1, samples.shape[-1])
    low = low_band(lambda start, stop: rows[:, start:stop], rows.shape[1], sample_rate)
    return samples if low is None else (rows - low.read(0, rows.shape[1])).reshape(samples.shape)


class LowBand:
    """The part of a recording that lies below hearing, at about 300 Hz: see `low_band`."""

    def __init__(self, samples: np.ndarray, factor: int) -> None:
        self._samples, self._factor = samples, factor
        # Cubic interpolation between the two samples around a place and their neighbours.
        u = (np.arange(factor) + 0.5) / factor
        weights = [-u * (u - 1) * (u - 2) / 6, (u + 1) * (u - 1) * (u - 2) / 2]
        weights += [-(u + 1) * u * (u - 2) / 2, (u + 1) * u * (u - 1) / 6]
        self._weights = np.array(weights, dtype=np.float32)

    def read(self, start: int, stop: int) -> np.ndarray:
        """Float32 `[channels, stop - start]`."""
        first, last = start // self._factor, -(-stop // self._factor)
        around = sliding_window_view(self._samples[:, first : last + 3], 4, axis=1)
        samples = (around @ self._weights).reshape(len(self._samples), -1)
        return samples[:, start - first * self._factor : stop - first * self._factor]


def low_band(read: Read, num_samples: int, sample_rate: int) -> LowBand | None:
    """Finds what a recording has below hearing all the time; None if that is next to nothing.

    That is a constant, and rumble: found without delay, by a filter of 0.4 s at a low rate. The slow part of a hit
    belongs to the hit and stays. Beyond its ends the recording is taken to go on mirrored.
    """
    if num_samples == 0:
        return None
    factor = max(1, round(sample_rate / LOW_RATE_HZ))
    taps, kernel = _filters(sample_rate, factor)
    num_runs, reach = -(-num_samples // factor), len(kernel) // 2
    low, powers = _decimated(read, num_runs + 2 * reach + 2, -reach - 1, taps, num_samples)
    # Over 50 ms, which hits leave behind more quickly than the filter does.
    smooth = np.hanning(2 * round(0.025 * sample_rate / factor) + 3)
    averages = _convolved(low, smooth / smooth.sum(), "same")
    offsets = np.array([_offset(average, powers) for average in averages])[:, None]
    filtered = _convolved(low - offsets, kernel, "valid")
    inner = slice(reach, -reach)
    power = max(float(powers[inner].mean()), 1e-30)
    steady = np.minimum(_local_power(filtered), _local_power((averages - offsets)[:, inner]))
    rumble = float(np.quantile(steady, 0.25))
    bass = float(np.square((low - offsets)[:, inner] - filtered).mean())
    is_rumbling = rumble > MUCH * power or rumble > max(NOTICED * power, bass)
    if not is_rumbling and np.square(offsets).mean() <= LEAST_OFFSET * power:
        return None
    low = (offsets + (filtered if is_rumbling else 0 * filtered)).astype(np.float32)
    for place, edge in ((0, low), (num_samples - 1, low[:, ::-1])):
        _spare_edge(edge, read(place, place + 1)[:, 0])
    return LowBand(low, factor)


def _spare_edge(low: np.ndarray, sample: np.ndarray) -> None:
    """Lets a low band `[channels, n]` begin softly in channels that are silent at that end.

    So what starts at 0 still does, though the band also has the slow part of a hit that is there at once.
    """
    rising = np.clip((np.arange(low.shape[1]) - 3) / (EDGE_SECONDS * LOW_RATE_HZ), 0.0, 1.0).astype(
        np.float32
    )
    low *= np.where((np.abs(sample) < np.abs(low[:, 1]) / 20)[:, None], rising, np.float32(1.0))


def _decimated(
    read: Read, count: int, first: int, taps: np.ndarray, num_samples: int
) -> tuple[np.ndarray, np.ndarray]:
    """A recording at the low rate, `[channels, count + 1]` around the borders of runs, and its power there.

    `first` is the border that comes first, in runs from the recording's beginning.
    """
    num_taps, factor = taps.shape
    before, total = num_taps // 2, count + num_taps
    low, powers = np.zeros((0, 0)), np.zeros(total)
    step = max(1, BLOCK_SAMPLES // factor)
    for start in range(0, total, step):
        runs, place = min(step, total - start), first - before + start
        block = _mirrored(read, place * factor, (place + runs) * factor, num_samples)
        if not len(low):
            low = np.zeros((len(block), total + num_taps - 1))
        parts = block.reshape(len(block), runs, factor)
        powers[start : start + runs] = np.einsum("crs,crs->r", parts, parts) / (len(block) * factor)
        products = parts @ taps.T
        # Each low sample is the sum of the products of the runs around it, each with its own taps.
        for tap in range(num_taps):
            begin = start + num_taps - 1 - tap
            low[:, begin : begin + runs] += products[..., tap]
    return low[:, num_taps - 1 : num_taps + count], powers[before : before + count + 1]


def _offset(average: np.ndarray, powers: np.ndarray) -> float:
    """The constant in `[n]`, to which quiet moments of `powers` say more than loud ones; 0 where it is not clear.

    That is a median which is nearer to the mean than 0 is: between hits that lean to one side, a recording without a
    constant leans to the other.
    """
    # Over a tenth of a second: within a period of a bass a constant makes one half louder than the other.
    size = round(0.1 * LOW_RATE_HZ)
    around = np.convolve(powers, np.full(size, 1 / size), mode="full")[size // 2 :][: len(powers)]
    weights = 1.0 / (around + 3e-2 * powers.mean() + 1e-30)
    order = np.argsort(average)
    reached = np.cumsum(weights[order])
    median, mean = float(average[order[np.searchsorted(reached, reached[-1] / 2)]]), float(average.mean())
    return median if abs(mean - median) < abs(mean) else 0.0


def _local_power(samples: np.ndarray) -> np.ndarray:
    """The power of `[channels, n]` over a quarter of a second around each."""
    size = min(round(0.25 * LOW_RATE_HZ), samples.shape[1])
    return np.convolve(np.square(samples).mean(axis=0), np.full(size, 1 / size), mode="valid")


def _convolved(samples: np.ndarray, kernel: np.ndarray, mode: Literal["same", "valid"]) -> np.ndarray:
    return np.stack([np.convolve(channel, kernel, mode=mode) for channel in samples])


def _mirrored(read: Read, start: int, stop: int, num_samples: int) -> np.ndarray:
    """A stretch of a recording that goes on mirrored at both ends."""
    if start >= 0 and stop <= num_samples:
        return read(start, stop)
    places = np.arange(start, stop) % (2 * num_samples)
    places = np.minimum(places, 2 * num_samples - 1 - places)
    first = int(places.min())
    return read(first, int(places.max()) + 1)[:, places - first]


@lru_cache(maxsize=16)
def _filters(sample_rate: int, factor: int) -> tuple[np.ndarray, np.ndarray]:
    """The taps before decimation `[runs, factor]`, an even number of runs, and those of the band `[n]` after it."""
    low_hz = sample_rate / factor
    num_taps = _num_taps((low_hz - 2 * AUDIBLE_HZ) / sample_rate)
    half = max(1, math.ceil(num_taps / (2 * factor))) * factor
    taps = _low_pass(np.arange(-half, half) + 0.5, half, low_hz / 2 / sample_rate)
    reach = _num_taps((AUDIBLE_HZ - INAUDIBLE_HZ) / low_hz) // 2 + 1
    kernel = _low_pass(np.arange(-reach, reach + 1), reach + 1, (AUDIBLE_HZ + INAUDIBLE_HZ) / 2 / low_hz)
    return taps.reshape(-1, factor).astype(np.float32), kernel


def _num_taps(width: float) -> int:
    """Number of taps that a transition of this width, in cycles a sample, takes (Kaiser 1974)."""
    return 1 + math.ceil((STOPBAND_DB - 7.95) / (2.285 * 2 * math.pi * width))


def _low_pass(offsets: np.ndarray, half: int, cutoff: float) -> np.ndarray:
    """A Kaiser window's sinc of unit gain; scipy.signal, which has it too, takes a second to load."""
    window = np.i0(0.1102 * (STOPBAND_DB - 8.7) * np.sqrt(1.0 - (offsets / half) ** 2))
    taps = np.sinc(2 * cutoff * offsets) * window
    return np.asarray(taps / taps.sum())


def cancels(read: Read, spans: Iterable[tuple[int, int]]) -> bool:
    """True if the mean of a recording's channels would lose what they have in opposition, over some spans of it.

    Looked at in frames and bands, as it may be one instrument only.
    """
    spans, whole, mean = list(spans), 0.0, 0.0
    for block in (read(*span) for span in spans):
        if len(block) == 1:
            return False
        folded = block.mean(axis=0)
        whole += float(np.einsum("cs,cs->", block, block)) / len(block)
        mean += float(np.einsum("s,s->", folded, folded))
    # All together lose less than there would have to be in opposition: most recordings end here.
    if whole - mean <= LEAST_CANCELLED * (1 - LOSING / 2) * whole:
        return False
    powers = np.sum([_powers(read(*span)) for span in spans], axis=0)
    return bool(powers[1] > LEAST_CANCELLED * powers[0])


def _powers(block: np.ndarray) -> tuple[float, float]:
    """The power of some frames of `[channels, samples]`, and the part of it that is in what cancels."""
    if block.shape[1] < FRAME // 4:
        return 0.0, 0.0
    size = min(FRAME, block.shape[1])
    window = np.hanning(size + 2)[1:-1].astype(np.float32)
    frames = sliding_window_view(block, size, axis=1)[:, ::STRIDE] * window
    spectra = np.fft.rfft(frames, FRAME)[..., : FRAME // 2]
    bands = spectra.reshape(*spectra.shape[:2], -1, GROUP_BINS)
    each = np.square(np.abs(bands)).sum(axis=-1).mean(axis=0)
    folded = np.square(np.abs(bands.mean(axis=0))).sum(axis=-1)
    return float(each.sum()), float(each[folded < LOSING / len(block) * each].sum())


def array_cancels(samples: np.ndarray) -> bool:
    """`cancels` for a recording in memory, `[channels, samples]`."""
    return cancels(lambda start, stop: samples[:, start:stop], [(0, samples.shape[1])])


def fold(samples: np.ndarray) -> np.ndarray:
    """One channel `[samples]` for all of `[channels, samples]`: their mean, or the loudest where they cancel."""
    if len(samples) == 1:
        return samples[0]
    return samples[loudest(samples)] if array_cancels(samples) else samples.mean(axis=0)


def loudest(samples: np.ndarray) -> int:
    """The channel of `[channels, samples]` with the most power."""
    return int(np.argmax([np.vdot(channel, channel) for channel in samples]))


def side_by_side(voices: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Recordings of one length `[channels, samples]` as they are compared, the first with the others: `[n]` each.

    That is the mean of their channels. Where those of one of them cancel it is all channels of each, one after
    another; a mono recording is then the same in all. As polarity does not count, a channel that runs against the
    first recording's is turned.
    """
    if not any(map(array_cancels, voices)):
        return [voice.mean(axis=0) if len(voice) > 1 else voice[0] for voice in voices]
    num_channels = max(map(len, voices))
    first, *others = (voice[np.arange(num_channels) % len(voice)] for voice in voices)
    turned = [
        other
        * np.array(
            [[-1.0] if np.vdot(one, two) < 0 else [1.0] for one, two in zip(first, other, strict=True)],
            dtype=np.float32,
        )
        for other in others
    ]
    return [voice.reshape(-1) for voice in (first, *turned)]

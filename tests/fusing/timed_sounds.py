"""Sounds that happen at known times, as recordings."""

from collections.abc import Sequence

import numpy as np

from hocket.audio import Audio


def clicks(times_seconds: Sequence[float] | np.ndarray, *, seconds: float, rate_hz: int = 44_100) -> Audio:
    """Single samples of 0.9 in both channels."""
    samples = np.zeros((2, round(seconds * rate_hz)), dtype=np.float32)
    samples[:, np.round(np.asarray(times_seconds) * rate_hz).astype(int)] = 0.9
    return Audio(samples, rate_hz)


def hits(times_seconds: Sequence[float] | np.ndarray, *, seconds: float, rate_hz: int = 24_000) -> Audio:
    """Bursts of noise that die away in 50 ms, mono."""
    random = np.random.default_rng(0)
    samples = np.zeros(round(seconds * rate_hz) + rate_hz, dtype=np.float32)
    length = rate_hz // 10
    for time in times_seconds:
        first = round(time * rate_hz)
        samples[first : first + length] += (
            0.1 * random.standard_normal(length) * np.exp(-np.arange(length) / (rate_hz / 60))
        )
    return Audio(samples[None, : round(seconds * rate_hz)], rate_hz)


def tone(
    frequency_hz: float, *, seconds: float, rate_hz: int = 44_100, level: float = 0.3, channels: int = 1
) -> Audio:
    """A sine, the same in all channels."""
    wave = level * np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * rate_hz)) / rate_hz)
    return Audio(np.tile(wave.astype(np.float32), (channels, 1)), rate_hz)


def noise(
    *, seconds: float, rate_hz: int = 24_000, level: float = 0.1, channels: int = 1, seed: int = 0
) -> Audio:
    """White noise, unlike in each channel."""
    random = np.random.default_rng(seed)
    samples = level * random.standard_normal((channels, round(seconds * rate_hz)))
    return Audio(samples.astype(np.float32), rate_hz)


def drone(*, seconds: float, rate_hz: int = 24_000, seed: int = 0) -> Audio:
    """Nine sines around A2 that swell slowly, each in its own time."""
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    wave = np.zeros(len(time))
    for frequency in (110, 110.5, 165, 220, 221, 277, 330, 440, 554):
        phase, swell = random.uniform(0, 6, 2)
        swelling = 1 + 0.5 * np.sin(2 * np.pi * random.uniform(0.1, 0.4) * time + swell)
        wave += 0.02 * swelling * np.sin(2 * np.pi * frequency * time + phase)
    return Audio(wave.astype(np.float32)[None], rate_hz)


def click_times(recording: Audio, *, threshold: float = 0.12) -> np.ndarray:
    """When the clicks of a stretched recording are at their loudest, in seconds."""
    magnitude, rate = np.abs(recording.samples[0]), recording.sample_rate
    loud, times = np.flatnonzero(magnitude > threshold), []
    while len(loud):
        place = loud[0] + int(magnitude[loud[0] : loud[0] + rate // 20].argmax())
        times.append(place / rate)
        loud = loud[loud > place + rate // 10]
    return np.array(times)


def distances(times_seconds: np.ndarray, grid_seconds: np.ndarray) -> np.ndarray:
    """From each time to the nearest of the grid."""
    return np.abs(times_seconds[:, None] - grid_seconds).min(axis=1)

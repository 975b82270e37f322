"""Sample rate conversion, with an exact rule for the length."""

import math

import numpy as np
import soxr

MIN_RATE_HZ = 1_000
MAX_RATE_HZ = 768_000

# Measured for 44.1 and 48 kHz to 24 kHz: as fast as HQ, and an excerpt equals the slice of the whole to
# -138 dB (HQ: -126).
_QUALITY = "VHQ"

MARGIN_SAMPLES = 512
"""Reach of an output sample to either side, in samples of the lower rate (256 were enough)."""


def resample(samples: np.ndarray, *, from_hz: int, to_hz: int) -> np.ndarray:
    """Converts `[..., samples]` from one sample rate to another, without delay.

    Returns float32 of the same leading axes and `resampled_length` samples; where the rates are equal, the
    argument itself.

    Raises:
        ValueError: a rate is outside `MIN_RATE_HZ` to `MAX_RATE_HZ`.
    """
    check_rate(from_hz)
    check_rate(to_hz)
    samples = np.asarray(samples, dtype=np.float32)
    length = resampled_length(samples.shape[-1], from_hz=from_hz, to_hz=to_hz)
    if from_hz == to_hz:
        return samples
    converted = np.zeros((*samples.shape[:-1], length), dtype=np.float32)
    if converted.size == 0 or samples.size == 0:
        return converted
    # One channel after the other: soxr takes them together, but needs half as long again.
    for source, row in zip(
        samples.reshape(-1, samples.shape[-1]), converted.reshape(-1, length), strict=True
    ):
        channel = soxr.resample(np.ascontiguousarray(source), from_hz, to_hz, quality=_QUALITY)[:length]
        row[: len(channel)] = channel
    return converted


def source_span(start: int, stop: int, *, from_hz: int, to_hz: int, num_source: int) -> tuple[int, int, int]:
    """Samples, of `num_source`, that the samples `start` to `stop` of the other rate need, and where the first falls.

    It begins where samples of both rates fall together, so that an excerpt lies on the whole recording's grid.
    """
    margin = MARGIN_SAMPLES * math.ceil(max(1.0, from_hz / to_hz))
    period = from_hz // math.gcd(from_hz, to_hz)
    first = max(0, (start * from_hz // to_hz - margin) // period * period)
    last = min(num_source, math.ceil(stop * from_hz / to_hz) + margin)
    return first, last, first * to_hz // from_hz


def resampled_length(num_samples: int, *, from_hz: int, to_hz: int) -> int:
    """The number of samples after resampling: `round(num_samples * to_hz / from_hz)`."""
    return round(num_samples * to_hz / from_hz)


def check_rate(rate_hz: int) -> None:
    """Raises ValueError for a rate outside `MIN_RATE_HZ` to `MAX_RATE_HZ`."""
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise ValueError(f"a sample rate of {rate_hz} Hz is outside {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz")


def fit(samples: np.ndarray, length: int) -> np.ndarray:
    """Cuts `[channels, samples]` to `length` or pads it with zeros at the end; meant for a sample or two."""
    missing = length - samples.shape[1]
    if missing <= 0:
        return samples[:, :length]
    return np.pad(samples, ((0, 0), (0, missing)))

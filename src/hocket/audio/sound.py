"""Recordings in memory: samples with their rate, and the checks that they hold sound."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hocket.errors import AudioError
from hocket.hearing import SILENCE_DB, fold

MAX_SAMPLES = 2 * 3600 * 48_000 * 2
"""The most samples, over all channels, that are read or written at once: two hours of stereo at 48 kHz."""


MISSING_TOLERANCE = 0.01
"""A recording may lack this share of what its header states; one that lacks more is refused as cut off."""


class Undecodable(Exception):  # noqa: N818
    """Raised when any decoder fails; `opened` turns it into a sentence for the user."""


@dataclass(frozen=True, eq=False)
class Audio:
    """A recording: `samples` is float32 `[channels, samples]`, full scale ±1; `sample_rate` is in Hz.

    Raises:
        ValueError: the samples have another type or number of axes, or the rate is not positive.
    """

    samples: np.ndarray
    sample_rate: int

    def __post_init__(self) -> None:
        if self.samples.ndim != 2 or self.samples.dtype != np.float32:
            shape, kind = self.samples.shape, self.samples.dtype
            raise ValueError(f"samples must be float32 [channels, samples], not {kind} of shape {shape}")
        if self.sample_rate <= 0:
            raise ValueError(f"sample_rate must be positive, not {self.sample_rate}")

    @property
    def num_channels(self) -> int:
        """1 for mono, 2 for stereo."""
        return int(self.samples.shape[0])

    @property
    def num_samples(self) -> int:
        """Samples of one channel."""
        return int(self.samples.shape[1])

    @property
    def duration_seconds(self) -> float:
        """`num_samples` over `sample_rate`."""
        return self.num_samples / self.sample_rate

    def mono(self) -> "Audio":
        """One channel: the mean of all, or the loudest where they cancel each other."""
        if self.num_channels == 1:
            return self
        return Audio(fold(self.samples)[np.newaxis], self.sample_rate)


def peak(samples: np.ndarray) -> float:
    """The largest magnitude; NaN or infinite where a sample is."""
    return float(np.maximum(samples.max(), -samples.min()))


def require_sound(audio: Audio, path: str | Path, *, minimum_seconds: float) -> None:
    """Refuses a recording that is shorter than `minimum_seconds` or nowhere above `SILENCE_DB`.

    Raises:
        AudioError: one sentence that names `path`, what was found, and the cure.
    """
    if audio.num_samples == 0:
        raise AudioError(
            f"{path} contains no sound (0 samples): give a recording of at least {minimum_seconds:g} s."
        )
    seconds, highest = audio.duration_seconds, peak(audio.samples)
    require_enough(path, duration_seconds=seconds, highest=highest, minimum_seconds=minimum_seconds)


def require_enough(
    path: str | Path, *, duration_seconds: float, highest: float, minimum_seconds: float
) -> None:
    """Checks a recording like `require_sound`, from its length and largest magnitude alone.

    Raises:
        AudioError: see `require_sound`.
    """
    if duration_seconds < minimum_seconds:
        raise AudioError(
            f"{path} is too short ({duration_seconds:.3g} s): give a recording of at least {minimum_seconds:g} s."
        )
    peak_db = 20 * math.log10(highest) if highest > 0 else -math.inf
    if peak_db < SILENCE_DB:
        raise AudioError(
            f"{path} is silent (peak {peak_db:.0f} dBFS): give a recording with sound above {SILENCE_DB:.0f} dBFS."
        )


def cut_off(path: Path, *, share: float | None = None) -> AudioError:
    """The error for a recording of which only `share` (0 to 1, where it is known) is there or can be decoded."""
    found = "its end is missing" if share is None else f"only {100 * share:.0f} % of it can be read"
    return AudioError(f"{path} is damaged or cut off ({found}): get a complete copy.")


def unread_coding(path: Path, container: str, coding: str) -> AudioError:
    """The error for a coding that is not supported."""
    readable = "PCM or float WAV or AIFF, FLAC, OGG (Vorbis, Opus, FLAC), MP3 or M4A (AAC, ALAC)"
    return AudioError(
        f"{path} is {container} with {coding} coding, which cannot be read: convert it to {readable}."
    )

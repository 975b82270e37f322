"""Conventions of all evaluation figures: 24 kHz, cut to the shortest, and a definition of silence."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from hocket.audio import Audio, load, require_sound, resample
from hocket.audio.sound import SILENCE_DB
from hocket.errors import AudioError
from hocket.hearing import audible, fold

SAMPLE_RATE_HZ = 24_000
MIN_SECONDS = 1.0
_NOTHING_RMS = 1e-10  # -200 dB: rounding noise of float32, never a recording


def read_channels(path: Path) -> np.ndarray:
    """Reads a recording as `[channels, samples]`, float32 at 24 kHz; raises AudioError as `load` does."""
    return channels(load(path))


def channels(audio: Audio) -> np.ndarray:
    """Converts a recording in memory to the audible part of its `[channels, samples]` at 24 kHz."""
    return resample(
        audible(audio.samples, audio.sample_rate), from_hz=audio.sample_rate, to_hz=SAMPLE_RATE_HZ
    )


def read_folded(path: Path) -> np.ndarray:
    """Reads a recording as one channel, `[samples]`, at 24 kHz."""
    return fold(read_channels(path))


def is_silent(waveform: np.ndarray) -> bool:
    """True if the peak is below -80 dBFS, the level under which a source is refused as well."""
    return bool(np.abs(waveform).max() < 10 ** (SILENCE_DB / 20))


def at_level(waveform: np.ndarray, *, rms: float) -> np.ndarray:
    """Scales a waveform `[samples]` to a root mean square; where there is nothing, it stays nothing."""
    level = float(np.sqrt(np.mean(np.square(waveform, dtype=np.float64))))
    return waveform if level < _NOTHING_RMS else waveform * np.float32(rms / level)


def cut_source(waveform: np.ndarray, num_samples: int, *, name: str) -> np.ndarray:
    """The first samples of a source; raises AudioError, naming it, where they are silent or less than 1 s."""
    cut = waveform[:num_samples]
    require_source(cut, name=name, num_samples=len(cut), is_cut=len(cut) < len(waveform))
    return cut


def require_source(cut: np.ndarray, *, name: str, num_samples: int, is_cut: bool) -> None:
    """Raises AudioError, naming the source, where what is compared of it, `[n]`, is silent or less than 1 s."""
    if is_cut:
        name = f"{name} (cut to the {num_samples / SAMPLE_RATE_HZ:.1f} s that are scored)"
    require_sound(Audio(cut[np.newaxis], SAMPLE_RATE_HZ), name, minimum_seconds=MIN_SECONDS)


def require_length(waveform: np.ndarray, *, name: str) -> None:
    """Raises AudioError, naming the recording, when it is shorter than the evaluation can measure (1 s)."""
    seconds = waveform.shape[-1] / SAMPLE_RATE_HZ
    if seconds < MIN_SECONDS:
        raise AudioError(
            f"{name} is too short ({seconds:.3g} s): give a recording of at least {MIN_SECONDS:g} s."
        )


@contextmanager
def expected_warnings() -> Iterator[None]:
    """Silences two of librosa's warnings whose cases are measured here on purpose.

    Excerpts under 3 s are shorter than the constant-Q transform's lowest filters, and a click or a silent
    output has no pitch from which to estimate the tuning; both still have a defined chroma.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="n_fft=.* is too large for input signal")
        warnings.filterwarnings("ignore", message="Trying to estimate tuning from empty frequency set")
        yield

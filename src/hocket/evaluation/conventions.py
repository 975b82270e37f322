"""What all figures of the evaluation agree on: mono, 24 kHz, cut to the shortest, and what silence is."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from hocket.audio import Audio, load, require_sound, resample
from hocket.audio.sound import SILENCE_DB
from hocket.errors import AudioError

SAMPLE_RATE_HZ = 24_000
MIN_SECONDS = 1.0
_NOTHING_RMS = 1e-10  # -200 dB: rounding noise of float32, never a recording


def read_folded(path: Path) -> np.ndarray:
    """Reads a recording as `[samples]`, float32, mono at 24 kHz; raises AudioError as `load` does."""
    return load(path, sample_rate=SAMPLE_RATE_HZ, mono=True).samples[0]


def fold(audio: Audio) -> np.ndarray:
    """The same for a recording in memory."""
    return resample(audio.mono().samples[0], from_hz=audio.sample_rate, to_hz=SAMPLE_RATE_HZ)


def is_silent(waveform: np.ndarray) -> bool:
    """Whether the peak is below -80 dBFS, the level under which a source is refused as well."""
    return bool(np.abs(waveform).max() < 10 ** (SILENCE_DB / 20))


def at_level(waveform: np.ndarray, *, rms: float) -> np.ndarray:
    """Scales a waveform `[samples]` to a root mean square; where there is nothing, it stays nothing."""
    level = float(np.sqrt(np.mean(np.square(waveform, dtype=np.float64))))
    return waveform if level < _NOTHING_RMS else waveform * np.float32(rms / level)


def cut_source(waveform: np.ndarray, num_samples: int, *, name: str) -> np.ndarray:
    """The first samples of a source; raises AudioError, naming it, where they are silent or less than 1 s."""
    cut = waveform[:num_samples]
    if len(cut) < len(waveform):
        name = f"{name} (cut to the {len(cut) / SAMPLE_RATE_HZ:.1f} s that are scored)"
    require_sound(Audio(cut[np.newaxis], SAMPLE_RATE_HZ), name, minimum_seconds=MIN_SECONDS)
    return cut


def require_length(waveform: np.ndarray, *, name: str) -> None:
    """Raises AudioError, naming the recording, when it is shorter than the evaluation can measure (1 s)."""
    seconds = len(waveform) / SAMPLE_RATE_HZ
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

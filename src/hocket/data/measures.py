"""What a recording is like: how loud, how fast, how percussive and how tonal, gathered block by block."""

from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import median_filter, uniform_filter1d

from hocket.data.spectra import log_bands, log_edges, pitch_classes, power_spectra
from hocket.data.tempo import find_tempo
from hocket.hearing import audible

RATE_HZ = 24_000
WINDOW, HOP = 2_048, 512
LONG_WINDOW, LONG_HOP = 16_384, 4_096
FLOOR_DB = -120.0

# Median-filter separation (Fitzgerald 2010) on 96 bands or so to the octaves' scale: fifteen times as fast as on the
# spectrum's own bins, and closer to the labels of the development recordings.
NUM_BANDS, LOWEST_HZ = 160, 35.0
STEADY_FRAMES, BROAD_BANDS = 17, 15

# Shares of magnitude that the separation calls percussive: 0.07 to 0.20 for strings and pads, 0.43 to 0.68 for drums.
LEAST_SHARE, MOST_SHARE = 0.1, 0.6
# Noise is broad too, but has no attacks: its strongest onsets stand 0.55 dB above the ordinary moment, white or brown.
# Orchestras and pads have 0.4 to 1.1 dB, a sample pack's drum loops 2.6 to 16.
LEAST_DEPTH_DB, MOST_DEPTH_DB = 0.6, 2.0
# A steady tone's onset strength repeats as well: a sine has 0.00002 dB, a chord with its beats 0.08.
SILENT_DEPTH_DB = 0.2
# Spread of smoothed pitch classes: about 0.3 for one steady chord, 0.1 for drums and noise.
LEAST_SPREAD, MOST_SPREAD = 0.08, 0.30
SMOOTHING_FRAMES = 3
QUIET_DB = 40.0


@dataclass(frozen=True)
class Measures:
    """Figures of one recording; levels are of what can be heard of it in one channel, in dBFS.

    `loudest_db` is the RMS of the loudest second. `tempo_bpm` is 0 where no tempo can be told, `tempo_confidence`,
    `percussiveness` and `tonality` lie in [0, 1].
    """

    duration_seconds: float
    rms_db: float
    peak_db: float
    loudest_db: float
    tempo_bpm: float
    tempo_confidence: float
    percussiveness: float
    tonality: float


@dataclass(frozen=True)
class _Character:
    num_samples: int
    bpm: float
    confidence: float
    percussiveness: float
    tonality: float


@dataclass
class Gatherer:
    """Adds up what blocks of a recording, mono at `RATE_HZ`, show; blocks of about a minute serve best."""

    num_samples: int = 0
    energy: float = 0.0
    peak: float = 0.0
    loudest: float = 0.0
    characters: list[_Character] = field(default_factory=list)

    def add(self, block: np.ndarray) -> None:
        """Takes the next `[samples]`."""
        block = audible(block, RATE_HZ)
        self.num_samples += len(block)
        squares = np.square(block, dtype=np.float64)
        self.energy += float(squares.sum())
        self.peak = max(self.peak, float(np.abs(block).max(initial=0.0)))
        seconds = np.add.reduceat(squares, np.arange(0, len(block), RATE_HZ)) / min(RATE_HZ, len(block))
        self.loudest = max(self.loudest, float(seconds.max()))
        if len(block) >= LONG_WINDOW + LONG_HOP or not self.characters:
            self.characters.append(_character(block))

    def measures(self) -> Measures:
        """The figures of everything that was added, at least one sample."""
        parts = self.characters
        weights = np.array([part.num_samples for part in parts], dtype=float)
        weights /= weights.sum()
        sure = weights * [part.confidence for part in parts]
        return Measures(
            duration_seconds=round(self.num_samples / RATE_HZ, 3),
            rms_db=_db(self.energy / self.num_samples),
            peak_db=_db(self.peak**2),
            loudest_db=_db(self.loudest),
            tempo_bpm=round(_weighted_median([part.bpm for part in parts], sure), 1),
            tempo_confidence=round(float(sure.sum()), 3),
            percussiveness=round(float(weights @ [part.percussiveness for part in parts]), 3),
            tonality=round(float(weights @ [part.tonality for part in parts]), 3),
        )


def _character(block: np.ndarray) -> _Character:
    edges = log_edges(LOWEST_HZ, RATE_HZ / 2, NUM_BANDS, WINDOW, RATE_HZ)
    padded = np.pad(block, (0, max(0, WINDOW - len(block))))
    bands = log_bands(power_spectra(padded, window=WINDOW, hop=HOP), edges)
    strength = onset_strength(bands)
    bpm, confidence = 0.0, 0.0
    if _depth_db(strength) >= SILENT_DEPTH_DB:
        bpm, confidence = find_tempo(strength, frames_a_second=RATE_HZ / HOP)
    return _Character(len(block), bpm, confidence, percussiveness(bands, strength), tonality(block))


def _depth_db(strength: np.ndarray) -> float:
    """How far the strongest attacks stand above the ordinary moment."""
    return float(np.percentile(strength, 98) - np.median(strength))


def onset_strength(bands: np.ndarray) -> np.ndarray:
    """Rise of the level from frame to frame, mean over bands, dB: `[bands, frames]` of power to `[frames]`."""
    floor = max(float(bands.max()) * 1e-6, 1e-10)
    level_db = 10.0 * np.log10(np.maximum(bands, floor))
    rise = np.maximum(np.diff(level_db, axis=1), 0.0).mean(axis=0)
    return np.concatenate([[0.0], rise]).astype(np.float64)


def percussiveness(bands: np.ndarray, strength: np.ndarray) -> float:
    """From 0 (sustained, or without attacks) to 1 (hits): the percussive share of the magnitude, where it has attacks.

    Takes power in log bands `[bands, frames]` and their onset strength `[frames]`.
    """
    magnitude = np.sqrt(bands)
    steady = median_filter(magnitude, size=(1, STEADY_FRAMES)) ** 2
    broad = median_filter(magnitude, size=(BROAD_BANDS, 1)) ** 2
    share = float((broad / (broad + steady + 1e-12) * magnitude).sum() / max(magnitude.sum(), 1e-12))
    return _scaled(share, LEAST_SHARE, MOST_SHARE) * _scaled(
        _depth_db(strength), LEAST_DEPTH_DB, MOST_DEPTH_DB
    )


def tonality(block: np.ndarray) -> float:
    """From 0 (noise, drums) to 1 (one steady chord): how unequal the pitch classes stay over half a second.

    The mean over the moments of `[samples]` at most 40 dB under the loudest.
    """
    padded = np.pad(block, (0, max(0, LONG_WINDOW - len(block))))
    power = power_spectra(padded, window=LONG_WINDOW, hop=LONG_HOP)
    level = power.sum(axis=0)
    heard = level > max(float(level.max()) * 10 ** (-QUIET_DB / 10), 1e-10)
    if not heard.any():
        return 0.0
    classes = pitch_classes(power, window=LONG_WINDOW, sample_rate=RATE_HZ)
    spread = uniform_filter1d(classes, SMOOTHING_FRAMES, axis=1).std(axis=0)
    return _scaled(float(spread[heard].mean()), LEAST_SPREAD, MOST_SPREAD)


def _scaled(value: float, least: float, most: float) -> float:
    return float(np.clip((value - least) / (most - least), 0.0, 1.0))


def _db(power: float) -> float:
    return round(max(FLOOR_DB, 10.0 * float(np.log10(max(power, 1e-30)))), 2)


def _weighted_median(values: list[float], weights: np.ndarray) -> float:
    """The value in the middle of the weights; 0 where all of them are."""
    if weights.sum() <= 0:
        return 0.0
    order = np.argsort(values)
    reached = np.cumsum(weights[order]) >= 0.5 * weights.sum()
    return float(values[order[int(np.argmax(reached))]])

"""Loudness, tempo, percussiveness and tonality of a recording, gathered block by block."""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from hocket.hearing import audible
from hocket.signal.beats import find_pulse
from hocket.signal.harmony import pitch_spread, tonality_of
from hocket.signal.rhythm import OnsetStream, onset_depth_db, percussive_share

RATE_HZ = 24_000
FLOOR_DB = -120.0
LEAST_SECONDS = 0.85
"""A rest shorter than this at the end says nothing of pitch."""

# Shares of magnitude that the separation calls percussive: 0.06 to 0.22 for strings and pads, 0.47 to 0.64 for drums.
LEAST_SHARE, MOST_SHARE = 0.15, 0.55
# Noise is broad too, but has no attacks: its strongest onsets stand 0.24 dB above the ordinary moment. Orchestras and
# pads have 0.2 to 0.9 dB, drum loops 0.8 to 8.
LEAST_DEPTH_DB, MOST_DEPTH_DB = 0.4, 1.0


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


@dataclass
class Gatherer:
    """Adds up what blocks of a recording, mono at `RATE_HZ`, show; blocks of about a minute serve best."""

    num_samples: int = 0
    energy: float = 0.0
    peak: float = 0.0
    loudest: float = 0.0
    _onsets: OnsetStream = field(default_factory=lambda: OnsetStream(RATE_HZ))
    _percussive: float = 0.0
    _magnitude: float = 0.0
    _spreads: list[tuple[Tensor, Tensor]] = field(default_factory=list)

    @torch.no_grad()
    def add(self, block: np.ndarray) -> None:
        """Takes the next `[samples]`."""
        block = audible(block, RATE_HZ)
        squares = np.square(block, dtype=np.float64)
        self.energy += float(squares.sum())
        self.peak = max(self.peak, float(np.abs(block).max(initial=0.0)))
        seconds = np.add.reduceat(squares, np.arange(0, len(block), RATE_HZ)) / min(RATE_HZ, len(block))
        self.loudest = max(self.loudest, float(seconds.max()))
        waveform = torch.tensor(block, dtype=torch.float32)
        percussive, magnitude = percussive_share(self._onsets.add(waveform[None]))
        self._percussive += percussive
        self._magnitude += magnitude
        if self.num_samples == 0 or len(block) >= LEAST_SECONDS * RATE_HZ:
            self._spreads.append(pitch_spread(waveform, sample_rate=RATE_HZ))
        self.num_samples += len(block)

    def measures(self) -> Measures:
        """The figures of everything that was added, at least one sample; nothing can be added afterwards."""
        strength = self._onsets.strength()[0].double().numpy()
        seconds = self.num_samples / RATE_HZ
        pulse = find_pulse(strength, frames_a_second=self._onsets.frames_a_second, duration_seconds=seconds)
        share = _scaled(self._percussive / max(self._magnitude, 1e-12), LEAST_SHARE, MOST_SHARE)
        attacks = _scaled(onset_depth_db(strength), LEAST_DEPTH_DB, MOST_DEPTH_DB)
        return Measures(
            duration_seconds=round(seconds, 3),
            rms_db=_db(self.energy / self.num_samples),
            peak_db=_db(self.peak**2),
            loudest_db=_db(self.loudest),
            tempo_bpm=round(pulse.bpm, 1) if pulse else 0.0,
            tempo_confidence=round(min(max(pulse.clarity, 0.0), 1.0), 3) if pulse else 0.0,
            percussiveness=round(share * attacks, 3),
            tonality=round(tonality_of(self._spreads), 3),
        )


def _scaled(value: float, least: float, most: float) -> float:
    return min(max((value - least) / (most - least), 0.0), 1.0)


def _db(power: float) -> float:
    return round(max(FLOOR_DB, 10.0 * float(np.log10(max(power, 1e-30)))), 2)

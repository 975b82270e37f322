"""Bars: how many beats they have and which beat begins one, from what happens at the beats of a `Pulse`."""

from dataclasses import dataclass

import numpy as np

from hocket.signal.beats import EARLY_SECONDS, Pulse

METRES = (3, 4)
LEAST_BEATS = 12
# A rhythm repeats after a bar and after two. Others than the two metres are asked for as well, so that a bar of five
# beats is not taken for one of four.
POSSIBLE_METRES = (3, 4, 5, 7)
LEAST_LEAD = 0.15
# Without drums the beats themselves are too soft to rely on: chords alone have a depth of 1.9 dB (half of them), songs
# with drums 2.2 dB and more.
LEAST_DEPTH_DB = 2.5

BAND_EDGES = (0, 8, 32, 72, 128)
"""Mel bands of the onset strength, in four groups: up to about 150, 700, 2500 and 12000 Hz."""

FLOOR_DB = 60.0
BEFORE_FRAMES, AFTER_FRAMES = 3, 6
# Log odds of a beat to begin the bar: by how much stronger than usual each group's onset is there (kick and bass), by
# those of its neighbours (snare and hats), by how well bars from there on explain the chords, and where a recording
# begins with the beat. Fitted to rendered songs.
ON_THE_BEAT = np.array([0.5, 0.6, -0.3, 0.0])
AROUND_IT = np.array([-0.3, 0.1, 0.2, 0.4])
CHORDS = 15.0
BEGINS = 2.5
BEGINS_SECONDS = 0.04
BEGINS_DB = 30.0
CLEAR = 0.65
# The drums may speak this much for another beat than the one that the chords choose.
MOST_CONTRADICTION = 1.0


@dataclass(frozen=True)
class Bars:
    """Bars of `metre` beats; the beat `first` (0 to `metre` - 1) of the pulse begins one, as does every later one.

    The `confidence` in [0, 1] is the share of that beat among all that could be the first; 0 where the rhythm repeats
    in another metre than 3 or 4 or in none, where there are no drums, and where drums and chords disagree.
    """

    metre: int
    first: int
    confidence: float

    @property
    def is_clear(self) -> bool:
        """Whether the bars can be relied on."""
        return self.confidence >= CLEAR


def find_bars(
    pulse: Pulse,
    *,
    bands: np.ndarray,
    frames_a_second: float,
    classes: np.ndarray,
    classes_seconds: np.ndarray,
) -> Bars | None:
    """The most likely bars of a recording with a pulse; None with under twelve beats.

    From the energies `[frames, 4]` of the `BAND_EDGES`, at the frames of onset strength, and the chroma `[12, n]` at
    times `[n]`.
    """
    if len(pulse.beats_seconds) < LEAST_BEATS:
        return None
    level = 10 * np.log10(np.maximum(bands, bands.max(axis=0) * 10 ** (-FLOOR_DB / 10)) + 1e-12)
    onsets = _onsets(level, pulse, frames_a_second)
    repeats = {metre: _repetition(onsets, metre) for metre in POSSIBLE_METRES}
    metre = max(METRES, key=repeats.__getitem__)
    lead = repeats[metre] - max(value for other, value in repeats.items() if other != metre)
    drums, chords = _odds(onsets[:, : bands.shape[1]], _chords(pulse, classes, classes_seconds), metre)
    begins = _begins(bands.sum(axis=1), pulse, frames_a_second)
    if begins is not None:
        drums[begins % metre] += BEGINS
    shares = np.exp(drums + chords)
    first = int(np.argmax(shares))
    is_steady = lead >= LEAST_LEAD and pulse.depth_db >= LEAST_DEPTH_DB
    is_agreed = drums.max() - drums[first] <= MOST_CONTRADICTION
    return Bars(metre, first, float(shares[first] / shares.sum()) if is_steady and is_agreed else 0.0)


def _onsets(level: np.ndarray, pulse: Pulse, frames_a_second: float) -> np.ndarray:
    """How far each group rises on each beat and half a beat later, `[beats, 8]`, of mean 0 and deviation 1."""
    times = np.concatenate([pulse.beats_seconds, pulse.beats_seconds + pulse.period_seconds / 2])
    places = np.round((times - EARLY_SECONDS) * frames_a_second).astype(int)
    rises = np.zeros((len(times), level.shape[1]))
    for rise, place in zip(rises, places, strict=True):
        first = place - BEFORE_FRAMES
        if first >= 1 and place + AFTER_FRAMES <= len(level):
            before = level[max(0, first - BEFORE_FRAMES) : first + 1].mean(axis=0)
            rise[:] = np.maximum(level[first : place + AFTER_FRAMES].max(axis=0) - before, 0.0)
    rises = (rises - rises.mean(axis=0)) / (rises.std(axis=0) + 1e-6)
    return np.hstack(np.split(rises, 2))


def _repetition(onsets: np.ndarray, metre: int) -> float:
    """How alike the beats are one and two bars apart, at most about 1."""
    onsets = onsets - onsets.mean(axis=0)
    alike = [
        float(np.mean(onsets[:-lag] * onsets[lag:])) for lag in (metre, 2 * metre) if lag < len(onsets) - 3
    ]
    return sum(alike) / 2


def _chords(pulse: Pulse, classes: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """The median chroma of each beat less its mean, `[beats, 12]`, without the attack."""
    starts = np.searchsorted(seconds, pulse.beats_seconds + 0.06)
    ends = np.searchsorted(seconds, pulse.beats_seconds + pulse.period_seconds + 0.025)
    chords = np.zeros((len(starts), classes.shape[0]))
    for chord, start, end in zip(chords, starts, ends, strict=True):
        if start < end:
            chord[:] = np.median(classes[:, start:end], axis=1)
    return chords - chords.mean(axis=1, keepdims=True)


def _odds(onsets: np.ndarray, chords: np.ndarray, metre: int) -> tuple[np.ndarray, np.ndarray]:
    """Log odds `[metre]` of each beat to begin the bar, by the onsets and by the chords."""
    profile = np.array([onsets[first::metre].mean(axis=0) for first in range(metre)])
    around = np.roll(profile, -1, axis=0) + np.roll(profile, 1, axis=0)
    changes = np.array([_explained(chords, metre, first) for first in range(metre)])
    return profile @ ON_THE_BEAT + around @ AROUND_IT, CHORDS * (changes - changes.mean())


def _explained(chords: np.ndarray, metre: int, first: int) -> float:
    """Mean square of the bars' chords around the mean of all: most where no bar has parts of two chords."""
    bars = np.split(chords - chords.mean(axis=0), np.arange(first or metre, len(chords), metre))
    return sum(len(bar) * float(np.square(bar.mean(axis=0)).sum()) for bar in bars) / len(chords)


def _begins(energy: np.ndarray, pulse: Pulse, frames_a_second: float) -> int | None:
    """The beat with which the recording begins, counted from the pulse's first, if it begins with one."""
    first = int(np.argmax(energy > energy.max() * 10 ** (-BEGINS_DB / 10)))
    start = first / frames_a_second + EARLY_SECONDS * (first > 0)
    beats, period = pulse.beats_seconds, pulse.period_seconds
    number = round((start - beats[0]) / period)
    near = beats[number] if 0 <= number < len(beats) else beats[0] + number * period
    return number if abs(near - start) <= BEGINS_SECONDS else None

"""Beats, bars and chords on the time of an output, and the labels that say where they are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hocket.score.chords import Progression
from hocket.signal.bars import Bars
from hocket.signal.beats import Pulse

BEATS_PER_BAR = 4
PLAIN_BAR_SECONDS = 2.0
"""A bar of typed chords lasts this long where the input has no clear beat."""

# A beat this much of a period before the beginning is at the beginning; the same after the sound's first moment.
EARLY_SHARE = 0.25
SHORTEST_CHORD_SECONDS = 0.05


@dataclass(frozen=True)
class TimedChord:
    """A chord with its place in the output, and the MIDI notes that it has."""

    start_seconds: float
    end_seconds: float
    name: str
    midis: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Timeline:
    """Beats (ascending, empty if none are clear), which of them begin a bar of `metre`, and the chords of an output."""

    duration_seconds: float
    beats_seconds: np.ndarray
    bars: np.ndarray
    metre: int = BEATS_PER_BAR
    chords: tuple[TimedChord, ...] = ()

    @classmethod
    def of(
        cls,
        pulse: Pulse | None,
        *,
        duration_seconds: float,
        bars: Bars | None = None,
        sound_seconds: float = 0.0,
    ) -> "Timeline":
        """The beats of a recording, continued to both ends.

        Without clear bars, every four beats from the beginning of its sound, at `sound_seconds`, are one.
        """
        if pulse is None or not pulse.is_clear:
            return cls(duration_seconds, np.zeros(0), np.zeros(0, dtype=np.int64))
        period, own = pulse.period_seconds, pulse.beats_seconds
        before = np.arange(own[0] - period, -EARLY_SHARE * period, -period)[::-1].clip(min=0.0)
        after = np.arange(own[-1] + period, duration_seconds, period)
        beats = np.concatenate([before, own[own < duration_seconds], after])
        metre = BEATS_PER_BAR
        if bars is not None and bars.is_clear:
            metre, first = bars.metre, (bars.first + len(before)) % bars.metre
        else:
            first = int(np.searchsorted(beats, sound_seconds - EARLY_SHARE * period))
        return cls(duration_seconds, beats, np.arange(min(first, len(beats) - 1), len(beats), metre), metre)

    def with_progression(self, progression: Progression) -> "Timeline":
        """Adds typed chords, each from the beginning of its bar, over and over.

        The first chord is there from the beginning, also before the first bar.
        """
        starts = self._starts(progression.bars_per_chord)
        ends = [*starts[1:], self.duration_seconds]
        written = zip(progression.names, progression.chords, strict=True)
        cycle = [(name, (chord.bass, *chord.voicing)) for name, chord in written]
        chords = tuple(
            TimedChord(start, end, *cycle[number % len(cycle)])
            for number, (start, end) in enumerate(zip(starts, ends, strict=True))
        )
        return self.with_chords(chords)

    def with_chords(self, chords: tuple[TimedChord, ...]) -> "Timeline":
        """Adds chords."""
        return replace(self, chords=chords)

    def _starts(self, bars_per_chord: float) -> list[float]:
        last = self.duration_seconds - SHORTEST_CHORD_SECONDS
        if len(self.bars) == 0:
            starts = np.arange(0.0, self.duration_seconds, PLAIN_BAR_SECONDS * bars_per_chord)
        else:
            numbers = np.arange(0.0, len(self.bars), bars_per_chord)
            ends = [*self.bars, self.bars[-1] + self.metre]
            places = np.interp(numbers, np.arange(len(ends)), ends).round().astype(np.int64)
            starts = self.beats_seconds[places[places < len(self.beats_seconds)]]
        return [0.0, *(float(start) for start in starts[1:] if start < last)]

    @property
    def counted(self) -> Iterator[tuple[float, int, int]]:
        """Each beat with the number of its bar (0 before the first) and its place in the bar, both from 1."""
        for index, seconds in enumerate(self.beats_seconds):
            bar = int(np.searchsorted(self.bars, index, side="right"))
            start = self.bars[bar - 1] if bar else self.bars[0] - self.metre
            yield float(seconds), bar, int((index - start) % self.metre if not bar else index - start) + 1

    def as_labels(self) -> str:
        """A label track as Audacity reads it: start, end and text of each line, in seconds, tabs between them."""
        rows = [(chord.start_seconds, chord.end_seconds, chord.name) for chord in self.chords]
        for seconds, bar, beat in self.counted:
            rows += [(seconds, seconds, f"bar {bar}")] if bar and beat == 1 else []
            rows.append((seconds, seconds, f"{bar}.{beat}"))
        rows.sort(key=lambda row: row[0])
        return "".join(f"{start:.6f}\t{end:.6f}\t{text}\n" for start, end, text in rows)


def merged(names: Sequence[tuple[str, tuple[int, ...]] | None], edges: np.ndarray) -> tuple[TimedChord, ...]:
    """Chords with their notes, one for each stretch between `edges` or None, those in a row that are one as one."""
    chords: list[TimedChord] = []
    for found, start, end in zip(names, edges[:-1], edges[1:], strict=True):
        if found is None:
            continue
        if chords and chords[-1].name == found[0] and chords[-1].end_seconds == start:
            chords[-1] = replace(chords[-1], end_seconds=float(end))
        else:
            chords.append(TimedChord(float(start), float(end), *found))
    return tuple(chords)

"""Chords: roman numerals in a key become pitch classes, names and voicings with short ways between them."""

import re
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np

FLAT_NAMES = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
SHARP_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
NUMERALS = {"i": 0, "ii": 2, "iii": 4, "iv": 5, "v": 7, "vi": 9, "vii": 11}
# Semitones above the root: root, third (or what stands for it), fifth or seventh, then what colours the chord.
QUALITIES = {
    "": (0, 4, 7),
    "m": (0, 3, 7),
    "dim": (0, 3, 6),
    "sus4": (0, 5, 7),
    "sus2": (0, 2, 7),
    "6": (0, 4, 7, 9),
    "add9": (0, 4, 7, 2),
    "7": (0, 4, 7, 10),
    "maj7": (0, 4, 7, 11),
    "m7": (0, 3, 7, 10),
    "m7b5": (0, 3, 6, 10),
    "9": (0, 4, 10, 2),
    "maj9": (0, 4, 11, 2),
    "m9": (0, 3, 10, 2),
}
BASS_RANGE = (28, 39)  # E1 (41 Hz) to D#2
LADDER_LOWEST = 67  # the melody's notes start at G4


@dataclass(frozen=True)
class Chord:
    """One chord: its root and quality, and how it is played.

    `voicing` are MIDI notes from low to high; `bass` is the MIDI note of the bass, the root unless inverted;
    `flats` says how black keys are spelled.
    """

    root: int
    quality: str
    voicing: tuple[int, ...]
    bass: int
    flats: bool = True

    @property
    def name(self) -> str:
        """The lead-sheet name, such as `F#m7` or `C/E`."""
        plain = note_name(self.root, flats=self.flats) + self.quality
        inverted = self.bass % 12 != self.root
        return f"{plain}/{note_name(self.bass, flats=self.flats)}" if inverted else plain

    @property
    def pitch_classes(self) -> tuple[int, ...]:
        """The chord's notes as pitch classes (C is 0), root first."""
        return tuple((self.root + interval) % 12 for interval in QUALITIES[self.quality])

    def bass_note(self, degree: int) -> int:
        """The bass at a degree: 0 bass, 1 third, 2 fifth (seventh in a ninth chord), 3 octave."""
        if degree in (0, 3):
            return self.bass + (12 if degree == 3 else 0)
        return self.bass + (self.pitch_classes[degree] - self.bass) % 12

    def ladder_note(self, step: int) -> int:
        """The melody's note on a step of the ladder of chord notes above G4, two octaves high."""
        ladder = [n for n in range(LADDER_LOWEST, LADDER_LOWEST + 24) if n % 12 in self.pitch_classes]
        return ladder[step % len(ladder)]


def note_name(midi: int, *, flats: bool) -> str:
    """A note's or pitch class's name without its octave."""
    return (FLAT_NAMES if flats else SHARP_NAMES)[midi % 12]


def parse_numeral(text: str) -> tuple[int, str]:
    """A roman numeral such as `bVII`, `ii7` or `Vsus4`: (semitones above the tonic, quality).

    Lower case is minor, upper case major; degrees are those of the major scale, `b` and `#` shift them.
    """
    match = re.fullmatch(r"([b#]?)([iv]+|[IV]+)(.*)", text)
    if match is None or match[2].lower() not in NUMERALS:
        raise ValueError(f"{text!r} is no roman numeral")
    shift = {"": 0, "b": -1, "#": 1}[match[1]]
    quality = match[3]
    if match[2].islower() and not quality.startswith(("dim", "m7b5")):
        quality = "m" + quality
    if quality not in QUALITIES:
        raise ValueError(f"{text!r} has no known quality: {quality!r}")
    return (NUMERALS[match[2].lower()] + shift) % 12, quality


def bass_of(pitch_class: int) -> int:
    """The MIDI note of a pitch class in the bass's register."""
    return BASS_RANGE[0] + (pitch_class - BASS_RANGE[0]) % 12


def voice(pitch_classes: tuple[int, ...], previous: tuple[int, ...] | None, centre: int) -> tuple[int, ...]:
    """The voicing of a chord with the shortest way from the previous one.

    Args:
        pitch_classes: the chord's notes.
        previous: the voicing before, or None.
        centre: MIDI note around which the voicings stay.

    Returns:
        One MIDI note for each pitch class, within ±11 of the centre, none a semitone from the next where that
        can be avoided.
    """
    choices = [[n for n in range(centre - 9, centre + 12) if n % 12 == p] for p in pitch_classes]
    candidates = sorted({tuple(sorted(notes)) for notes in product(*choices)})

    def cost(notes: tuple[int, ...]) -> float:
        way = float(np.mean([min(abs(n - p) for p in previous) for n in notes])) if previous else 0.0
        rub = sum(b - a < 2 for a, b in pairwise(notes))
        return way + 0.3 * abs(float(np.mean(notes)) - centre) + 2.0 * rub + 0.1 * (notes[-1] - notes[0])

    return min(candidates, key=cost)

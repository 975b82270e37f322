"""Harmony: chords with their names and voicings, and a key whose chords follow a clock of their own.

The chord at a time belongs to the harmony alone, whatever the rhythm does.
"""

import re
from dataclasses import dataclass, replace
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
    # The songs of the corpus have none of these; people write them.
    "5": (0, 7),
    "aug": (0, 4, 8),
    "dim7": (0, 3, 6, 9),
    "m6": (0, 3, 7, 9),
    "69": (0, 4, 7, 9, 2),
    "madd9": (0, 3, 7, 2),
    "mmaj7": (0, 3, 7, 11),
    "7sus4": (0, 5, 7, 10),
    "9sus4": (0, 5, 10, 2),
    "7b5": (0, 4, 6, 10),
    "7#5": (0, 4, 8, 10),
    "7b9": (0, 4, 7, 10, 1),
    "7#9": (0, 4, 7, 10, 3),
    "maj7#11": (0, 4, 7, 11, 6),
    "11": (0, 7, 10, 2, 5),
    "m11": (0, 3, 10, 2, 5),
    "13": (0, 4, 10, 2, 9),
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
        raise ValueError(f"{text!r} is not a roman numeral")
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


MIN_CHORD_SECONDS = 1.1
MAX_CHORD_SECONDS = 4.5

PROGRESSIONS = {
    "major": (
        "I V vi IV",
        "I vi IV V",
        "vi IV I V",
        "ii V I vi",
        "I iii IV iv",
        "I IV ii V",
        "I bVII IV I",
        "I V/3 vi IV",
        "IV I/3 ii I",
        "I III vi IV",
        "I IV",
        "I iii vi ii V Vsus4",
        "vi ii V I",
        "I bVI bVII I",
        "I IV/5 V IV",
        "IV V iii vi ii V I I",
    ),
    "minor": (
        "i bVI bIII bVII",
        "i iv v i",
        "i bVII bVI V",
        "i bVI iv V",
        "i bIII bVII iv",
        "i v bVI bVII",
        "i iv bVII bIII bVI iidim V V",
        "i bVII/3 bIII bVI",
        "i bVI",
        "bVI bVII i i",
        "i iv bVI V",
    ),
    "dorian": ("i IV", "i bVII IV i", "i ii bIII IV", "i bIII IV bVII", "ii i IV/3 i"),
    "mixolydian": ("I bVII IV I", "I v IV I", "I bVII", "I IV bVII IV"),
}
SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
}
# The major scale with the same notes lies this many semitones above the tonic.
TO_RELATIVE_MAJOR = {"major": 0, "minor": 3, "dorian": 10, "mixolydian": 5}
MAJORS_WITH_FLATS = (5, 10, 3, 8, 1)  # F, Bb, Eb, Ab, Db
SEVENTHS = {"": "maj7", "m": "m7", "dim": "m7b5"}
NINTHS = {"": "maj9", "m": "m9", "7": "9"}


@dataclass(frozen=True)
class Harmony:
    """A key and a cycle of chords, each `chord_seconds` long, the first from `start_seconds` (and before)."""

    tonic: int
    mode: str
    chords: tuple[Chord, ...]
    start_seconds: float
    chord_seconds: float

    @property
    def key(self) -> str:
        """The key's name, such as `Eb dorian`."""
        return f"{note_name(self.tonic, flats=_has_flats(self.tonic, self.mode))} {self.mode}"

    @property
    def scale(self) -> frozenset[int]:
        """The pitch classes of the key; relative keys share them."""
        return frozenset((self.tonic + step) % 12 for step in SCALES[self.mode])

    def number_at(self, seconds: float) -> int:
        """Number of changes of chord before a time."""
        return max(0, int((seconds - self.start_seconds) // self.chord_seconds))

    def at(self, seconds: float) -> Chord:
        """The chord that sounds at a time."""
        return self.chords[self.number_at(seconds) % len(self.chords)]

    def timeline(self, duration_seconds: float) -> list[tuple[float, Chord]]:
        """(start in seconds, chord) of every chord up to a duration; the first starts at 0."""
        last = self.number_at(duration_seconds - 1e-9)
        starts = [0.0] + [self.start_seconds + n * self.chord_seconds for n in range(1, last + 1)]
        return [(start, self.chords[n % len(self.chords)]) for n, start in enumerate(starts)]


def make_harmony(rng: np.random.Generator, *, start_seconds: float, bar_seconds: float) -> Harmony:
    """Draws a key, a progression with its colour and voicings, and how many bars of its song a chord lasts."""
    mode = str(rng.choice(sorted(PROGRESSIONS), p=[0.15, 0.4, 0.33, 0.12]))
    tonic = int(rng.integers(12))
    numerals = str(rng.choice(PROGRESSIONS[mode])).split()
    colour = rng.choice(["triads", "sevenths", "ninths"], p=[0.45, 0.38, 0.17])
    chords = _voiced(numerals, tonic, mode, str(colour), centre=int(rng.integers(57, 64)))
    fitting = [n for n in (0.5, 1, 2) if MIN_CHORD_SECONDS <= n * bar_seconds <= MAX_CHORD_SECONDS]
    return Harmony(
        tonic=tonic,
        mode=mode,
        chords=chords,
        start_seconds=start_seconds,
        chord_seconds=bar_seconds * float(rng.choice(fitting or [1])),
    )


def _has_flats(tonic: int, mode: str) -> bool:
    return (tonic + TO_RELATIVE_MAJOR[mode]) % 12 in MAJORS_WITH_FLATS


def _voiced(numerals: list[str], tonic: int, mode: str, colour: str, centre: int) -> tuple[Chord, ...]:
    chords: list[Chord] = []
    for numeral in numerals:
        plain, _, inversion = numeral.partition("/")
        degree, quality = parse_numeral(plain)
        root = (tonic + degree) % 12
        # An inverted ninth chord would have its seventh or ninth in the bass.
        quality = _coloured(quality, degree, mode, "sevenths" if inversion and colour == "ninths" else colour)
        previous = chords[-1].voicing if chords else None
        chord = Chord(root, quality, (), bass_of(root), _has_flats(tonic, mode))
        notes = chord.pitch_classes
        lowest = notes[{"": 0, "3": 1, "5": 2}[inversion]]
        chords.append(replace(chord, voicing=voice(notes, previous, centre), bass=bass_of(lowest)))
    return tuple(chords)


def _coloured(quality: str, degree: int, mode: str, colour: str) -> str:
    """The quality with the seventh or ninth that the mode's scale gives it; suspended chords stay."""
    if colour == "triads" or quality not in SEVENTHS:
        return quality
    minor_seventh_in_scale = (degree + 10) % 12 in SCALES[mode]
    seventh = "7" if quality == "" and minor_seventh_in_scale else SEVENTHS[quality]
    if colour == "sevenths" or quality == "dim":
        return seventh
    return NINTHS["7"] if seventh == "7" else NINTHS[quality]

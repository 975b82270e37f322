"""Harmony: a key and its chords on a clock of their own, so that the chord at a time belongs to it alone."""

from dataclasses import dataclass, replace

import numpy as np

from hocket.data.synthetic.chords import Chord, bass_of, note_name, parse_numeral, voice

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
        """How many changes of chord lie before a time."""
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

"""Typed chords: `Am F C G` as names, notes and voicings."""

import difflib
import re
from dataclasses import dataclass
from functools import cached_property

from hocket.data.synthetic.harmony import FLAT_NAMES, QUALITIES, SHARP_NAMES, Chord, bass_of, voice
from hocket.errors import ConfigError

MOST_CHORDS = 256
MOST_LETTERS = 4_000
BARS_PER_CHORD = (0.5, 1.0, 2.0, 4.0)
CENTRE = 60
LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
ACCIDENTALS = {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}
# What musicians write, for what `QUALITIES` calls it.
ALIASES = {
    "M": "", "maj": "", "Maj": "", "major": "", "min": "m", "mi": "m", "minor": "m", "o": "dim", "°": "dim",
    "o7": "dim7", "°7": "dim7", "+": "aug", "aug7": "7#5", "+7": "7#5", "sus": "sus4", "7sus": "7sus4", "2": "add9",
    "add2": "add9", "M6": "6", "maj6": "6", "min6": "m6", "6/9": "69", "M7": "maj7", "Maj7": "maj7", "ma7": "maj7",
    "Δ": "maj7", "Δ7": "maj7", "dom7": "7", "min7": "m7", "mi7": "m7", "ø": "m7b5", "ø7": "m7b5", "min7b5": "m7b5",
    "mM7": "mmaj7", "mMaj7": "mmaj7", "minmaj7": "mmaj7", "minadd9": "madd9", "M9": "maj9", "Maj9": "maj9",
    "min9": "m9", "min11": "m11",
}  # fmt: skip


@dataclass(frozen=True)
class Progression:
    """Typed chords as the target of a fusion: each lasts `bars_per_chord` bars of the input, and they come round.

    Chords are separated by spaces, commas, bars `|` or hyphens: `Am F | C/E G7`.

    Raises:
        ConfigError: a name is unknown, there are none or too many, or the number of bars is not 0.5, 1, 2 or 4.
    """

    text: str
    bars_per_chord: float = 1.0

    def __post_init__(self) -> None:
        if self.bars_per_chord not in BARS_PER_CHORD:
            raise ConfigError(f"bars_per_chord is {self.bars_per_chord:g}: give 0.5, 1, 2 or 4.")
        if not self.names:
            raise ConfigError("there are no chords: write some, such as Am F C G.")
        if len(self.text) > MOST_LETTERS or len(self.names) > MOST_CHORDS:
            raise ConfigError(f"there are too many chords: give at most {MOST_CHORDS} chords.")
        _ = self.chords

    def __str__(self) -> str:
        return self.name

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The chords as they were typed."""
        return tuple(re.findall(r"[^\s,|-]+", self.text[: MOST_LETTERS + 1]))

    @cached_property
    def chords(self) -> tuple[Chord, ...]:
        """The chords, each voiced with the shortest way from the one before."""
        chords: list[Chord] = []
        for number, name in enumerate(self.names, start=1):
            found = _parsed(name, chords[-1].voicing if chords else None)
            if found is None:
                raise ConfigError(_unknown(name, number))
            chords.append(found)
        return tuple(chords)

    @property
    def name(self) -> str:
        """The chords with a space between them."""
        return " ".join(self.names)

    @property
    def stem(self) -> str:
        """The chords as part of a file's name."""
        return self.name.replace("/", "_")


def _parsed(name: str, previous: tuple[int, ...] | None) -> Chord | None:
    match = re.fullmatch(r"([A-G])([#b♯♭]?)(.*?)(?:/([A-G])([#b♯♭]?))?", name)
    if match is None:
        return None
    letter, accidental, written, low, low_accidental = match.groups()
    plain = re.sub(r"[()]", "", written).replace("♭", "b").replace("♯", "#")
    quality = ALIASES.get(plain, plain)
    if quality not in QUALITIES:
        return None
    root = (LETTERS[letter] + ACCIDENTALS[accidental]) % 12
    bass = root if low is None else (LETTERS[low] + ACCIDENTALS[low_accidental]) % 12
    classes = tuple((root + step) % 12 for step in QUALITIES[quality])
    return Chord(root, quality, voice(classes, previous, CENTRE), bass_of(bass), accidental in ("b", "♭"))


def _unknown(name: str, number: int) -> str:
    """The sentence for a name that is not a chord, with the nearest that is one."""
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10 if number % 100 not in (11, 12, 13) else 0, "th")
    shown = name if len(name) <= 20 else f"{name[:20]}…"
    known = [
        root + quality
        for root in dict.fromkeys(FLAT_NAMES + SHARP_NAMES)
        for quality in (*QUALITIES, *ALIASES)
    ]
    # In German B is called H; and many type the root as a small letter.
    upper = "B" + name[1:] if name[0] in "Hh" else name[0].upper() + name[1:]
    near = difflib.get_close_matches(upper[:20], known, n=1, cutoff=0.6)
    cure = f"did you mean '{near[0]}'?" if near else "write chords such as Am, F#m7, Bbmaj7, Dsus4 or C/E."
    return f"unknown chord '{shown}' (the {number}{ending}): {cure}"

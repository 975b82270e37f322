"""Recipes: which parts make up a piece of each style, and how often a style comes.

A slot's level is in dB against the other parts. `use` says what a style is like: `rhythm` (an input), `harmony` (a
target) or `mix` (both, a whole piece).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Slot:
    """One part: its figure, the groups of instruments that it is drawn from, level and probability."""

    figure: str
    groups: tuple[str, ...]
    level_db: float = 0.0
    probability: float = 1.0


@dataclass(frozen=True)
class Recipe:
    """A style. `rhythms` are hocket's drum styles that fit (none: all), `loops` the share of exact loops."""

    weight: float
    use: str
    slots: tuple[Slot, ...]
    with_drums: bool = True
    rhythms: tuple[str, ...] = ()
    chord_beats: tuple[int, ...] = (2, 4, 4, 8)
    loops: float = 0.2
    drive: float = 0.1  # probability of a distorted sum
    compressed: float = 0.3
    pumping: float = 0.0


STRUMMED = ("guitar", "plucked", "piano")
CHORDAL = ("piano", "electric piano", "guitar", "organ", "keys")
HELD = ("pad", "strings", "organ", "choir", "brass")
TUNES = ("reed", "pipe", "lead", "brass", "solo strings", "mallet", "choir", "plucked")
BASSES = ("bass", "synth bass")
ELECTRONIC = ("house", "trap", "breakbeat", "drum_and_bass", "disco", "boom_bap")

RECIPES: dict[str, Recipe] = {
    "drum loop": Recipe(9, "rhythm", (Slot("drums", ("kit",)), Slot("percussion", ("kit",), -7, 0.25)), loops=0.6, drive=0.2),
    "percussion": Recipe(
        7, "rhythm",
        (Slot("percussion", ("kit",)), Slot("percussion", ("kit", "struck"), -2, 0.7), Slot("percussion", ("struck",), -3, 0.4), Slot("riff", ("mallet",), -4, 0.2)),
        loops=0.5,
    ),
    "bass and drums": Recipe(
        8, "rhythm",
        (Slot("drums", ("kit",)), Slot("bass", BASSES, 1), Slot("percussion", ("kit",), -8, 0.25), Slot("riff", ("lead", "keys"), -6, 0.2)),
        loops=0.35, drive=0.25, compressed=0.5,
    ),
    "riff": Recipe(
        7, "rhythm",
        (Slot("riff", ("guitar", "muted guitar", "keys", "lead", "bass", "electric piano", "mallet", "plucked", "brass")),
         Slot("drums", ("kit",), 1, 0.6), Slot("bass", BASSES, 0, 0.5), Slot("percussion", ("kit", "struck"), -5, 0.3)),
        loops=0.35, drive=0.15,
    ),
    "arpeggio": Recipe(
        7, "rhythm",
        (Slot("arpeggio", ("lead", "plucked", "mallet", "piano", "electric piano", "guitar", "keys", "muted guitar", "synth bass")),
         Slot("drums", ("kit",), 0, 0.35), Slot("bass", BASSES, -1, 0.35), Slot("percussion", ("kit",), -5, 0.25), Slot("arpeggio", ("lead", "mallet"), -6, 0.3)),
        loops=0.25, pumping=0.1,
    ),
    "picked guitar": Recipe(
        4, "rhythm", (Slot("arpeggio", ("guitar", "guitar", "plucked")), Slot("percussion", ("kit",), -4, 0.3), Slot("melody", ("guitar",), -2, 0.25)),
        chord_beats=(2, 4, 8),
    ),
    "ostinato": Recipe(
        5, "rhythm",
        (Slot("repeated", ("strings", "plucked", "brass", "muted guitar", "organ", "reed")), Slot("percussion", ("struck",), -1, 0.6),
         Slot("bass", ("low strings", "bass"), -3, 0.5), Slot("drums", ("kit",), -3, 0.25)),
        chord_beats=(4, 8, 8, 16),
    ),
    "metal": Recipe(
        4, "rhythm",
        (Slot("drums", ("kit",), 1), Slot("power_riff", ("driven guitar",), 2), Slot("power_riff", ("driven guitar", "muted guitar"), 0, 0.5), Slot("bass", ("bass",), 0),
         Slot("melody", ("driven guitar", "lead"), -4, 0.3)),
        rhythms=("rock", "ride_rock", "breakbeat", "drum_and_bass", "half_time"), drive=0.6, compressed=0.8, loops=0.1,
    ),
    "band": Recipe(
        9, "mix",
        (Slot("drums", ("kit",)), Slot("bass", ("bass",), 0, 0.95), Slot("comped", CHORDAL, 0), Slot("held", HELD, -5, 0.4), Slot("melody", TUNES, -1, 0.55)),
    ),
    "electronic": Recipe(
        7, "mix",
        (Slot("drums", ("kit",), 1), Slot("bass", ("synth bass", "synth bass", "bass"), 1), Slot("comped", ("lead", "pad", "electric piano", "piano"), -2, 0.7),
         Slot("held", ("pad", "strings", "choir"), -3, 0.7), Slot("arpeggio", ("lead", "mallet", "pad"), -4, 0.5), Slot("melody", ("lead", "choir"), -3, 0.35)),
        rhythms=ELECTRONIC, compressed=0.6, pumping=0.4, drive=0.15, loops=0.25,
    ),
    "chip": Recipe(
        3, "mix",
        (Slot("melody", ("lead",), 0), Slot("arpeggio", ("lead",), -3), Slot("bass", ("synth bass", "lead"), 0), Slot("drums", ("kit",), -3, 0.8)),
        compressed=0.5, drive=0.25,
    ),
    "orchestra": Recipe(
        8, "mix",
        (Slot("held", ("strings",)), Slot("melody", ("reed", "pipe", "brass", "solo strings", "strings"), 0, 0.8), Slot("held", ("brass", "choir"), -3, 0.6),
         Slot("held_bass", ("low strings", "brass"), -2, 0.8), Slot("percussion", ("struck",), -3, 0.45), Slot("repeated", ("strings", "plucked"), -4, 0.35), Slot("arpeggio", ("plucked",), -5, 0.3)),
        with_drums=False, chord_beats=(2, 4, 4, 8), loops=0.0,
    ),
    "jazz": Recipe(
        3, "mix",
        (Slot("drums", ("kit",), -3), Slot("walking_bass", ("bass",)), Slot("comped", ("piano", "guitar", "electric piano", "organ"), -1), Slot("melody", ("brass", "reed", "mallet", "piano"), 0, 0.8)),
        rhythms=("swing", "shuffle", "bossa"), chord_beats=(2, 4, 4, 8), loops=0.0,
    ),
    "pads": Recipe(
        6, "harmony",
        (Slot("held", ("pad",)), Slot("held", ("pad", "strings", "choir"), -2, 0.6), Slot("held_bass", BASSES, -3, 0.35), Slot("melody", ("pipe", "lead", "mallet", "electric piano"), -4, 0.3)),
        with_drums=False, chord_beats=(2, 4, 8, 8, 16), loops=0.1, compressed=0.35,
    ),
    "strings": Recipe(
        5, "harmony",
        (Slot("held", ("strings",)), Slot("melody", ("solo strings", "reed"), -1, 0.5), Slot("held_bass", ("low strings",), -2, 0.7), Slot("held", ("strings", "solo strings"), -3, 0.4)),
        with_drums=False, chord_beats=(1, 2, 4, 4, 8, 16), loops=0.0,
    ),
    "choir": Recipe(
        5, "harmony",
        (Slot("held", ("choir",)), Slot("melody", ("choir",), -1, 0.4), Slot("held", ("organ", "strings", "choir"), -5, 0.5), Slot("held_bass", ("bass", "organ"), -4, 0.3)),
        with_drums=False, chord_beats=(1, 2, 4, 4, 8, 16), loops=0.0,
    ),
    "organ": Recipe(
        4, "harmony", (Slot("held", ("organ",)), Slot("melody", ("organ", "reed", "choir"), -1, 0.5), Slot("held_bass", ("organ",), -1, 0.5)),
        with_drums=False, chord_beats=(1, 1, 2, 4, 8), loops=0.0,
    ),
    "piano chords": Recipe(
        6, "harmony",
        (Slot("comped", ("piano", "electric piano")), Slot("held", ("strings", "pad"), -5, 0.4), Slot("melody", ("piano", "pipe", "solo strings", "choir"), -2, 0.45), Slot("held_bass", ("bass", "piano"), -3, 0.5)),
        with_drums=False, chord_beats=(1, 2, 4, 4, 8),
    ),
    "plucked chords": Recipe(
        5, "harmony",
        (Slot("comped", STRUMMED), Slot("arpeggio", ("plucked", "mallet", "guitar"), -2, 0.4), Slot("melody", TUNES, -2, 0.4), Slot("held_bass", ("bass",), -3, 0.4)),
        with_drums=False, chord_beats=(2, 4, 4, 8),
    ),
    "drone": Recipe(
        2, "harmony",
        (Slot("drone", ("pad", "strings", "organ", "synth bass", "choir")), Slot("melody", ("pipe", "reed", "plucked", "choir"), -2, 0.6), Slot("held", ("pad",), -6, 0.4), Slot("percussion", ("struck",), -8, 0.15)),
        with_drums=False, chord_beats=(8, 16), loops=0.0,
    ),
    "wall": Recipe(
        4, "harmony",
        (Slot("held", ("driven guitar", "organ", "brass")), Slot("held", ("pad", "strings")), Slot("held", ("choir", "strings", "lead"), -1, 0.7), Slot("held_bass", BASSES, 0), Slot("melody", ("lead", "brass", "choir"), -2, 0.5)),
        with_drums=False, chord_beats=(2, 4, 8, 16), compressed=0.9, drive=0.4, loops=0.1,
    ),
}

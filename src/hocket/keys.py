"""Musical keys by name, as people write them and as Hocket writes them."""

import difflib
import re
from collections.abc import Sequence

from hocket.errors import ConfigError

MAJOR_TONICS = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
MINOR_TONICS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B")
TONICS = {"major": MAJOR_TONICS, "minor": MINOR_TONICS}
KEY_NAMES = tuple(f"{tonic} {mode}" for mode, tonics in TONICS.items() for tonic in tonics)
"""All 24 keys by their usual names, the majors first, each from C up."""

RELATIVE_MAJOR = 3
"""A minor key has the notes of the major key this many semitones above it."""

NATURALS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
ACCIDENTALS = {"": 0, "#": 1, "b": -1}
SPELLING = re.compile(r"([A-Ga-g])([#b]?)(.*)")
MODES = {"": "major", "M": "major", "maj": "major", "major": "major"}
MODES |= {"m": "minor", "min": "minor", "minor": "minor"}


def key_name(tonic: int, mode: str) -> str:
    """The usual name of a key, such as `A minor`; its tonic counts semitones from C."""
    return f"{TONICS[mode][tonic % 12]} {mode}"


def parse_key(text: str, *, others: Sequence[str] = ()) -> tuple[int, str]:
    """Tonic (0 to 11, C is 0) and mode of a key such as `Am`, `A minor`, `C`, `F#m`, `b-flat` or `Bb-major`.

    Raises:
        ConfigError: it is not a key; the sentence names the nearest one, or the nearest of the `others` that it may be.
    """
    plain = re.sub(r"[\s_-]+", "", text)
    for long, short in (("♯", "#"), ("♭", "b"), ("sharp", "#"), ("flat", "b")):
        plain = re.sub(long, short, plain, flags=re.IGNORECASE)
    match = SPELLING.fullmatch(plain)
    mode = match and (MODES.get(match[3]) or MODES.get(match[3].lower()))
    if match is None or mode is None:
        wanted = ", ".join([*others, "or a key such as Am, C or F#m"])
        raise ConfigError(f"key is {text!r}: did you mean {_nearest(plain, others)}? Give {wanted}")
    return (NATURALS[match[1].upper()] + ACCIDENTALS[match[2]]) % 12, mode


def major_of(tonic: int, mode: str) -> int:
    """The tonic of the major key that has the same notes."""
    return (tonic + RELATIVE_MAJOR * (mode == "minor")) % 12


def _nearest(plain: str, others: Sequence[str]) -> str:
    """The key or word that a mistyped one most likely means; the German H is B."""
    word = re.sub("^[Hh]", "B", plain)
    if SPELLING.fullmatch(word) and word != plain:
        return key_name(*parse_key(word))
    spelled = {name.replace(" ", "").lower(): name for name in (*KEY_NAMES, *others)}
    close = difflib.get_close_matches(word.lower(), spelled, n=1, cutoff=0.3)
    return spelled[close[0]] if close else KEY_NAMES[0]

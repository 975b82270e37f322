"""The sounds that the corpus plays: programs of General MIDI, its drum kits, and oscillators of hocket."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["program", "kit", "oscillator", "oscillator kit"]
KIT_KEYS = (27, 87)
NUM_LAYERS = 3
LAYER_VELOCITIES = (45, 80, 115)
NUM_OSCILLATORS = 2  # members of each oscillator family


@dataclass(frozen=True)
class Group:
    """Instruments that play the same part: their programs, oscillator families, and how long a stored note is."""

    programs: tuple[int, ...]
    keys: tuple[int, int]
    seconds: float
    sustained: bool
    release_seconds: float
    oscillators: tuple[str, ...] = ()


GROUPS: dict[str, Group] = {
    "piano": Group((0, 1, 2, 3), (33, 92), 5.0, False, 0.2, ("piano",)),
    "electric piano": Group((4, 5), (36, 88), 4.0, False, 0.2, ("electric_piano",)),
    "keys": Group((6, 7), (36, 86), 2.5, False, 0.1),
    "mallet": Group((8, 9, 10, 11, 12, 13, 14, 108, 114), (48, 92), 3.0, False, 0.6, ("vibraphone",)),
    "plucked": Group((15, 45, 46, 104, 105, 106, 107), (40, 86), 3.0, False, 0.35, ("pluck",)),
    "guitar": Group((24, 25, 26, 27), (40, 84), 4.0, False, 0.25),
    "muted guitar": Group((28, 31), (36, 76), 1.5, False, 0.1),
    "driven guitar": Group((29, 30), (33, 84), 4.0, True, 0.1),
    "organ": Group((16, 17, 18, 19, 20, 21, 22, 23), (36, 90), 3.5, True, 0.12, ("organ",)),
    "solo strings": Group((40, 41, 42, 110), (43, 88), 3.5, True, 0.2),
    "strings": Group((44, 48, 49, 50, 51), (33, 90), 4.5, True, 0.45, ("strings",)),
    "low strings": Group((42, 43), (28, 55), 3.5, True, 0.25),
    "choir": Group((52, 53, 54, 85, 91), (40, 84), 4.5, True, 0.4, ("choir",)),
    "brass": Group((56, 57, 58, 59, 60, 61, 62, 63), (36, 82), 3.0, True, 0.15, ("brass",)),
    "reed": Group((64, 65, 66, 67, 68, 69, 70, 71, 109, 111), (44, 86), 3.0, True, 0.12),
    "pipe": Group((72, 73, 74, 75, 76, 77, 78, 79), (55, 92), 3.0, True, 0.15, ("flute",)),
    "lead": Group((80, 81, 82, 83, 84, 86, 87), (40, 90), 2.5, True, 0.1, ("square_lead",)),
    "pad": Group((88, 89, 90, 92, 93, 94, 95, 97, 99, 100, 101, 102), (36, 86), 5.0, True, 0.6, ("pad",)),
    "bass": Group(
        (32, 33, 34, 35, 36, 37), (26, 55), 3.0, False, 0.08, ("finger_bass", "upright_bass", "sub_bass")
    ),
    "synth bass": Group((38, 39, 87), (26, 58), 3.0, True, 0.06, ("synth_bass",)),
    "struck": Group((47, 112, 113, 115, 116, 117, 118), (36, 76), 1.5, False, 0.5),
}
KIT_PROGRAMS = (0, 8, 16, 24, 25, 32, 40, 48)
KIT_SECONDS = 2.0
NUM_OSCILLATOR_KITS = 4

# The keys of General MIDI that play the voices of hocket's drum patterns; alternatives take turns.
DRUM_KEYS: dict[str, tuple[int, ...]] = {
    "kick": (36, 35),
    "snare": (38, 40),
    "hat": (42, 44),
    "open_hat": (46,),
    "clap": (39,),
    "rim": (37,),
    "low_tom": (41, 43),
    "mid_tom": (45, 47),
    "high_tom": (48, 50),
    "shaker": (82, 70),
    "ride": (51, 59),
    "crash": (49, 57),
    "low_conga": (64,),
    "high_conga": (63, 62),
}
# Congas, bongos, timbales, agogo, cabasa, maracas, guiro, claves, blocks, triangles, tambourine, cowbell.
PERCUSSION_KEYS = (54, 56, 58, *range(60, 72), 73, 74, 75, 76, 77, 80, 81, 82, 85, 86)


@dataclass(frozen=True)
class Sound:
    """One instrument or kit in the bank; `low` to `high` are its MIDI keys, `high` included."""

    name: str
    kind: Kind
    number: int  # program, or which member of the oscillator family
    group: str
    family: str = ""

    @property
    def keys(self) -> tuple[int, int]:
        """The lowest and the highest stored key."""
        return KIT_KEYS if self.is_kit else GROUPS[self.group].keys

    @property
    def seconds(self) -> float:
        """Length of each stored note."""
        return KIT_SECONDS if self.is_kit else GROUPS[self.group].seconds

    @property
    def is_kit(self) -> bool:
        """True where its keys are drums."""
        return self.kind in ("kit", "oscillator kit")

    @property
    def is_sustained(self) -> bool:
        """True where a note sounds for as long as it is held."""
        return not self.is_kit and GROUPS[self.group].sustained

    @property
    def release_seconds(self) -> float:
        """Time for which a note fades after its end."""
        return self.seconds if self.is_kit else GROUPS[self.group].release_seconds


def all_sounds() -> list[Sound]:
    """Every sound that a complete sound font and the oscillators give."""
    sounds = [Sound(f"kit-{n:03d}", "kit", n, "kit") for n in KIT_PROGRAMS]
    sounds += [Sound(f"osc-kit-{n}", "oscillator kit", n, "kit") for n in range(NUM_OSCILLATOR_KITS)]
    for name, group in GROUPS.items():
        slug = name.replace(" ", "-")
        sounds += [Sound(f"{slug}-{n:03d}", "program", n, name) for n in group.programs]
        sounds += [
            Sound(f"osc-{family}-{n}".replace("_", "-"), "oscillator", n, name, family)
            for family in group.oscillators
            for n in range(NUM_OSCILLATORS)
        ]
    return sounds

"""Pitched instruments by name: the families, how one is drawn, and how it plays a note."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from hocket.data.synthetic import sound, struck, sustained
from hocket.data.synthetic.tone import Timbre, Tone

LEVEL_WINDOW_SECONDS = 0.3
SOFT_BRIGHTNESS = 0.6  # factor on the brightness of softly played notes

Range = tuple[float, float]


@dataclass(frozen=True)
class Family:
    """What the members of a family share: their voice and the ranges of their envelope, in seconds."""

    voice: Callable[[Tone], np.ndarray]
    attack_seconds: Range
    decay_seconds: Range | None  # None: sounds as long as it is held
    release_seconds: Range
    strum_seconds: float = 0.0


FAMILIES: dict[str, Family] = {
    "pad": Family(sustained.pad, (0.08, 0.35), None, (0.25, 0.6)),
    "strings": Family(sustained.strings, (0.06, 0.22), None, (0.15, 0.4)),
    "choir": Family(sustained.choir, (0.07, 0.25), None, (0.2, 0.45)),
    "organ": Family(sustained.organ, (0.004, 0.01), None, (0.04, 0.1)),
    "brass": Family(sustained.brass, (0.012, 0.04), (1.5, 4.0), (0.06, 0.15)),
    "flute": Family(sustained.flute, (0.02, 0.06), None, (0.06, 0.15)),
    "electric_piano": Family(struck.electric_piano, (0.002, 0.006), (1.5, 4.0), (0.1, 0.25)),
    "piano": Family(struck.piano, (0.002, 0.005), (2.0, 5.0), (0.12, 0.3), 0.006),
    "pluck": Family(struck.pluck, (0.001, 0.003), (1.0, 3.0), (0.06, 0.2), 0.014),
    "vibraphone": Family(struck.vibraphone, (0.002, 0.005), (1.5, 3.0), (0.15, 0.4)),
    "square_lead": Family(struck.square_lead, (0.003, 0.01), (0.8, 3.0), (0.05, 0.15)),
    "finger_bass": Family(struck.finger_bass, (0.003, 0.008), (0.8, 2.0), (0.04, 0.09)),
    "upright_bass": Family(struck.pluck, (0.003, 0.008), (0.6, 1.5), (0.05, 0.12)),
    "synth_bass": Family(struck.synth_bass, (0.003, 0.008), (0.6, 2.5), (0.03, 0.07)),
    "sub_bass": Family(struck.sub_bass, (0.004, 0.012), (0.7, 2.5), (0.04, 0.08)),
}
SLOW_CHORDS = ("pad", "strings", "choir", "organ", "piano", "electric_piano")
QUICK_CHORDS = ("electric_piano", "piano", "pluck", "vibraphone", "organ", "brass", "pad", "strings")
BASSES = ("finger_bass", "upright_bass", "synth_bass", "sub_bass")
LEADS = ("pluck", "electric_piano", "vibraphone", "flute", "square_lead", "brass", "piano")


def make_timbre(rng: np.random.Generator, family: str) -> Timbre:
    """Draws a member of a family."""
    ranges = FAMILIES[family]
    return Timbre(
        family=family,
        brightness=rng.uniform(0.25, 0.95),
        attack_seconds=rng.uniform(*ranges.attack_seconds),
        decay_seconds=np.inf if ranges.decay_seconds is None else rng.uniform(*ranges.decay_seconds),
        release_seconds=rng.uniform(*ranges.release_seconds),
        spread=rng.uniform(0.15, 1.0),
        strum_seconds=rng.uniform(0.0, ranges.strum_seconds),
        seed=int(rng.integers(2**31)),
    )


def play(
    timbre: Timbre, midi: int, *, soft: bool, num_samples: int, sample_rate: int, start_sample: int = 0
) -> np.ndarray:
    """A note held for `num_samples`, at RMS 1 over its first 0.3 s, with its attack and decay but no release.

    Args:
        timbre: the instrument.
        midi: MIDI note number (69 is 440 Hz).
        soft: plays with less brightness.
        num_samples: length.
        sample_rate: Hz.
        start_sample: where in the song the note is struck; its oscillators run on the song's clock.
    """
    played = replace(timbre, brightness=timbre.brightness * SOFT_BRIGHTNESS) if soft else timbre
    fundamental_hz = 440.0 * 2 ** ((midi - 69) / 12)
    rng = np.random.default_rng([timbre.seed, midi])
    num_level = int(LEVEL_WINDOW_SECONDS * sample_rate)
    tone = Tone(played, fundamental_hz, max(num_samples, num_level), sample_rate, rng, start_sample)
    note = FAMILIES[timbre.family].voice(tone)
    level = sound.root_mean_square(note[:num_level])
    attack = sound.rise(len(note), max(2, int(timbre.attack_seconds * sample_rate)))
    return (note * attack * tone.fading(timbre.decay_seconds) / level)[:num_samples]

"""Pitched instruments by name: the families with their voices, how one is drawn, and how it plays a note."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from hocket.data.synthetic import sound
from hocket.data.synthetic.tone import Timbre, Tone, crossfade

# Voices that sound as long as they are held: pad, strings, choir, organ, brass, flute.

# Centre, width (Hz) and gain of a bowed body's resonances: rough values of the violin family.
BODY_RESONANCES = ((300, 90, 0.8), (520, 130, 0.6), (1100, 260, 0.7), (2800, 700, 0.9))
# First three formants (Hz) of sung vowels, after the tables in Peterson and Barney (JASA 24(2), 1952).
VOWELS = {"ah": (730, 1090, 2440), "oh": (570, 840, 2410), "oo": (300, 870, 2240), "eh": (530, 1840, 2480)}
DRAWBARS = (1, 2, 3, 4, 6, 8, 10, 12, 16)  # harmonics of the sub-octave


def pad(tone: Tone) -> np.ndarray:
    """Detuned saws behind a slow low-pass filter."""
    bright = tone.timbre.brightness
    closed = tone.spectrum(slope=1.0, cutoff_hz=350 + 700 * bright)
    opened = tone.spectrum(slope=1.0, cutoff_hz=1200 + 3500 * bright)
    cycle = tone.cycles(tone.rng.uniform(0.08, 0.25))
    return tone.ensemble(
        [closed, opened],
        crossfade(0.5 + 0.5 * sound.sine(cycle)),
        num_voices=4,
        detune_cents=5 + 9 * tone.timbre.spread,
    )


def strings(tone: Tone) -> np.ndarray:
    """A bowed ensemble: saws with vibrato through body resonances."""
    plain = tone.spectrum(slope=1.0, cutoff_hz=1500 + 4000 * tone.timbre.brightness)
    body = np.full(len(plain), 0.5)
    for centre_hz, width_hz, gain in BODY_RESONANCES:
        body += gain * np.exp(-(((tone.harmonics_hz() - centre_hz) / width_hz) ** 2))
    spread = tone.timbre.spread
    return tone.ensemble(
        [plain * body], num_voices=3, detune_cents=4 + 6 * spread, vibrato_cents=6 + 12 * spread
    )


def choir(tone: Tone) -> np.ndarray:
    """Singers who move slowly between two vowels: a glottal slope through three formants."""
    glottal = tone.spectrum(slope=1.1, cutoff_hz=6000)
    chosen = np.random.default_rng(tone.timbre.seed).permutation(sorted(VOWELS))[:2]
    spectra = []
    for vowel in chosen:
        formants = np.full(len(glottal), 0.04)
        for centre_hz, gain in zip(VOWELS[vowel], (1.0, 0.7, 0.35), strict=True):
            distance = (tone.harmonics_hz() - centre_hz) / (0.09 * centre_hz + 30)
            formants += gain / (1 + distance**2)
        spectra.append(glottal * formants)
    spread = tone.timbre.spread
    return tone.ensemble(
        spectra,
        crossfade(0.5 + 0.5 * sound.sine(0.15 * tone.clock_seconds)),
        num_voices=3,
        detune_cents=5 + 8 * spread,
        vibrato_cents=12 + 14 * spread,
    )


def organ(tone: Tone) -> np.ndarray:
    """Nine drawbars over a sub-octave fundamental, a rotating speaker and a key click."""
    drawn = np.random.default_rng(tone.timbre.seed).uniform(0.1, 1.0, len(DRAWBARS))
    amplitudes = np.zeros(max(DRAWBARS))
    amplitudes[np.array(DRAWBARS) - 1] = drawn * np.linspace(1.0, tone.timbre.brightness, len(DRAWBARS))
    carried = sound.num_partials(tone.fundamental_hz / 2, tone.sample_rate)
    steady = tone.ensemble([amplitudes[:carried]], vibrato_cents=8 * tone.timbre.spread, transpose=0.5)
    rotation = sound.sine(tone.cycles(tone.rng.uniform(5.5, 6.8)))
    return steady * (1 + 0.25 * tone.timbre.spread * rotation) + 0.3 * tone.noise(0.002)


def brass(tone: Tone) -> np.ndarray:
    """A section whose brightness follows its breath: it opens within tens of milliseconds and settles."""
    bright = tone.timbre.brightness
    closed = tone.spectrum(slope=1.0, cutoff_hz=300 + 300 * bright)
    opened = tone.spectrum(slope=0.8, cutoff_hz=1600 + 2600 * bright)
    opening = (1 - tone.fading(0.03)) * (0.45 + 0.55 * tone.fading(0.25))
    spread = tone.timbre.spread
    return tone.ensemble(
        [closed, opened],
        crossfade(opening),
        num_voices=3,
        detune_cents=4 + 5 * spread,
        vibrato_cents=4 * spread,
    )


def flute(tone: Tone) -> np.ndarray:
    """A few harmonics with vibrato and breath."""
    bright = tone.timbre.brightness
    amplitudes = np.array([1.0, 0.25 + 0.3 * bright, 0.12, 0.05 * bright])[: len(tone.harmonics_hz())]
    steady = tone.ensemble([amplitudes], vibrato_cents=10 + 15 * tone.timbre.spread)
    breath = 0.03 * tone.noise(np.inf) + 0.15 * tone.noise(0.04)
    return steady + sound.band_pass(breath, 1500.0, 6000.0, tone.sample_rate)


# Voices that are struck or plucked and die away: pianos, strings, bars, leads and basses.


def electric_piano(tone: Tone) -> np.ndarray:
    """Frequency modulation: a warm 1:1 pair that mellows, and a short bell-like tine."""
    phase = tone.cycles(tone.fundamental_hz)
    index = (0.3 + 1.6 * tone.timbre.brightness) * tone.fading(0.35)
    warm = np.sin(2 * np.pi * phase + index * sound.sine(phase)) * tone.fading(1.1)
    ratio = 14.0 if 15 * tone.fundamental_hz < 0.5 * tone.sample_rate else 4.0
    tine = sound.sine(ratio * phase) * tone.fading(0.06)
    tremolo = 1 + 0.2 * tone.timbre.spread * sound.sine(4.5 * tone.clock_seconds)
    return (warm + 0.12 * tone.timbre.brightness * tine) * tremolo


def piano(tone: Tone) -> np.ndarray:
    """Hammered strings, two slightly apart, with the hammer's thump."""
    amplitudes = tone.spectrum(slope=1.15, cutoff_hz=700 + 2500 * tone.timbre.brightness)
    # A hammer at an eighth of the string leaves out every eighth harmonic.
    amplitudes *= 0.1 + np.abs(np.sin(np.pi * np.arange(1, len(amplitudes) + 1) / 8))
    strings = tone.decaying_bands(
        amplitudes,
        decay_seconds=1.6 * (220.0 / tone.fundamental_hz) ** 0.5,
        spread=tone.timbre.spread,
    )
    return strings + sound.low_pass(tone.noise(0.006), 900.0, tone.sample_rate)


def pluck(tone: Tone) -> np.ndarray:
    """A plucked string with the pick's noise: where it is plucked decides which harmonics are missing."""
    bright = tone.timbre.brightness
    amplitudes = tone.spectrum(slope=0.8, cutoff_hz=1000 + 4500 * bright)
    plucked_at = tone.rng.uniform(0.12, 0.3)  # of the string's length
    amplitudes *= 0.02 + np.abs(np.sin(np.pi * plucked_at * np.arange(1, len(amplitudes) + 1)))
    string = tone.decaying_bands(
        amplitudes, decay_seconds=0.5 + 1.2 * bright, spread=0.3 * tone.timbre.spread
    )
    return string + sound.low_pass(0.3 * bright * tone.noise(0.004), 3500.0, tone.sample_rate)


def vibraphone(tone: Tone) -> np.ndarray:
    """A tuned bar: partials at about 1, 4 and 10 times the fundamental, and the motor's tremolo."""
    bright = tone.timbre.brightness
    bar = np.zeros(tone.num_samples)
    for ratio, gain, decay_seconds in (
        (1.0, 1.0, 1.4),
        (3.98, 0.35 * bright, 0.35),
        (9.9, 0.12 * bright, 0.08),
    ):
        # Drawn for any sample rate, so that what is drawn next does not depend on it.
        phase = tone.cycles(ratio * tone.fundamental_hz)
        if ratio * tone.fundamental_hz < sound.HIGHEST_SHARE_OF_RATE * tone.sample_rate:
            bar += gain * sound.sine(phase) * tone.fading(decay_seconds)
    motor = sound.sine(tone.cycles(tone.rng.uniform(4.0, 6.0)))
    return bar * (1 + 0.4 * tone.timbre.spread * motor)


def square_lead(tone: Tone) -> np.ndarray:
    """Odd harmonics behind a filter that closes after the attack."""
    opened = tone.spectrum(slope=1.0, cutoff_hz=1500 + 4000 * tone.timbre.brightness)
    opened[1::2] *= 0.1
    closed = opened / (1 + (tone.harmonics_hz() / 700) ** 2)
    return tone.ensemble(
        [closed, opened],
        crossfade(0.2 + 0.8 * tone.fading(0.15)),
        num_voices=2,
        detune_cents=3 + 5 * tone.timbre.spread,
        vibrato_cents=5 * tone.timbre.spread,
    )


def finger_bass(tone: Tone) -> np.ndarray:
    """A plucked electric bass string."""
    amplitudes = tone.spectrum(slope=1.2, cutoff_hz=250 + 700 * tone.timbre.brightness)
    return tone.decaying_bands(amplitudes, decay_seconds=1.1, spread=0.2)


def synth_bass(tone: Tone) -> np.ndarray:
    """A saw whose filter snaps shut after each attack."""
    bright, spread = tone.timbre.brightness, tone.timbre.spread
    closed = tone.spectrum(slope=1.0, cutoff_hz=150 + 200 * bright)
    opened = tone.spectrum(slope=1.0, cutoff_hz=500 + 2500 * bright)
    opening = crossfade(tone.fading(0.05 + 0.2 * spread))
    return tone.ensemble([closed, opened], opening, num_voices=2, detune_cents=3 * spread)


def sub_bass(tone: Tone) -> np.ndarray:
    """A sine pushed into saturation, with a short octave at its start."""
    phase = tone.cycles(tone.fundamental_hz)
    body = sound.saturate(sound.sine(phase), 0.8 + 2.5 * tone.timbre.brightness)
    return body + 0.1 * sound.sine(2 * phase) * tone.fading(0.1)


LEVEL_WINDOW_SECONDS = 0.3
SOFT_BRIGHTNESS = 0.6  # factor on the brightness of softly played notes

Range = tuple[float, float]


@dataclass(frozen=True)
class Family:
    """Common traits of a family: the voice and the ranges of the envelope, in seconds."""

    voice: Callable[[Tone], np.ndarray]
    attack_seconds: Range
    decay_seconds: Range | None  # None: sounds as long as it is held
    release_seconds: Range
    strum_seconds: float = 0.0


FAMILIES: dict[str, Family] = {
    "pad": Family(pad, (0.08, 0.35), None, (0.25, 0.6)),
    "strings": Family(strings, (0.06, 0.22), None, (0.15, 0.4)),
    "choir": Family(choir, (0.07, 0.25), None, (0.2, 0.45)),
    "organ": Family(organ, (0.004, 0.01), None, (0.04, 0.1)),
    "brass": Family(brass, (0.012, 0.04), (1.5, 4.0), (0.06, 0.15)),
    "flute": Family(flute, (0.02, 0.06), None, (0.06, 0.15)),
    "electric_piano": Family(electric_piano, (0.002, 0.006), (1.5, 4.0), (0.1, 0.25)),
    "piano": Family(piano, (0.002, 0.005), (2.0, 5.0), (0.12, 0.3), 0.006),
    "pluck": Family(pluck, (0.001, 0.003), (1.0, 3.0), (0.06, 0.2), 0.014),
    "vibraphone": Family(vibraphone, (0.002, 0.005), (1.5, 3.0), (0.15, 0.4)),
    "square_lead": Family(square_lead, (0.003, 0.01), (0.8, 3.0), (0.05, 0.15)),
    "finger_bass": Family(finger_bass, (0.003, 0.008), (0.8, 2.0), (0.04, 0.09)),
    "upright_bass": Family(pluck, (0.003, 0.008), (0.6, 1.5), (0.05, 0.12)),
    "synth_bass": Family(synth_bass, (0.003, 0.008), (0.6, 2.5), (0.03, 0.07)),
    "sub_bass": Family(sub_bass, (0.004, 0.012), (0.7, 2.5), (0.04, 0.08)),
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

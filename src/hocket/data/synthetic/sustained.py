"""Voices that sound as long as they are held: pad, strings, choir, organ, brass, flute."""

import numpy as np

from hocket.data.synthetic import sound
from hocket.data.synthetic.tone import Tone, crossfade

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

"""Voices that are struck or plucked and die away: pianos, strings, bars, leads and basses."""

import numpy as np

from hocket.data.synthetic import sound
from hocket.data.synthetic.tone import Tone, crossfade


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

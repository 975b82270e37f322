"""Voices that are struck or plucked and die away: pianos, strings, bars, leads and basses."""

import numpy as np

from hocket.data.synthetic import sound
from hocket.data.synthetic.tone import Tone, crossfade


def electric_piano(tone: Tone) -> np.ndarray:
    """Frequency modulation: a warm 1:1 pair that mellows, and a short bell-like tine."""
    phase = tone.fundamental_hz * tone.seconds
    index = (0.3 + 1.6 * tone.timbre.brightness) * tone.fading(0.35)
    warm = np.sin(2 * np.pi * phase + index * sound.sine(phase)) * tone.fading(1.1)
    ratio = 14.0 if 15 * tone.fundamental_hz < 0.5 * tone.sample_rate else 4.0
    tine = sound.sine(ratio * phase) * tone.fading(0.06)
    tremolo = 1 + 0.2 * tone.timbre.spread * sound.sine(4.5 * tone.seconds)
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
    """Karplus and Strong's plucked string (Computer Music Journal 7(2), 1983).

    The loop is `delay` samples, a low pass of one sample and a linear interpolation for the rest. It is computed
    a period at a time: within a period no sample depends on another.
    """
    bright = tone.timbre.brightness
    loop_samples = tone.sample_rate / tone.fundamental_hz
    delay = int(loop_samples) - 1
    rest = loop_samples - 1 - delay
    damping = 0.02 + 0.16 * (1 - bright)
    taps = np.convolve([damping, 1 - 2 * damping, damping], [1 - rest, rest])
    taps *= np.exp(-1 / (tone.fundamental_hz * (0.5 + 1.2 * bright)))
    burst = sound.low_pass(
        tone.rng.standard_normal(delay + 4), 1500 + 6000 * bright, tone.sample_rate, order=1
    )
    # Plucking at a fraction of the length cancels the harmonics that have a node there.
    burst = burst - np.roll(burst, max(1, int(tone.rng.uniform(0.12, 0.3) * loop_samples)))
    string = np.zeros(tone.num_samples + 2 * delay + 8)
    string[: delay + 4] = burst - burst.mean()
    for start in range(delay + 4, len(string) - delay, delay):
        string[start : start + delay] = np.convolve(string[start - delay - 3 : start], taps, "valid")
    return string[4 : 4 + tone.num_samples]


def vibraphone(tone: Tone) -> np.ndarray:
    """A tuned bar: partials at about 1, 4 and 10 times the fundamental, and the motor's tremolo."""
    bright = tone.timbre.brightness
    bar = np.zeros(tone.num_samples)
    for ratio, gain, decay_seconds in ((1.0, 1.0, 1.4), (3.98, 0.35 * bright, 0.35), (9.9, 0.12 * bright, 0.08)):
        if ratio * tone.fundamental_hz < sound.HIGHEST_SHARE_OF_RATE * tone.sample_rate:
            partial = sound.sine(ratio * tone.fundamental_hz * tone.seconds)
            bar += gain * partial * tone.fading(decay_seconds)
    motor = sound.sine(tone.rng.uniform(4.0, 6.0) * tone.seconds)
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
    phase = tone.fundamental_hz * tone.seconds
    body = sound.saturate(sound.sine(phase), 0.8 + 2.5 * tone.timbre.brightness)
    return body + 0.1 * sound.sine(2 * phase) * tone.fading(0.1)

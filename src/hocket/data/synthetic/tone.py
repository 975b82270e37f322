"""A timbre's parameters, and one note in the making with the tools that every instrument uses.

Oscillators run on the song's clock: their phases are a function of the time in the song, of the timbre and of the
pitch, and a note opens and closes what has been running all along. So an instrument that plays the same chord in two
rhythms has the same waveform wherever both sound, as it has where a mask lets a recording through.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from hocket.data.synthetic import sound

STRUCK_ATTACK_SECONDS = 0.005
STRUCK_DECAY_SECONDS = 0.5
STRUCK_RELEASE_SECONDS = 0.1
FOLLOWER_GAIN = 0.5  # of the detuned players beside the first, so that no beat silences a note


@dataclass(frozen=True)
class Timbre:
    """One instrument: a family and its parameters."""

    family: str
    brightness: float  # 0 dark .. 1 bright
    attack_seconds: float
    decay_seconds: (
        float  # time constant of a held note, on top of the family's own; infinite for sustained ones
    )
    release_seconds: float
    spread: float  # 0..1: detuning, vibrato, tremolo
    strum_seconds: float  # from one note of a chord to the next
    seed: int

    def struck(self) -> "Timbre":
        """Plays an instrument short: a fast attack, then a decay, so that its articulation is heard."""
        return replace(
            self,
            attack_seconds=min(self.attack_seconds, STRUCK_ATTACK_SECONDS),
            decay_seconds=min(self.decay_seconds, STRUCK_DECAY_SECONDS),
            release_seconds=min(self.release_seconds, STRUCK_RELEASE_SECONDS),
            strum_seconds=0.0,
        )


@dataclass(frozen=True)
class Tone:
    """One note in the making: `num_samples` of a timbre at `fundamental_hz`, struck at `start_sample` of its song.

    `rng` depends on the timbre and the pitch alone, so that whatever is drawn first is the same for every note.
    """

    timbre: Timbre
    fundamental_hz: float
    num_samples: int
    sample_rate: int
    rng: np.random.Generator
    start_sample: int = 0

    @property
    def clock_seconds(self) -> np.ndarray:
        """The time of each sample in the song."""
        return (self.start_sample + np.arange(self.num_samples)) / self.sample_rate

    def cycles(self, frequency_hz: float) -> np.ndarray:
        """The phase of an oscillator in cycles, on the song's clock."""
        return self.rng.random() + frequency_hz * self.clock_seconds

    def fading(self, time_constant_seconds: float) -> np.ndarray:
        """An exponential decay from the note's start."""
        return sound.exponential(self.num_samples, self.sample_rate, time_constant_seconds)

    def noise(self, time_constant_seconds: float) -> np.ndarray:
        """White noise that decays: clicks, thumps and breath."""
        return self.rng.standard_normal(self.num_samples) * self.fading(time_constant_seconds)

    def harmonics_hz(self) -> np.ndarray:
        """The frequencies of the harmonics that the sample rate can carry."""
        num_partials = sound.num_partials(self.fundamental_hz, self.sample_rate)
        return self.fundamental_hz * np.arange(1, num_partials + 1)

    def spectrum(self, *, slope: float, cutoff_hz: float) -> np.ndarray:
        """Amplitudes `k**-slope` of the harmonics `k`, rolled off at 12 dB an octave above `cutoff_hz`."""
        partial_hz = self.harmonics_hz()
        return (partial_hz / self.fundamental_hz) ** -slope / np.sqrt(1 + (partial_hz / cutoff_hz) ** 4)

    def ensemble(
        self,
        spectra: list[np.ndarray],
        weights: np.ndarray | None = None,
        *,
        num_voices: int = 1,
        detune_cents: float = 0.0,
        vibrato_cents: float = 0.0,
        transpose: float = 1.0,
    ) -> np.ndarray:
        """Several players of the tone, detuned over ±`detune_cents`, each with a phase and a vibrato of its own.

        The one nearest to the pitch leads, the others are softer.

        Args:
            spectra: harmonic amplitudes, one array for each way the tone can sound, all of one length.
            weights: `[spectra, samples]`, how the ways are mixed over time (a filter that opens and closes);
                without it, the plain sum.
            num_voices: players.
            detune_cents: the outermost players' distance from the pitch.
            vibrato_cents: depth of the vibrato.
            transpose: factor on the fundamental.
        """
        tables = sound.one_cycle(np.stack(spectra), self.rng)
        if weights is None:
            tables, weights = tables.sum(axis=0, keepdims=True), np.ones((1, 1))
        mixed = np.zeros(self.num_samples)
        leader = (num_voices - 1) // 2
        for number, offset in enumerate(np.linspace(-1, 1, num_voices) if num_voices > 1 else [0.0]):
            frequency_hz = transpose * self.fundamental_hz * 2 ** (offset * detune_cents / 1200)
            gain = 1.0 if number == leader else FOLLOWER_GAIN
            mixed += gain * sound.read_tables(tables, self._phase(frequency_hz, vibrato_cents), weights)
        return mixed

    def _phase(self, frequency_hz: float, vibrato_cents: float) -> np.ndarray:
        """The phase in cycles of a tone with vibrato: the closed-form integral of its swinging frequency."""
        phase = self.cycles(frequency_hz)
        if vibrato_cents == 0:
            return phase
        vibrato_hz = self.rng.uniform(4.6, 6.2)
        depth = vibrato_cents * np.log(2) / 1200 * frequency_hz / (2 * np.pi * vibrato_hz)
        return phase - depth * np.cos(2 * np.pi * self.cycles(vibrato_hz))

    def decaying_bands(self, amplitudes: np.ndarray, *, decay_seconds: float, spread: float) -> np.ndarray:
        """A struck or plucked tone whose higher harmonics die sooner: groups of harmonics, one decay each."""
        edges = [0, 2, 4, 8, 16, max(17, len(amplitudes))]
        number = np.arange(len(amplitudes))
        spectra = [
            np.where((number >= first) & (number < last), amplitudes, 0.0) for first, last in pairwise(edges)
        ]
        weights = np.stack([self.fading(decay_seconds / faster) for faster in (1.0, 1.5, 2.4, 4.0, 7.0)])
        return self.ensemble(spectra, weights, num_voices=2, detune_cents=0.6 + 1.5 * spread)


def crossfade(opening: np.ndarray) -> np.ndarray:
    """Weights of a closed and an open spectrum for an opening of 0..1."""
    return np.stack([1 - opening, opening])

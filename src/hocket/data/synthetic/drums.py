"""Drum kits: each voice is built from noise, pitch sweeps and metallic clusters, with its kit's own tuning."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hocket.data.synthetic import sound

NUM_TAKES = (
    3  # recordings of each voice and loudness layer, so that repeated hits do not sound like a machine gun
)
SOFT_BELOW = 0.55  # hits below this velocity use the darker layer
# Six square waves at these ratios make the cymbal cluster known from analogue drum machines.
METAL_RATIOS = np.array([1.0, 1.342, 1.232, 1.716, 1.937, 2.6])

KICK_GLIDE = 0.9
TOM_GLIDE = 0.35

LEVELS = {
    "kick": 1.0,
    "snare": 0.85,
    "hat": 0.27,
    "open_hat": 0.28,
    "clap": 0.7,
    "rim": 0.55,
    "low_tom": 0.8,
    "mid_tom": 0.75,
    "high_tom": 0.7,
    "shaker": 0.25,
    "ride": 0.25,
    "crash": 0.36,
    "low_conga": 0.55,
    "high_conga": 0.5,
}


@dataclass(frozen=True)
class Kit:
    """A drum kit's tuning; `make_kit` draws one."""

    kick_hz: float
    kick_sweep: float  # how many times `kick_hz` the sweep starts above it
    kick_decay_seconds: float
    snare_hz: float
    snare_wires: float  # share of noise against body, 0..1
    snare_decay_seconds: float
    tom_hz: float
    hat_hz: float
    hat_metal: float  # share of metallic cluster against noise, 0..1
    hat_decay_seconds: float
    grit: float  # saturation of kick, snare and toms
    seed: int


def make_kit(rng: np.random.Generator) -> Kit:
    """Draws a kit, from tight and dry to deep and loose."""
    looseness = rng.uniform(0.7, 1.4)
    return Kit(
        kick_hz=rng.uniform(38, 52),
        kick_sweep=rng.uniform(2.0, 5.0),
        kick_decay_seconds=looseness * rng.uniform(0.038, 0.075),
        snare_hz=rng.uniform(165, 240),
        snare_wires=rng.uniform(0.45, 0.85),
        snare_decay_seconds=looseness * rng.uniform(0.06, 0.13),
        tom_hz=rng.uniform(78, 105),
        hat_hz=rng.uniform(4300, 7200),
        hat_metal=rng.uniform(0.2, 0.8),
        hat_decay_seconds=looseness * rng.uniform(0.015, 0.035),
        grit=rng.uniform(0.6, 2.5),
        seed=int(rng.integers(2**31)),
    )


def strike_drum(kit: Kit, voice: str, take: int, *, soft: bool, sample_rate: int) -> np.ndarray:
    """One hit of a voice at its natural level; `take` varies noise and tuning slightly, `soft` is darker."""
    rng = np.random.default_rng([kit.seed, list(LEVELS).index(voice), take])
    signal = _VOICES[voice](kit, rng, sample_rate)
    if soft:
        signal = sound.low_pass(signal, 4500.0 if voice in _BRIGHT else 2200.0, sample_rate, order=1)
    num_samples = len(signal)
    edge = max(2, int(0.004 * sample_rate))
    signal = (
        signal * sound.rise(num_samples, max(2, int(0.0006 * sample_rate))) * sound.fall(num_samples, edge)
    )
    return LEVELS[voice] * signal / np.max(np.abs(signal))


def _swept(
    end_hz: float, sweep: float, sweep_seconds: float, num_samples: int, sample_rate: int, glide: float = 0.0
) -> np.ndarray:
    """A sine whose frequency falls from `(1 + sweep) * end_hz` towards `end_hz`.

    `glide` is a second, slower fall, as of a skin that slackens: with it the sound has no settled pitch.
    """
    slack = glide * sound.exponential(num_samples, sample_rate, 0.12)
    frequency_hz = end_hz * (1 + slack + sweep * sound.exponential(num_samples, sample_rate, sweep_seconds))
    return sound.sine(np.cumsum(frequency_hz) / sample_rate)


def _kick(kit: Kit, rng: np.random.Generator, sample_rate: int) -> np.ndarray:
    num_samples = int(6 * kit.kick_decay_seconds * sample_rate)
    tuned = kit.kick_hz * rng.uniform(0.99, 1.01)
    body = _swept(tuned, kit.kick_sweep, 0.015, num_samples, sample_rate, KICK_GLIDE)
    body *= sound.exponential(num_samples, sample_rate, kit.kick_decay_seconds)
    beater = rng.standard_normal(num_samples) * sound.exponential(num_samples, sample_rate, 0.006)
    beater = sound.band_pass(beater, 400.0, 5000.0, sample_rate)
    return sound.saturate(body + 0.6 * beater, kit.grit)


def _snare(kit: Kit, rng: np.random.Generator, sample_rate: int) -> np.ndarray:
    num_samples = int(6 * kit.snare_decay_seconds * sample_rate)
    tuned = kit.snare_hz * rng.uniform(0.985, 1.015)
    body = _swept(tuned, 0.5, 0.01, num_samples, sample_rate)
    body += 0.5 * _swept(1.72 * tuned, 0.3, 0.01, num_samples, sample_rate)
    body *= sound.exponential(num_samples, sample_rate, 0.6 * kit.snare_decay_seconds)
    wires = sound.high_pass(rng.standard_normal(num_samples), 500.0, sample_rate, order=1)
    wires = sound.low_pass(wires, kit.snare_wires * 9000.0, sample_rate, order=1)
    wires *= sound.exponential(num_samples, sample_rate, kit.snare_decay_seconds)
    return sound.saturate((1 - kit.snare_wires) * body + kit.snare_wires * 0.8 * wires, kit.grit)


def _cymbal(
    kit: Kit,
    rng: np.random.Generator,
    sample_rate: int,
    *,
    decay_seconds: float,
    low_hz: float,
    metal: float,
) -> np.ndarray:
    num_samples = int(5 * decay_seconds * sample_rate)
    phases = np.outer(
        METAL_RATIOS * 0.055 * kit.hat_hz * rng.uniform(0.99, 1.01), sound.time_axis(num_samples, sample_rate)
    )
    cluster = np.sum(np.where((phases + rng.random((6, 1))) % 1.0 < 0.5, 1.0, -1.0), axis=0) / np.sqrt(6)
    mixed = metal * cluster + (1 - metal) * rng.standard_normal(num_samples)
    return sound.high_pass(mixed, low_hz, sample_rate, order=4) * sound.exponential(
        num_samples, sample_rate, decay_seconds
    )


def _hat(kit: Kit, rng: np.random.Generator, sample_rate: int) -> np.ndarray:
    return _cymbal(
        kit, rng, sample_rate, decay_seconds=kit.hat_decay_seconds, low_hz=kit.hat_hz, metal=kit.hat_metal
    )


def _open_hat(kit: Kit, rng: np.random.Generator, sample_rate: int) -> np.ndarray:
    decay_seconds = 0.06 + 3 * kit.hat_decay_seconds
    return _cymbal(kit, rng, sample_rate, decay_seconds=decay_seconds, low_hz=kit.hat_hz, metal=kit.hat_metal)


def _ride(kit: Kit, rng: np.random.Generator, sample_rate: int) -> np.ndarray:
    wash = _cymbal(kit, rng, sample_rate, decay_seconds=0.22, low_hz=4200.0, metal=kit.hat_metal)
    ping = sound.exponential(len(wash), sample_rate, 0.03) * sound.sine(
        0.58 * kit.hat_hz * sound.time_axis(len(wash), sample_rate)
    )
    return wash + 0.5 * ping


def _crash(kit: Kit, rng: np.random.Generator, sample_rate: int) -> np.ndarray:
    return _cymbal(
        kit, rng, sample_rate, decay_seconds=0.38, low_hz=0.55 * kit.hat_hz, metal=0.4 * kit.hat_metal
    )


def _shaker(kit: Kit, rng: np.random.Generator, sample_rate: int) -> np.ndarray:
    num_samples = int(0.11 * sample_rate)
    grains = sound.band_pass(rng.standard_normal(num_samples), 4200.0, 9500.0, sample_rate)
    swell = sound.rise(num_samples, int(0.022 * sample_rate))
    return grains * swell * sound.exponential(num_samples, sample_rate, 0.03)


def _clap(kit: Kit, rng: np.random.Generator, sample_rate: int) -> np.ndarray:
    """Four hands close together, the last one with the room behind it."""
    num_samples = int(0.28 * sample_rate)
    seconds = sound.time_axis(num_samples, sample_rate)
    starts = np.cumsum([0.0, *rng.uniform(0.008, 0.013, 3)])
    bursts = [np.where(seconds >= start, np.exp(-(seconds - start) / 0.004), 0.0) for start in starts]
    tail = np.where(seconds >= starts[-1], np.exp(-(seconds - starts[-1]) / 0.055), 0.0)
    return sound.band_pass(rng.standard_normal(num_samples), 850.0, 3800.0, sample_rate) * (
        sum(bursts) + 0.5 * tail
    )


def _rim(kit: Kit, rng: np.random.Generator, sample_rate: int) -> np.ndarray:
    num_samples = int(0.07 * sample_rate)
    seconds = sound.time_axis(num_samples, sample_rate)
    body = sound.sine(1720.0 * seconds) + 0.6 * sound.sine(2.5 * kit.snare_hz * seconds)
    click = sound.band_pass(rng.standard_normal(num_samples), 1500.0, 8000.0, sample_rate)
    return (body + 0.4 * click) * sound.exponential(num_samples, sample_rate, 0.009)


def _tom(ratio: float) -> Callable[[Kit, np.random.Generator, int], np.ndarray]:
    def render(kit: Kit, rng: np.random.Generator, sample_rate: int) -> np.ndarray:
        num_samples = int(0.5 * sample_rate)
        tuned = ratio * kit.tom_hz * rng.uniform(0.99, 1.01)
        body = _swept(tuned, 0.5, 0.03, num_samples, sample_rate, TOM_GLIDE)
        body += 0.25 * _swept(1.59 * tuned, 0.5, 0.03, num_samples, sample_rate, TOM_GLIDE)
        body *= sound.exponential(num_samples, sample_rate, 0.11)
        skin = sound.band_pass(rng.standard_normal(num_samples), 300.0, 4000.0, sample_rate)
        return sound.saturate(
            body + 0.35 * skin * sound.exponential(num_samples, sample_rate, 0.012), kit.grit
        )

    return render


def _conga(ratio: float) -> Callable[[Kit, np.random.Generator, int], np.ndarray]:
    def render(kit: Kit, rng: np.random.Generator, sample_rate: int) -> np.ndarray:
        num_samples = int(0.26 * sample_rate)
        tuned = ratio * kit.tom_hz * rng.uniform(0.99, 1.01)
        body = _swept(tuned, 0.15, 0.008, num_samples, sample_rate)
        body *= sound.exponential(num_samples, sample_rate, 0.055)
        slap = sound.band_pass(rng.standard_normal(num_samples), 900.0, 5000.0, sample_rate)
        return body + 0.6 * slap * sound.exponential(num_samples, sample_rate, 0.005)

    return render


_VOICES: dict[str, Callable[[Kit, np.random.Generator, int], np.ndarray]] = {
    "kick": _kick,
    "snare": _snare,
    "hat": _hat,
    "open_hat": _open_hat,
    "clap": _clap,
    "rim": _rim,
    "low_tom": _tom(1.0),
    "mid_tom": _tom(1.35),
    "high_tom": _tom(1.8),
    "shaker": _shaker,
    "ride": _ride,
    "crash": _crash,
    "low_conga": _conga(2.2),
    "high_conga": _conga(3.1),
}
_BRIGHT = {"hat", "open_hat", "shaker", "ride", "crash"}

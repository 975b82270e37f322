"""Sounds whose pitch, timing and level are known by construction, all at 24 kHz unless said otherwise."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

RATE_HZ = 24_000
C1_HZ = 440.0 * 2.0 ** (-45 / 12)


def note_hz(semitones_above_c1: float) -> float:
    """Equal temperament on A440; C1 is 32.703 Hz."""
    return C1_HZ * 2.0 ** (semitones_above_c1 / 12)


def tone(
    frequency_hz: float, *, seconds: float = 1.0, rate_hz: int = RATE_HZ, amplitude: float = 0.1
) -> Tensor:
    """A sine `[1, samples]`."""
    time = torch.arange(round(seconds * rate_hz), dtype=torch.float64) / rate_hz
    return (amplitude * torch.sin(2 * math.pi * frequency_hz * time)).float()[None]


def chord(semitones_above_c1: Sequence[float], *, seconds: float = 1.0, num_partials: int = 4) -> Tensor:
    """Notes with harmonics that fall by 1/k, `[1, samples]`."""
    return torch.stack(
        [
            tone(note_hz(note) * partial, seconds=seconds, amplitude=0.05 / partial)
            for note in semitones_above_c1
            for partial in range(1, num_partials + 1)
        ]
    ).sum(dim=0)


def clicks(places_samples: Sequence[int], *, num_samples: int) -> Tensor:
    """Single samples of full scale, `[1, samples]`."""
    waveform = torch.zeros(1, num_samples)
    waveform[0, list(places_samples)] = 1.0
    return waveform


def noise(num_samples: int, *, seed: int, batch: int = 1, level: float = 0.1) -> Tensor:
    """White noise `[batch, samples]`."""
    return level * torch.randn(batch, num_samples, generator=torch.Generator().manual_seed(seed))

"""Strength of the sources in their roles: rhythm in the input, harmony in the target."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from hocket.diagnostics.delays import MAX_LAG_SECONDS, delayed, find_lag
from hocket.signal.harmony import in_parts, tonality
from hocket.signal.loudness import TARGET_RMS
from hocket.signal.rhythm import find_attacks, frames_a_second, onset_strength

Waveform: TypeAlias = Tensor | np.ndarray

# The twelve inputs of the development pairs have 3.7 attacks a second and more, a pulse of one in two seconds 0.5;
# noise, drones and pads have 0.0 to 0.1.
ATTACKS_A_SECOND = 0.45
SKIPPED_SECONDS = 0.1

# The twelve targets have 0.50 to 0.77, chords of the rendered corpus 0.6 to 0.8, rock and metal 0.27 to 0.33; the
# corpus's drums have 0 to 0.2, drum loops 0.13 (0.4 where the toms are tuned), white and pink noise 0 and 0.1.
# Brown noise, at 0.27, passes.
TONALITY = 0.23

# What an MP3 encoder leaves of a recording has 0.98 and more. A delay is looked for in the middle only, which is quick.
SAME_CORRELATION = 0.9
SAME_SECONDS = 20.0


@dataclass(frozen=True)
class RoleWeakness:
    """A source that is too weak for its role, the figure that says so, and a sentence for the user."""

    source: Literal["input", "target"]
    figure: float
    sentence: str


@dataclass(frozen=True)
class Sources:
    """Facts that explain a verdict besides its figures: how strong the sources are, and their amounts."""

    weaknesses: tuple[RoleWeakness, ...] = ()
    swap_helps: bool = False
    is_one_recording: bool = False
    input_amount: float = 1.0
    target_amount: float = 1.0

    @property
    def favoured(self) -> Literal["input", "target"] | None:
        """The source that was turned up more than the other."""
        if self.input_amount == self.target_amount:
            return None
        return "input" if self.input_amount > self.target_amount else "target"

    @property
    def is_only_one_asked(self) -> bool:
        """True if one of the amounts is 0."""
        return min(self.input_amount, self.target_amount) == 0

    def is_weak(self, role: str) -> bool:
        """True if the source is too weak for its role."""
        return any(weakness.source == role for weakness in self.weaknesses)


def describe_sources(*, input: Waveform, target: Waveform, sample_rate: int) -> Sources:
    """Compares two mono waveforms `[samples]` of at least a second with each other and with their roles."""
    if is_one_recording(np.asarray(input), np.asarray(target), sample_rate=sample_rate):
        return Sources(is_one_recording=True)
    weaknesses = tuple(weak_roles(input=input, target=target, sample_rate=sample_rate))
    swap_helps = bool(weaknesses) and not weak_roles(input=target, target=input, sample_rate=sample_rate)
    return Sources(weaknesses, swap_helps)


def is_one_recording(first: np.ndarray, second: np.ndarray, *, sample_rate: int) -> bool:
    """True if two `[samples]` are the same sound, at any level and polarity, and up to 0.25 s apart."""
    if _is_same(first, second):
        return True
    size = round(SAME_SECONDS * sample_rate)
    start = max(0, len(first) - size) // 2
    first, second = first[start : start + size], second[start : start + size]
    limit = min(round(MAX_LAG_SECONDS * sample_rate), len(first) // 8)
    lag = find_lag(output=first, source=second, max_lag_samples=limit)
    return lag is not None and _is_same(first[limit:-limit], delayed(second, lag)[limit:-limit])


def _is_same(first: np.ndarray, second: np.ndarray) -> bool:
    with np.errstate(invalid="ignore"):
        return bool(abs(np.corrcoef(first, second)[0, 1]) >= SAME_CORRELATION)


def weak_roles(*, input: Waveform, target: Waveform, sample_rate: int) -> list[RoleWeakness]:
    """Finds what is missing: rhythm in the input, harmony in the target, both or neither.

    Takes mono waveforms `[samples]` of at least 0.1 s and of any length, at the same rate.
    """
    found = (
        rhythm_weakness(attack_rate(input, sample_rate=sample_rate)),
        harmony_weakness(tonality(target, sample_rate=sample_rate)),
    )
    return [weakness for weakness in found if weakness is not None]


def rhythm_weakness(rate: float) -> RoleWeakness | None:
    """The fault of an input with so many attacks a second, if they are too few."""
    if rate >= ATTACKS_A_SECOND:
        return None
    sentence = f"the input has hardly any attacks ({rate:.1f} per second): it has little rhythm to give."
    return RoleWeakness("input", rate, sentence)


def harmony_weakness(strength: float) -> RoleWeakness | None:
    """The fault of a target with this tonality, if it is too low."""
    if strength >= TONALITY:
        return None
    sentence = f"the target has hardly any pitch (tonality {strength:.2f}, where chords have 0.5 or more): "
    return RoleWeakness("target", strength, f"{sentence}it has little harmony to give.")


@torch.no_grad()
def attack_rate(waveform: Waveform, *, sample_rate: int) -> float:
    """Attacks a second of `[samples]`; those in the first tenth of a second are the recording's beginning.

    In parts of a minute at one loudness over all, as onset strength has a floor.
    """
    frame_rate = frames_a_second(sample_rate)
    samples = torch.as_tensor(waveform).float()
    gain = TARGET_RMS / samples.square().mean().sqrt().clamp_min(1e-6)
    attacks = 0
    for part in in_parts(gain * samples, sample_rate=sample_rate):
        strength = onset_strength(part[None], sample_rate=sample_rate)[0].cpu().numpy()
        found = find_attacks(strength, frames_a_second=frame_rate)
        attacks += int((found > round(SKIPPED_SECONDS * frame_rate)).sum())
    return attacks * sample_rate / len(samples)

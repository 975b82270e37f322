"""What the sources have to give: the input rhythm, the target harmony, and both something of their own."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hocket.diagnostics.alignment import MAX_LAG_SECONDS, delayed, find_lag
from hocket.signal.harmony import HOP as CHROMA_HOP
from hocket.signal.harmony import chroma, smooth
from hocket.signal.loudness import TARGET_RMS
from hocket.signal.rhythm import HOP as ONSET_HOP
from hocket.signal.rhythm import onset_strength
from hocket.signal.spectrum import window_length

Waveform: TypeAlias = Tensor | np.ndarray

PART_SECONDS = 60.0

# The twelve inputs of the development pairs have 3.7 attacks a second and more, a pulse of one in two seconds 0.5;
# noise, drones and pads have 0.0 to 0.1. Noise alone rises 0.2 dB above its middle, so 1 dB is an attack.
ATTACKS_A_SECOND = 0.45
ATTACK_DB = 1.0
APART_SECONDS = 0.05
SKIPPED_SECONDS = 0.1

# The twelve targets have 0.21 to 0.29, chords of the rendered corpus 0.25 to 0.31, rock and metal 0.14 to 0.16; the
# corpus's drums have 0.06 to 0.12, drum loops 0.10 (0.18 where the toms are tuned), white and pink noise 0.05 and 0.09.
# Brown noise, at 0.14, passes.
TONALITY = 0.13
QUIET_DB = 40.0

# What an MP3 encoder leaves of a recording has 0.98 and more. A delay is looked for in the middle only, which is quick.
SAME_CORRELATION = 0.9
SAME_SECONDS = 20.0


@dataclass(frozen=True)
class RoleWeakness:
    """A source with too little of what its role asks of it, the figure that says so, and a sentence for the user."""

    source: Literal["input", "target"]
    figure: float
    sentence: str


@dataclass(frozen=True)
class Sources:
    """What explains a verdict beside the figures: what the sources are, and how much of each was asked for."""

    weaknesses: tuple[RoleWeakness, ...] = ()
    swap_helps: bool = False
    is_one_recording: bool = False
    input_amount: float = 1.0
    target_amount: float = 1.0

    @property
    def favoured(self) -> Literal["input", "target"] | None:
        """The source that more was asked of than of the other."""
        if self.input_amount == self.target_amount:
            return None
        return "input" if self.input_amount > self.target_amount else "target"

    @property
    def is_only_one_asked(self) -> bool:
        """Whether nothing at all was asked of the other."""
        return min(self.input_amount, self.target_amount) == 0

    def is_weak(self, role: str) -> bool:
        """Whether the source is too weak for its role."""
        return any(weakness.source == role for weakness in self.weaknesses)


def describe_sources(*, input: Waveform, target: Waveform, sample_rate: int) -> Sources:
    """What two mono waveforms `[samples]` of at least a second are to each other and to their roles."""
    if is_one_recording(np.asarray(input), np.asarray(target), sample_rate=sample_rate):
        return Sources(is_one_recording=True)
    weaknesses = tuple(weak_roles(input=input, target=target, sample_rate=sample_rate))
    swap_helps = bool(weaknesses) and not weak_roles(input=target, target=input, sample_rate=sample_rate)
    return Sources(weaknesses, swap_helps)


def is_one_recording(first: np.ndarray, second: np.ndarray, *, sample_rate: int) -> bool:
    """Whether two `[samples]` are the same sound, at any level and polarity, and up to 0.25 s apart."""
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
    """What is missing: rhythm in the input, harmony in the target, both or neither.

    Takes mono waveforms `[samples]` of at least 0.1 s and of any length, at the same rate.
    """
    weaknesses = []
    rate = attack_rate(input, sample_rate=sample_rate)
    if rate < ATTACKS_A_SECOND:
        sentence = f"the input has hardly any attacks ({rate:.1f} a second): it has little rhythm to give."
        weaknesses.append(RoleWeakness("input", rate, sentence))
    strength = tonality(target, sample_rate=sample_rate)
    if strength < TONALITY:
        sentence = (
            f"the target has hardly any pitch (tonality {strength:.2f}, where chords have 0.2 or more): "
        )
        sentence += "it has little harmony to give."
        weaknesses.append(RoleWeakness("target", strength, sentence))
    return weaknesses


@torch.no_grad()
def attack_rate(waveform: Waveform, *, sample_rate: int) -> float:
    """Attacks a second of `[samples]`: peaks of the onset strength 1 dB and more above its median.

    What stands in the first tenth of a second is the recording's own beginning and not counted.
    """
    # A second to load: not for whoever only fuses.
    from scipy.signal import find_peaks

    frames_a_second = sample_rate / window_length(ONSET_HOP, sample_rate)
    skipped = round(SKIPPED_SECONDS * frames_a_second)
    attacks, seconds = 0, 0.0
    for part in _parts(waveform, sample_rate):
        strength = onset_strength(part[None], sample_rate=sample_rate)[0].cpu().numpy()
        peaks, _ = find_peaks(
            strength,
            height=np.median(strength) + ATTACK_DB,
            prominence=ATTACK_DB,
            distance=max(1, round(APART_SECONDS * frames_a_second)),
        )
        attacks += int((peaks > skipped).sum())
        seconds += len(part) / sample_rate
    return attacks / seconds


@torch.no_grad()
def tonality(waveform: Waveform, *, sample_rate: int) -> float:
    """How unequal the twelve pitch classes of `[samples]` are, from 0 to about 0.3; a steady chord has 0.29.

    Standard deviation over the classes of the chroma smoothed over half a second, so that hits and noise, whose
    classes change at random, cancel; the mean over the moments less than 40 dB under the loudest.
    """
    loudest = max(float(_levels(part, sample_rate).max()) for part in _parts(waveform, sample_rate))
    total, num_frames = 0.0, 0
    for part in _parts(waveform, sample_rate):
        classes = smooth(chroma(part[None], sample_rate=sample_rate), sample_rate=sample_rate)[0]
        heard = _levels(part, sample_rate) > loudest * 10 ** (-QUIET_DB / 20)
        total += float(classes.std(dim=0, correction=0)[heard].sum())
        num_frames += int(heard.sum())
    return total / max(num_frames, 1)


def _parts(waveform: Waveform, sample_rate: int) -> Iterator[Tensor]:
    """Parts of a minute `[samples]`, so that an hour needs little memory; a short rest stays with the last.

    At one loudness over all, as the chroma has a floor and a soft recording has as much pitch as a loud one.
    """
    samples = torch.as_tensor(waveform).float()
    gain = TARGET_RMS / samples.square().mean().sqrt().clamp_min(1e-6)
    size = round(PART_SECONDS * sample_rate)
    count = max(1, len(samples) // size)
    for index in range(count):
        yield gain * samples[index * size : None if index == count - 1 else (index + 1) * size]


def _levels(part: Tensor, sample_rate: int) -> Tensor:
    """Root mean square around each frame of the chroma, `[frames]`."""
    hop = window_length(CHROMA_HOP, sample_rate)
    padded = F.pad(part.square()[None], (hop, hop))
    return F.avg_pool1d(padded, 2 * hop, hop)[0].sqrt()

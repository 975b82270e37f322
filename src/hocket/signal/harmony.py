"""Harmony: how much of each of the twelve pitch classes sounds at each moment, and how tonal a recording is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hocket.signal.filterbanks import Bank, band_energies
from hocket.signal.grouping import Grouping
from hocket.signal.loudness import TARGET_RMS
from hocket.signal.spectrum import window_length

LOWEST_HZ = 32.703  # C1
NUM_OCTAVES = 7
SPLIT_HZ = 262.0
# A semitone at 33 Hz is 2 Hz wide, so the bass needs 0.7 s; above C4 a quarter of that does.
BASS_WINDOW = 16_384
TREBLE_WINDOW = 4_096
HOP = 2_048
SMOOTHING_SECONDS = 0.49
WIDTH_SEMITONES = 0.3
STOPBAND_DB = 100.0

NUM_CLASSES, TUNING_HZ = 36, 440.0
HEARD_HZ, TOLD_HZ = (100.0, 3000.0), (50.0, 5000.0)

NEIGHBOURS = 4
SALIENCE_DB = 20.0
SALIENCE_FLOOR = 2.5e-6

PART_SECONDS = 60.0
QUIET_DB = 40.0
# White noise has a spread of 0.05, drums 0.06 to 0.12, music with chords 0.16 to 0.30, a chord of three sines 0.36.
LEAST_SPREAD, MOST_SPREAD = 0.06, 0.36


@dataclass(frozen=True)
class PitchEnergies:
    """The energy of each semitone below and above the split, `[b, frames, notes]` each: C1 (32.7 Hz) to B7 in A440.

    Windows of 0.68 s below C4 and of 0.17 s above, hop 85 ms. The `folds` `[notes, 12]` are their shares in the pitch
    classes, the `floors` `[notes]` are added before a root is taken.
    """

    bass: Tensor
    treble: Tensor
    folds: tuple[Tensor, Tensor]
    floors: tuple[Tensor, Tensor]

    @classmethod
    def of(cls, waveform: Tensor, *, sample_rate: int) -> "PitchEnergies":
        """From `[b, samples]`."""
        hop, window = window_length(HOP, sample_rate), window_length(TREBLE_WINDOW, sample_rate)
        bank, fold, floor = _pitch_bank(window, sample_rate, False, waveform.device)
        (treble,) = band_energies(waveform, [bank], fft_size=window, hop=hop)
        bass, bass_fold, bass_floor = _bass(waveform, hop, sample_rate)
        # Decimation rounds up, so a length just below a whole number of hops has one frame more in the bass.
        return cls(bass[:, : treble.shape[1]], treble, (bass_fold, fold), (bass_floor, floor))

    def chroma(self) -> Tensor:
        """Magnitude in each pitch class (C first), each frame's largest 1: `[b, 12, frames]`.

        Lower notes weigh more (with 1 / sqrt(frequency)), as they do in a constant-Q transform of unit-energy atoms.
        """
        bass, treble = (
            (energies + floor).sqrt() @ fold
            for energies, floor, fold in zip((self.bass, self.treble), self.floors, self.folds, strict=True)
        )
        pitches = treble + bass
        # Divided before it is turned: the other way round the classes of a frame lie far apart.
        return (pitches / pitches.amax(dim=-1, keepdim=True).detach().clamp_min(1e-5)).transpose(-1, -2)

    def salience(self, power: Tensor) -> Tensor:
        """Height of each note above the eight semitones around it, `[b, frames, 84]`, in [0, 1] for 0 to 20 dB.

        A note and its overtones stand out, noise and hits do not, and cover what they are as loud as. Levels are in
        decibels above a floor 56 dB below the `power` `[b]` of the waveform.
        """
        energies = torch.cat([self.bass, self.treble], dim=-1)
        floor = SALIENCE_FLOOR * power.clamp_min(1e-9)[:, None, None]
        level = torch.log10(energies + floor) * 10.0
        around = F.avg_pool1d(level, 2 * NEIGHBOURS + 1, 1, NEIGHBOURS, count_include_pad=False)
        return ((level - around) / SALIENCE_DB).clamp(0.0, 1.0)


def chroma(waveform: Tensor, *, sample_rate: int) -> Tensor:
    """Chroma `[b, 12, frames]` of `[b, samples]`; see `PitchEnergies.chroma`."""
    return PitchEnergies.of(waveform, sample_rate=sample_rate).chroma()


def _bass(waveform: Tensor, hop: int, sample_rate: int) -> tuple[Tensor, Tensor, Tensor]:
    """The notes below the split, `[b, frames, notes]`, at a rate that is enough for them; their fold and floor.

    A long window of all samples would be nine tenths treble that nobody asks for.
    """
    window = window_length(BASS_WINDOW, sample_rate)
    factor = decimation_factor((window // 2, hop), sample_rate, SPLIT_HZ)
    window, hop, rate = window // factor, hop // factor, sample_rate / factor
    if factor > 1:
        margin = factor * window // 2
        waveform = decimate(waveform, factor, sample_rate=sample_rate, top_hz=SPLIT_HZ, margin=margin)
    bank, fold, floor = _pitch_bank(window, rate, True, waveform.device)
    (energies,) = band_energies(waveform, [bank], fft_size=window, hop=hop, centred=factor == 1)
    return energies, fold, floor


def smooth(features: Tensor, *, sample_rate: int) -> Tensor:
    """Moving average of `[b, k, frames]` over about half a second, so that timing does not count."""
    frames = round(SMOOTHING_SECONDS * sample_rate / window_length(HOP, sample_rate))
    length = min(frames | 1, features.shape[-1] | 1)
    return F.avg_pool1d(features, length, 1, length // 2, count_include_pad=False)


def centred_cosine(*, output: Tensor, reference: Tensor) -> Tensor:
    """Cosine over axis 1 with its mean taken off, averaged over frames: `[b, k, frames]` twice to `[b]`."""
    output = output - output.mean(dim=1, keepdim=True)
    reference = reference - reference.mean(dim=1, keepdim=True)
    dot = (output * reference).sum(dim=1)
    norm = output.square().sum(dim=1) * reference.square().sum(dim=1)
    return (dot / (norm + 1e-10).sqrt()).mean(dim=-1)


def chroma_similarity(*, output: Tensor, reference: Tensor, sample_rate: int) -> Tensor:
    """Smoothed, centred chroma cosine of two chroma features `[b, 12, frames]`, per example `[b]`, in [-1, 1]."""
    return centred_cosine(
        output=smooth(output, sample_rate=sample_rate), reference=smooth(reference, sample_rate=sample_rate)
    )


@torch.no_grad()
def levelled_chroma(part: Tensor, *, sample_rate: int) -> tuple[Tensor, Tensor]:
    """Chroma `[12, frames]` of `[samples]`, brought to one loudness, and the root mean square around each frame."""
    # At one loudness, as the chroma has a floor and a soft recording has as much pitch as a loud one.
    gain = TARGET_RMS / part.square().mean().sqrt().clamp_min(1e-6)
    classes = chroma(gain * part[None], sample_rate=sample_rate)[0]
    hop = window_length(HOP, sample_rate)
    power = F.avg_pool1d(F.pad(part.square()[None], (hop, hop)), 2 * hop, hop)[0]
    return classes, power.sqrt()


def spread_of(classes: Tensor, *, sample_rate: int) -> Tensor:
    """Inequality of the pitch classes, `[12, frames]` to `[frames]`.

    Standard deviation over the classes of the chroma smoothed over half a second, so that hits and noise, whose
    classes change at random, cancel.
    """
    return smooth(classes[None], sample_rate=sample_rate)[0].std(dim=0, correction=0)


def pitch_spread(part: Tensor, *, sample_rate: int) -> tuple[Tensor, Tensor]:
    """The `spread_of` the pitch classes of `[samples]`, and how loud they are, `[frames]` each."""
    classes, level = levelled_chroma(part, sample_rate=sample_rate)
    return spread_of(classes, sample_rate=sample_rate), level


def heard_frames(level: Tensor) -> Tensor:
    """Tells which of the frames with these levels are less than 40 dB under the loudest."""
    return level > level.max() * 10 ** (-QUIET_DB / 20)


def tonality_of(spreads: Sequence[tuple[Tensor, Tensor]]) -> float:
    """Tonality in [0, 1] from the `pitch_spread` of all parts of a recording: 0 is noise, 1 one steady chord.

    The mean over the moments less than 40 dB under the loudest, on a scale from the spread of noise to a chord's.
    """
    spread, level = (torch.cat(values) for values in zip(*spreads, strict=True))
    heard = heard_frames(level)
    mean = float(spread[heard].mean()) if bool(heard.any()) else 0.0
    return min(max((mean - LEAST_SPREAD) / (MOST_SPREAD - LEAST_SPREAD), 0.0), 1.0)


def tonality(waveform: Tensor | np.ndarray, *, sample_rate: int) -> float:
    """Tonality of `[samples]`, see `tonality_of`; in parts of a minute, so that an hour needs little memory."""
    parts = in_parts(waveform, sample_rate=sample_rate)
    return tonality_of([pitch_spread(part, sample_rate=sample_rate) for part in parts])


def in_parts(waveform: Tensor | np.ndarray, *, sample_rate: int) -> list[Tensor]:
    """`[samples]` in parts of a minute; a short rest stays with the last."""
    samples = torch.as_tensor(waveform).float()
    size = round(PART_SECONDS * sample_rate)
    count = max(1, len(samples) // size)
    return [
        samples[index * size : None if index == count - 1 else (index + 1) * size] for index in range(count)
    ]


@lru_cache(maxsize=8)
@torch.inference_mode(False)
def pitch_class_shares(grouping: Grouping, bin_hz: float, device: torch.device) -> tuple[Tensor, Tensor]:
    """Shares of each bin group in 36 pitch classes, a third of a semitone apart, so that no tuning falls between two.

    Shares `[groups, 36]` for groups that are heard, from 100 to 3000 Hz, and `[36, groups]` for those that are told,
    from 50 to 5000 Hz: each has one class or two neighbours, others none. Bins are `bin_hz` apart.
    """
    hertz = bin_hz * grouping.centres
    places = (NUM_CLASSES * torch.log2(hertz.clamp_min(1.0) / TUNING_HZ)).remainder(NUM_CLASSES)
    lower, groups = places.floor(), torch.arange(len(hertz))
    shares = torch.zeros(NUM_CLASSES, len(hertz))
    shares[lower.long() % NUM_CLASSES, groups] += 1.0 - (places - lower)
    shares[(lower.long() + 1) % NUM_CLASSES, groups] += places - lower
    heard, told = (
        (shares * ((hertz > lowest) & (hertz < highest))).to(device)
        for lowest, highest in (HEARD_HZ, TOLD_HZ)
    )
    return heard.T.contiguous(), told


@lru_cache(maxsize=16)
@torch.inference_mode(False)
def _pitch_bank(
    fft_size: int, sample_rate: float, bass: bool, device: torch.device
) -> tuple[Bank, Tensor, Tensor]:
    """Gaussians in log frequency for each note, weights `[notes, 12]` that fold them into classes, energy floor.

    Scaled by the window, so that a steady tone has one magnitude whatever that is. The floor `[notes]` grows as the
    weights fall, so that silence is equal in all classes and has no harmony.
    """
    notes = torch.arange(12 * NUM_OCTAVES, dtype=torch.float64)
    centres_hz = LOWEST_HZ * 2 ** (notes / 12)
    notes = notes[(centres_hz < SPLIT_HZ) == bass]
    centres_hz = LOWEST_HZ * 2 ** (notes / 12)
    bins_hz = torch.arange(fft_size // 2 + 1, dtype=torch.float64) * sample_rate / fft_size
    semitones = 12 * torch.log2(bins_hz.clamp_min(1.0) / centres_hz[:, None])
    weights = torch.exp(-0.5 * (semitones / WIDTH_SEMITONES).square())
    weights[semitones.abs() > 3 * WIDTH_SEMITONES] = 0.0
    last = int(weights.sum(dim=0).nonzero().max()) + 1 if weights.any() else 1
    bank = Bank((weights[:, :last] / (fft_size / 4) ** 2).float().to(device), fft_size=fft_size)
    fold = (notes.long() % 12 == torch.arange(12)[:, None]).double() * (LOWEST_HZ / centres_hz).sqrt()
    floor = 1e-12 * centres_hz / LOWEST_HZ
    return bank, fold.T.float().contiguous().to(device), floor.float().to(device)


def decimation_factor(sizes: tuple[int, ...], sample_rate: int, top_hz: float) -> int:
    """The largest divisor of all sizes that leaves room for a short filter above `top_hz`; at least 1."""
    most = int(sample_rate / (5.0 * top_hz))
    return max(factor for factor in range(1, max(most, 1) + 1) if math.gcd(*sizes) % factor == 0)


def decimate(waveform: Tensor, factor: int, *, sample_rate: int, top_hz: float, margin: int = 0) -> Tensor:
    """Every `factor`-th sample of `[..., samples]` after a low-pass that leaves what is below `top_hz` as it is.

    The filter has no delay, and what would be mirrored to below `top_hz` is 100 dB down. With a margin so many samples
    before and after the waveform are heard too: `[..., ceil((samples + 2 margin) / factor)]`.
    """
    taps = _low_pass(factor, sample_rate, top_hz, waveform.device).to(waveform.dtype)
    *shape, num_samples = waveform.shape
    num_runs = len(taps)
    count = -(-(num_samples + 2 * margin) // factor)
    before = margin + num_runs * factor // 2
    total = (count + num_runs - 1) * factor
    padded = F.pad(waveform, (before, total - before - num_samples))
    # One product gives each run of `factor` samples its share of all outputs that it belongs to, and output m is the
    # sum of share k of run m + k: of the diagonals of a matrix, which stand upright in a view with one more a step.
    shares = (taps @ padded.unflatten(-1, (-1, factor)).transpose(-1, -2)).contiguous()
    *strides, row, _ = shares.stride()
    return shares.as_strided((*shape, num_runs, count), (*strides, row + 1, 1)).sum(dim=-2)


@lru_cache(maxsize=8)
@torch.inference_mode(False)
def _low_pass(factor: int, sample_rate: int, top_hz: float, device: torch.device) -> Tensor:
    """A Kaiser window's sinc in runs `[runs, factor]`, symmetric about the first tap of the middle run."""
    stop_hz = sample_rate / factor - top_hz
    # Kaiser's (1974) formulas; scipy.signal, which has them too, takes a second to load.
    num_taps = 1 + math.ceil((STOPBAND_DB - 7.95) / (2.285 * 2 * math.pi * (stop_hz - top_hz) / sample_rate))
    beta = 0.1102 * (STOPBAND_DB - 8.7)
    num_runs = 2 * math.ceil((num_taps + 1) / (2 * factor))
    offsets = np.arange(num_runs * factor) - num_runs * factor // 2
    half = num_runs * factor // 2
    cutoff = (stop_hz + top_hz) / sample_rate
    shape = np.i0(beta * np.sqrt(1.0 - (offsets / half) ** 2))
    taps = np.sinc(cutoff * offsets) * shape
    return torch.from_numpy((taps / taps.sum()).reshape(num_runs, factor)).float().to(device)

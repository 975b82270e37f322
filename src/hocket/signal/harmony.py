"""Chroma: how much of each of the twelve pitch classes sounds at each moment."""

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from hocket.signal.bands import Bank, band_energies
from hocket.signal.decimation import decimate, decimation_factor
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


def chroma(waveform: Tensor, *, sample_rate: int) -> Tensor:
    """Magnitude in each pitch class (C first), each frame's largest 1: `[b, samples]` to `[b, 12, frames]`.

    Covers C1 (32.7 Hz) to B7 in A440 tuning, with windows of 0.68 s below C4 and 0.17 s above, hop 85 ms. Lower notes
    weigh more (with 1 / sqrt(frequency)), as they do in a constant-Q transform of unit-energy atoms.
    """
    hop, window = window_length(HOP, sample_rate), window_length(TREBLE_WINDOW, sample_rate)
    bank, fold, floor = _pitch_bank(window, sample_rate, False, waveform.device)
    (treble,) = band_energies(waveform, [bank], fft_size=window, hop=hop)
    pitches = (treble + floor).sqrt() @ fold + _bass(waveform, hop, sample_rate)
    # Divided before it is turned: the other way round the classes of a frame lie far apart.
    return (pitches / pitches.amax(dim=-1, keepdim=True).detach().clamp_min(1e-5)).transpose(-1, -2)


def _bass(waveform: Tensor, hop: int, sample_rate: int) -> Tensor:
    """What the notes below the split give to the classes, `[b, frames, 12]`, at a rate that is enough for them.

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
    return (energies + floor).sqrt() @ fold


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

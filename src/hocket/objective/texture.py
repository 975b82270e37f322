"""The terms for the sound of recorded music: as bright and as varied as the sources, and without musical noise.

Masks that meet every musical term can still leave an output brighter than any recording (they keep the treble of both
sources and the bass of neither) and full of isolated blips (the "musical noise" of spectral subtraction, Berouti et al.
1979). Neither shows in correlations, onsets or chroma.
"""

from collections.abc import Callable
from functools import lru_cache
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

from hocket.signal.loudness import TARGET_RMS, rms
from hocket.signal.scene import Scene
from hocket.signal.similarity import in_double
from hocket.signal.spectrum import frame_spectra, power, window_length

SMALLEST_VARIANCE = 1e-6

GRAIN_FFT_SAMPLES, GRAIN_HOP_SAMPLES = 1024, 256
GRAIN_FLOOR_POWER = 1e-9
GRAIN_SCALE_DB_PER_SECOND = 50.0
RANGE_DB = 60.0
EXCESS_DB = 6.0
RING_FRAMES, RING_BINS = 3, 4
"""Reach of the ring to either side; what it surrounds reaches one frame and two bins."""


AddUp = Callable[[Tensor], Tensor]
"""Sums a tensor over all processes that share a batch, with its gradient."""


def alone(values: Tensor) -> Tensor:
    """The sum over one process."""
    return values


def timbre(scene: Scene, *, add_up: AddUp = alone) -> Tensor:
    """Distance of the batch's outputs from its sources as sounds, in nepers of power: one figure `[]`, from 0 up.

    The Fréchet distance between the Gaussians of log-mel frames (32 bands, all at the same RMS) of all outputs and of
    all sources, as root mean square over bands: their means, their spreads and how bands go together. Over the batch,
    because an output may well be brighter or duller than its own two sources; music varies that much.
    Over the batch of all processes, where `add_up` says so.
    """
    outputs = _moments(scene.output.timbre, add_up)
    sources = _moments(torch.cat([scene.input.timbre, scene.target.timbre]).detach(), add_up)
    return (frechet(outputs, sources) / len(sources[0]) + 1e-6).sqrt().float()


Moments = tuple[Tensor, Tensor]


def frechet(outputs: Moments, reference: Moments) -> Tensor:
    """`|m1 - m2|² + tr(C1 + C2 - 2 (C1 C2)^½)` of means `[n]` and covariances `[n, n]`, in double precision.

    (Dowson and Landau 1982.) The trace of the root is taken from the eigenvalues of the symmetric `C2^½ C1 C2^½`; the
    reference has no gradient. Not a number where one of them holds what is not finite.
    """
    (mean, covariance), (wanted_mean, wanted_covariance) = outputs, reference
    if not all(torch.isfinite(part).all() for part in (*outputs, *reference)):
        # Eigenvalues of what is not finite raise, here or there; whoever asks judges numbers.
        return (mean.sum() + covariance.sum()) * torch.nan
    with torch.no_grad():
        values, vectors = torch.linalg.eigh(wanted_covariance)
        root = (vectors * values.clamp_min(0.0).sqrt()) @ vectors.T
    small = SMALLEST_VARIANCE * torch.eye(len(mean), dtype=mean.dtype, device=mean.device)
    cross = torch.linalg.eigvalsh(root @ covariance @ root + small).clamp_min(SMALLEST_VARIANCE).sqrt()
    spread = torch.trace(covariance) + torch.trace(wanted_covariance) - 2.0 * cross.sum()
    return ((mean - wanted_mean).square().sum() + spread).clamp_min(0.0)


def grain(scene: Scene) -> Tensor:
    """Musical noise: by how much isolated peaks stand out of their surroundings, per second: `[b]`, from 0 up.

    A place of the spectrogram (FFT 1024, hop 256) is a peak where it is the largest of 5 bins x 3 frames and within
    60 dB of the loudest; what counts is its excess over 6 dB above the largest of the ring around that, 9 bins x 7
    frames, in units of 50 dB a second.
    """
    rate, waveform = scene.sample_rate, scene.output.waveform
    fft_size, hop = window_length(GRAIN_FFT_SAMPLES, rate), window_length(GRAIN_HOP_SAMPLES, rate)
    spectra = frame_spectra(waveform, fft_size=fft_size, hop=hop)
    gain = (TARGET_RMS / rms(waveform[:, None])).square()
    # Few places are peaks, one in hundreds: all others are looked at once, without a gradient.
    with torch.no_grad():
        peaks, rivals = lone_peaks(power(spectra) * gain + GRAIN_FLOOR_POWER)
    example = peaks // spectra[0].numel()

    def level_db(chosen: Tensor) -> Tensor:
        few = power(spectra.flatten().index_select(0, chosen))
        return 10.0 * torch.log10(few * gain.flatten().index_select(0, example) + GRAIN_FLOOR_POWER)

    excess = F.relu(level_db(peaks) - level_db(rivals) - EXCESS_DB)
    # Begun with a zero that is no number where the waveform is none.
    total = (0.0 * gain.flatten()).index_add(0, example, excess)
    return total / (waveform.shape[-1] / rate * GRAIN_SCALE_DB_PER_SECOND)


def _moments(frames: Tensor, add_up: AddUp) -> Moments:
    """Mean `[n]` and covariance `[n, n]` over the batch and time of `[b, frames, n]`."""
    values = in_double(frames).flatten(0, 1)
    count = add_up(values.new_tensor(float(len(values))))
    mean = add_up(values.sum(dim=0)) / count
    centred = values - mean
    return mean, add_up(centred.T @ centred) / (count - 1)


@torch.no_grad()
def lone_peaks(energy: Tensor) -> tuple[Tensor, Tensor]:
    """Peaks of positive energies `[b, frames, bins]` and their rivals, as indices into the whole, `[k]` twice.

    The largest of a rectangle is found along one axis after the other, as elementwise maxima of shifted views: a
    fraction of the time of a pooling layer, which also remembers where each one was.

    A peak is the largest of 3 frames x 5 bins, at most 60 dB under the loudest of its example, and at least 6 dB above
    its rival, which is the largest of the ring around that, 7 frames x 9 bins.
    """
    # One after the other, because all of one example fits into a cache.
    found = [_lone_peaks(example) for example in energy]
    starts = [index * energy[0].numel() for index in range(len(energy))]
    peaks, rivals = (
        torch.cat([places + start for places, start in zip(side, starts, strict=True)])
        for side in zip(*found, strict=True)
    )
    return peaks, rivals


def _lone_peaks(energy: Tensor) -> tuple[Tensor, Tensor]:
    """As `lone_peaks`, for one example `[frames, bins]`."""
    padded = F.pad(energy, (RING_BINS, RING_BINS, RING_FRAMES, RING_FRAMES))
    inner, ring = inner_and_ring(padded[None])
    threshold = torch.maximum(inner[0], ring[0].mul_(10 ** (EXCESS_DB / 10)))
    places = (energy >= threshold).nonzero()
    # What is too soft to be heard is left out last: a few are asked, not all.
    heard = energy[places[:, 0], places[:, 1]] >= energy.amax() * 10 ** (-RANGE_DB / 10)
    frame, bin = places[heard].unbind(1)
    num_bins, columns = energy.shape[1], padded.shape[1]
    steps = _ring_steps(energy.device)
    around = (
        (frame + RING_FRAMES)[:, None] * columns + (bin + RING_BINS)[:, None] + steps[0] * columns + steps[1]
    )
    largest = padded.flatten()[around].argmax(dim=1)
    peaks = frame * num_bins + bin
    return peaks, peaks + (steps[0] * num_bins + steps[1])[largest]


def inner_and_ring(padded: Tensor) -> tuple[Tensor, Tensor]:
    """The largest of 3 frames x 5 bins around each place, and of 7 x 9 without these; `[b, frames, bins]` each.

    `padded` has three frames and four bins more on each side.
    """
    frames, bins = padded.shape[1] - 2 * RING_FRAMES, padded.shape[2] - 2 * RING_BINS
    # Two frames before and after over all nine bins, and two bins below and above over the middle three frames.
    two = torch.maximum(padded[:, 1:], padded[:, :-1])
    beside = _running_nine(two)
    ring = torch.maximum(beside[:, :frames], beside[:, 5 : 5 + frames])
    three = torch.maximum(two[:, 2 : 2 + frames], padded[:, 4 : 4 + frames])
    pairs = torch.maximum(three[..., 1:], three[..., :-1])
    ring = torch.maximum(ring, torch.maximum(pairs[..., :bins], pairs[..., 7 : 7 + bins]))
    inner = torch.maximum(pairs[..., 2 : 2 + bins], pairs[..., 4 : 4 + bins])
    return torch.maximum(inner, three[..., 6 : 6 + bins]), ring


def _running_nine(values: Tensor) -> Tensor:
    """The largest of each nine neighbours along the last axis, by doubling."""
    runs = values
    for shift in (1, 2, 4):
        runs = torch.maximum(runs[..., shift:], runs[..., :-shift])
    return torch.maximum(runs[..., 1:], runs[..., :-1])


@lru_cache(maxsize=4)
@torch.inference_mode(False)
def _ring_steps(device: torch.device) -> Tensor:
    """Offsets of the ring in frames and bins, `[2, 48]`."""
    steps = product(range(-RING_FRAMES, RING_FRAMES + 1), range(-RING_BINS, RING_BINS + 1))
    outside = [(frame, bin) for frame, bin in steps if abs(frame) > 1 or abs(bin) > 2]
    return torch.tensor(outside, device=device).T

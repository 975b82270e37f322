"""Whether the output sounds like recorded music: as bright and as varied as its sources, and without musical noise.

Masks that meet every musical term can still leave an output brighter than any recording (they keep the treble of both
sources and the bass of neither) and full of isolated blips (the "musical noise" of spectral subtraction, Berouti et al.
1979). Neither shows in correlations, onsets or chroma.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from hocket.objective.peaks import EXCESS_DB, lone_peaks
from hocket.signal.loudness import TARGET_RMS, rms
from hocket.signal.scene import Scene
from hocket.signal.spectrum import frame_spectra, power, window_length

SMALLEST_VARIANCE = 1e-6

GRAIN_FFT_SAMPLES, GRAIN_HOP_SAMPLES = 1024, 256
GRAIN_FLOOR_POWER = 1e-9
GRAIN_SCALE_DB_PER_SECOND = 50.0


AddUp = Callable[[Tensor], Tensor]
"""Sums a tensor over all processes that share a batch, with its gradient."""


def alone(values: Tensor) -> Tensor:
    """The sum over one process."""
    return values


def timbre(scene: Scene, *, add_up: AddUp = alone) -> Tensor:
    """How far the batch's outputs are from its sources as sounds, in nepers of power: one figure `[]`, from 0 up.

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
    values = frames.double().flatten(0, 1)
    count = add_up(values.new_tensor(float(len(values))))
    mean = add_up(values.sum(dim=0)) / count
    centred = values - mean
    return mean, add_up(centred.T @ centred) / (count - 1)

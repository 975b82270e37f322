"""Whether the output sounds like recorded music: as bright and as varied as its sources, and without musical noise.

Masks that meet every musical term can still leave an output brighter than any recording (they keep the treble of both
sources and the bass of neither) and full of isolated blips (the "musical noise" of spectral subtraction, Berouti et al.
1979). Neither shows in correlations, onsets or chroma.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from hocket.signal.loudness import match_rms
from hocket.signal.scene import Scene, Voice
from hocket.signal.spectrum import mel_filterbank, power, stft, window_length

NUM_BANDS = 32
FFT_SAMPLES, HOP_SAMPLES = 2048, 512
POWER_FLOOR = 1e-4
SMALLEST_VARIANCE = 1e-6

GRAIN_FFT_SAMPLES, GRAIN_HOP_SAMPLES = 1024, 256
GRAIN_FLOOR_POWER = 1e-9
GRAIN_RANGE_DB = 60.0
GRAIN_EXCESS_DB = 6.0
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
    outputs = _moments(_log_mel(scene.output), add_up)
    with torch.no_grad():
        sources = _moments(torch.cat([_log_mel(scene.input), _log_mel(scene.target)]), add_up)
    return (frechet(outputs, sources) / NUM_BANDS + 1e-6).sqrt().float()


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
    rate, waveform = scene.sample_rate, match_rms(scene.output.waveform[:, None])[:, 0]
    fft_size, hop = window_length(GRAIN_FFT_SAMPLES, rate), window_length(GRAIN_HOP_SAMPLES, rate)
    level = 10.0 * torch.log10(power(stft(waveform, fft_size=fft_size, hop=hop)) + GRAIN_FLOOR_POWER)
    excess = F.relu(level - _ring(level) - GRAIN_EXCESS_DB) * _audible_peaks(level)
    return excess.sum(dim=(1, 2)) / (waveform.shape[-1] / rate * GRAIN_SCALE_DB_PER_SECOND)


def _log_mel(voice: Voice) -> Tensor:
    """Natural log of mel power at an RMS of 0.1, `[b, 32, frames]`."""
    fft_size, hop = (
        window_length(FFT_SAMPLES, voice.sample_rate),
        window_length(HOP_SAMPLES, voice.sample_rate),
    )
    bank = mel_filterbank(NUM_BANDS, fft_size, voice.sample_rate, device=voice.waveform.device)
    waveform = match_rms(voice.waveform[:, None])[:, 0]
    return torch.log(bank @ power(stft(waveform, fft_size=fft_size, hop=hop)) + POWER_FLOOR)


def _moments(frames: Tensor, add_up: AddUp) -> Moments:
    """Mean `[n]` and covariance `[n, n]` over the batch and time of `[b, n, frames]`."""
    values = frames.double().transpose(0, 1).flatten(1)
    count = add_up(values.new_tensor(float(values.shape[1])))
    mean = add_up(values.sum(dim=1)) / count
    centred = values - mean[:, None]
    return mean, add_up(centred @ centred.T) / (count - 1)


def _ring(level: Tensor) -> Tensor:
    """The largest of 9 bins x 7 frames around each place without the 5 x 3 in the middle; `[b, bins, frames]`."""
    bins, frames = level.shape[1:]
    padded = F.pad(level, (3, 3, 4, 4), value=float("-inf"))
    # Two frames before and after over all nine bins, and two bins below and above over the middle three frames.
    beside = F.max_pool2d(padded, (9, 2), 1)
    across = F.max_pool2d(padded[..., 2:-2], (2, 3), 1)
    in_time = torch.maximum(beside[..., :frames], beside[..., 5 : 5 + frames])
    in_frequency = torch.maximum(across[:, :bins], across[:, 7 : 7 + bins])
    return torch.maximum(in_time, in_frequency)


@torch.no_grad()
def _audible_peaks(level: Tensor) -> Tensor:
    loudest = level.amax(dim=(1, 2), keepdim=True)
    return (level >= F.max_pool2d(level, (5, 3), 1, (2, 1))) & (level > loudest - GRAIN_RANGE_DB)

"""Whether the output sounds like recorded music: as bright and as varied as its sources, and without musical noise.

Masks that meet every musical term can still leave an output brighter than any recording (they keep the treble of both
sources and the bass of neither) and full of isolated blips (the "musical noise" of spectral subtraction, Berouti et al.
1979). Neither shows in correlations, onsets or chroma.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from hocket.signal.loudness import match_rms
from hocket.signal.scene import Scene, Voice
from hocket.signal.spectrum import mel_filterbank, power, stft, window_length

NUM_BANDS = 40
FFT_SAMPLES, HOP_SAMPLES = 2048, 512
POWER_FLOOR = 1e-4
SPREAD_WEIGHT = 0.5

GRAIN_FFT_SAMPLES, GRAIN_HOP_SAMPLES = 1024, 256
GRAIN_FLOOR_POWER = 1e-9
GRAIN_RANGE_DB = 60.0
GRAIN_EXCESS_DB = 6.0
GRAIN_SCALE_DB_PER_SECOND = 50.0


def timbre(scene: Scene) -> Tensor:
    """How far the output's log-mel spectrum is from its sources' together, in mean and spread: `[b]`, from 0 up.

    Per band (40 mel bands, all at the same RMS): difference of the means over time and of the standard deviations, in
    nepers of power, as root mean square over bands. The sources count as one recording twice as long, so that the wish
    is neither source's own colour but what lies between, with the variety of both.
    """
    output = _log_mel(scene.output)
    sources = torch.cat([_log_mel(scene.input), _log_mel(scene.target)], dim=-1)
    shift = output.mean(dim=-1) - sources.mean(dim=-1)
    spread = _deviation(output) - _deviation(sources)
    return (shift.square() + SPREAD_WEIGHT * spread.square()).mean(dim=-1).add(1e-6).sqrt()


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
    """Natural log of mel power at an RMS of 0.1, `[b, 40, frames]`."""
    fft_size, hop = (
        window_length(FFT_SAMPLES, voice.sample_rate),
        window_length(HOP_SAMPLES, voice.sample_rate),
    )
    bank = mel_filterbank(NUM_BANDS, fft_size, voice.sample_rate, device=voice.waveform.device)
    waveform = match_rms(voice.waveform[:, None])[:, 0]
    return torch.log(bank @ power(stft(waveform, fft_size=fft_size, hop=hop)) + POWER_FLOOR)


def _deviation(levels: Tensor) -> Tensor:
    return (levels.var(dim=-1, correction=0) + 1e-6).sqrt()


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

"""Fewer samples for what lies low: a bass needs no treble's rate."""

import math
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

STOPBAND_DB = 100.0


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

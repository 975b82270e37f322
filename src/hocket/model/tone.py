"""A tone control: the mix is brought to a brightness between its sources', by one static curve above 1 kHz.

A mix that keeps the treble of both recordings and the bass of neither is brighter than either. Left to the masks, the
cure costs harmony (docs/log.md): they would have to give up treble, and with their means held at 0.50 take more of
what lies below. A curve after the masks does it without touching who plays what.
"""

import math

import torch
from torch import Tensor

from hocket.signal.spectrum import power

FLAT_BELOW_HZ, FULL_FROM_HZ = 1000.0, 2000.0
MAX_CHANGE_DB = 12.0
FLOOR = 1e-5
"""Level under which a place counts as empty, against the mean power of all places: -50 dB."""


@torch.no_grad()
def matched_tone(
    mixed: Tensor, input_latent: Tensor, target_latent: Tensor, *, bands: Tensor, bin_hz: Tensor
) -> Tensor:
    """Gains `[b, d]` in [0.25, 4] that bring a mix to its sources' long-term spectrum; without a gradient.

    Latents are `[b, c, d, t]`, `bands` `[n, d]` with columns that sum to 1, `bin_hz` `[d]`. In each band the mean over
    time of the logarithm of power is moved to the mean of the sources' (what lies half-way between them on a scale of
    loudness), fully above 2 kHz, not at all below 1 kHz, and by 12 dB at most.
    """
    pooling = bands / bands.sum(dim=1, keepdim=True).clamp_min(1e-6)
    own, first, second = (_spectrum(latent, pooling) for latent in (mixed, input_latent, target_latent))
    octaves = torch.log2(bin_hz.to(mixed.device).clamp_min(1.0) / FLAT_BELOW_HZ)
    reach = (octaves / math.log2(FULL_FROM_HZ / FLAT_BELOW_HZ)).clamp(0.0, 1.0)
    limit = MAX_CHANGE_DB * math.log(10) / 20
    change = (((first + second) / 2 - own) / 2).clamp(-limit, limit)
    return ((change @ bands) * reach).exp()


def _spectrum(latent: Tensor, pooling: Tensor) -> Tensor:
    """Mean over time of the natural log of each band's power, relative to the latent's mean power: `[b, n]`."""
    energy = power(latent).mean(dim=1)
    energy = energy / energy.mean(dim=(1, 2), keepdim=True).clamp_min(1e-20)
    return torch.log(pooling @ energy + FLOOR).mean(dim=-1)

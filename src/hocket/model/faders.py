"""What comes after the masks: two faders, one for each voice, and one tone control for both.

Masks alone cannot promise that the output agrees as much with one source as with the other: one voice may have been
given the quiet half of its source. Two faders can, and their setting has a closed form.

A mix that keeps the treble of both recordings and the bass of neither is brighter than either. Left to the masks, the
cure costs harmony (docs/log.md): they would have to give up treble, and with their means held at 0.50 take more of
what lies below. One static curve above 1 kHz brings the mix to a brightness between its sources' without touching who
plays what.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from hocket.model.band_powers import BandPowers

MAX_LEVEL = 3.0
"""The most by which one voice is turned up while the other is turned down as much: 9.5 dB each way."""

FLAT_BELOW_HZ, FULL_FROM_HZ = 1000.0, 2000.0
MAX_CHANGE_DB = 12.0
FLOOR = 1e-5
"""Level under which a bin group counts as empty, against the mean power of all groups: -50 dB."""


def balanced_levels(agreement: Tensor, tone: Tensor) -> Tensor:
    """Levels `[b, 2]` of input and target, each in [1/3, 3] and one the inverse of the other.

    `agreement` `[b, 2, d]` is that of `BandPowers.agreement`; `tone` `[b, d]` is what each channel of both voices
    is turned up or down by.

    With shares A and B of equally loud sources I and T, the mix g A + h B correlates equally with both where
    g <A, I - T> = h <B, T - I>. Sources that are equal, or shares that hold nothing, are left as they are.
    """
    heard = (agreement * tone[:, None]).sum(dim=-1)
    own = heard.maximum(1e-9 * heard.detach().abs().sum(dim=1, keepdim=True) + 1e-12)
    ratio = own[:, 1] / own[:, 0]
    level = ratio.clamp(MAX_LEVEL**-2, MAX_LEVEL**2).sqrt()
    return torch.stack([level, 1.0 / level], dim=1)


@dataclass(frozen=True)
class SourceSpectra:
    """The long-term spectrum half-way between the sources', `[b, n]`; `bands` `[n, groups]` spread it over groups."""

    wanted: Tensor
    bands: Tensor
    sizes: Tensor

    @classmethod
    @torch.no_grad()
    def of(cls, powers: BandPowers, bands: Tensor) -> "SourceSpectra":
        """From what the sources hold, and bands whose columns sum to 1."""
        sizes = powers.grouping.sizes.to(bands)
        spectra = [_spectrum(power, bands, sizes) for power in (powers.input, powers.target)]
        return cls((spectra[0] + spectra[1]) / 2, bands, sizes)

    @torch.no_grad()
    def matched_tone(self, mixed: Tensor, group_hz: Tensor) -> Tensor:
        """Gains `[b, groups]` in [0.25, 4] that bring a mix `[b, t, groups]` to this spectrum; without a gradient.

        In each band the mean over time of the logarithm of power is moved to the mean of the sources' (what lies
        half-way between them on a scale of loudness), fully above 2 kHz, not at all below 1 kHz, and by 12 dB at most.
        `group_hz` is `[groups]`.
        """
        octaves = torch.log2(group_hz.to(mixed.device).clamp_min(1.0) / FLAT_BELOW_HZ)
        reach = (octaves / math.log2(FULL_FROM_HZ / FLAT_BELOW_HZ)).clamp(0.0, 1.0)
        limit = MAX_CHANGE_DB * math.log(10) / 20
        change = ((self.wanted - _spectrum(mixed, self.bands, self.sizes)) / 2).clamp(-limit, limit)
        return ((change @ self.bands) * reach).exp()


def _spectrum(power: Tensor, bands: Tensor, sizes: Tensor) -> Tensor:
    """Mean over time of the natural log of each band's power, relative to the mean power of all groups: `[b, n]`."""
    weights = bands * sizes
    pooling = weights / weights.sum(dim=1, keepdim=True).clamp_min(1e-6)
    mean = (power @ (sizes / sizes.sum())).mean(dim=1).clamp_min(1e-20)[:, None, None]
    return torch.log((power @ pooling.T) / mean + FLOOR).mean(dim=1)

"""Levels and tone after the masks: two faders, one for each voice, and one tone control for both.

Masks alone cannot promise that the output agrees as much with one source as with the other: one voice may have been
given the quiet half of its source. Two faders can, and their setting has a closed form.

A mix that keeps the treble of both recordings and the bass of neither is brighter than either. Left to the masks, the
cure costs harmony (docs/log.md): they would have to give up treble, and with their means held at 0.50 take more of
what lies below. One static curve above 1 kHz brings the mix to a brightness between its sources' without touching who
plays what.
"""

import math

import torch
from torch import Tensor

from hocket.model.band_powers import Tally

MAX_LEVEL = 3.0
"""The most by which one voice is turned up while the other is turned down as much: 9.5 dB each way."""

FLAT_BELOW_HZ, FULL_FROM_HZ = 1000.0, 2000.0
MAX_CHANGE_DB = 12.0
FLOOR = 1e-5
"""Power under which a band counts as empty, against the mean of all groups: -50 dB."""


def balanced_levels(agreement: Tensor, tone: Tensor) -> Tensor:
    """Levels `[b, 2]` of input and target, each in [1/3, 3] and one the inverse of the other.

    `agreement` `[b, 2, d]` is that of `Tally.leaning`; `tone` `[b, d]` is what each channel of both voices
    is turned up or down by.

    With shares A and B of equally loud sources I and T, the mix g A + h B correlates r times as much with the input as
    with the target where g <A, I - r T> = h <B, r T - I>. Sources that are equal, or shares that hold nothing, are left
    as they are.
    """
    heard = (agreement * tone[:, None]).sum(dim=-1)
    own = heard.maximum(1e-9 * heard.detach().abs().sum(dim=1, keepdim=True) + 1e-12)
    ratio = own[:, 1] / own[:, 0]
    level = ratio.clamp(MAX_LEVEL**-2, MAX_LEVEL**2).sqrt()
    return torch.stack([level, 1.0 / level], dim=1)


@torch.no_grad()
def matched_tone(tally: Tally, levels: Tensor, *, bands: Tensor, sizes: Tensor, group_hz: Tensor) -> Tensor:
    """Gains `[b, groups]` in [0.25, 4] that bring a mix to a brightness between its sources'; without a gradient.

    In each of the `bands` `[n, groups]` the mix's share of all power is moved half-way between the sources' shares in
    decibels: fully above 2 kHz, not at all below 1 kHz, and by 12 dB at most. Levels are `[b, 2]`; `sizes` and
    `group_hz` `[groups]` are the bins and the frequency of each group.
    """
    u, v = levels[:, 0, None], levels[:, 1, None]
    to_input, to_target, both = tally.mixed.unbind(dim=1)
    mixed = u.square() * to_input + v.square() * to_target + 2.0 * u * v * both
    spectra = torch.cat([tally.sources[:, :2], mixed[:, None].clamp_min(0.0)], dim=1)
    pooling = bands * sizes / (bands * sizes).sum(dim=1, keepdim=True).clamp_min(1e-6)
    mean = (spectra @ (sizes / sizes.sum())).clamp_min(1e-20)[..., None]
    input, target, own = torch.log((spectra @ pooling.T) / mean + FLOOR).unbind(dim=1)
    octaves = torch.log2(group_hz.to(own).clamp_min(1.0) / FLAT_BELOW_HZ)
    reach = (octaves / math.log2(FULL_FROM_HZ / FLAT_BELOW_HZ)).clamp(0.0, 1.0)
    limit = MAX_CHANGE_DB * math.log(10) / 20
    change = (((input + target) / 2 - own) / 2).clamp(-limit, limit)
    return ((change @ bands) * reach).exp()

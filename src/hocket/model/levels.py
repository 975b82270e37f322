"""How loud each voice is in the mix: levels at which the output agrees as much with one source as with the other.

Masks alone cannot promise that: one voice may have been given the quiet half of its source. Two faders after the masks
can, and their setting has a closed form.
"""

import torch
from torch import Tensor

MAX_LEVEL = 3.0
"""The most by which one voice is turned up while the other is turned down as much: 9.5 dB each way."""


def balanced_levels(agreement: Tensor, tone: Tensor) -> Tensor:
    """Levels `[b, 2]` of input and target, each in [1/3, 3] and one the inverse of the other.

    `agreement` `[b, 2, d]` is that of `Places.agreement`; `tone` `[b, d]` is what each channel of both voices is turned
    up or down by.

    With shares A and B of equally loud sources I and T, the mix g A + h B correlates equally with both where
    g <A, I - T> = h <B, T - I>. Sources that are equal, or shares that hold nothing, are left as they are.
    """
    heard = (agreement * tone[:, None]).sum(dim=-1)
    own = heard.maximum(1e-9 * heard.detach().abs().sum(dim=1, keepdim=True) + 1e-12)
    ratio = own[:, 1] / own[:, 0]
    level = ratio.clamp(MAX_LEVEL**-2, MAX_LEVEL**2).sqrt()
    return torch.stack([level, 1.0 / level], dim=1)

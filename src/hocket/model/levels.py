"""How loud each voice is in the mix: levels at which the output agrees as much with one source as with the other.

Masks alone cannot promise that: one voice may have been given the quiet half of its source. Two faders after the masks
can, and their setting has a closed form.
"""

import torch
from torch import Tensor

from hocket.model.result import Masks

MAX_LEVEL = 3.0
"""The most by which one voice is turned up while the other is turned down as much: 9.5 dB each way."""


def contrast(input_latent: Tensor, target_latent: Tensor) -> Tensor:
    """How much each place tells its source from the other: latents `[b, c, d, t]` twice to `[b, 2, d, t]`.

    The inner products <I, I - T> and <T, T - I> of each place, summed over channels.
    """
    shared = _product(input_latent, target_latent)
    return torch.stack(
        [_product(input_latent, input_latent) - shared, _product(target_latent, target_latent) - shared],
        dim=1,
    )


def agreement(masks: Masks, contrast: Tensor) -> Tensor:
    """How much more each voice's share agrees with its own source than with the other: `[b, 2, d]`, per channel.

    Additive over time, so that parts of a recording may be added up.
    """
    return torch.stack(
        [(masks.input * contrast[:, 0]).sum(dim=-1), (masks.target * contrast[:, 1]).sum(dim=-1)], dim=1
    )


def balanced_levels(agreement: Tensor, tone: Tensor) -> Tensor:
    """Levels `[b, 2]` of input and target, each in [1/3, 3] and one the inverse of the other.

    `agreement` is `[b, 2, d]`; `tone` `[b, d]` is what each channel of both voices is turned up or down by.

    With shares A and B of equally loud sources I and T, the mix g A + h B correlates equally with both where
    g <A, I - T> = h <B, T - I>. Sources that are equal, or shares that hold nothing, are left as they are.
    """
    heard = (agreement * tone[:, None]).sum(dim=-1)
    own = heard.maximum(1e-9 * heard.detach().abs().sum(dim=1, keepdim=True) + 1e-12)
    ratio = own[:, 1] / own[:, 0]
    level = ratio.clamp(MAX_LEVEL**-2, MAX_LEVEL**2).sqrt()
    return torch.stack([level, 1.0 / level], dim=1)


def _product(first: Tensor, second: Tensor) -> Tensor:
    if first.is_complex():
        return (first.real * second.real + first.imag * second.imag).sum(dim=1)
    return (first * second).sum(dim=1)

"""The powers of two sources and their cross power in bin groups: all that agent, levels and tone need of them.

A bin group of a mix `u I + v T` with real gains has the power `u² |I|² + v² |T|² + 2 u v Re(I T*)`, so that drafts can
be heard, and voices balanced, without ever making a complex spectrum of them.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hocket.model.masks import Masks
from hocket.signal.grouping import Grouping, pair_sums

BLOCK_FRAMES = 128
"""Frames whose products a processor makes at once: they stay in its cache, which saves a third of the time or more."""


@dataclass(frozen=True)
class BandPowers:
    """Powers of `input` and `target` and their cross power, `[b, t, groups]` each: frames before groups.

    A bin group is some latent channels at one frame; powers are means over its channels and those of the recording.
    Masks that are one for all channels of a bin group make all sums over channels exact.
    """

    input: Tensor
    target: Tensor
    cross: Tensor
    grouping: Grouping

    @classmethod
    def of(cls, input_latent: Tensor, target_latent: Tensor, grouping: Grouping) -> "BandPowers":
        """From latents `[b, c, d, t]`, complex or real."""
        input, target = input_latent.transpose(-1, -2), target_latent.transpose(-1, -2)
        at_once = BLOCK_FRAMES if input.device.type == "cpu" else input.shape[2]
        parts = [
            [_product(*pair, grouping) for pair in ((i, i), (t, t), (i, t))]
            for i, t in zip(input.split(at_once, dim=2), target.split(at_once, dim=2), strict=True)
        ]
        own, other, cross = (torch.cat(planes, dim=1) for planes in zip(*parts, strict=True))
        return cls(own, other, cross, grouping)

    def between(self, first: int, last: int) -> "BandPowers":
        """The groups of some frames."""
        input, target, cross = (plane[:, first:last] for plane in (self.input, self.target, self.cross))
        return BandPowers(input, target, cross, self.grouping)

    def tally(self, masks: Masks) -> "Tally":
        """The sums that levels and tone are set by, for masks `[b, groups, t]`."""
        u, v = masks.input.transpose(1, 2), masks.target.transpose(1, 2)
        with torch.no_grad():
            products = (u.square() * self.input, v.square() * self.target, u * v * self.cross)
            sources = [plane.sum(dim=1) for plane in (self.input, self.target, self.cross)]
            mixed = [product.sum(dim=1) for product in products]
        towards = [(u * self.cross).sum(dim=1), (v * self.target).sum(dim=1)]
        sizes = self.grouping.sizes.to(self.input)
        return Tally(
            self.agreement(masks),
            torch.stack(towards, dim=1) * sizes,
            torch.stack(sources, dim=1),
            torch.stack(mixed, dim=1),
        )

    def agreement(self, masks: Masks) -> Tensor:
        """Agreement of each voice's share with its own source, minus that with the other: `[b, 2, groups]`.

        Sums over time and a bin group's channels of mask times <I, I - T> and <T, T - I>, for masks `[b, groups, t]`;
        additive over time, so that parts may be added up.
        """
        agreed = [
            (masks.input.transpose(1, 2) * (self.input - self.cross)).sum(dim=1),
            (masks.target.transpose(1, 2) * (self.target - self.cross)).sum(dim=1),
        ]
        return torch.stack(agreed, dim=1) * self.grouping.sizes.to(self.input)

    def mixed(self, masks: Masks, gains: Tensor | None = None) -> Tensor:
        """The power `[b, t, groups]` of the masked sources' sum; `gains` `[b, 2, groups]` come after the masks."""
        u, v = masks.input.transpose(1, 2), masks.target.transpose(1, 2)
        if gains is not None:
            u, v = u * gains[:, None, 0], v * gains[:, None, 1]
        if torch.jit.is_tracing():
            to_input, to_target = u * self.input + v * self.cross, v * self.target + u * self.cross
            return (u * to_input + v * to_target).clamp(min=0.0)
        power: Tensor = _MixedPower.apply(u, v, self.input, self.target, self.cross)
        return power


@dataclass(frozen=True)
class Tally:
    """Sums over frames that levels and tone are set by; those of parts add up to those of the whole.

    `agreed` `[b, 2, groups]` is `BandPowers.agreement`, `towards_target` `[b, 2, groups]` how much both voices' shares
    agree with the target. `sources` `[b, 3, groups]` are the powers of input and target and their cross power, `mixed`
    `[b, 3, groups]` those of both masked; these have no gradient.
    """

    agreed: Tensor
    towards_target: Tensor
    sources: Tensor
    mixed: Tensor

    def __add__(self, other: "Tally") -> "Tally":
        """That of two parts together."""
        return Tally(*(getattr(self, name) + getattr(other, name) for name in vars(self)))

    def leaning(self, ratio: float, sizes: Tensor) -> Tensor:
        """The agreement for a wanted ratio r of both correlations: of <I, I - r T> and <T, r T - I>, `[b, 2, groups]`.

        Sources that are alike cannot be kept apart, so for them r comes nearer to 1, as near as they are alike.
        """
        if ratio == 1.0:
            return self.agreed
        input, target, cross = (self.sources @ sizes).unbind(dim=1)
        alike = (cross / (input * target).sqrt().clamp_min(1e-20) + 1e-4).clamp(0.0, 1.0)
        change = (1.0 - ratio) * (1.0 - alike)[:, None] * self.towards_target.new_tensor([1.0, -1.0])
        return self.agreed + change[..., None] * self.towards_target


class _MixedPower(torch.autograd.Function):
    """`u² I + v² T + 2 u v S`; keeps for the way back what is cheaper to keep than to make again."""

    @staticmethod
    def forward(ctx: Any, u: Tensor, v: Tensor, input: Tensor, target: Tensor, cross: Tensor) -> Tensor:
        to_input = torch.mul(u, input).addcmul_(v, cross)
        to_target = torch.mul(v, target).addcmul_(u, cross)
        ctx.save_for_backward(u, v, to_input, to_target)
        # Where voices cancel each other, rounding may leave less than nothing, which has no level.
        return torch.mul(u, to_input).addcmul_(v, to_target).clamp_(min=0.0)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        u, v, to_input, to_target = ctx.saved_tensors
        wanted = ctx.needs_input_grad
        return (
            2.0 * to_input * gradient if wanted[0] else None,
            2.0 * to_target * gradient if wanted[1] else None,
            u.square() * gradient if wanted[2] else None,
            v.square() * gradient if wanted[3] else None,
            2.0 * u * v * gradient if wanted[4] else None,
        )


def banded_linear(weights: Tensor, planes: tuple[Tensor, ...], bands: Tensor) -> Tensor:
    """`sum_k weight[k, band(d), t] * plane[k, t, d] + bias[band(d), t]`, as `[b, t, d]`, d groups.

    `weights` `[b, t, (k + 1) * n]` has the bands of each plane one after the other and the bias at the end; `bands`
    `[n, d]` spreads them over the bins. No plane of weights is ever kept: the way back makes them again.
    """
    if torch.jit.is_tracing():
        *slots, bias = weights.split(len(bands), dim=-1)
        return sum(((slot @ bands) * plane for slot, plane in zip(slots, planes, strict=True)), bias @ bands)
    weighed: Tensor = _BandedLinear.apply(weights.to(bands.dtype), bands, *planes)
    return weighed


class _BandedLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weights: Tensor, bands: Tensor, *planes: Tensor) -> Tensor:
        ctx.save_for_backward(weights, bands, *planes)
        with torch.autocast(weights.device.type, enabled=False):
            *slots, bias = _split_weights(weights, len(bands))
            total = torch.mm(bias, bands)
            spread = torch.empty_like(total)
            for slot, plane in zip(slots, planes, strict=True):
                torch.mm(slot, bands, out=spread)
                total.addcmul_(spread, plane.reshape(spread.shape))
        return total.view(*weights.shape[:2], -1)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        weights, bands, *planes = ctx.saved_tensors
        gradient = gradient.reshape(-1, bands.shape[1])
        to_weights, spread = torch.empty_like(weights), torch.empty_like(gradient)
        *slots, bias = _split_weights(to_weights, len(bands))
        torch.mm(gradient, bands.T, out=bias)
        to_planes: list[Tensor | None] = []
        *own_weights, _ = _split_weights(weights, len(bands))
        for slot, weight, plane, wanted in zip(
            slots, own_weights, planes, ctx.needs_input_grad[2:], strict=True
        ):
            torch.mul(gradient, plane.reshape(gradient.shape), out=spread)
            torch.mm(spread, bands.T, out=slot)
            to_planes.append(torch.mm(weight, bands).mul_(gradient).view(plane.shape) if wanted else None)
        return to_weights, None, *to_planes


def _split_weights(weights: Tensor, num_bands: int) -> tuple[Tensor, ...]:
    """Views `[rows, n]` of `[b, t, k * n]`."""
    return weights.view(-1, weights.shape[-1]).split(num_bands, dim=1)


def _product(first: Tensor, second: Tensor, grouping: Grouping) -> Tensor:
    """Inner product at each bin group, mean over its channels and `c`: `[b, c, t, d]` twice to `[b, t, groups]`."""
    if first.is_complex():
        # A complex product would make an imaginary part that nobody asks for.
        product = pair_sums((torch.view_as_real(first) * torch.view_as_real(second)).flatten(-2))
    else:
        product = first * second
    product = grouping.means(product)
    return product.mean(dim=1) if product.shape[1] > 1 else product[:, 0]

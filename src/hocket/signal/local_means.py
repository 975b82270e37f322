"""Centred moving averages along one axis, at the price of a few additions whatever their length."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def local_mean(values: Tensor, length: int, dim: int) -> Tensor:
    """Moving average over `length` (odd) neighbours along `dim` (-1 or -2) of `[..., m, n]`; the ends average less.

    A window longer than the signal averages over all of it, wherever its centre is.
    """
    if torch.jit.is_tracing():
        return _any_length_mean(values, length, dim)
    length = min(length, 2 * values.shape[dim] - 1)
    means: Tensor = _LocalMean.apply(values, length, dim)
    return means


def _any_length_mean(values: Tensor, length: int, dim: int) -> Tensor:
    """Makes no use of how long the signal is, so that a graph that is traced from it fits any length."""
    if dim == -2:
        return _any_length_mean(values.transpose(-1, -2), length, -1).transpose(-1, -2)
    kernel = values.new_ones(1, 1, length)
    sums, counts = (
        F.conv1d(part.reshape(-1, 1, part.shape[-1]), kernel, padding=length // 2).reshape(part.shape)
        for part in (values, torch.ones_like(values))
    )
    return sums / counts


class _LocalMean(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, length: int, dim: int) -> Tensor:
        ctx.length, ctx.dim = length, dim
        return _running_sum(values, length, dim).mul_(_shares(values, length, dim))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = gradients
        # The window is symmetric, so the adjoint is the same sum.
        scaled = gradient * _shares(gradient, ctx.length, ctx.dim)
        return _running_sum(scaled, ctx.length, ctx.dim), None, None


def _running_sum(values: Tensor, length: int, dim: int) -> Tensor:
    """Sums of `length` neighbours, zeros beyond the ends: sums of 1, 2, 4, ... that `length` is in binary."""
    size, reach = values.shape[dim], length // 2
    part = F.pad(values, (reach, reach) if dim == -1 else (0, 0, reach, reach))
    kept, width, start = part.shape[dim], 1, 0
    spare = torch.empty_like(part)
    total: Tensor | None = None
    while True:
        if length & width:
            taken = part.narrow(dim, start, size)
            if 2 * width > length:
                return taken.add_(total) if total is not None else taken.clone()
            total = taken.clone() if total is None else total.add_(taken)
            start += width
        kept -= width
        longer = spare.narrow(dim, 0, kept)
        torch.add(part.narrow(dim, 0, kept), part.narrow(dim, width, kept), out=longer)
        part, spare = spare, part
        width *= 2


def _shares(values: Tensor, length: int, dim: int) -> Tensor:
    """One over the number of neighbours that each place has, in a shape that fits `dim`."""
    size, reach = values.shape[dim], length // 2
    places = torch.arange(size, device=values.device)
    counts = (places + reach + 1).clamp(max=size) - (places - reach).clamp(min=0)
    shares = counts.to(values.dtype).reciprocal()
    return shares if dim == -1 else shares[:, None]

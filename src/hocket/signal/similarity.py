"""Similarity of two signals, per example."""

import torch
from torch import Tensor

EPSILON = 1e-8


def pearson(*, output: Tensor, reference: Tensor) -> Tensor:
    """Pearson correlation over the last axis: `[..., n]` twice to `[...]`, in [-1, 1].

    A constant signal correlates with nothing: 0, with a finite gradient.
    """
    output = output - output.mean(dim=-1, keepdim=True)
    reference = reference - reference.mean(dim=-1, keepdim=True)
    covariance = (output * reference).sum(dim=-1)
    norm = output.square().sum(dim=-1) * reference.square().sum(dim=-1)
    return covariance / (norm + EPSILON**2).sqrt()


def in_double(values: Tensor) -> Tensor:
    """Converts to double precision, but on Apple's GPUs, which have none."""
    return values if values.device.type == "mps" else values.double()


def overlay_fit(*, output: Tensor, input: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Least squares of `output ~ a * input + b * target` over the last axis.

    Waveforms `[..., samples]`. Gives `(r2, a, b)`, each `[...]`; r2 is the share of the output's energy that
    the fit explains, in [0, 1], and 0 for a silent output.
    """
    # Double: the determinant is a small difference of large numbers where the sources are alike.
    kind = output.dtype
    three = in_double(torch.stack([output, input, target], dim=-2))
    products = three @ three.transpose(-1, -2)
    energy, oi, ot = products[..., 0, :].unbind(-1)
    ii, it, tt = products[..., 1, 1], products[..., 1, 2], products[..., 2, 2]
    # A whisper of ridge: two equal sources (a loop fused with itself) would make the system singular.
    ridge = 1e-9 * (ii + tt) + EPSILON**2
    ii, tt = ii + ridge, tt + ridge
    determinant = ii * tt - it.square()
    a = (oi * tt - ot * it) / determinant
    b = (ot * ii - oi * it) / determinant
    explained = a * oi + b * ot
    r2 = torch.where(energy > 0, explained / energy.clamp_min(EPSILON**2), torch.zeros_like(energy))
    return r2.clamp(0.0, 1.0).to(kind), a.to(kind), b.to(kind)

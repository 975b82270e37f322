"""What masks should look like, judged from the masks alone; no figure here can see whether the output copies."""

import torch.nn.functional as F
from torch import Tensor

from hocket.model.result import Masks

FLAT_OVERLAP = 0.25
TEMPORAL_DEVIATION = 0.2


def balance(masks: Masks) -> Tensor:
    """Distance of both mask means from 0.50, summed: `[b]`, 0 when balanced, 1 when one source has it all."""
    input_mean, target_mean = masks.means
    return (input_mean - 0.5).abs() + (target_mean - 0.5).abs()


def complementarity(masks: Masks, *, limit: float) -> Tensor:
    """Overlap beyond the limit, in units of what flat masks have: `[b]`, 0 from a complementarity of 1 - limit on.

    A hinge, because harder masks than that buy nothing but musical noise (docs/log.md).
    """
    return F.relu(masks.overlap - limit) / FLAT_OVERLAP


def coverage(masks: Masks) -> Tensor:
    """Mean squared distance of the masks' sum from 1: `[b]`, 0 when every place is used exactly once."""
    return (masks.input + masks.target - 1.0).square().mean(dim=(1, 2))


def temporal_diversity(masks: Masks) -> Tensor:
    """How far the masks' deviation over time falls short of 0.2: `[b]`, in [0, 0.2], 0.2 for masks that stand still."""
    shortfalls = [
        (TEMPORAL_DEVIATION - (mask.var(dim=2, correction=0) + 1e-8).sqrt().mean(dim=1)).clamp_min(0.0)
        for mask in (masks.input, masks.target)
    ]
    return (shortfalls[0] + shortfalls[1]) / 2

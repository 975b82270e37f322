"""Neighbouring bins taken together where the ear, and a window's main lobe, tell them apart no more."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Segment:
    """`count` groups of `width` bins each, a power of two, from bin `first` on."""

    first: int
    width: int
    count: int

    @property
    def last(self) -> int:
        """The bin behind the last."""
        return self.first + self.width * self.count


@dataclass(frozen=True)
class Grouping:
    """Bins in groups of 1, 2, 4, ..., in order and without gaps; frames come before bins everywhere."""

    segments: tuple[Segment, ...]

    @classmethod
    def finer_than(cls, share: float, num_bins: int) -> "Grouping":
        """Groups no wider than `share` of their lowest frequency, for bins that begin at 0 Hz; 0 leaves each alone."""
        segments, first = [], 0
        while first < num_bins:
            width = 1 if share * first < 2 else 2 ** int(math.log2(share * first))
            # As wide as they are up to where they may be twice as wide; what is left at the end stays single.
            end = min(num_bins, math.ceil(2 * width / share)) if share > 0 else num_bins
            count = max(1, (end - first) // width) if width <= num_bins - first else 0
            if count == 0:
                width, count = 1, num_bins - first
            segments.append(Segment(first, width, count))
            first = segments[-1].last
        return cls(tuple(segments))

    @property
    def num_bins(self) -> int:
        """Bins in all."""
        return self.segments[-1].last

    @cached_property
    def sizes(self) -> Tensor:
        """Bins in each group, `[g]`."""
        return torch.cat([torch.full((s.count,), float(s.width)) for s in self.segments])

    @cached_property
    def centres(self) -> Tensor:
        """The middle of each group in bins, `[g]`."""
        return self.sizes.cumsum(0) - (self.sizes + 1) / 2

    @property
    def is_trivial(self) -> bool:
        """Whether every bin stands alone."""
        return all(segment.width == 1 for segment in self.segments)

    def means(self, values: Tensor) -> Tensor:
        """Mean over each group's bins, `[..., bins]` to `[..., g]`."""
        if self.is_trivial:
            return values
        summed = []
        for segment in self.segments:
            span, width = values[..., segment.first : segment.last], segment.width
            while width > 1:
                # By halves: a row is read in few long strides instead of many short ones.
                span, width = pair_sums(span), width // 2
            summed.append(span / segment.width)
        return torch.cat(summed, dim=-1)

    def spread(self, groups: Tensor) -> Tensor:
        """The same value for all bins of a group, `[..., g]` to `[..., bins]`."""
        if self.is_trivial:
            return groups
        if torch.jit.is_tracing():
            return groups[..., torch.arange(len(self.sizes)).repeat_interleave(self.sizes.long())]
        spread: Tensor = _Spread.apply(groups, self)
        return spread


class _Spread(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, groups: Tensor, grouping: Grouping) -> Tensor:
        ctx.grouping = grouping
        bins = groups.new_empty(*groups.shape[:-1], grouping.num_bins)
        first = 0
        for segment in grouping.segments:
            span, part = bins[..., segment.first : segment.last], groups[..., first : first + segment.count]
            for place in range(segment.width):
                span[..., place :: segment.width] = part
            first += segment.count
        return bins

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (gradient,) = gradients
        return ctx.grouping.means(gradient) * ctx.grouping.sizes.to(gradient), None


def pair_sums(values: Tensor) -> Tensor:
    """Sums of neighbours two by two, `[..., 2 n]` to `[..., n]`."""
    return values[..., 0::2] + values[..., 1::2]

"""Along the bins of a spectrum: groups of neighbours, values read at other frequencies, and moving averages."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

HELD_BAND = (0.45, 0.9)
"""Share of the model's band whose mean mask stands for all that lies above it: 5.4-10.8 kHz at 24 kHz."""


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
        """True if every bin stands alone."""
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
        """Repeats each group's value for all of its bins, `[..., g]` to `[..., bins]`."""
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


class FrequencyReader:
    """Reads rows of values at `from_hz` (evenly spaced from 0 on) at `to_hz`, between the nearest two.

    With `holds`, for sounds of another rate than the model's, what lies above most of its band is the mean of its upper
    octave; without, all values are read as they are.
    """

    def __init__(self, from_hz: Tensor, to_hz: Tensor, *, holds: bool) -> None:
        top = len(from_hz) - 1
        self._band = slice(*(int(share * top) for share in HELD_BAND)) if holds else None
        self._top = self._band.stop if self._band else top
        places = to_hz.cpu().double() * (top / float(from_hz[-1]))
        self._num_bins, places = len(places), places[places < self._top]
        self._lower = places.long()
        self._upper_weights = (places - places.floor()).float()

    def to(self, device: torch.device) -> "FrequencyReader":
        """Moves it to another device."""
        self._lower, self._upper_weights = self._lower.to(device), self._upper_weights.to(device)
        return self

    def read(self, values: Tensor) -> Tensor:
        """Reads `[..., d]`, which it may change, as `[..., bins]`."""
        flat = values.view(-1, values.shape[-1])
        if self._band:
            flat[:, self._top] = flat[:, self._band].mean(dim=1)
        read = flat.new_empty(len(flat), self._num_bins)
        num_below = len(self._lower)
        lower, upper = flat.index_select(1, self._lower), flat.index_select(1, self._lower + 1)
        torch.lerp(lower, upper, self._upper_weights, out=read[:, :num_below])
        read[:, num_below:] = flat[:, self._top, None]
        return read.view(*values.shape[:-1], -1)


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

"""Planes `[b, t, places]` as graphs: features, drafts, levels and tone, as codec and model compute them."""

import math
from dataclasses import dataclass

import numpy as np

from hocket.codec import SpectralCodec
from hocket.codec.spectral import DECIBELS_PER_UNIT, FLOOR_DB
from hocket.export.blocks import numbers, one_axis
from hocket.export.graph import Graph, Value
from hocket.model.cascade import Cascade
from hocket.model.levels import MAX_LEVEL
from hocket.model.tone import FLAT_BELOW_HZ, FLOOR, FULL_FROM_HZ, MAX_CHANGE_DB
from hocket.signal.grouping import Grouping

FRAMES, PLACES = 1, 2
"""The axes of a plane."""


def group_means(plane: Value, grouping: Grouping) -> Value:
    """Bins `[b, t, d]` taken together in places."""
    if grouping.is_trivial:
        return plane
    parts = []
    for segment in grouping.segments:
        part = plane.between(segment.first, segment.last, PLACES)
        if segment.width > 1:
            part = part.reshaped(0, 0, segment.count, segment.width).mean(3)
        parts.append(part)
    return plane.graph.joined(parts)


def spread(plane: Value, grouping: Grouping) -> Value:
    """The same value for all bins of a place."""
    if grouping.is_trivial:
        return plane
    segments = grouping.segments
    parts = plane.split([segment.count for segment in segments])
    # As products with zeros and ones, which are exact, and several times as fast as onnxruntime's Gather.
    spread_parts = [
        part @ np.repeat(np.eye(segment.count), segment.width, axis=1) if segment.width > 1 else part
        for part, segment in zip(parts, segments, strict=True)
    ]
    return plane.graph.joined(spread_parts)


class Describer:
    """The codec's `describe`: features of every place, from its power."""

    def __init__(self, graph: Graph, codec: SpectralCodec, num_frames: Value) -> None:
        self._config = codec.config
        # How many neighbours a place has depends on where it is: the same sums over ones.
        frames = graph.op("Expand", np.ones((1, 1, 1)), one_axis(num_frames, FRAMES))
        places = graph.constant(np.ones((1, 1, len(codec.grouping.sizes))))
        counts = (
            running_sum(frames, self._config.transient_frames, FRAMES),
            running_sum(places, self._config.tonal_bins, PLACES),
        )
        self._frame_shares, self._place_shares = (count.reciprocal() for count in counts)

    def planes(self, power: Value) -> list[Value]:
        """The configured features, each `[b, t, places]`."""
        full_scale = (self._config.fft_size / 4) ** 2
        floor = 10 ** (FLOOR_DB / 10) * full_scale
        unit = 10.0 / math.log(10.0) / DECIBELS_PER_UNIT
        level = (power + floor).log() * unit + (2.0 - unit * math.log(full_scale))
        return [self._feature(name, level) for name in self._config.features]

    def _feature(self, name: str, level: Value) -> Value:
        if name == "transient":
            return level - running_sum(level, self._config.transient_frames, FRAMES) * self._frame_shares
        if name == "tonal":
            return level - running_sum(level, self._config.tonal_bins, PLACES) * self._place_shares
        return level


def running_sum(values: Value, length: int, axis: int) -> Value:
    """Sums of `length` (odd) neighbours along an axis of a plane, zeros beyond the ends.

    From sums of 1, 2, 4, ... neighbours: exact to rounding, and seven times as fast as onnxruntime's AveragePool.
    """
    reach = length // 2
    pads = np.zeros((2, 3), dtype=np.int64)
    pads[:, axis] = reach
    part, width, start = values.graph.op("Pad", values, pads.flatten()), 1, 0
    total: Value | None = None
    while True:
        # `part` is longer than the plane by 2 * reach + 1 - width.
        if length & width:
            taken = part.between(start, -(2 * reach + 1 - width - start) or None, axis)
            total = taken if total is None else total + taken
            start += width
        if 2 * width > length:
            assert total is not None
            return total
        part = part.between(0, -width, axis) + part.between(width, None, axis)
        width *= 2


@dataclass(frozen=True)
class Planes:
    """What both sources hold at each place, as `hocket.model.places.Places`."""

    input: Value
    target: Value
    shared: Value
    sizes: np.ndarray

    def agreement(self, masks: tuple[Value, Value]) -> Value:
        """How much more each voice's share agrees with its own source than with the other: `[b, 2, places]`."""
        heard = [
            (masks[0] * (self.input - self.shared)).sum(FRAMES, keepdims=True),
            (masks[1] * (self.target - self.shared)).sum(FRAMES, keepdims=True),
        ]
        return self.input.graph.joined(heard, FRAMES) * self.sizes

    def mixed(self, masks: tuple[Value, Value], gains: tuple[Value, Value]) -> Value:
        """The power of the masked sources' sum; gains that spread over a plane come after the masks."""
        u, v = masks[0] * gains[0], masks[1] * gains[1]
        # In this order, as in `Places.mixed`: where sources cancel, rounding is all that is left of a place.
        power = u * (u * self.input + v * self.shared) + v * (v * self.target + u * self.shared)
        return power.at_least(0.0)


class Desk:
    """What comes after the masks: both voices' levels `[b, 1, 1]`, and one tone `[b, 1, places]`."""

    def __init__(self, cascade: Cascade, planes: Planes, *, pooling: np.ndarray, bands: np.ndarray) -> None:
        self._cascade, self._planes, self._bands = cascade, planes, bands
        # The mean of all places is one more band.
        self._pooling = np.concatenate([pooling.T, planes.sizes[:, None] / planes.sizes.sum()], axis=1)
        self._has_tone = cascade.config.match_tone and cascade.codec.bin_hz is not None
        if self._has_tone:
            self._wanted = (self._spectrum(planes.input) + self._spectrum(planes.target)) * 0.5

    def gains(self, masks: tuple[Value, Value]) -> tuple[tuple[Value, Value], Value]:
        """The levels and the tone for some masks, as the cascade finds them."""
        agreed = self._planes.agreement(masks)
        flat = _ones_like(agreed.between(0, 1, FRAMES))
        if not self._has_tone:
            return self._levels(agreed, flat), flat
        tone = self._matched_tone(self._planes.mixed(masks, self._levels(agreed, flat)))
        return self._levels(agreed, tone), tone

    def _levels(self, agreed: Value, tone: Value) -> tuple[Value, Value]:
        """What `hocket.model.levels.balanced_levels` gives."""
        heard = (agreed * tone).sum(2, keepdims=True)
        if not self._cascade.config.balance_levels:
            level = _ones_like(heard.between(0, 1, 1))
            return level, level
        floor = heard.magnitude().sum(1, keepdims=True) * 1e-9 + 1e-12
        of_input, of_target = (heard.at_least(floor).between(voice, voice + 1, 1) for voice in (0, 1))
        level = (of_target / of_input).clipped(MAX_LEVEL**-2, MAX_LEVEL**2).sqrt()
        return level, level.reciprocal()

    def _matched_tone(self, mixed: Value) -> Value:
        octaves = np.log2(np.maximum(numbers(self._cascade.place_hz), 1.0) / FLAT_BELOW_HZ)
        reach = np.clip(octaves / math.log2(FULL_FROM_HZ / FLAT_BELOW_HZ), 0.0, 1.0)
        limit = MAX_CHANGE_DB * math.log(10) / 20
        change = ((self._wanted - self._spectrum(mixed)) * 0.5).clipped(-limit, limit)
        return ((change @ self._bands) * reach).exp()

    def _spectrum(self, power: Value) -> Value:
        """Mean over time of the log of each band's power, relative to the mean power of all places: `[b, 1, n]`."""
        in_bands, everywhere = (power @ self._pooling).split([len(self._bands), 1])
        mean = everywhere.mean(FRAMES, keepdims=True).at_least(1e-20)
        return (in_bands / mean + FLOOR).log().mean(FRAMES, keepdims=True)


def _ones_like(value: Value) -> Value:
    return value.graph.op("Expand", 1.0, value.graph.op("Shape", value))

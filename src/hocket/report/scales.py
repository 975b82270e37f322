"""Axes: which numbers stand at them, and as how many points a curve is drawn."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Point = tuple[float, float]

MOST_POINTS = 400
SMALLEST = 1e-100
LOG_FROM = 30.0
"""An axis is logarithmic where the largest positive value is so many times the smallest."""


@dataclass(frozen=True)
class Axis:
    """From `low` to `high`, with ticks; `is_log` where equal distances are equal ratios."""

    low: float
    high: float
    ticks: tuple[float, ...]
    is_log: bool = False

    def place(self, value: float) -> float:
        """Where a value lies, 0 at `low` and 1 at `high`; what is beyond the axis lies at its end."""
        low, high = self.low, self.high
        if self.is_log:
            value, low, high = math.log(max(value, low)), math.log(low), math.log(high)
        return min(max((value - low) / (high - low), 0.0), 1.0)


def linear_axis(low: float, high: float, *, num_ticks: int = 4) -> Axis:
    """An axis over at least `low` to `high` that ends at round numbers; both must be finite."""
    if not low < high:
        low, high = low - max(abs(low) * 0.1, 0.05), high + max(abs(high) * 0.1, 0.05)
    step = _round_step((high - low) / num_ticks)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(_clean(index * step) for index in range(first, last + 1))
    return Axis(ticks[0], ticks[-1], ticks)


def log_axis(low: float, high: float) -> Axis:
    """A logarithmic axis over at least `low` to `high`, both above 0."""
    first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    last = max(last, first + 1)
    stride = -(-(last - first) // 5)
    return Axis(10.0**first, 10.0**last, tuple(10.0**power for power in range(first, last + 1, stride)), True)


def axis_for(values: Iterable[float], *, at_least: Sequence[float] = (), can_be_log: bool = False) -> Axis:
    """The axis for finite values; `at_least` are values that it shows in any case.

    Logarithmic where it may be, all values are above 0, and they span more than a factor of 30.
    """
    found = [_drawable(value) for value in values if math.isfinite(value)]
    if can_be_log and found and min(found) > 0 and max(found) > LOG_FROM * min(found):
        return log_axis(min(found), max(found))
    shown = [*found, *at_least] or [0.0, 1.0]
    return linear_axis(min(shown), max(shown))


def step_axis(last_step: int) -> Axis:
    """The time axis of a run, from 0 to its last step."""
    last = max(last_step, 1)
    step = max(1.0, _round_step(last / 5))
    return Axis(0.0, float(last), tuple(index * step for index in range(int(last / step) + 1)))


def thinned(points: Sequence[Point], *, most: int = MOST_POINTS) -> list[Point]:
    """At most `most` points: of each stretch the lowest and the highest, so that no peak is lost."""
    if len(points) <= most:
        return list(points)
    num_stretches = most // 2
    kept: list[Point] = []
    for index in range(num_stretches):
        start, stop = (len(points) * place // num_stretches for place in (index, index + 1))
        stretch = range(start, stop)
        lowest = min(stretch, key=lambda place: points[place][1])
        highest = max(stretch, key=lambda place: points[place][1])
        kept += [points[place] for place in sorted({lowest, highest})]
    return kept


def finite_stretches(points: Iterable[Point]) -> list[list[Point]]:
    """The points in stretches between those that are not finite: a curve has a gap there."""
    stretches: list[list[Point]] = [[]]
    for point in points:
        if math.isfinite(point[1]):
            stretches[-1].append(point)
        elif stretches[-1]:
            stretches.append([])
    return [stretch for stretch in stretches if stretch]


def tick_text(value: float) -> str:
    """A tick as short as it can be."""
    if value and not 1e-4 <= abs(value) < 1e6:
        mantissa, _, exponent = f"{value:.0e}".partition("e")
        return f"{mantissa}e{int(exponent)}".replace("-", "−")
    return f"{value:.10g}".replace("-", "−")


def _drawable(value: float) -> float:
    """A value whose distances and logarithms are finite, too."""
    return 0.0 if abs(value) < SMALLEST else min(max(value, -1 / SMALLEST), 1 / SMALLEST)


def _round_step(rough: float) -> float:
    """The smallest of 1, 2, 2.5, 5 times a power of ten that is not below."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(
        factor * power for factor in (1.0, 2.0, 2.5, 5.0, 10.0) if factor * power >= rough * (1 - 1e-9)
    )


def _clean(value: float) -> float:
    return float(f"{value:.10g}")

"""Curves, charts and groups of charts, and how they become JSON."""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hocket.report.run import Run

Point = tuple[float, float]
Points = Callable[[Run], list[Point]]

MOST_POINTS = 400
"""Of a curve between two gaps."""
SMALLEST = 1e-100
LOG_FROM = 30.0
"""An axis begins logarithmic where the largest positive value is so many times the smallest."""


@dataclass(frozen=True)
class Curve:
    """A named curve over steps; `look` names its colour, `dash` its dashes (0 is none); faint ones are behind."""

    name: str
    look: str
    points: Points
    dash: int = 0
    is_faint: bool = False
    has_dots: bool = False


@dataclass(frozen=True)
class Chart:
    """Curves in one frame, with thresholds by name, and a band between two values.

    `shown` are values that the axis always covers. `may_be_log` offers a logarithmic axis, `begins_log` starts with
    one where the values span enough.
    """

    key: str
    title: str
    unit: str
    curves: tuple[Curve, ...]
    thresholds: tuple[tuple[float, str], ...] = ()
    band: tuple[float, float, str] | None = None
    shown: tuple[float, ...] = ()
    may_be_log: bool = False
    begins_log: bool = False


@dataclass(frozen=True)
class Group:
    """Charts that answer one question."""

    title: str
    text: str
    charts: Callable[[Sequence[Run]], Sequence[Chart]]


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


def spans_decades(values: Sequence[float]) -> bool:
    """True if a logarithmic axis helps: all values are above 0 and span more than a factor of 30."""
    return bool(values) and min(values) > 0 and max(values) > LOG_FROM * min(values)


def to_json(chart: Chart, runs: Sequence[Run]) -> dict[str, Any]:
    """A chart with the curves that at least one run has; a run without a curve has None in its place."""
    curves = []
    for curve in chart.curves:
        series = [_series(curve.points(run)) for run in runs]
        if any(series):
            look = {name: value for name, value in vars(curve).items() if name != "points"}
            curves.append({**look, "series": series})
    values = [
        y for curve in curves for series in curve["series"] if series for y in series[1] if y is not None
    ]
    told = {name: value for name, value in vars(chart).items() if name != "curves"}
    return {**told, "begins_log": chart.begins_log and spans_decades(values), "curves": curves}


def _series(points: Sequence[Point]) -> tuple[list[float], list[float | None]] | None:
    """Steps and values, with None where a value is not finite; None where no value is."""
    kept: list[tuple[float, float | None]] = []
    for is_known, part in itertools.groupby(sorted(points), key=lambda point: math.isfinite(point[1])):
        kept += [(x, _short(y)) for x, y in thinned(list(part))] if is_known else [(next(part)[0], None)]
    if all(y is None for _, y in kept):
        return None
    return [x for x, _ in kept], [y for _, y in kept]


def _short(value: float) -> float:
    """A value as exact as one reads it, whose distances and logarithms are finite, too."""
    return float(f"{min(max(value, -1 / SMALLEST), 1 / SMALLEST):.6g}") if abs(value) >= SMALLEST else 0.0

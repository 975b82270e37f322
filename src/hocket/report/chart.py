"""Line charts as inline SVG: text of one size at any width, nothing that a page's script would have to draw."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from hocket.report.run import NOT_KNOWN
from hocket.report.scales import Axis, Point, axis_for, finite_stretches, thinned, tick_text

MOST_DOTS = 60
MOST_MARKS = 40
_NEAR = 0.1
_COLUMNS = (("100%", -4, "end"), ("50%", 0, "middle"), ("0", 4, "start"))
SIZE = 1000
"""Curves are drawn in a square of so many units, which the page stretches."""


@dataclass(frozen=True)
class Curve:
    """A named curve over steps; `look` names its colour, `dash` its dashes (0 is none); faint ones lie behind."""

    name: str
    points: tuple[Point, ...]
    look: str
    dash: int = 0
    is_faint: bool = False
    has_dots: bool = False

    @property
    def last(self) -> float:
        """The last finite value, or NaN."""
        return next((y for _, y in reversed(self.points) if math.isfinite(y)), math.nan)


@dataclass(frozen=True)
class Mark:
    """Something that happened at a step: `sign` is a letter, `text` what it means."""

    step: int
    sign: str
    text: str


@dataclass(frozen=True)
class Chart:
    """What is drawn in one frame: curves, thresholds by name, and a band between two values.

    `shown` are values that the axis always covers.
    """

    key: str
    title: str
    unit: str
    curves: tuple[Curve, ...]
    thresholds: tuple[tuple[float, str], ...] = ()
    band: tuple[float, float, str] | None = None
    shown: tuple[float, ...] = ()
    can_be_log: bool = False
    note: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing finite to draw."""
        return all(math.isnan(curve.last) for curve in self.curves)


def common_axis(charts: Sequence[Chart]) -> Axis:
    """One axis of values for the same chart of several runs."""
    values = [y for chart in charts for curve in chart.curves for _, y in curve.points]
    shown = [value for chart in charts for value in chart.shown]
    return axis_for(values, at_least=shown, can_be_log=all(chart.can_be_log for chart in charts))


def draw(chart: Chart, *, steps: Axis, values: Axis, marks: Sequence[Mark] = ()) -> Markup:
    """The chart as a `figure`; its styles are those of `chart.css`."""
    scale = ", logarithmic" if values.is_log else ""
    unit = Markup(' <span class="hk-unit">{}{}</span>').format(chart.unit, scale)
    note = Markup('<p class="hk-note">{}</p>').format(chart.note) if chart.note else ""
    body = Markup("").join(
        [
            _band(chart, values),
            _grid(steps, values),
            _thresholds(chart, values),
            _marks(marks, steps),
            _lines(chart, steps, values),
            _dots(chart, steps, values),
        ]
    )
    return Markup(
        '<figure class="hk-chart"><figcaption><b>{}</b>{}</figcaption>{}{}<div class="hk-frame">'
        '<svg class="hk-plot" role="img" tabindex="0" aria-label="{}" data-x0="{}" data-x1="{}" data-y0="{}" '
        'data-y1="{}" data-log="{}">{}</svg></div><p class="hk-axis">training step</p>'
        '<p class="hk-readout" aria-live="polite"></p></figure>'
    ).format(
        *(chart.title, unit, _legend(chart), note, described(chart)),
        *(f"{steps.low:g}", f"{steps.high:.12g}", repr(values.low), repr(values.high), int(values.is_log)),
        body,
    )


def described(chart: Chart) -> str:
    """The chart in a sentence, for those who do not see it."""
    parts = []
    for curve in chart.curves:
        finite = [y for _, y in curve.points if math.isfinite(y)]
        if finite:
            parts.append(
                f"{curve.name} from {short(finite[0])} to {short(finite[-1])}, lowest {short(min(finite))}, "
                f"highest {short(max(finite))}"
            )
    return f"{chart.title} over training steps: {'; '.join(parts) or 'nothing to show'}."


def short(value: float) -> str:
    """A figure with as many places as one reads."""
    if not math.isfinite(value):
        return NOT_KNOWN if math.isnan(value) else str(value)
    size = abs(value)
    if value and (size < 1e-3 or size >= 1e5):
        return f"{value:.1e}"
    places = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 0.1 or not value else 3
    return f"{value:.{places}f}"


def percent(place: float) -> str:
    """A place in [0, 1] as SVG writes it."""
    return f"{100 * place:.2f}".rstrip("0").rstrip(".") + "%"


def _legend(chart: Chart) -> Markup:
    """Names, samples and last values of the curves; faint ones are named only where they stand alone."""
    there = [curve for curve in chart.curves if not math.isnan(curve.last)]
    named = [curve for curve in there if not curve.is_faint] or there
    dot = Markup('<circle cx="50%" cy="50%" r="3" class="hk-f-{}"/>')
    items = [
        Markup(
            '<li><svg class="hk-key" aria-hidden="true"><line x1="0" x2="100%" y1="50%" y2="50%" class="{}"/>{}</svg>'
            "{} <b>{}</b></li>"
        ).format(
            _classes(curve), dot.format(curve.look) if curve.has_dots else "", curve.name, short(curve.last)
        )
        for curve in named
    ]
    return Markup('<ul class="hk-legend">{}</ul>').format(Markup("").join(items))


def _classes(curve: Curve) -> str:
    return f"hk-line hk-s-{curve.look} " + ("hk-faint" if curve.is_faint else f"hk-d{curve.dash}")


def _band(chart: Chart, values: Axis) -> Markup:
    if chart.band is None:
        return Markup("")
    low, high, text = chart.band
    top, bottom = 1 - values.place(high), 1 - values.place(low)
    return Markup(
        '<rect class="hk-band" x="0" width="100%" y="{}" height="{}"/><text class="hk-small" x="100%" dx="-4" y="{}" '
        'dy="12" text-anchor="end">{}</text>'
    ).format(percent(top), percent(bottom - top), percent(top), text)


def _grid(steps: Axis, values: Axis) -> Markup:
    parts = [
        Markup(
            '<line class="hk-grid" x1="0" x2="100%" y1="{0}" y2="{0}"/><text class="hk-tick" x="-6" y="{0}" dy="4" '
            'text-anchor="end">{1}</text>'
        ).format(percent(1 - values.place(tick)), tick_text(tick))
        for tick in values.ticks
    ]
    parts += [
        Markup(
            '<line class="hk-grid" y1="100%" y2="100%" x1="{0}" x2="{0}" transform="translate(0 4)"/>'
            '<text class="hk-tick" x="{0}" y="100%" dy="16" text-anchor="middle">{1}</text>'
        ).format(percent(steps.place(tick)), tick_text(tick))
        for tick in steps.ticks
    ]
    return Markup("").join(parts)


def _thresholds(chart: Chart, values: Axis) -> Markup:
    """Lines with their names; names of near lines stand side by side."""
    parts, before, column = [], math.inf, 0
    for value, text in sorted(chart.thresholds, reverse=True):
        if not values.low <= value <= values.high:
            continue
        column = (column + 1) % len(_COLUMNS) if before - values.place(value) < _NEAR else 0
        before = values.place(value)
        x, shift, anchor = _COLUMNS[column]
        parts.append(
            Markup(
                '<line class="hk-threshold" x1="0" x2="100%" y1="{0}" y2="{0}"/><text class="hk-small" x="{2}" '
                'dx="{3}" y="{0}" dy="-3" text-anchor="{4}">{1}</text>'
            ).format(percent(1 - before), text, x, shift, anchor)
        )
    return Markup("").join(parts)


def _marks(marks: Sequence[Mark], steps: Axis) -> Markup:
    parts = [
        Markup(
            '<g class="hk-mark"><title>{2}</title><line x1="{0}" x2="{0}" y1="0" y2="100%"/>'
            '<text x="{0}" y="0" dy="-3" text-anchor="middle">{1}</text></g>'
        ).format(percent(steps.place(mark.step)), mark.sign, mark.text)
        for mark in marks[:MOST_MARKS]
    ]
    return Markup("").join(parts)


def _lines(chart: Chart, steps: Axis, values: Axis) -> Markup:
    parts = []
    for curve in sorted(chart.curves, key=lambda curve: not curve.is_faint):
        for stretch in finite_stretches(curve.points):
            points = " ".join(
                f"{SIZE * steps.place(x):.1f},{SIZE * (1 - values.place(y)):.1f}" for x, y in thinned(stretch)
            )
            parts.append(
                Markup('<polyline class="{}" data-name="{}" points="{}"/>').format(
                    _classes(curve), curve.name, points
                )
            )
    return Markup(
        '<svg width="100%" height="100%" viewBox="0 0 {0} {0}" preserveAspectRatio="none">{1}</svg>'
    ).format(SIZE, Markup("").join(parts))


def _dots(chart: Chart, steps: Axis, values: Axis) -> Markup:
    parts = [
        Markup('<circle class="hk-f-{}" cx="{}" cy="{}" r="3"/>').format(
            curve.look, percent(steps.place(x)), percent(1 - values.place(y))
        )
        for curve in chart.curves
        if curve.has_dots and len(curve.points) <= MOST_DOTS
        for x, y in curve.points
        if math.isfinite(y)
    ]
    return Markup("").join(parts)

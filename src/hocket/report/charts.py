"""The curves of runs as JSON: one chart for each figure, the same figure of several runs in one chart.

`plots/curves.js` draws them, in the report and in the studio.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hocket.diagnostics.copying import (
    ARTICULATION_MARGIN,
    COPY_R2,
    COPYING_RATIO,
    HARMONY_MARGIN,
    OVERLAY_R2,
    RHYTHM_MARGIN,
)
from hocket.diagnostics.milestones import BAND, COMPLEMENTARITY, MASK_TOLERANCE
from hocket.objective.composite import TERMS
from hocket.report.explanation import incidents_of, signs_of
from hocket.report.judging import term_weight, weight_of
from hocket.report.run import Run, number

Point = tuple[float, float]
Points = Callable[[Run], list[Point]]

MOST_POINTS = 400
"""Of a curve between two gaps."""
MOST_MARKS = 40
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
    note: str = ""


@dataclass(frozen=True)
class Group:
    """Charts that answer one question."""

    title: str
    text: str
    charts: Callable[[Sequence[Run]], list[Chart]]


def curves_of(runs: Sequence[Run]) -> dict[str, Any]:
    """All charts that have something to show, by groups, with the incidents of each run."""
    incidents = [incidents_of(run) for run in runs]
    groups = []
    for group in GROUPS:
        charts = [told for chart in group.charts(runs) if (told := _to_json(chart, runs))["curves"]]
        if charts:
            groups.append({"title": group.title, "text": group.text, "charts": charts})
    return {
        "runs": [
            {
                "name": run.name,
                "last_step": max(run.step, 1),
                "marks": [vars(mark) for mark in marks[:MOST_MARKS]],
            }
            for run, marks in zip(runs, incidents, strict=True)
        ],
        "signs": signs_of([mark for marks in incidents for mark in marks]),
        "groups": groups,
    }


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
    """Whether a logarithmic axis helps: all values are above 0 and span more than a factor of 30."""
    return bool(values) and min(values) > 0 and max(values) > LOG_FROM * min(values)


def _to_json(chart: Chart, runs: Sequence[Run]) -> dict[str, Any]:
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


def _logged(kind: str, name: str) -> Points:
    return lambda run: [(float(line["step"]), number(line[name])) for line in run.of(kind) if name in line]


def _both(name: str, label: str, look: str, dash: int = 0) -> tuple[Curve, Curve]:
    """A figure in training batches, faint, and at validations."""
    return (
        Curve(f"{label}, training", look, _logged("train", name), dash, is_faint=True),
        Curve(label, look, _logged("validation", name), dash, has_dots=True),
    )


def _validated(name: str, label: str, look: str, dash: int = 0) -> tuple[Curve, Curve]:
    """A figure at validations; in training batches where nothing has been validated yet."""
    early, late = _both(name, label, look, dash)
    points = early.points
    return (Curve(early.name, look, lambda run: [] if run.of("validation") else points(run), dash), late)


def _trained(name: str, label: str, look: str, dash: int = 0) -> Curve:
    return Curve(label, look, _logged("train", name), dash)


OUTPUTS = [
    Chart(
        "correlations",
        "Correlation of the output's waveform with its sources",
        "Pearson, mean over pairs",
        (
            *_both("output_input_correlation", "output→input", "input"),
            *_both("output_target_correlation", "output→target", "target", 1),
        ),
        band=(*BAND, f"wanted: {BAND[0]:.1f} to {BAND[1]:.1f}"),
        shown=(0.0, 1.0),
    ),
    Chart(
        "margins",
        "Margins: whose rhythm, whose harmony, whose timing",
        "difference of two correlations",
        (
            *_validated("rhythm_margin", "rhythm", "input"),
            *_validated("harmony_margin", "harmony", "target", 1),
            *_validated("articulation_margin", "articulation", "output", 2),
        ),
        thresholds=(
            (RHYTHM_MARGIN, f"rhythm {RHYTHM_MARGIN:g}"),
            (HARMONY_MARGIN, f"harmony {HARMONY_MARGIN:g}"),
            (ARTICULATION_MARGIN, f"articulation {ARTICULATION_MARGIN:g}"),
        ),
        shown=(0.0, 1.0),
        note="Each has to come above its own line.",
    ),
    Chart(
        "overlay",
        "R²: how much of the output a sum of the sources explains",
        "share",
        _both("overlay_r2", "R²", "output"),
        thresholds=(
            (OVERLAY_R2, f"overlay from {OVERLAY_R2:g}"),
            (COPY_R2, f"one-sided and from {COPY_R2:g}: a copy"),
        ),
        shown=(0.0, 1.0),
    ),
    Chart(
        "ratio",
        "The larger correlation over the smaller",
        "ratio",
        (
            *_validated("ratio", "of the mean figures", "output"),
            *_validated("worst_ratio", "worst pair", "b", 1),
        ),
        thresholds=((COPYING_RATIO, f"copying above {COPYING_RATIO:g}"),),
        shown=(1.0, 3.0),
        may_be_log=True,
        begins_log=True,
    ),
    Chart(
        "copying",
        "Training examples that copy a source",
        "share of each batch",
        (_trained("copying_share", "copying", "b"),),
        shown=(0.0, 1.0),
    ),
    Chart(
        "swap",
        "Swap test: is each source listened to?",
        "difference or correlation",
        (
            *_validated("swap/rhythm_follows", "rhythm follows another input", "input"),
            *_validated("swap/harmony_stays", "harmony stays then", "output", 2),
            *_validated("swap/harmony_follows", "harmony follows another target", "target", 1),
            *_validated("swap/rhythm_stays", "rhythm stays then", "d", 3),
        ),
        thresholds=((0.3, "follows above 0.3"), (0.5, "stays above 0.5")),
        shown=(0.0, 1.0),
    ),
]

MASKS = [
    Chart(
        "mask means",
        "Means of both masks",
        "mean over all places",
        (
            *_both("input_mask_mean", "input mask", "input"),
            *_both("target_mask_mean", "target mask", "target", 1),
        ),
        band=(0.5 - MASK_TOLERANCE, 0.5 + MASK_TOLERANCE, f"balanced: 0.50 ± {MASK_TOLERANCE:.2f}"),
        shown=(0.4, 0.6),
    ),
    Chart(
        "complementarity",
        "Complementarity and coverage",
        "share",
        (*_both("complementarity", "complementarity", "output"), *_validated("coverage", "coverage", "b", 1)),
        thresholds=(
            (COMPLEMENTARITY, f"wanted: {COMPLEMENTARITY:g}"),
            (0.75, "flat masks, nothing learned: 0.75"),
        ),
        shown=(0.7, 1.0),
    ),
    Chart(
        "variance",
        "Variance of the masks",
        "0 flat, 0.25 all or nothing",
        _both("mask_variance", "variance", "output"),
        shown=(0.0, 0.25),
    ),
]


def _terms(runs: Sequence[Run]) -> list[Chart]:
    """The sum, and each term of the objective."""
    lines = [
        line
        for run in runs
        for line in (*run.of("train")[-1:], *run.of("validation")[-1:], *run.of("train")[:1])
    ]
    names = dict.fromkeys(name[5:] for line in lines for name in line if name.startswith("loss/"))
    ordered = sorted(names, key=lambda name: (name != "total", [*TERMS, name].index(name)))
    return [
        Chart(
            f"loss {name}",
            "Total: the weighted sum that is trained on" if name == "total" else name.replace("_", " "),
            _weights(name, runs),
            (
                Curve("training", "quiet", _logged("train", f"loss/{name}"), is_faint=True),
                Curve("validation", "output", _logged("validation", f"loss/{name}"), has_dots=True),
            ),
            may_be_log=True,
            begins_log=name == "total",
        )
        for name in ordered
    ]


def _weights(term: str, runs: Sequence[Run]) -> str:
    """The weight of a term of the objective in each run; in all of them where it is the same."""
    weights = [term_weight(run.weights_at(run.step), term) for run in runs]
    words = [
        f"weight {weight:g}" if 0 < weight < math.inf else "no weight" if weight == 0 else "loss"
        for weight in weights
    ]
    if len(set(words)) == 1:
        return words[0]
    return ", ".join(f"{run.name}: {word}" for run, word in zip(runs, words, strict=True))


def _training(runs: Sequence[Run]) -> list[Chart]:
    """Gradients, the adversary, the learning rate, and where time goes."""
    clips = dict.fromkeys(weight_of(run.config, "gradient_clip") for run in runs)
    gradients = Chart(
        "gradient norms",
        "Gradient norms before clipping",
        "norm",
        (
            _trained("gradient_norm", "model", "a"),
            _trained("discriminator_gradient_norm", "discriminators", "b", 1),
        ),
        thresholds=tuple((clip, f"clipped above {clip:g}") for clip in clips if 0 < clip < math.inf),
        may_be_log=True,
        begins_log=True,
    )
    return [gradients, *TRAINING]


def _time_share(name: str) -> Points:
    def points(run: Run) -> list[Point]:
        found = []
        for line in run.of("timing"):
            total = sum(number(value) for key, value in line.items() if key.endswith("_seconds"))
            if total > 0:
                found.append((float(line["step"]), number(line.get(f"{name}_seconds")) / total))
        return found

    return points


def _speed(run: Run) -> list[Point]:
    """Examples of all steps since the timing before, over the seconds of steps and of waiting for them."""
    points, before = [], 0
    going_back = run.of("resume", "rollback")
    for line in run.of("timing"):
        seconds = number(line.get("data_seconds")) + number(line.get("step_seconds"))
        # A timing after a resume speaks of the steps since then.
        resumed = [other["step"] for other in going_back if other["step"] < line["step"]]
        steps = line["step"] - max([before, *resumed])
        examples = steps * weight_of(run.config, "batch_size")
        if seconds > 0 and examples > 0:
            points.append((float(line["step"]), examples / seconds))
        before = line["step"]
    return points


TRAINING = [
    Chart(
        "discriminator loss",
        "Loss of the discriminators",
        "loss",
        (_trained("discriminator_loss", "discriminators", "b", 1),),
        may_be_log=True,
    ),
    Chart(
        "discriminator accuracy",
        "Accuracy of the discriminators",
        "share told rightly",
        (
            _trained("discriminator_accuracy_real", "real music", "a"),
            _trained("discriminator_accuracy_output", "outputs", "output", 1),
        ),
        thresholds=((0.5, "guessing: 0.5"),),
        shown=(0.0, 1.0),
    ),
    Chart(
        "learning rate",
        "Learning rate",
        "per step",
        (_trained("learning_rate", "learning rate", "a"),),
        shown=(0.0,),
    ),
    Chart(
        "time",
        "Where the time went, epoch by epoch",
        "share of all time",
        tuple(
            Curve(name, look, _time_share(name), dash, has_dots=True)
            for dash, (name, look) in enumerate(
                zip(("step", "data", "validation", "checkpoint"), "abcd", strict=True)
            )
        ),
        shown=(0.0, 1.0),
    ),
    Chart(
        "speed",
        "Speed of training, epoch by epoch",
        "examples a second",
        (Curve("with waiting for music", "a", _speed, has_dots=True),),
        shown=(0.0,),
    ),
]

GROUPS = (
    Group("What the output is", "The figures that find a collapse. Dots are validations.", lambda _: OUTPUTS),
    Group(
        "What the masks are",
        "None of these figures can see a collapse: masks may be balanced while the output is one of its sources.",
        lambda _: MASKS,
    ),
    Group(
        "The objective, term by term",
        "Unweighted values: a thin line for training batches, dots for validation. 0 is a wish met, but for the "
        "adversarial term.",
        _terms,
    ),
    Group(
        "How training goes", "Gradients, the adversary, the learning rate, and where time goes.", _training
    ),
)

"""The curves of runs as JSON: one chart for each figure, the same figure of several runs in one chart.

`plots/curves.js` draws them, in the report and in the studio. The first group holds the four that answer most.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
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
from hocket.report.judging import same_objective, term_weight, weight_of
from hocket.report.run import Run, number
from hocket.report.series import Chart, Curve, Group, Point, Points, to_json

MOST_MARKS = 40
LOOKS = ("a", "output", "b", "c", "d", "target", "input")
"""Colours of several runs, as `curves.css` names them."""
UNIT = (0.0, 1.0)


def curves_of(named: Mapping[str, Run]) -> dict[str, Any]:
    """All charts that have something to show, by groups, with the incidents of each run; runs by their names."""
    runs = list(named.values())
    incidents = [incidents_of(run) for run in runs]
    groups = []
    for group in GROUPS:
        charts = [told for chart in group.charts(runs) if (told := to_json(chart, runs))["curves"]]
        if charts:
            groups.append({"title": group.title, "text": group.text, "charts": charts})
    return {
        "runs": [
            {
                "name": name,
                "look": look,
                "last_step": max(run.step, 1),
                "marks": [vars(mark) for mark in marks[:MOST_MARKS]],
            }
            for look, (name, run), marks in zip(itertools.cycle(LOOKS), named.items(), incidents)
        ],
        "signs": signs_of([mark for marks in incidents for mark in marks]),
        "groups": groups,
    }


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


HEAD = (
    Chart(
        "correlations",
        "Correlations: how much of each source is in the output",
        "Pearson",
        (
            *_validated("output_input_correlation", "output→input", "input"),
            *_validated("output_target_correlation", "output→target", "target", 1),
        ),
        band=(*BAND, f"success: {BAND[0]:.1f} to {BAND[1]:.1f}"),
        shown=UNIT,
    ),
    Chart(
        "margins",
        "Margins: whose rhythm, harmony and timing",
        "good above its own line",
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
        shown=UNIT,
    ),
    Chart(
        "overlay",
        "R²: how much of the output a plain sum explains",
        "share",
        _validated("overlay_r2", "R²", "output"),
        thresholds=(
            (OVERLAY_R2, f"overlay from {OVERLAY_R2:g}"),
            (COPY_R2, f"copy from {COPY_R2:g}, if one-sided"),
        ),
        shown=UNIT,
    ),
    Chart(
        "complementarity",
        "Complementarity: one source per time-frequency bin",
        "share",
        _validated("complementarity", "complementarity", "output"),
        thresholds=((COMPLEMENTARITY, f"wanted: {COMPLEMENTARITY:g}"), (0.75, "flat masks: 0.75")),
        shown=(0.7, 1.0),
    ),
)

OTHERS = (
    Chart(
        "ratio",
        "The larger correlation over the smaller",
        "ratio",
        (*_validated("ratio", "of the means", "output"), *_validated("worst_ratio", "worst pair", "b", 1)),
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
        shown=UNIT,
    ),
    Chart(
        "swap",
        "Swap test: does each source have an effect?",
        "difference or correlation",
        (
            *_validated("swap/rhythm_follows", "rhythm follows another input", "input"),
            *_validated("swap/harmony_stays", "harmony stays with another input", "output", 2),
            *_validated("swap/harmony_follows", "harmony follows another target", "target", 1),
            *_validated("swap/rhythm_stays", "rhythm stays with another target", "d", 3),
        ),
        thresholds=((0.3, "follows above 0.3"), (0.5, "stays above 0.5")),
        shown=UNIT,
    ),
    Chart(
        "mask means",
        "Means of both masks",
        "mean over all bins",
        (
            *_both("input_mask_mean", "input mask", "input"),
            *_both("target_mask_mean", "target mask", "target", 1),
        ),
        band=(0.5 - MASK_TOLERANCE, 0.5 + MASK_TOLERANCE, f"balanced: 0.50 ± {MASK_TOLERANCE:.2f}"),
        shown=(0.4, 0.6),
    ),
    Chart("coverage", "Sum of both masks", "mean", _validated("coverage", "coverage", "b"), shown=(0.7, 1.0)),
    Chart(
        "variance",
        "Variance of the masks",
        "0 flat, 0.25 all or nothing",
        _both("mask_variance", "variance", "output"),
        shown=(0.0, 0.25),
    ),
)


def _terms(runs: Sequence[Run]) -> list[Chart]:
    """Each term of the objective, and their sum where all runs add up the same one."""
    lines = [
        line
        for run in runs
        for line in (*run.of("train")[-1:], *run.of("validation")[-1:], *run.of("train")[:1])
    ]
    names = dict.fromkeys(name[5:] for line in lines for name in line if name.startswith("loss/"))
    if not same_objective(runs):
        names.pop("total", None)
    ordered = sorted(names, key=lambda name: (name != "total", [*TERMS, name].index(name)))
    return [
        Chart(
            f"loss {name}",
            "Total: the weighted sum that training minimises" if name == "total" else name.replace("_", " "),
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


def _training(runs: Sequence[Run]) -> list[Chart]:
    """Gradients, the adversary, the learning rate and the speed."""
    clips = dict.fromkeys(weight_of(run.config, "gradient_clip") for run in runs)
    return [
        Chart(
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
        ),
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
            "share classified correctly",
            (
                _trained("discriminator_accuracy_real", "real music", "a"),
                _trained("discriminator_accuracy_output", "outputs", "output", 1),
            ),
            thresholds=((0.5, "guessing: 0.5"),),
            shown=UNIT,
        ),
        Chart(
            "learning rate",
            "Learning rate",
            "per step",
            (_trained("learning_rate", "learning rate", "a"),),
            shown=(0.0,),
        ),
        Chart(
            "speed",
            "Training speed, including waits for music",
            "examples per second",
            (Curve("speed", "a", _speed, has_dots=True),),
            shown=(0.0,),
        ),
    ]


GROUPS = (
    Group("Main curves", "Dots are validations.", lambda _: HEAD),
    Group(
        "More on outputs and masks", "Dots are validations, thin lines training batches.", lambda _: OTHERS
    ),
    Group(
        "The objective, term by term",
        "Unweighted values: 0 = goal met, except for the adversarial term.",
        _terms,
    ),
    Group("Training", "Gradients, the adversary, the learning rate and the speed.", _training),
)

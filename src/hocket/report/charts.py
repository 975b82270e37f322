"""Which curves of a run stand in which chart."""

import math

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
from hocket.report.chart import Chart, Curve
from hocket.report.loss import term_weight, weight_of
from hocket.report.run import Run, number
from hocket.report.scales import Point

SPEED_PARTS = (("step", 0, "a"), ("data", 1, "b"), ("validation", 2, "c"), ("checkpoint", 3, "d"))


def _points(run: Run, kind: str, name: str) -> tuple[Point, ...]:
    return tuple((float(line["step"]), number(line[name])) for line in run.of(kind) if name in line)


def _both(run: Run, name: str, label: str, look: str, dash: int = 0) -> tuple[Curve, Curve]:
    """A figure in training batches, faint, and at validations."""
    return (
        Curve(f"{label}, training", _points(run, "train", name), look, dash, is_faint=True),
        Curve(label, _points(run, "validation", name), look, dash, has_dots=True),
    )


def _validated(run: Run, name: str, label: str, look: str, dash: int = 0) -> Curve:
    """A figure at validations; in training batches where nothing has been validated yet."""
    if not run.of("validation"):
        return Curve(f"{label}, training", _points(run, "train", name), look, dash)
    return Curve(label, _points(run, "validation", name), look, dash, has_dots=True)


def outputs(run: Run) -> tuple[Chart, ...]:
    """The figures that find a collapse."""
    return (_correlations(run), _margins(run), _overlay(run), _ratio(run), _copying(run), _swap(run))


def _correlations(run: Run) -> Chart:
    low, high = BAND
    return Chart(
        "correlations",
        "Correlation of the output's waveform with its sources",
        "Pearson, mean over pairs",
        (
            *_both(run, "output_input_correlation", "output→input", "input"),
            *_both(run, "output_target_correlation", "output→target", "target", 1),
        ),
        band=(low, high, f"wanted: {low:.1f} to {high:.1f}"),
        shown=(0.0, 1.0),
    )


def _margins(run: Run) -> Chart:
    return Chart(
        "margins",
        "Margins: whose rhythm, whose harmony, whose timing",
        "difference of two correlations",
        (
            _validated(run, "rhythm_margin", "rhythm", "input"),
            _validated(run, "harmony_margin", "harmony", "target", 1),
            _validated(run, "articulation_margin", "articulation", "output", 2),
        ),
        thresholds=(
            (RHYTHM_MARGIN, f"rhythm {RHYTHM_MARGIN:g}"),
            (HARMONY_MARGIN, f"harmony {HARMONY_MARGIN:g}"),
            (ARTICULATION_MARGIN, f"articulation {ARTICULATION_MARGIN:g}"),
        ),
        shown=(0.0, 1.0),
        note="Each has to come above its own line.",
    )


def _overlay(run: Run) -> Chart:
    return Chart(
        "overlay",
        "R²: how much of the output a sum of the sources explains",
        "share",
        _both(run, "overlay_r2", "R²", "output"),
        thresholds=(
            (OVERLAY_R2, f"overlay from {OVERLAY_R2:g}"),
            (COPY_R2, f"one-sided and from {COPY_R2:g}: a copy"),
        ),
        shown=(0.0, 1.0),
    )


def _ratio(run: Run) -> Chart:
    return Chart(
        "ratio",
        "The larger correlation over the smaller",
        "ratio",
        (
            _validated(run, "ratio", "of the mean figures", "output"),
            _validated(run, "worst_ratio", "worst pair", "b", 1),
        ),
        thresholds=((COPYING_RATIO, f"copying above {COPYING_RATIO:g}"),),
        shown=(1.0, 3.0),
        can_be_log=True,
    )


def _copying(run: Run) -> Chart:
    return Chart(
        "copying",
        "Training examples that copy a source",
        "share of each batch",
        (Curve("copying", _points(run, "train", "copying_share"), "b"),),
        shown=(0.0, 1.0),
    )


def _swap(run: Run) -> Chart:
    return Chart(
        "swap",
        "Swap test: is each source listened to?",
        "difference or correlation",
        (
            _validated(run, "swap/rhythm_follows", "rhythm follows another input", "input"),
            _validated(run, "swap/harmony_stays", "harmony stays then", "output", 2),
            _validated(run, "swap/harmony_follows", "harmony follows another target", "target", 1),
            _validated(run, "swap/rhythm_stays", "rhythm stays then", "d", 3),
        ),
        thresholds=((0.3, "follows above 0.3"), (0.5, "stays above 0.5")),
        shown=(0.0, 1.0),
    )


def masks(run: Run) -> tuple[Chart, ...]:
    """What the masks look like, which no collapse can be seen in."""
    return (
        Chart(
            "mask means",
            "Means of both masks",
            "mean over all places",
            (
                *_both(run, "input_mask_mean", "input mask", "input"),
                *_both(run, "target_mask_mean", "target mask", "target", 1),
            ),
            band=(0.5 - MASK_TOLERANCE, 0.5 + MASK_TOLERANCE, f"balanced: 0.50 ± {MASK_TOLERANCE:.2f}"),
            shown=(0.4, 0.6),
        ),
        Chart(
            "complementarity",
            "Complementarity and coverage",
            "share",
            (
                *_both(run, "complementarity", "complementarity", "output"),
                _validated(run, "coverage", "coverage", "b", 1),
            ),
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
            _both(run, "mask_variance", "variance", "output"),
            shown=(0.0, 0.25),
        ),
    )


def terms(run: Run) -> tuple[Chart, ...]:
    """The sum, and each term of the objective."""
    names = dict.fromkeys(
        name[5:]
        for line in (*run.of("train")[-1:], *run.of("validation")[-1:], *run.of("train")[:1])
        for name in line
        if name.startswith("loss/")
    )
    ordered = sorted(names, key=lambda name: (name != "total", [*TERMS, name].index(name)))
    return tuple(_term(run, name) for name in ordered)


def _term(run: Run, name: str) -> Chart:
    title = "Total: the weighted sum that is trained on" if name == "total" else name.replace("_", " ")
    weight = term_weight(run.weights_at(run.step), name)
    unit = (
        f"weight {weight:g}"
        if math.isfinite(weight) and weight > 0
        else "no weight"
        if weight == 0
        else "loss"
    )
    return Chart(
        f"loss {name}",
        title,
        unit,
        (
            Curve("training", _points(run, "train", f"loss/{name}"), "quiet", is_faint=True),
            Curve("validation", _points(run, "validation", f"loss/{name}"), "output", has_dots=True),
        ),
        can_be_log=name == "total",
    )


def training(run: Run) -> tuple[Chart, ...]:
    """Gradients, the adversary, the learning rate, and where time goes."""
    adversary = (_discriminator_loss(run), _discriminator_accuracy(run))
    return (_gradient_norms(run), *adversary, _learning_rate(run), _time(run), _pace(run))


def _gradient_norms(run: Run) -> Chart:
    clip = weight_of(run.config, "gradient_clip")
    norms = (
        ("gradient_norm", "model", "a", 0),
        ("discriminator_gradient_norm", "discriminators", "b", 1),
    )
    return Chart(
        "gradient norms",
        "Gradient norms before clipping",
        "norm",
        tuple(Curve(label, _points(run, "train", name), look, dash) for name, label, look, dash in norms),
        thresholds=((clip, f"clipped above {clip:g}"),) if clip > 0 else (),
        can_be_log=True,
    )


def _discriminator_loss(run: Run) -> Chart:
    return Chart(
        "discriminator loss",
        "Loss of the discriminators",
        "loss",
        (Curve("discriminators", _points(run, "train", "discriminator_loss"), "b", 1),),
    )


def _discriminator_accuracy(run: Run) -> Chart:
    return Chart(
        "discriminator accuracy",
        "Accuracy of the discriminators",
        "share told rightly",
        (
            Curve("real music", _points(run, "train", "discriminator_accuracy_real"), "a"),
            Curve("outputs", _points(run, "train", "discriminator_accuracy_output"), "output", 1),
        ),
        thresholds=((0.5, "guessing: 0.5"),),
        shown=(0.0, 1.0),
    )


def _learning_rate(run: Run) -> Chart:
    return Chart(
        "learning rate",
        "Learning rate",
        "per step",
        (Curve("learning rate", _points(run, "train", "learning_rate"), "a"),),
        shown=(0.0,),
    )


def _time(run: Run) -> Chart:
    return Chart(
        "time",
        "Where the time went, epoch by epoch",
        "share of all time",
        tuple(
            Curve(name, _time_share(run, f"{name}_seconds"), look, dash, has_dots=True)
            for name, dash, look in SPEED_PARTS
        ),
        shown=(0.0, 1.0),
    )


def _pace(run: Run) -> Chart:
    return Chart(
        "speed",
        "Speed of training, epoch by epoch",
        "examples a second",
        (Curve("with waiting for music", _speed(run), "a", has_dots=True),),
        shown=(0.0,),
    )


def _time_share(run: Run, name: str) -> tuple[Point, ...]:
    points = []
    for line in run.of("timing"):
        total = sum(number(value) for key, value in line.items() if key.endswith("_seconds"))
        if total > 0:
            points.append((float(line["step"]), number(line.get(name)) / total))
    return tuple(points)


def _speed(run: Run) -> tuple[Point, ...]:
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
    return tuple(points)

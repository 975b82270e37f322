"""Judges a run's validations by the rules of training and `hocket check`, and splits its loss into terms."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

from hocket.diagnostics import (
    ChecklistItem,
    Figures,
    MaskFigures,
    Remedy,
    SwapFigures,
    checklist,
    remedies_for,
)
from hocket.diagnostics.milestones import MILESTONES, Milestone
from hocket.objective import ObjectiveConfig
from hocket.objective.composite import TERMS, term_weights
from hocket.report.run import Line, Run, known, number, whole

Kind = TypeVar("Kind", Figures, MaskFigures)

DEFAULTS = {field.name: field.default for field in fields(ObjectiveConfig)}

MUSICAL = ("rhythm_weight", "articulation_weight", "output_balance_weight", "reconstruction_input_weight")
"""Weights of the terms that a copy of the target cannot satisfy."""


@dataclass(frozen=True)
class Judged:
    """One validation, and what follows from it.

    `remedies` are those that the milestones call for and that still change something; `applied` are those that training
    did apply after it.
    """

    epoch: int
    step: int
    figures: Figures
    masks: MaskFigures
    worst_ratio: float
    remedies: tuple[Remedy, ...]
    applied: tuple[Line, ...]
    losses: dict[str, float]
    swap: SwapFigures | None

    @property
    def is_known(self) -> bool:
        """True if it has the figures that a verdict needs."""
        return all(
            math.isfinite(value)
            for value in (
                self.figures.output_input_correlation,
                self.figures.output_target_correlation,
                self.figures.overlay_r2,
            )
        )


@dataclass(frozen=True)
class MilestoneState:
    """One milestone of a run, and its figures when due.

    `state` is `reached`, `missed`, `not due`, `unknown` or `cut off`, as is what had not
    fallen due when training came to a halt.
    """

    milestone: Milestone
    due_epoch: int
    state: str
    found: str
    first_reached: int | None


@dataclass(frozen=True)
class Share:
    """One term at a validation: its weight, its value, and its share of the whole loss in [0, 1]."""

    term: str
    weight: float
    value: float
    share: float


def judged(run: Run) -> list[Judged]:
    """All validations of a run that have their figures, oldest first."""
    rows = [_judge(line, run) for line in run.of("validation")]
    return [row for row in rows if row.is_known]


def judged_best(run: Run) -> Judged | None:
    """The judgement that the run ended with, of its best weights; None while there is none."""
    if run.end is None or "output_input_correlation" not in run.end:
        return None
    row = _judge(run.end, run)
    return row if row.is_known else None


def headline(run: Run) -> Judged | None:
    """The judgement that stands for the run: of its best weights once it has ended, until then the newest."""
    best = judged_best(run)
    if best is not None:
        return best
    rows = judged(run)
    return rows[-1] if rows else None


def num_unknown(run: Run) -> int:
    """Counts the validations without finite figures."""
    return len(run.of("validation")) - len(judged(run))


def checklist_of(row: Judged) -> list[ChecklistItem]:
    """The success checklist, and the swap test where there was one."""
    items = [
        replace(item, found="not measured") if "nan" in item.found else item
        for item in checklist(row.figures, row.masks)
    ]
    if row.swap is not None:
        swap = row.swap
        items.append(
            ChecklistItem(
                "swap test: another input changes only the rhythm, another target only the harmony",
                f"follow {swap.rhythm_follows:.2f} / {swap.harmony_follows:.2f}, "
                f"stay {swap.harmony_stays:.2f} / {swap.rhythm_stays:.2f}",
                swap.passed,
            )
        )
    return items


def milestones_of(run: Run) -> list[MilestoneState]:
    """Each milestone with its state in this run."""
    rows = {row.epoch: row for row in judged(run)}
    return [_milestone(milestone, run, rows) for milestone in MILESTONES] if run.num_epochs else []


def weight_of(config: Mapping[str, Any], name: str) -> float:
    """A weight of the objective; 0 where the run knows no such term (an older version)."""
    return number(config[name]) if name in config else 0.0


def term_weight(config: Mapping[str, Any], term: str) -> float:
    """Returns what a term's value is multiplied by; NaN for a term that this version does not know."""
    return term_weights({name: weight_of(config, name) for name in DEFAULTS}).get(term, math.nan)


def same_objective(runs: Sequence[Run]) -> bool:
    """True if all runs train on the same sum, so that their total losses may be compared."""
    sums = [{name: run.weights_at(run.step).get(name) for name in DEFAULTS} for run in runs]
    return all(one == sums[0] for one in sums)


def shares_of(run: Run, row: Judged) -> list[Share]:
    """The terms of a validation, the largest part of the loss first; empty where the weights are not known."""
    config = run.weights_at(row.step - 1)
    values = {name: value for name, value in row.losses.items() if name in TERMS}
    weighted = {name: term_weight(config, name) * value for name, value in values.items()}
    total = sum(map(abs, weighted.values()))
    if not config or not 0 < total < math.inf:
        return []
    shares = [
        Share(name, term_weight(config, name), values[name], abs(weighted[name]) / total) for name in values
    ]
    return sorted(shares, key=lambda share: -share.share)


def _milestone(milestone: Milestone, run: Run, rows: dict[int, Judged]) -> MilestoneState:
    due = milestone.epoch(run.num_epochs)
    first = next((epoch for epoch, row in rows.items() if milestone.reached(row.figures, row.masks)), None)
    row = rows.get(due)
    if row is None:
        ahead = "not due" if run.state == "training" else "cut off"
        return MilestoneState(milestone, due, "unknown" if newest_epoch(run) >= due else ahead, "", first)
    state = "reached" if milestone.reached(row.figures, row.masks) else "missed"
    return MilestoneState(milestone, due, state, found_words(row), first)


def newest_epoch(run: Run) -> int:
    """The newest epoch that was validated, with or without finite figures; 0 before the first."""
    return max((whole(line.get("epoch")) for line in run.of("validation")), default=0)


def found_words(row: Judged) -> str:
    """Both correlations and the complementarity in few words."""
    figures = row.figures
    correlations = f"{figures.output_input_correlation:.2f} / {figures.output_target_correlation:.2f}"
    share = known(100 * row.masks.complementarity, 0, "\N{NO-BREAK SPACE}%")
    return f"{correlations}, complementarity {share}" if share else correlations


def _judge(line: Line, run: Run) -> Judged:
    is_end = line["kind"] == "end"
    epoch = whole(line.get("best_epoch" if is_end else "epoch"))
    # The best weights are old, but what they fall short of is due now.
    at = run.num_epochs if is_end else epoch
    figures = _read(line, Figures)
    masks = _read(line, MaskFigures)
    return Judged(
        epoch=epoch,
        step=line["step"],
        figures=figures,
        masks=masks,
        worst_ratio=number(line.get("worst_ratio")),
        # A remedy that was applied after this validation is of the same step.
        remedies=_remedies(figures, at, line["step"] - (not is_end), run),
        applied=tuple(change for change in run.of("remedy") if change["step"] == line["step"] and not is_end),
        losses={name[5:]: number(value) for name, value in line.items() if name.startswith("loss/")},
        swap=_swap(line),
    )


def _remedies(figures: Figures, epoch: int, step: int, run: Run) -> tuple[Remedy, ...]:
    """Remedies that the milestones call for at an epoch and that were not applied by `step`."""
    if not run.num_epochs:
        return ()
    wished = remedies_for(figures.verdict, epoch=epoch, num_epochs=run.num_epochs)
    weights = run.weights_at(step)
    return tuple(remedy for remedy in wished if remedy.changes(number(weights.get(remedy.field, 0.0))))


def _swap(line: Line) -> SwapFigures | None:
    values = {field.name: number(line.get(f"swap/{field.name}")) for field in fields(SwapFigures)}
    return SwapFigures(**values) if all(map(math.isfinite, values.values())) else None


def _read(line: Line, kind: type[Kind]) -> Kind:
    return kind(**{field.name: number(line.get(field.name)) for field in fields(kind)})

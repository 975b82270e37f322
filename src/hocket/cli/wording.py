"""Figures in words, the same wherever they are shown."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hocket.diagnostics import ChecklistItem, SwapFigures
    from hocket.training.events import EpochReport


def duration(seconds: float) -> str:
    """A time that a person would say: 45 s, 12 min, 3 h 20 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def epoch_lines(report: "EpochReport") -> list[str]:
    """The block that is printed after an epoch."""
    # Here, as it loads torch, and others want the words for times only.
    from hocket.diagnostics.wording import causes, rule_words, worded

    figures, masks = report.validation.figures, report.validation.masks
    state = "reached" if report.milestone_reached else "missed" if report.milestone_overdue else "not yet"
    due = report.milestone.epoch(report.num_epochs)
    lines = [
        f"Epoch {report.epoch}/{report.num_epochs}   {report.examples_per_second:.1f} examples/s   "
        f"ETA {duration(report.eta_seconds)}",
        f"  {worded(figures).line}",
        *(f"    {cause}" for cause in causes(figures)),
        f"  masks         input {masks.input_mask_mean:.2f}   target {masks.target_mask_mean:.2f}   "
        f"complementarity {100 * masks.complementarity:.0f} %   variance {masks.mask_variance:.2f}",
        f"  output→input  {figures.output_input_correlation:.2f}",
        f"  output→target {figures.output_target_correlation:.2f}",
        f"  2x rule       {rule_words(figures)}",
        f"  margins       rhythm {figures.rhythm_margin:.2f}   harmony {figures.harmony_margin:.2f}   "
        f"articulation {figures.articulation_margin:.2f}   overlay R² {figures.overlay_r2:.2f}",
        f"  milestone     {report.milestone.wish} by epoch {due}: {state}",
    ]
    for remedy in report.remedies:
        verb = "applied" if report.applied else "suggested"
        lines.append(f"  remedy        --{remedy.field} {remedy.value:g} ({verb}: {remedy.reason})")
    return lines


def checklist_lines(items: Iterable["ChecklistItem"]) -> list[str]:
    """The success checklist, point by point."""
    return [f"  {'✓' if item.met else '✗'} {item.name}: {item.found}" for item in items]


def swap_line(swap: "SwapFigures") -> str:
    """The swap test in one line."""
    sign = "✓" if swap.passed else "✗"
    return (
        f"{sign} swap test: with another input, rhythm follows {swap.rhythm_follows:.2f} and harmony stays "
        f"{swap.harmony_stays:.2f}; with another target, harmony follows {swap.harmony_follows:.2f} and rhythm stays "
        f"{swap.rhythm_stays:.2f}"
    )

"""Milestones of a run, remedies when it misses one, and the checklist of success.

The mask figures are here as well: none of them can detect a collapse, so they never judge an output by themselves.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from hocket.diagnostics.copying import Figures, Verdict
from hocket.model.masks import Masks

BAND = (0.4, 0.6)
COMPLEMENTARITY = 0.85
MASK_TOLERANCE = 0.03


@dataclass(frozen=True)
class MaskFigures:
    """Means over a batch of what the masks do."""

    input_mask_mean: float
    target_mask_mean: float
    complementarity: float
    coverage: float
    mask_variance: float


def mask_figures(masks: Masks) -> MaskFigures:
    """Reads the very masks that made the output."""
    input_mean, target_mean = masks.means
    return MaskFigures(
        input_mask_mean=float(input_mean.detach().mean()),
        target_mask_mean=float(target_mean.detach().mean()),
        complementarity=float(masks.complementarity.detach().mean()),
        coverage=float(masks.coverage.detach().mean()),
        mask_variance=float(masks.variance.detach().mean()),
    )


@dataclass(frozen=True)
class Milestone:
    """Something that should be true once a fraction of the planned epochs is done."""

    fraction: float
    wish: str
    reached: Callable[[Figures, MaskFigures], bool]

    def epoch(self, num_epochs: int) -> int:
        """The epoch, counted from 1, by the end of which it is due."""
        return max(1, math.ceil(self.fraction * num_epochs))


@dataclass(frozen=True)
class Remedy:
    """A change to one setting of the objective: raised or lowered to `value`, never past it."""

    field: str
    value: float
    direction: Literal["raise", "lower"]
    reason: str

    def changes(self, current: float) -> bool:
        """True if the setting is on the wrong side of the value (so that a remedy is applied once)."""
        return current < self.value if self.direction == "raise" else current > self.value


@dataclass(frozen=True)
class ChecklistItem:
    """One point of the success checklist: what is asked, what was found, whether it is met."""

    name: str
    found: str
    met: bool


MILESTONES = (
    Milestone(0.2, "output→input > 0.30", lambda figures, _: figures.output_input_correlation > 0.3),
    Milestone(0.4, "output→input > 0.40", lambda figures, _: figures.output_input_correlation > 0.4),
    Milestone(
        0.6,
        "both correlations in 0.40-0.60 and complementarity of 85 % or more",
        lambda figures, masks: _in_band(figures) and masks.complementarity >= COMPLEMENTARITY,
    ),
)


def milestone_due(epoch: int, num_epochs: int) -> Milestone:
    """The next milestone that falls due at or after this epoch (counted from 1); afterwards the last one.

    In short runs several fall due in one epoch: then the last of them, which asks for the most.
    """
    coming = [item for item in MILESTONES if item.epoch(num_epochs) >= epoch]
    if not coming:
        return MILESTONES[-1]
    return [item for item in coming if item.epoch(num_epochs) == coming[0].epoch(num_epochs)][-1]


def remedies_for(verdict: Verdict, *, epoch: int, num_epochs: int) -> tuple[Remedy, ...]:
    """Remedies for an output that copies: the target from the first milestone on, the input from the second on."""
    first, second = (milestone.epoch(num_epochs) for milestone in MILESTONES[:2])
    if verdict is Verdict.COPYING_TARGET and epoch >= first:
        reason = "the output copies the target"
        return (
            Remedy("reconstruction_input_weight", 0.5, "raise", reason),
            Remedy("reconstruction_target_weight", 0.5, "lower", reason),
            Remedy("novelty_weight", 0.8, "raise", reason),
        )
    if verdict is Verdict.COPYING_INPUT and epoch >= second:
        reason = "the output copies the input"
        return (
            Remedy("reconstruction_input_weight", 0.2, "lower", reason),
            Remedy("reconstruction_target_weight", 0.8, "raise", reason),
        )
    return ()


def checklist(figures: Figures, masks: MaskFigures) -> list[ChecklistItem]:
    """The success criteria, point by point."""
    means = (masks.input_mask_mean, masks.target_mask_mean)
    margins = figures.margins
    both = f"{figures.output_input_correlation:.2f} / {figures.output_target_correlation:.2f}"
    return [
        ChecklistItem(
            f"masks balanced (0.50 ± {MASK_TOLERANCE:.2f})",
            f"{means[0]:.2f} / {means[1]:.2f}",
            all(abs(mean - 0.5) <= MASK_TOLERANCE for mean in means),
        ),
        ChecklistItem("both correlations in 0.40-0.60", both, _in_band(figures)),
        ChecklistItem(
            "verdict: neither copy nor overlay", str(figures.verdict), figures.verdict is Verdict.MIXING
        ),
        ChecklistItem(
            "complementarity of 85 % or more",
            f"{100 * masks.complementarity:.0f} %",
            masks.complementarity >= COMPLEMENTARITY,
        ),
        _margin("rhythm of the input", *margins["rhythm"]),
        _margin("harmony of the target", *margins["harmony"]),
        _margin("chords articulated by the input", *margins["articulation"]),
    ]


def _margin(name: str, value: float, least: float) -> ChecklistItem:
    return ChecklistItem(f"{name} (margin ≥ {least:.2f})", f"{value:.2f}", value >= least)


def _in_band(figures: Figures) -> bool:
    low, high = BAND
    return all(
        low <= value <= high
        for value in (figures.output_input_correlation, figures.output_target_correlation)
    )

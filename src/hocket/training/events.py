"""Events of a run, for those who follow it."""

from dataclasses import asdict, dataclass
from typing import Any

from hocket.diagnostics import ChecklistItem, Remedy, milestone_due, remedies_for
from hocket.diagnostics.milestones import Milestone
from hocket.objective import ObjectiveConfig
from hocket.settings import RunConfig, TrainingConfig
from hocket.training.state import Progress
from hocket.training.steps import Scalars
from hocket.training.validation import Validation


@dataclass(frozen=True)
class EpochReport:
    """Summary of one epoch; `applied` says whether the remedies were, or are only suggested."""

    epoch: int
    num_epochs: int
    examples_per_second: float
    validation: Validation
    milestone: Milestone
    milestone_reached: bool
    milestone_overdue: bool
    remedies: tuple[Remedy, ...]
    applied: bool
    eta_seconds: float = 0.0
    """See `time_left`; known once the epoch's checkpoint is written."""


@dataclass(frozen=True)
class Outcome:
    """End of a run: the best weights' validation and checklist, and why it `stopped` before its planned end.

    After a signal there is no validation and no checklist: the run goes on later.
    """

    validation: Validation | None
    items: list[ChecklistItem]
    best_epoch: int
    num_steps: int
    examples_per_second: float
    stopped: str | None


class Listener:
    """Receives the progress of a run; this one, used in all processes but the first, does nothing."""

    def on_step(self, epoch: int, step_in_epoch: int, steps_per_epoch: int, scalars: Scalars) -> None:
        """After each step."""

    def on_epoch(self, report: EpochReport) -> None:
        """After each epoch's validation."""

    def on_note(self, text: str) -> None:
        """Called when something happened that the user should know."""


def report_epoch(
    epoch: int,
    validation: Validation,
    *,
    progress: Progress,
    config: RunConfig,
    objective: ObjectiveConfig,
) -> EpochReport:
    """Judges an epoch against its milestone, and finds the remedies where one is overdue."""
    plan = config.training
    milestone = milestone_due(epoch, plan.num_epochs)
    reached = milestone.reached(validation.figures, validation.masks)
    overdue = not reached and epoch >= milestone.epoch(plan.num_epochs)
    remedies: tuple[Remedy, ...] = ()
    if plan.remedies != "off":
        current = asdict(objective)
        wished = remedies_for(validation.figures.verdict, epoch=epoch, num_epochs=plan.num_epochs)
        remedies = tuple(remedy for remedy in wished if remedy.changes(current[remedy.field]))
    pace = progress.seconds / progress.step
    return EpochReport(
        epoch=epoch,
        num_epochs=plan.num_epochs,
        examples_per_second=config.data.batch_size / pace,
        validation=validation,
        milestone=milestone,
        milestone_reached=reached,
        milestone_overdue=overdue,
        remedies=remedies,
        applied=bool(remedies) and plan.remedies == "apply",
    )


def time_left(progress: Progress, plan: TrainingConfig, *, pause_seconds: float) -> float:
    """Returns the seconds until the end of a run, in which each epoch pauses for its validation and its checkpoints.

    The end counts as a pause too: the best weights are validated once more.
    """
    steps = (plan.num_steps - progress.step) * progress.seconds / progress.step
    return steps + (plan.num_epochs - progress.epochs_judged + 1) * pause_seconds


def validation_scalars(validation: Validation) -> dict[str, Any]:
    """A validation as flat values for the log."""
    losses = {f"loss/{name}": value for name, value in validation.losses.items()}
    figures = validation.figures.as_dict()
    swap = {f"swap/{name}": value for name, value in vars(validation.swap).items()} if validation.swap else {}
    return {**figures, **vars(validation.masks), "worst_ratio": validation.worst_ratio, **losses, **swap}

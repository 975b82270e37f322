"""Messages of a training on a terminal, and in a log file if there is none."""

import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from hocket.cli.progress import bar, duration, fitted, rich_console
from hocket.diagnostics import ChecklistItem, SwapFigures
from hocket.diagnostics.wording import causes, rule_words, worded
from hocket.training.events import EpochReport, Listener, Outcome

if TYPE_CHECKING:
    from rich.progress import Progress, Task

    from hocket.data.library import Library
    from hocket.training.steps import Scalars
    from hocket.training.trainer import Trainer

WIDE = 100
"""Columns of a terminal in which the bar shows both correlations."""
STYLES = {"✓": "green", "◐": "yellow", "⚠": "bold red"}


class Console(Listener):
    """Listens to a run; a live bar where someone watches, plain lines where output goes to a file."""

    def __init__(self) -> None:
        self._rich = rich_console()
        self._bar: Progress | None = None
        self._batch_size = 1
        self._end_seconds: float | None = None

    def say(self, text: str, style: str | None = None) -> None:
        """Prints a line above the bar, broken between words where a terminal is too narrow."""
        text = fitted(text, sys.stdout)
        (self._bar.console if self._bar else self._rich).print(text, style=style, markup=False)

    def on_library(self, library: "Library") -> None:
        """Prints what was found, and everything that was left out, by name."""
        seconds = sum(song.duration_seconds for song in (*library.training, *library.validation))
        self.say(
            f"{len(library.training)} songs to train on, {len(library.validation)} to validate on "
            f"({duration(seconds)} of music)"
        )
        for note in library.notes:
            self.say(f"note: {note}")
        for reason in library.left_out:
            self.say(f"left out: {reason}", style="yellow")

    def on_note(self, text: str) -> None:
        """Something that happened on the way."""
        self.say(f"note: {text}", style="yellow")

    def on_start(self, trainer: "Trainer", folder: Path, notes: list[str] | None) -> None:
        """Prints where the run goes, and from which step if it is continued (`notes` is not None)."""
        plan = trainer.config.training
        parameters = sum(parameter.numel() for parameter in trainer.state.model.parameters())
        self.say(f"run {folder}: {parameters:,} parameters on {trainer.runtime.name}")
        done = trainer.state.progress.step
        for note in notes or ():
            self.on_note(note)
        if notes is not None:
            self.say(f"continuing after step {done} of {plan.num_steps}")
        if self._rich.is_terminal:
            self._bar = bar(self._rich, with_time_left=False)
            self._bar.add_task("training", total=plan.num_steps, completed=done, rate="")
            self._batch_size = trainer.config.data.batch_size
            self._bar.start()

    def on_step(self, epoch: int, step_in_epoch: int, steps_per_epoch: int, scalars: "Scalars") -> None:
        """Moves the bar, with the two correlations that anyone looks at first."""
        if self._bar is None:
            return
        text = f"epoch {epoch}"
        if self._rich.width >= WIDE:
            text += (
                f"  output→input {scalars['output_input_correlation']:.2f}  "
                f"output→target {scalars['output_target_correlation']:.2f}"
            )
        task = self._bar.tasks[0]
        rate = f"{task.speed * self._batch_size:.1f} examples/s  {self._eta(task)}" if task.speed else ""
        self._bar.update(task.id, advance=1, description=text, rate=rate)

    def _eta(self, task: "Task") -> str:
        if self._end_seconds is not None:
            return f"ETA {duration(max(0.0, self._end_seconds - time.monotonic()))}"
        # Before the first validation only the steps are known.
        return f"ETA over {duration(task.remaining / task.speed)}" if task.remaining and task.speed else ""

    def on_epoch(self, report: EpochReport) -> None:
        """The epoch's block."""
        self._end_seconds = time.monotonic() + report.eta_seconds
        for line in epoch_lines(report):
            style = next((style for sign, style in STYLES.items() if sign in line), None)
            self.say(line, style=style)

    def on_end(self, outcome: Outcome, folder: Path) -> None:
        """The checklist, and what to do next."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        if outcome.stopped:
            hint = "; run the same command again to continue" if outcome.validation is None else ""
            self.say(f"stopped at step {outcome.num_steps} ({outcome.stopped}){hint}")
        if outcome.validation is None:
            return
        self.say(f"\nBest weights (epoch {outcome.best_epoch}) on the validation pairs:")
        for line in checklist_lines(outcome.items):
            self.say(line, style="green" if "✓" in line else "red")
        self.say(f"  most one-sided pair: ratio {outcome.validation.worst_ratio:.1f}x")
        if outcome.validation.swap is not None:
            self.say(f"  {swap_line(outcome.validation.swap)}")
        self.say(f"  {outcome.examples_per_second:.1f} examples/s over {outcome.num_steps} steps")
        self.say(f"\nhocket fuse INPUT TARGET -o OUT.wav --checkpoint {folder / 'best'}")


def epoch_lines(report: EpochReport) -> list[str]:
    """The block that is printed after an epoch."""
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
        flag = remedy.field.replace("_", "-")
        lines.append(f"  remedy        --{flag} {remedy.value:g} ({verb}: {remedy.reason})")
    return lines


def checklist_lines(items: Iterable[ChecklistItem]) -> list[str]:
    """The success checklist, point by point."""
    return [f"  {'✓' if item.met else '✗'} {item.name}: {item.found}" for item in items]


def swap_line(swap: SwapFigures) -> str:
    """The swap test in one line."""
    sign = "✓" if swap.passed else "✗"
    return (
        f"{sign} swap test: with another input, rhythm follows {swap.rhythm_follows:.2f} and harmony stays "
        f"{swap.harmony_stays:.2f}; with another target, harmony follows {swap.harmony_follows:.2f} and rhythm stays "
        f"{swap.rhythm_stays:.2f}"
    )

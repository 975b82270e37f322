"""A run in a few words and figures, ready for JSON."""

import math
from pathlib import Path
from typing import Any

from hocket.diagnostics import Figures
from hocket.diagnostics.wording import to_json, worded
from hocket.report.advice import advice
from hocket.report.examples import Pair, read_examples
from hocket.report.facts import facts_of
from hocket.report.happenings import unread
from hocket.report.judging import checklist_of, headline, judged, milestones_of
from hocket.report.run import Run, read_run
from hocket.report.story import sentences

STATE_WORDS = {"training": "training", "ended": "ended", "stopped": "stopped before its planned end"}
_FOLLOWS = ("verdict", "verdict_words", "is_alarm", "rung", "level")


def summarise(path: str | Path) -> dict[str, Any]:
    """What a run's folder says at this moment, as plain values.

    What follows from a verdict is None before the first validation, and so is each figure that is not finite.

    Raises:
        CheckpointError: it is no run's folder, or its log is empty.
    """
    run = read_run(path)
    row = headline(run)
    pairs, faults = read_examples(run.path)
    return {
        "name": run.name,
        "state": run.state,
        "state_words": state_words(run),
        "step": run.step,
        "num_steps": run.num_steps,
        "epoch": run.epoch,
        "num_epochs": run.num_epochs,
        **(to_json(row.figures) if row else dict.fromkeys(_FOLLOWS)),
        "figures": _figures(row.figures) if row else None,
        "sentences": [*sentences(run), *unread(run, faults)],
        "milestones": [
            {
                "wish": item.milestone.wish,
                "due_epoch": item.due_epoch,
                "state": item.state if item.state in ("reached", "missed") else "open",
                "found": item.found,
            }
            for item in milestones_of(run)
        ],
        "checklist": [vars(item) for item in checklist_of(row)] if row else [],
        "remedies": [" ".join(filter(None, (item.text, item.command))) for item in advice(run)],
        "advice": [vars(item) for item in advice(run)],
        "examples": [_pair(pair) for pair in pairs],
        "facts": facts_of(run),
        "validations": [
            {"epoch": item.epoch, "step": item.step, **to_json(item.figures)} for item in judged(run)
        ],
    }


def state_words(run: Run) -> str:
    """What the run is at this moment, as in `training, epoch 3 of 10`."""
    if not run.num_epochs:
        return f"{STATE_WORDS[run.state]}, step {run.step}"
    place = f"epoch {min(run.epoch, run.num_epochs)} of {run.num_epochs}, step {run.step} of {run.num_steps}"
    reason = run.end.get("stopped") if run.end else None
    if isinstance(reason, str):
        place += f" ({reason})"
    return f"{STATE_WORDS[run.state]}, {place}"


def _figures(figures: Figures) -> dict[str, Any]:
    """JSON has no word for what is not finite."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in figures.as_dict().items()
    }


def _pair(pair: Pair) -> dict[str, Any]:
    return {
        "pair": pair.name,
        "input_name": pair.input_name,
        "target_name": pair.target_name,
        "steps": [
            {
                "step": item.step,
                "epoch": item.epoch,
                "verdict": str(item.figures.verdict),
                "verdict_words": worded(item.figures).line,
                "figures": _figures(item.figures),
            }
            for item in pair.steps
        ],
    }

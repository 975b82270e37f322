"""Explains a run from its log: how far it is, why, and what happened during training."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass

from hocket.diagnostics import Level, MaskFigures
from hocket.diagnostics.copying import COPYING
from hocket.diagnostics.milestones import COMPLEMENTARITY, MASK_TOLERANCE
from hocket.diagnostics.wording import rule_words
from hocket.diagnostics.wording import sentences as sentences_of
from hocket.report.judging import (
    MUSICAL,
    Judged,
    headline,
    judged,
    judged_best,
    num_unknown,
    shares_of,
    weight_of,
)
from hocket.report.run import Line, Run, number, short

FLAT_VARIANCE = 0.02
"""Below this both masks are nearly the same everywhere: an agent that has learned reaches 0.15 to 0.25."""

NEAR_HALF = 0.15
"""Masks that have learned nothing are this close to 0.5; flat masks elsewhere prefer one source."""

MUCH_WORSE = 5.0
MUCH_WAITING = 0.1
MOST_NAMED = 3
MOST_UNREAD = 5

SIGNS = {
    "C": "continued after a stop",
    "B": "back to an older checkpoint",
    "R": "remedy applied",
    "F": "fault: a value was not finite, so the step was skipped",
    "S": "spike: the loss was far above normal, so the step was skipped",
}


@dataclass(frozen=True)
class Incident:
    """Something out of the usual at a step: `sign` is its letter in `SIGNS`."""

    step: int
    sign: str
    text: str


def sentences(run: Run) -> list[str]:
    """The run's figures in words, the most important first."""
    row = headline(run)
    if row is None:
        return [_before_validation(run), *faults(run)]
    return [
        *sentences_of(row.figures),
        f"The 2x rule of the training update: {rule_words(row.figures)}.",
        *_masks(row),
        *_objective(run, row),
        *_worst_pair(row),
        *_swap(row),
        *_best_and_last(run, row),
        *_not_finite(run),
        *faults(run),
        *waiting(run),
    ]


def _masks(row: Judged) -> list[str]:
    """The masks where they mislead about the output."""
    masks, figures = row.masks, row.figures
    means = (masks.input_mask_mean, masks.target_mask_mean)
    if undecided(masks):
        return [
            f"The masks are nearly flat (variance {masks.mask_variance:.3f}): both sources pass equally everywhere, "
            "so nothing has been learned yet. Flat masks of 0.5 already have a complementarity of 75 %."
        ]
    if masks.mask_variance < FLAT_VARIANCE and all(map(math.isfinite, means)):
        return [
            f"The masks pass the input {_where(means[0])} and the target {_where(means[1])}: they are the "
            "same in all time-frequency bins, so nothing is selected."
        ]
    balanced = all(abs(mean - 0.5) <= MASK_TOLERANCE for mean in means)
    both = f"{means[0]:.2f}/{means[1]:.2f}"
    if figures.level is not Level.COPY or not balanced:
        return []
    source = figures.nearer_source
    other = "input" if source == "target" else "target"
    found = [
        f"The masks are balanced ({both}), but the output is the {source}. A balanced mask is not a balanced output: "
        f"the {other} can get half of the bins where it is silent, and the {source} everything audible."
    ]
    if masks.complementarity >= COMPLEMENTARITY:
        found.append(
            f"The complementarity of {100 * masks.complementarity:.0f} % does not contradict this: it means "
            "that each bin belongs to one source, not that both are heard."
        )
    return found


def undecided(masks: MaskFigures) -> bool:
    """True if both masks are nearly one half everywhere, as at the start of training."""
    means = (masks.input_mask_mean, masks.target_mask_mean)
    return masks.mask_variance < FLAT_VARIANCE and all(abs(mean - 0.5) <= NEAR_HALF for mean in means)


def _where(mean: float) -> str:
    """The effect of a mask that is the same everywhere on its source."""
    word = "everywhere" if mean >= 0.95 else "nowhere" if mean <= 0.05 else "partly everywhere"
    return f"{word} ({mean:.2f})"


def _objective(run: Run, row: Judged) -> list[str]:
    """Explains from the weights why the loss accepts a copy."""
    config = run.weights_at(row.step - 1)
    if not config or row.figures.level is not Level.COPY:
        return []
    source = row.figures.nearer_source
    other = "input" if source == "target" else "target"
    names = (f"reconstruction_{source}_weight", f"reconstruction_{other}_weight")
    own, theirs = (weight_of(config, name) for name in names)
    found = []
    if own > theirs:
        found.append(
            f"The objective rewards this: {names[0]} is {own:g} and {names[1]} is {theirs:g}, so a perfect "
            f"copy of the {source} has no reconstruction loss.{_share(run, row, source)}"
        )
    missing = [name for name in MUSICAL if weight_of(config, name) == 0]
    if source == "target" and len(missing) > 2:
        found.append(
            f"No loss term penalises losing the input from the output: {joined(missing)} are 0, and the "
            "balance loss only sees mask values."
        )
    return found


def _share(run: Run, row: Judged, source: str) -> str:
    shares = {share.term: share for share in shares_of(run, row)}
    own = shares.get(f"reconstruction_{source}")
    if own is None or own.share < 0.3:
        return ""
    balance = shares.get("balance")
    beside = f", and the balance of the masks is {100 * balance.share:.0f} %" if balance is not None else ""
    return f" That term is {100 * own.share:.0f} % of the loss at this validation{beside}."


def _worst_pair(row: Judged) -> list[str]:
    ratio = row.worst_ratio
    if row.figures.verdict in COPYING or not MUCH_WORSE <= ratio < math.inf:
        return []
    return [
        f"In the worst pair, one correlation is {ratio:.0f} times the other ({row.figures.ratio:.1f} times "
        "in the means)."
    ]


def _swap(row: Judged) -> list[str]:
    swap = row.swap
    if swap is None or swap.passed or row.figures.level not in (Level.FUSION, Level.LAYERING):
        return []
    return [
        f"The swap test fails: the rhythm follows another input by {swap.rhythm_follows:.2f}, and the "
        f"harmony follows another target by {swap.harmony_follows:.2f} (0.30 is needed for each), so the "
        "model may be ignoring one of the sources."
    ]


def _best_and_last(run: Run, row: Judged) -> list[str]:
    rows = judged(run)
    if judged_best(run) is None or not rows or not row.epoch or row.epoch >= rows[-1].epoch:
        return []
    best, last = row.losses.get("total", math.nan), rows[-1].losses.get("total", math.nan)
    rise = f": its validation loss was {best:.3f}, that of the last epoch {last:.3f}" if last > best else ""
    return [f"The best weights are from epoch {row.epoch} of {rows[-1].epoch}{rise}."]


def _not_finite(run: Run) -> list[str]:
    unknown, every = num_unknown(run), len(run.of("validation"))
    if not unknown:
        return []
    return [
        f"{unknown} of {counted(every, 'validation', 'validations')} have no finite figures and are left out here."
    ]


def _before_validation(run: Run) -> str:
    if unknown := num_unknown(run):
        made = "1 validation was" if unknown == 1 else f"{unknown} validations were"
        return f"There is no verdict: {made} made, but none has finite figures."
    if run.state != "training":
        return f"There is no verdict: the run {run.state} before its first validation."
    due = f" (after step {run.steps_per_epoch})" if run.steps_per_epoch else ""
    return (
        f"There is no verdict yet: the first validation comes at the end of the first epoch{due}. Until then "
        "the curves show only training batches."
    )


def faults(run: Run) -> list[str]:
    """Everything that went wrong on the way, in a sentence each."""
    found = []
    if lines := run.of("fault"):
        terms = [term for line in lines for term in _texts(line.get("terms"))]
        files = [name for line in lines for name in _texts(line.get("files"))]
        where = f", with {joined(files)}" if files else ""
        found.append(
            f"{counted(len(lines), 'step was', 'steps were')} skipped because something was not finite: "
            f"{joined(terms) or 'no term is named'}{where}."
        )
    if spikes := sum(number(line.get("spiked")) > 0 for line in run.of("train")):
        found.append(
            f"{counted(spikes, 'step', 'steps')} updated nothing, because the loss was far above normal."
        )
    if back := len(run.of("rollback")):
        found.append(f"Training went back to an older checkpoint {counted(back, 'time', 'times')}.")
    if run.num_unread:
        found.append(f"{counted(run.num_unread, 'line', 'lines')} of log.jsonl could not be read.")
    return found


def unread(run: Run, faults: Sequence[str]) -> list[str]:
    """A sentence on each file of the run's folder that cannot be read, those of its examples too."""
    found = list(dict.fromkeys([*run.faults, *faults]))
    rest = len(found) - MOST_UNREAD
    shown = [fault.replace(f"{run.path}{os.sep}", "") for fault in found[:MOST_UNREAD]]
    return [*shown, f"{counted(rest, 'more file', 'more files')} cannot be read."] if rest > 0 else shown


def waiting_share(run: Run) -> float:
    """Share of the time between validations that was spent waiting for music, in [0, 1]; 0 if it is not known."""
    data = sum(number(line.get("data_seconds", 0.0)) for line in run.of("timing"))
    step = sum(number(line.get("step_seconds", 0.0)) for line in run.of("timing"))
    return data / (data + step) if 0 < data + step < math.inf else 0.0


def waiting(run: Run) -> list[str]:
    """Says so if steps wait for music."""
    share = waiting_share(run)
    if share <= MUCH_WAITING:
        return []
    return [f"{100 * share:.0f} % of the time between validations was spent waiting for music."]


def joined(names: list[str]) -> str:
    """The first few different names, joined as in a sentence."""
    different = list(dict.fromkeys(names))
    rest = len(different) - MOST_NAMED - 1
    if rest > 0:
        return f"{', '.join(different[: MOST_NAMED + 1])} and {rest} more"
    return ", ".join(different[:-1]) + " and " + different[-1] if len(different) > 1 else "".join(different)


def counted(count: int, one: str, many: str) -> str:
    """A count with the word that suits it."""
    return f"{count} {one if count == 1 else many}"


def incidents_of(run: Run) -> list[Incident]:
    """Everything out of the usual, in order."""
    return [found for line in run.lines if (found := _incident(line)) is not None]


def signs_of(incidents: Sequence[Incident]) -> list[tuple[str, str]]:
    """The letters that occur and what they mean."""
    found = {incident.sign for incident in incidents}
    return [(sign, text) for sign, text in SIGNS.items() if sign in found]


def _incident(line: Line) -> Incident | None:
    step = line["step"]
    if line["kind"] == "resume":
        return Incident(step, "C", f"step {step}: continued")
    if line["kind"] == "rollback":
        return Incident(step, "B", f"step {line.get('from_step', '?')}: went back to step {step}")
    if line["kind"] == "remedy":
        return Incident(
            step, "R", f"step {step}: {line.get('field')} set to {line.get('value')} ({line.get('reason')})"
        )
    if line["kind"] == "fault":
        terms, files = (", ".join(_texts(line.get(name))) for name in ("terms", "files"))
        return Incident(step, "F", f"step {step}: not finite: {terms}" + f", with {files}" * bool(files))
    if line["kind"] == "train" and number(line.get("spiked")) > 0:
        return Incident(
            step, "S", f"step {step}: loss {short(number(line.get('loss/total')))}, updated nothing"
        )
    return None


def _texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []

"""Why a run is where it is, in sentences computed from its figures."""

import math

from hocket.diagnostics import Figures, Rung, Verdict
from hocket.diagnostics.copying import COPYING, COPYING_RATIO, RHYTHM_MARGIN
from hocket.diagnostics.milestones import COMPLEMENTARITY, MASK_TOLERANCE
from hocket.diagnostics.wording import articulation_words, harmony_words, rhythm_words
from hocket.report.judging import Judged, headline, judged
from hocket.report.loss import MUSICAL, shares_of, weight_of
from hocket.report.run import Run, number

FLAT_VARIANCE = 0.02
"""Below this both masks are nearly the same everywhere: an agent that has learned reaches 0.15 to 0.25."""

NEARLY_EQUAL = 0.9
"""From this correlation on one waveform cannot have another envelope than the other."""

MUCH_WORSE = 5.0
MUCH_WAITING = 0.1
MOST_NAMED = 3


def sentences(run: Run) -> list[str]:
    """What the run's figures say, the most important first."""
    row = headline(run)
    if row is None:
        return [_before_validation(run), *_faults(run)]
    return [
        what_it_is(row.figures),
        *_masks(row),
        *_objective(run, row),
        *_worst_pair(row),
        *_swap(row),
        *_best_and_last(run, row),
        *_faults(run),
        *_waiting(run),
    ]


def what_it_is(figures: Figures) -> str:
    """The verdict as a sentence, with the figures that it rests on."""
    ours, theirs = figures.output_input_correlation, figures.output_target_correlation
    both = f"correlation with the input {ours:.2f}, with the target {theirs:.2f}"
    if figures.verdict in COPYING:
        return _copying(figures, both)
    if figures.verdict is Verdict.OVERLAY:
        return (
            f"The output is the two recordings laid over each other: a weighted sum of them explains "
            f"{100 * figures.overlay_r2:.0f} % of it ({both})."
        )
    if figures.verdict is Verdict.UNRELATED:
        return f"The output is like neither source: {both}, and no sum of the two explains it."
    return _mixing(figures, both)


def rung_words(figures: Figures) -> str:
    """What the rung means."""
    return {
        Rung.COPY: "copy: the output is one of its sources",
        Rung.OVERLAY: "overlay: both sources at once, nothing chosen",
        Rung.LAYERING: "layering: the right rhythm and the right harmony side by side",
        Rung.FUSION: "fusion: the target's harmony, struck in the input's rhythm",
        Rung.NONE: "none yet: the rhythm or the harmony asked for is missing",
    }[figures.rung]


def _copying(figures: Figures, both: str) -> str:
    source = "target" if figures.verdict is Verdict.COPYING_TARGET else "input"
    margin = figures.rhythm_margin
    alike = figures.output_target_correlation if source == "target" else figures.output_input_correlation
    follows = -margin if source == "target" else margin
    said = (
        f"The output follows the {source}'s envelope: copying"
        if follows >= RHYTHM_MARGIN or alike >= NEARLY_EQUAL
        else f"The output copies the {source}"
    )
    if figures.rung is Rung.COPY:
        return f"{said} ({both}, rhythm margin {margin:.2f})."
    return (
        f"The output leans to the {source}: one correlation is more than {COPYING_RATIO:g} times the other ({both}), "
        f"though it is no plain copy, as a sum of the sources explains only {100 * figures.overlay_r2:.0f} % of it."
    )


def _mixing(figures: Figures, both: str) -> str:
    words = f"{rhythm_words(figures)}, {harmony_words(figures)}, {articulation_words(figures)}"
    margins = (
        f"margins: rhythm {figures.rhythm_margin:.2f}, harmony {figures.harmony_margin:.2f}, "
        f"articulation {figures.articulation_margin:.2f}"
    )
    said = {
        Rung.FUSION: f"The output mixes both sources and fuses them: {words}",
        Rung.LAYERING: f"The output mixes both sources, but side by side: {words}",
    }.get(
        figures.rung,
        f"Both waveforms are in the output, which is not yet a fusion: {words}",
    )
    return f"{said} ({both}; {margins})."


def _masks(row: Judged) -> list[str]:
    """What the masks seem to say beside what the output is."""
    masks, figures = row.masks, row.figures
    means = (masks.input_mask_mean, masks.target_mask_mean)
    balanced = all(abs(mean - 0.5) <= MASK_TOLERANCE for mean in means)
    both = f"{means[0]:.2f}/{means[1]:.2f}"
    if masks.mask_variance < FLAT_VARIANCE:
        return [
            f"The masks are nearly flat (variance {masks.mask_variance:.3f}): both sources pass everywhere alike, so "
            "nothing has been decided yet; flat masks of 0.5 have a complementarity of 75 % without having learned "
            "anything."
        ]
    if figures.verdict not in COPYING or not balanced:
        return []
    source = "target" if figures.verdict is Verdict.COPYING_TARGET else "input"
    other = "input" if source == "target" else "target"
    found = [
        f"The masks are balanced ({both}) while the output is the {source}: a balanced mask is not a balanced output. "
        f"It can give the {other} its half of the places where that is silent, and everything audible to the {source}."
    ]
    if masks.complementarity >= COMPLEMENTARITY:
        found.append(
            f"The complementarity of {100 * masks.complementarity:.0f} % does not speak against that: it says that "
            "every place belongs to one source, not that both are heard."
        )
    return found


def _objective(run: Run, row: Judged) -> list[str]:
    """Why the loss is content with a copy, read off the weights that it had."""
    config = run.weights_at(row.step - 1)
    verdict = row.figures.verdict
    if not config or verdict not in COPYING:
        return []
    source, other = ("target", "input") if verdict is Verdict.COPYING_TARGET else ("input", "target")
    own, theirs = weight_of(config, f"loss_weight_{source}"), weight_of(config, f"loss_weight_{other}")
    found = []
    if own > theirs:
        found.append(
            f"The objective asks for it: loss_weight_{source} is {own:g} and loss_weight_{other} {theirs:g}, and a "
            f"perfect copy of the {source} has no reconstruction loss at all.{_share(run, row, source)}"
        )
    missing = [name for name in MUSICAL if weight_of(config, name) == 0]
    if source == "target" and len(missing) > 2:
        found.append(
            f"Nothing in it misses the input in what is heard: {_listed(missing)} are 0, and the balance loss sees "
            "mask values only."
        )
    return found


def _share(run: Run, row: Judged, source: str) -> str:
    shares = {share.term: share for share in shares_of(run, row)}
    own = shares.get(f"reconstruction_{source}")
    if own is None or own.share < 0.3:
        return ""
    balance = shares.get("balance")
    beside = f"; the balance of the masks {100 * balance.share:.0f} %" if balance is not None else ""
    return f" That term is {100 * own.share:.0f} % of the loss at this validation{beside}."


def _worst_pair(row: Judged) -> list[str]:
    ratio = row.worst_ratio
    if row.figures.verdict in COPYING or not ratio >= MUCH_WORSE:
        return []
    return [
        f"The mean hides at least one pair that copies: there one correlation is {ratio:.0f} times the other "
        f"({row.figures.ratio:.1f} times in the mean)."
    ]


def _swap(row: Judged) -> list[str]:
    swap = row.swap
    if swap is None or swap.passed or row.figures.rung not in (Rung.FUSION, Rung.LAYERING):
        return []
    return [
        "The swap test fails: with another input the rhythm follows by "
        f"{swap.rhythm_follows:.2f}, with another target the harmony by {swap.harmony_follows:.2f} (0.30 is asked for "
        "each), so one of the sources may not be listened to."
    ]


def _best_and_last(run: Run, row: Judged) -> list[str]:
    rows = judged(run)
    if run.end is None or not rows or not row.epoch or row.epoch >= rows[-1].epoch:
        return []
    best, last = row.losses.get("total", math.nan), rows[-1].losses.get("total", math.nan)
    rise = f": its validation loss was {best:.3f}, that of the last epoch {last:.3f}" if last > best else ""
    return [f"The best weights are those of epoch {row.epoch} of {rows[-1].epoch}{rise}."]


def _faults(run: Run) -> list[str]:
    found = []
    if faults := run.of("fault"):
        terms = [str(term) for line in faults for term in _texts(line.get("terms"))]
        files = [str(name) for line in faults for name in _texts(line.get("files"))]
        where = f", with {_listed(files)}" if files else ""
        found.append(
            f"{_counted(len(faults), 'step was', 'steps were')} skipped because something was not finite: "
            f"{_listed(terms) or 'no term is named'}{where}."
        )
    if spikes := sum(number(line.get("spiked")) > 0 for line in run.of("train")):
        found.append(
            f"{_counted(spikes, 'step', 'steps')} updated nothing, as the loss was far above the usual."
        )
    if back := len(run.of("rollback")):
        found.append(f"Training went back to an older checkpoint {_counted(back, 'time', 'times')}.")
    if run.num_unread:
        found.append(
            f"{_counted(run.num_unread, 'line', 'lines')} of log.jsonl cannot be read and left out here."
        )
    return found


def waiting_share(run: Run) -> float:
    """Share of the time between validations that was spent waiting for music, in [0, 1]; 0 where it is not known."""
    data = sum(number(line.get("data_seconds", 0.0)) for line in run.of("timing"))
    step = sum(number(line.get("step_seconds", 0.0)) for line in run.of("timing"))
    return data / (data + step) if data + step > 0 else 0.0


def _waiting(run: Run) -> list[str]:
    share = waiting_share(run)
    if share <= MUCH_WAITING:
        return []
    return [f"{100 * share:.0f} % of the time between validations was spent waiting for music."]


def _before_validation(run: Run) -> str:
    due = f" (after step {run.steps_per_epoch})" if run.steps_per_epoch else ""
    return (
        f"Nothing has been validated yet: the first verdict comes at the end of the first epoch{due}. Until then the "
        "curves show training batches only."
    )


def _texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _listed(names: list[str]) -> str:
    """The first few different names, joined as in a sentence."""
    different = list(dict.fromkeys(names))
    rest = len(different) - MOST_NAMED - 1
    if rest > 0:
        return f"{', '.join(different[: MOST_NAMED + 1])} and {rest} more"
    return ", ".join(different[:-1]) + " and " + different[-1] if len(different) > 1 else "".join(different)


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"

"""Why a run is where it is, in sentences computed from its figures."""

import math

from hocket.diagnostics import Figures, MaskFigures, Rung, Verdict
from hocket.diagnostics.copying import COPYING, COPYING_RATIO, RHYTHM_MARGIN
from hocket.diagnostics.milestones import COMPLEMENTARITY, MASK_TOLERANCE
from hocket.diagnostics.wording import articulation_words, harmony_words, rhythm_words
from hocket.report.happenings import counted, faults, listed, waiting
from hocket.report.headings import leans, source_of, unmeasured
from hocket.report.judging import Judged, headline, judged, judged_best, num_unknown
from hocket.report.loss import MUSICAL, shares_of, weight_of
from hocket.report.run import Run, fixed

FLAT_VARIANCE = 0.02
"""Below this both masks are nearly the same everywhere: an agent that has learned reaches 0.15 to 0.25."""

NEAR_HALF = 0.15
"""Masks that have decided nothing lie this near to 0.5; flat ones elsewhere have decided for one source."""

NEARLY_EQUAL = 0.9
"""From this correlation on one waveform cannot have another envelope than the other."""

MUCH_WORSE = 5.0


def sentences(run: Run) -> list[str]:
    """What the run's figures say, the most important first."""
    row = headline(run)
    if row is None:
        return [_before_validation(run), *faults(run)]
    return [
        what_it_is(row.figures),
        *_masks(row),
        *_objective(run, row),
        *_worst_pair(row),
        *_swap(row),
        *_best_and_last(run, row),
        *_not_finite(run),
        *faults(run),
        *waiting(run),
    ]


def what_it_is(figures: Figures) -> str:
    """The verdict as a sentence, with the figures that it rests on."""
    ours, theirs = figures.output_input_correlation, figures.output_target_correlation
    if not all(map(math.isfinite, (ours, theirs, figures.overlay_r2))):
        return "The figures of this output are not finite, so nothing can be said of it."
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
    if figures.rung is Rung.NONE and (names := unmeasured(figures)):
        return f"not known: {listed(names)} could not be measured"
    return {
        Rung.COPY: "copy: the output is one of its sources",
        Rung.OVERLAY: "overlay: both sources at once, nothing chosen",
        Rung.LAYERING: "layering: the right rhythm and the right harmony side by side",
        Rung.FUSION: "fusion: the target's harmony, struck in the input's rhythm",
        Rung.NONE: "none yet: the rhythm or the harmony asked for is missing",
    }[figures.rung]


def _copying(figures: Figures, both: str) -> str:
    source = source_of(figures)
    if leans(figures):
        return (
            f"The output leans to the {source}: one correlation is more than {COPYING_RATIO:g} times the other "
            f"({both}). This raises the alarm of the copying rule, although R² says that it is no plain copy: a sum of "
            f"the sources explains only {100 * figures.overlay_r2:.0f} % of it."
        )
    margin = figures.rhythm_margin
    alike = figures.output_target_correlation if source == "target" else figures.output_input_correlation
    follows = -margin if source == "target" else margin
    said = (
        f"The output follows the {source}'s envelope: copying"
        if follows >= RHYTHM_MARGIN or alike >= NEARLY_EQUAL
        else f"The output copies the {source}"
    )
    return f"{said} ({both}, rhythm margin {fixed(margin)})."


def _mixing(figures: Figures, both: str) -> str:
    words = ", ".join(
        said(figures) if math.isfinite(margin) else f"{name} not known"
        for name, said, margin in (
            ("rhythm", rhythm_words, figures.rhythm_margin),
            ("harmony", harmony_words, figures.harmony_margin),
            ("articulation", articulation_words, figures.articulation_margin),
        )
    )
    margins = (
        f"margins: rhythm {fixed(figures.rhythm_margin)}, harmony {fixed(figures.harmony_margin)}, "
        f"articulation {fixed(figures.articulation_margin)}"
    )
    said = {
        Rung.FUSION: f"The output mixes both sources and fuses them: {words}",
        Rung.LAYERING: f"The output mixes both sources, but side by side: {words}",
    }.get(
        figures.rung,
        f"Both waveforms are in the output; whether they are fused is not known: {words}"
        if unmeasured(figures)
        else f"Both waveforms are in the output, which is not yet a fusion: {words}",
    )
    return f"{said} ({both}; {margins})."


def _masks(row: Judged) -> list[str]:
    """What the masks seem to say beside what the output is."""
    masks, figures = row.masks, row.figures
    means = (masks.input_mask_mean, masks.target_mask_mean)
    if undecided(masks):
        return [
            f"The masks are nearly flat (variance {masks.mask_variance:.3f}): both sources pass everywhere alike, so "
            "nothing has been decided yet; flat masks of 0.5 have a complementarity of 75 % without having learned "
            "anything."
        ]
    if masks.mask_variance < FLAT_VARIANCE and all(map(math.isfinite, means)):
        return [
            f"The masks let the input pass {_where(means[0])} and the target {_where(means[1])}: they are the same at "
            "all places, so nothing is chosen from place to place."
        ]
    balanced = all(abs(mean - 0.5) <= MASK_TOLERANCE for mean in means)
    both = f"{means[0]:.2f}/{means[1]:.2f}"
    if figures.rung is not Rung.COPY or not balanced:
        return []
    source = source_of(figures)
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


def undecided(masks: MaskFigures) -> bool:
    """Whether both masks are nearly one half everywhere, as at the start of training."""
    means = (masks.input_mask_mean, masks.target_mask_mean)
    return masks.mask_variance < FLAT_VARIANCE and all(abs(mean - 0.5) <= NEAR_HALF for mean in means)


def _where(mean: float) -> str:
    """What a mask that is the same everywhere does with its source."""
    word = "everywhere" if mean >= 0.95 else "nowhere" if mean <= 0.05 else "everywhere in part"
    return f"{word} ({mean:.2f})"


def _objective(run: Run, row: Judged) -> list[str]:
    """Why the loss is content with a copy, read off the weights that it had."""
    config = run.weights_at(row.step - 1)
    if not config or row.figures.rung is not Rung.COPY:
        return []
    source = source_of(row.figures)
    other = "input" if source == "target" else "target"
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
            f"Nothing in it misses the input in what is heard: {listed(missing)} are 0, and the balance loss sees "
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
    if row.figures.verdict in COPYING or not MUCH_WORSE <= ratio < math.inf:
        return []
    return [
        f"In at least one pair one correlation is {ratio:.0f} times the other ({row.figures.ratio:.1f} times in the "
        "means)."
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
    if judged_best(run) is None or not rows or not row.epoch or row.epoch >= rows[-1].epoch:
        return []
    best, last = row.losses.get("total", math.nan), rows[-1].losses.get("total", math.nan)
    rise = f": its validation loss was {best:.3f}, that of the last epoch {last:.3f}" if last > best else ""
    return [f"The best weights are those of epoch {row.epoch} of {rows[-1].epoch}{rise}."]


def _not_finite(run: Run) -> list[str]:
    unknown, every = num_unknown(run), len(run.of("validation"))
    if not unknown:
        return []
    return [
        f"{unknown} of {counted(every, 'validation', 'validations')} without finite figures: left out here."
    ]


def _before_validation(run: Run) -> str:
    if unknown := num_unknown(run):
        made = "1 validation was" if unknown == 1 else f"{unknown} validations were"
        return f"{made} made, none has finite figures: there is no verdict."
    if run.state != "training":
        return f"The run {run.state} before its first validation, so there is no verdict."
    due = f" (after step {run.steps_per_epoch})" if run.steps_per_epoch else ""
    return (
        f"Nothing has been validated yet: the first verdict comes at the end of the first epoch{due}. Until then the "
        "curves show training batches only."
    )

"""The verdict on a run in a few words: the same in the heading of the page and in what the studio shows."""

import math

from hocket.diagnostics import Figures, Rung, Verdict
from hocket.diagnostics.copying import COPYING
from hocket.diagnostics.wording import verdict_words

_PLAIN_VERDICTS = {
    Verdict.OVERLAY: "It lays one source over the other",
    Verdict.UNRELATED: "It has nothing to do with its sources",
}
_PLAIN_RUNGS = {
    Rung.FUSION: "It fuses: the target's harmony in the input's rhythm",
    Rung.LAYERING: "It mixes, but side by side",
}


def is_alarm(figures: Figures) -> bool:
    """Whether the verdict is one to be warned of; the copying rule warns however little R² explains."""
    return figures.verdict is not Verdict.MIXING


def leans(figures: Figures) -> bool:
    """Whether the copying rule raises its alarm at an output that R² does not find to be a plain copy."""
    return figures.verdict in COPYING and figures.rung is not Rung.COPY


def unmeasured(figures: Figures) -> list[str]:
    """The margins that are not known, without which nobody can tell a fusion."""
    margins = {
        "rhythm": figures.rhythm_margin,
        "harmony": figures.harmony_margin,
        "articulation": figures.articulation_margin,
    }
    return [name for name, margin in margins.items() if math.isnan(margin)]


def source_of(figures: Figures) -> str:
    """The source that a copying verdict names."""
    return "target" if figures.verdict is Verdict.COPYING_TARGET else "input"


def heading_of(figures: Figures) -> tuple[str, str]:
    """The verdict in plain words, and its tone: good, doubtful or alarm."""
    if leans(figures):
        return f"It leans to the {source_of(figures)}", "doubtful"
    if figures.verdict in COPYING:
        return f"It copies the {source_of(figures)}", "alarm"
    if is_alarm(figures):
        return _PLAIN_VERDICTS[figures.verdict], "alarm"
    if unmeasured(figures):
        return "It mixes; whether it fuses is not known", "doubtful"
    tone = "good" if figures.rung is Rung.FUSION else "doubtful"
    return _PLAIN_RUNGS.get(figures.rung, "It mixes, but is no fusion yet"), tone


def words_of(figures: Figures) -> str:
    """The alert or the all-clear, in agreement with the heading."""
    if leans(figures):
        return f"⚠ LEANS TO THE {source_of(figures).upper()} (ratio {figures.ratio:.1f}x)"
    return verdict_words(figures)

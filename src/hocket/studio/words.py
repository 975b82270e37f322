"""What the figures of a fusion say, as a page tells it."""

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hocket.diagnostics import Figures

BAND = (0.4, 0.6)
KEYS = (
    "output_input_correlation",
    "output_target_correlation",
    "rhythm_margin",
    "harmony_margin",
    "articulation_margin",
    "overlay_r2",
)


def figures_told(figures: "Figures | None") -> dict[str, Any]:
    """Verdict, rung, sentences and figures, ready for JSON; None is a fusion that could not be judged."""
    if figures is None:
        words = "no diagnosis"
        told: dict[str, Any] = {"verdict": None, "verdict_words": words, "is_alarm": False, "rung": None}
        return told | {"sentences": [], "figures": []}
    from hocket.diagnostics import Verdict
    from hocket.report.headings import words_of

    return {
        "verdict": str(figures.verdict),
        "verdict_words": words_of(figures),
        "is_alarm": figures.verdict is not Verdict.MIXING,
        "rung": str(figures.rung),
        "sentences": sentences(figures),
        "figures": gauges(figures),
    }


def sentences(figures: "Figures") -> list[str]:
    """Whose rhythm, whose harmony, how the chords are struck, and whether it is more than a sum."""
    from hocket.diagnostics.wording import articulation_words, harmony_words, rhythm_words

    chords = articulation_words(figures)
    return [
        f"It has {rhythm_words(figures)}.",
        f"It has {harmony_words(figures)}.",
        f"Its {chords.replace('chords ', 'chords are ', 1)}.",
        _novelty(figures),
    ]


def _novelty(figures: "Figures") -> str:
    """Whether there is more to it than its sources, in agreement with verdict and rung."""
    from hocket.diagnostics.copying import Rung
    from hocket.diagnostics.wording import overlay_words
    from hocket.report.headings import leans, source_of

    if figures.rung is Rung.COPY:
        return f"It is a copy of the {source_of(figures)}, or nearly so."
    if leans(figures):
        return f"It is more than a sum of the two, but leans to the {source_of(figures)}."
    if overlay_words(figures).startswith("more"):
        return "It is more than a sum of the two."
    return "It is nothing but a sum of the two."


def gauges(figures: "Figures") -> list[dict[str, Any]]:
    """The six figures with what each is held against: `good` is None where a figure alone is neither."""
    from hocket.pictures.canvas import ALARM, DOUBTFUL, GOOD
    from hocket.pictures.headline import gauges_of

    told = []
    for key, gauge in zip(KEYS, gauges_of(figures), strict=True):
        is_correlation = key.endswith("_correlation")
        entry = {
            "key": key,
            "name": gauge.name,
            # JSON has no word for what is not finite.
            "value": gauge.value if math.isfinite(gauge.value) else None,
            "bound": None if is_correlation else gauge.bound,
            "lowest": gauge.lowest,
            "words": gauge.words,
            "good": {GOOD: True, DOUBTFUL: False, ALARM: False}.get(gauge.colour),
        }
        told.append(entry | ({"band": list(BAND)} if is_correlation else {}))
    return told

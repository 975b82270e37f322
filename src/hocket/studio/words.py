"""Words for the figures of a fusion on a page."""

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


def figures_json(figures: "Figures | None") -> dict[str, Any]:
    """Verdict, level, sentences and figures, ready for JSON; None is a fusion that could not be judged."""
    if figures is None:
        told: dict[str, Any] = {"verdict": None, "verdict_words": "Not checked", "is_alarm": False}
        return told | {"rung": None, "level": None, "sentences": [], "figures": []}
    from hocket.diagnostics.wording import sentences, to_json

    return to_json(figures) | {"sentences": sentences(figures), "figures": gauges(figures)}


def gauges(figures: "Figures") -> list[dict[str, Any]]:
    """The six figures with what each is held against: `good` is None where a figure alone is neither."""
    from hocket.diagnostics.wording import Tone, gauges_of

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
            "good": None if gauge.tone is None else gauge.tone is Tone.GOOD,
        }
        told.append(entry | ({"band": list(BAND)} if is_correlation else {}))
    return told

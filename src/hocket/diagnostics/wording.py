"""What the figures of one output mean in plain words, the same on the command line and in pictures."""

import math

from hocket.diagnostics.copying import (
    ARTICULATION_MARGIN,
    HARMONY_MARGIN,
    OVERLAY_R2,
    RHYTHM_MARGIN,
    Figures,
    Verdict,
)


def verdict_words(figures: Figures) -> str:
    """The alert or the all-clear."""
    ratio = f"(ratio {figures.ratio:.1f}x)"
    return {
        Verdict.COPYING_TARGET: f"⚠ COPYING THE TARGET {ratio}",
        Verdict.COPYING_INPUT: f"⚠ COPYING THE INPUT {ratio}",
        Verdict.OVERLAY: f"⚠ OVERLAY (R² {figures.overlay_r2:.2f}: a sum of the two sources explains the output)",
        Verdict.UNRELATED: "⚠ UNRELATED (the output is like neither source)",
        Verdict.MIXING: "✓ mixes both sources",
    }[figures.verdict]


def rhythm_words(figures: Figures) -> str:
    """Whose rhythm the output has."""
    return _side(
        figures.rhythm_margin,
        RHYTHM_MARGIN,
        "the input's rhythm",
        "neither rhythm clearly",
        "the target's rhythm",
    )


def harmony_words(figures: Figures) -> str:
    """Whose harmony the output has."""
    return _side(
        figures.harmony_margin,
        HARMONY_MARGIN,
        "the target's harmony",
        "neither harmony clearly",
        "the input's harmony",
    )


def articulation_words(figures: Figures) -> str:
    """In whose rhythm what rings in the output is struck."""
    return _side(
        figures.articulation_margin,
        ARTICULATION_MARGIN,
        "chords struck with the input",
        "chords between the two timings",
        "chords in the target's timing",
    )


def overlay_words(figures: Figures) -> str:
    """Whether the output could be had by turning two knobs."""
    return "a sum explains it" if figures.overlay_r2 >= OVERLAY_R2 else "more than a sum"


def delay_words(figures: Figures) -> str:
    """What was shifted before the comparison; empty where nothing was, or where the figures do not know."""
    lags = {role: float(getattr(figures, f"{role}_lag_seconds", 0.0)) for role in ("input", "target")}
    if len(set(lags.values())) == 1:
        lags = {"two sources": lags["input"]}
    parts = [
        f"{abs(lag) * 1000:.0f} ms {'after' if lag > 0 else 'before'} the {role}"
        for role, lag in lags.items()
        if lag
    ]
    return f"the output comes {' and '.join(parts)}: compared without that delay" if parts else ""


def _side(margin: float, least: float, wanted: str, neither: str, other: str) -> str:
    if math.isnan(margin):
        return "not known"
    return wanted if margin >= least else other if margin <= -least else neither

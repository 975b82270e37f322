"""The one wording of what an output is, for command line, log, pictures, report and studio."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from hocket.diagnostics.copying import (
    ARTICULATION_MARGIN,
    COPYING,
    OVERLAY_R2,
    UNRELATED,
    Figures,
    Level,
    Verdict,
)
from hocket.diagnostics.roles import Sources

GIVES = {"rhythm": "input", "harmony": "target", "articulation": "input"}
"""The source that has to give each quality."""

WORDS = {
    "rhythm": ("the input's rhythm", "neither rhythm clearly", "the target's rhythm"),
    "harmony": ("the target's harmony", "neither harmony clearly", "the input's harmony"),
    "articulation": (
        "chords in the input's timing",
        "chords between the two timings",
        "chords in the target's timing",
    ),
}
"""Words for a margin that is large enough, near zero, and as large the other way."""


class Tone(StrEnum):
    """Tone of a verdict, from good to bad."""

    GOOD = "good"
    DOUBTFUL = "doubtful"
    ALARM = "alarm"


LADDER = (Level.COPY, Level.OVERLAY, Level.LAYERING, Level.FUSION)
"""The levels from worst to best."""

SIGNS = {Tone.GOOD: "✓", Tone.DOUBTFUL: "◐", Tone.ALARM: "⚠"}


@dataclass(frozen=True)
class Worded:
    """A verdict as users read it, and the level that it stands for."""

    tone: Tone
    name: str
    level: Level

    @property
    def line(self) -> str:
        """Sign and name."""
        return f"{SIGNS[self.tone]} {self.name}"


@dataclass(frozen=True)
class Gauge:
    """One figure: its name and value, the value that it is held against, what that says, and how good that is."""

    name: str
    value: float
    bound: float
    words: str
    tone: Tone | None
    lowest: float = -1.0


def worded(figures: Figures) -> Worded:
    """The verdict. It has a ✓ for a fusion, and for nothing else.

    Of several margins that are too small the one furthest below its least value, in proportion, is named. A margin
    does not count where the source that should give it has nothing to give, however large it was measured. A copy of
    the source that the user asked more of is judged by its margins.
    """
    sources = sources_of(figures)
    if figures.verdict is Verdict.UNRELATED:
        return Worded(Tone.ALARM, "Unrelated to both sources", Level.NONE)
    if sources.is_one_recording:
        return Worded(Tone.ALARM, "Copy of the input", Level.COPY)
    if sources.is_only_one_asked:
        return Worded(Tone.DOUBTFUL, f"Partial: only the {sources.favoured} is left", Level.NONE)
    if figures.level is Level.COPY and not is_as_asked(figures):
        return Worded(Tone.ALARM, f"Copy of the {figures.nearer_source}", Level.COPY)
    if figures.level is Level.OVERLAY:
        return Worded(Tone.ALARM, "Overlay", Level.OVERLAY)
    if missing := _missing(figures):
        fault = "not measured" if missing[0] in figures.unmeasured else "too weak"
        return Worded(Tone.DOUBTFUL, f"Partial: {missing[0]} {fault}", Level.NONE)
    if figures.articulation_margin < ARTICULATION_MARGIN:
        return Worded(Tone.DOUBTFUL, "Layering", Level.LAYERING)
    return Worded(Tone.GOOD, "Fusion", Level.FUSION)


def causes(figures: Figures) -> list[str]:
    """Reasons for the verdict, one sentence each, which are shown next to it."""
    sources, level = sources_of(figures), worded(figures).level
    if sources.is_one_recording:
        return ["input and target are the same recording: there is nothing to fuse."]
    found = [weakness.sentence for weakness in sources.weaknesses]
    if sources.swap_helps:
        found.append("swap them: each one suits the other's role.")
    if sources.is_only_one_asked:
        return [*found, f"only the {sources.favoured} is left, as asked (the amount of the other is 0)."]
    if figures.verdict is Verdict.UNRELATED or level in (Level.COPY, Level.OVERLAY):
        found.append(_waveforms(figures))
    elif level is Level.LAYERING:
        found.append(f"chords do not follow the input's timing ({_short_of(figures, 'articulation')}).")
    else:
        short = [name for name in _missing(figures) if _is_known(figures, name)]
        found += [f"{'; '.join(_short_of(figures, name) for name in short)}."] if short else []
        found += [f"{' and '.join(figures.unmeasured)} could not be measured."] if figures.unmeasured else []
    if figures.verdict in COPYING and level is not Level.COPY:
        how = ", as asked" if is_as_asked(figures) else f" (ratio {figures.ratio:.1f}x)"
        found.append(f"the output leans towards the {figures.nearer_source}{how}.")
    return found


def rule_words(figures: Figures) -> str:
    """The answer of the 2x rule, which compares only the two correlations."""
    ratio = f"(ratio {figures.ratio:.1f}x)"
    if sources_of(figures).is_one_recording or figures.verdict is Verdict.UNRELATED:
        return "no answer: the output does not contain two sources to compare"
    if figures.verdict in COPYING:
        words = f"⚠ COPYING THE {figures.nearer_source.upper()} {ratio}"
        return f"{words}, but R² shows no plain copy" if figures.leans else words
    if figures.verdict is Verdict.OVERLAY:
        return f"neither correlation is twice the other {ratio}, but R² shows an overlay"
    return f"mixes both sources {ratio}"


def is_met(figures: Figures, name: str) -> bool:
    """True if a margin is large enough, and its source has something to give."""
    margin, least = figures.margins[name]
    return margin >= least and _is_given(figures, name)


def is_as_asked(figures: Figures) -> bool:
    """True if an output leans towards the source that the user turned up."""
    return figures.verdict in COPYING and figures.nearer_source == sources_of(figures).favoured


def sources_of(figures: Figures) -> Sources:
    """Known facts of the sources; none if the figures come from a log or a batch."""
    known: Sources = getattr(figures, "sources", Sources())
    return known


def to_json(figures: Figures) -> dict[str, Any]:
    """The verdict for a page; `rung` goes by the figures alone, `level` is that of the words."""
    verdict = worded(figures)
    return {
        "verdict": str(figures.verdict),
        "verdict_words": verdict.line,
        "is_alarm": verdict.tone is Tone.ALARM,
        "rung": str(figures.level),
        "level": str(verdict.level),
    }


def sentences(figures: Figures) -> list[str]:
    """The causes, whose rhythm and harmony an output has, and how its chords are struck, as whole sentences."""
    told = causes(figures)
    known = [name for name in WORDS if _is_known(figures, name)]
    heard = [margin_words(figures, name) for name in known if name != "articulation"]
    unclear = [words for words in heard if words.startswith("neither")]
    clear = [words for words in heard if words not in unclear]
    if heard:
        told.append(f"it has {', but '.join(' and '.join(part) for part in (clear, unclear) if part)}.")
    if "articulation" in known:
        told.append(f"its {margin_words(figures, 'articulation').replace('chords ', 'chords are ', 1)}.")
    return [_capital(sentence) for sentence in told]


def margin_words(figures: Figures, name: str) -> str:
    """Says whose rhythm or harmony the output has, or whose timing its chords follow."""
    wanted, neither, other = WORDS[name]
    margin, least = figures.margins[name]
    if sources_of(figures).is_one_recording:
        return "the same in both sources"
    if math.isnan(margin):
        return "not known"
    if not _is_given(figures, name):
        return f"the {GIVES[name]} has hardly any {'pitch' if name == 'harmony' else 'attacks'}"
    return wanted if margin >= least else other if margin <= -least else neither


def overlay_words(figures: Figures) -> str:
    """Says if two faders would give the same output."""
    return "a sum explains it" if figures.overlay_r2 >= OVERLAY_R2 else "more than a sum"


def gauges_of(figures: Figures) -> list[Gauge]:
    """The six figures in order: correlations, rhythm, harmony, articulation, and R² of a plain sum."""
    copied = figures.verdict in COPYING and not is_as_asked(figures)
    ratio, alike = (
        f"one is {figures.ratio:.{1 if figures.ratio < 10 else 0}f}x the other",
        Tone.ALARM if copied else None,
    )
    return [
        Gauge("output→input", figures.output_input_correlation, 0.0, ratio, alike),
        Gauge("output→target", figures.output_target_correlation, 0.0, ratio, alike),
        *(
            Gauge(
                f"{name} margin",
                margin,
                least,
                margin_words(figures, name),
                Tone.GOOD if is_met(figures, name) else Tone.DOUBTFUL,
            )
            for name, (margin, least) in figures.margins.items()
        ),
        Gauge(
            "overlay R²",
            figures.overlay_r2,
            OVERLAY_R2,
            overlay_words(figures),
            Tone.ALARM if figures.overlay_r2 >= OVERLAY_R2 else None,
            lowest=0.0,
        ),
    ]


def delay_words(figures: Figures) -> str:
    """Says what was shifted before the comparison; empty if nothing was, or if the figures do not know."""
    lags = {role: float(getattr(figures, f"{role}_lag_seconds", 0.0)) for role in ("input", "target")}
    if len(set(lags.values())) == 1:
        lags = {"two sources": lags["input"]}
    parts = [
        f"{abs(lag) * 1000:.0f} ms {'after' if lag > 0 else 'before'} the {role}"
        for role, lag in lags.items()
        if lag
    ]
    return f"the output comes {' and '.join(parts)}; this delay was removed before comparing" if parts else ""


def _missing(figures: Figures) -> list[str]:
    """The margins that a verdict of `Partial` lacks, the one that names it first."""
    shares = {name: margin / least for name, (margin, least) in figures.margins.items()}
    missing = [
        name for name in ("rhythm", "harmony") if not is_met(figures, name) and name not in figures.unmeasured
    ]
    missing.sort(key=lambda name: (_is_given(figures, name), shares[name]))
    return missing or figures.unmeasured


def _is_given(figures: Figures, name: str) -> bool:
    """True if the source that should give a quality has it to give."""
    return not sources_of(figures).is_weak(GIVES[name])


def _is_known(figures: Figures, name: str) -> bool:
    """True if a margin says something of this output."""
    sources = sources_of(figures)
    is_measured = name not in figures.unmeasured
    return is_measured and _is_given(figures, name) and not sources.is_one_recording


def _short_of(figures: Figures, name: str) -> str:
    margin, least = figures.margins[name]
    return f"{name} margin {margin:.2f}, {least:.2f} is needed"


def _waveforms(figures: Figures) -> str:
    """Words for the correlations and R² of a copy, an overlay or something unrelated."""
    ours, theirs, r2 = figures.output_input_correlation, figures.output_target_correlation, figures.overlay_r2
    if not all(map(math.isfinite, (ours, theirs, r2))):
        return "the figures of this output are not finite, so it cannot be judged."
    both = f"correlation with the input {ours:.2f}, with the target {theirs:.2f}"
    if figures.verdict is Verdict.UNRELATED:
        return f"{both}: below {UNRELATED:.2f}, and no sum of the two explains it."
    return f"a sum of the two recordings explains {100 * r2:.0f} % of it ({both})."


def _capital(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]

"""The one wording of a verdict: a ✓ stands for a fusion only, and the cause stands beside everything else."""

import math
from dataclasses import replace
from itertools import product

import pytest

from hocket.diagnostics import Figures, Level, Verdict
from hocket.diagnostics.listening import HeardFigures
from hocket.diagnostics.roles import RoleWeakness, Sources
from hocket.diagnostics.wording import (
    causes,
    margin_words,
    rule_words,
    sentences,
    worded,
)

NO_RHYTHM = RoleWeakness("input", 0.0, "the input has hardly any attacks (0.0 a second).")
NO_HARMONY = RoleWeakness("target", 0.05, "the target has hardly any pitch (tonality 0.05).")
FUSED = HeardFigures(0.5, 0.5, 0.5, 0.9, 0.7, 0.5)
LINES = {
    "✓ Fusion",
    *(f"◐ Partial: {name} too weak" for name in ("rhythm", "harmony")),
    *(f"◐ Partial: {name} not measured" for name in ("rhythm", "harmony", "articulation")),
    *(f"◐ Partial: only the {source} is left" for source in ("input", "target")),
    "◐ Layering",
    "⚠ Overlay",
    "⚠ Copy of the target",
    "⚠ Copy of the input",
    "⚠ Unrelated to both sources",
}
SOURCES = (
    Sources(),
    Sources((NO_RHYTHM,)),
    Sources((NO_HARMONY,)),
    Sources((NO_RHYTHM, NO_HARMONY), swap_helps=True),
    Sources(is_one_recording=True),
    Sources(input_amount=0.3),
    Sources(target_amount=0.3),
    Sources(input_amount=0.0),
    Sources(target_amount=0.0),
)
GRID = [
    HeardFigures(ours, theirs, r2, rhythm, harmony, articulation, sources=sources)
    for ours, theirs, r2, rhythm, harmony, articulation, sources in product(
        (-0.5, 0.0, 0.15, 0.95, math.nan),
        (0.0, 0.5, 0.95),
        (0.0, 0.7, 0.95),
        (0.499, 0.5, math.nan),
        (0.1, 0.4, math.nan),
        (0.299, 0.3, math.nan),
        SOURCES,
    )
]


def test_a_tick_appears_exactly_for_a_fusion() -> None:
    seen = set()
    for figures in GRID:
        verdict, sources = worded(figures), figures.sources
        seen.add(verdict.line)
        are_met = all(margin >= least for margin, least in figures.margins.values())
        is_fusion = (
            are_met
            and figures.verdict not in (Verdict.OVERLAY, Verdict.UNRELATED)
            and (figures.level is not Level.COPY or figures.nearer_source == sources.favoured)
            and not sources.weaknesses
            and not sources.is_one_recording
            and not sources.is_only_one_asked
        )
        assert ("✓" in verdict.line) == is_fusion == (verdict.level is Level.FUSION), figures
        assert not any("✓" in text for text in (rule_words(figures), *causes(figures), *sentences(figures)))
    assert seen == LINES


def test_whatever_is_no_fusion_has_its_cause_beside_it() -> None:
    for figures in GRID:
        assert causes(figures) or worded(figures).line == "✓ Fusion", figures
        assert all(cause.endswith(".") and "nan" not in cause for cause in causes(figures)), figures


def test_without_sources_the_words_follow_the_rung() -> None:
    """Figures from a log: level and machine-readable rung are one."""
    for figures in GRID:
        if figures.sources == Sources():
            plain = Figures(*(getattr(figures, name) for name in Figures.__dataclass_fields__))
            assert worded(plain).level is (
                Level.NONE if figures.verdict is Verdict.UNRELATED else figures.level
            ), figures


@pytest.mark.parametrize(
    ("rhythm", "harmony", "named"),
    [
        (0.4, 0.9, "rhythm"),
        (0.9, 0.3, "harmony"),
        (0.4, 0.3, "harmony"),  # 80 % and 75 % of what is needed
        (0.3, 0.3, "rhythm"),  # 60 % and 75 %
        (-0.1, -0.9, "harmony"),
    ],
)
def test_the_margin_that_is_furthest_off_is_named_and_all_are_given(
    rhythm: float, harmony: float, named: str
) -> None:
    figures = replace(FUSED, rhythm_margin=rhythm, harmony_margin=harmony)
    assert worded(figures).line == f"◐ Partial: {named} too weak"
    (cause,) = causes(figures)
    assert (f"rhythm margin {rhythm:.2f}, 0.50 is needed" in cause) == (rhythm < 0.5)
    assert (f"harmony margin {harmony:.2f}, 0.40 is needed" in cause) == (harmony < 0.4)


def test_a_weak_source_is_the_cause_and_nothing_contradicts_it() -> None:
    """All margins are met here, as where noise is the input: onsets of noise can be followed, but are no rhythm."""
    figures = replace(FUSED, sources=Sources((NO_RHYTHM,)))
    assert figures.level is Level.FUSION
    assert worded(figures).line == "◐ Partial: rhythm too weak"
    assert causes(figures) == [NO_RHYTHM.sentence]
    assert (
        margin_words(figures, "rhythm")
        == margin_words(figures, "articulation")
        == "the input has hardly any attacks"
    )
    assert sentences(figures)[1:] == ["It has the target's harmony."]
    other = replace(FUSED, sources=Sources((NO_HARMONY,)))
    assert worded(other).line == "◐ Partial: harmony too weak"
    assert margin_words(other, "harmony") == "the target has hardly any pitch"
    both = replace(FUSED, sources=Sources((NO_RHYTHM, NO_HARMONY), swap_helps=True))
    assert causes(both)[2].startswith("swap them: ")


def test_one_recording_twice_is_nothing_to_fuse() -> None:
    figures = replace(FUSED, sources=Sources(is_one_recording=True))
    assert worded(figures).line == "⚠ Copy of the input"
    said = "input and target are the same recording: there is nothing to fuse."
    assert causes(figures) == [said] and sentences(figures) == ["I" + said[1:]]
    assert rule_words(figures).startswith("no answer")
    assert {margin_words(figures, name) for name in figures.margins} == {"the same in both sources"}


@pytest.mark.parametrize(
    ("correlations", "amounts", "leans_to"),
    [
        ((0.2, 0.9), (0.3, 1.0), "target"),
        ((0.2, 0.9), (1.0, 4.0), "target"),
        ((0.9, 0.2), (1.0, 0.3), "input"),
        ((0.9, 0.2), (1.3, 0.7), "input"),
    ],
)
def test_a_lean_that_was_asked_for_is_no_alarm(
    correlations: tuple[float, float], amounts: tuple[float, float], leans_to: str
) -> None:
    sources = Sources(input_amount=amounts[0], target_amount=amounts[1])
    figures = HeardFigures(*correlations, 0.85, 0.9, 0.7, 0.5, sources=sources)
    assert figures.level is Level.COPY
    assert worded(figures).line == "✓ Fusion"
    assert causes(figures) == [f"the output leans towards the {leans_to}, as asked."]
    poor = replace(figures, harmony_margin=0.1)
    assert worded(poor).line == "◐ Partial: harmony too weak" and causes(poor)[1] == causes(figures)[0]
    turned = replace(figures, sources=Sources(input_amount=amounts[1], target_amount=amounts[0]))
    assert worded(turned).line == f"⚠ Copy of the {leans_to}"
    assert worded(replace(figures, sources=Sources())).line == f"⚠ Copy of the {leans_to}"


@pytest.mark.parametrize(("amounts", "left"), [((0.0, 1.0), "target"), ((0.5, 0.0), "input")])
def test_an_amount_of_zero_leaves_the_other_as_asked(amounts: tuple[float, float], left: str) -> None:
    sources = Sources(input_amount=amounts[0], target_amount=amounts[1])
    copied = (0.0, 0.9) if left == "target" else (0.9, 0.0)
    figures = HeardFigures(*copied, 0.85, 0.9, 0.7, 0.5, sources=sources)
    assert worded(figures).line == f"◐ Partial: only the {left} is left"
    assert causes(figures) == [f"only the {left} is left, as asked (the amount of the other is 0)."]


def test_the_2x_rule_has_its_own_answer() -> None:
    assert rule_words(FUSED) == "mixes both sources (ratio 1.0x)"
    assert rule_words(Figures(0.1, 0.75, 0.9, 0, 0, 0)) == "⚠ COPYING THE TARGET (ratio 7.5x)"
    assert rule_words(Figures(0.75, 0.1, 0.9, 0, 0, 0)) == "⚠ COPYING THE INPUT (ratio 7.5x)"
    leaning = rule_words(Figures(0.2, 0.6, 0.4, 0.9, 0.7, 0.5))
    assert leaning == "⚠ COPYING THE TARGET (ratio 3.0x), but R² shows no plain copy"
    for ours, theirs in product((0.2, 0.3, 0.41, 0.9), repeat=2):
        alarms = "⚠" in rule_words(Figures(ours, theirs, 0.5, 0, 0, 0))
        assert alarms == (max(ours, theirs) > 2 * min(ours, theirs))

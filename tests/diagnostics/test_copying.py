"""The rules of verdict, ratio and rung, at their boundaries."""

import json
import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hocket.diagnostics import Figures, Level, Verdict, copying_ratio, judge, level_of

KEYS = {
    "output_input_correlation",
    "output_target_correlation",
    "ratio",
    "verdict",
    "rung",
    "rhythm_margin",
    "harmony_margin",
    "articulation_margin",
    "overlay_r2",
}


def verdict(output_input: float, output_target: float, overlay_r2: float = 0.5) -> Verdict:
    return judge(output_input=output_input, output_target=output_target, overlay_r2=overlay_r2)


def figures(
    output_input: float = 0.5, output_target: float = 0.5, r2: float = 0.5, *margins: float
) -> Figures:
    return Figures(output_input, output_target, r2, *(margins or (0.9, 0.9, 0.5)))


@pytest.mark.parametrize(
    ("output_input", "output_target", "r2", "expected"),
    [
        (0.11, 0.86, 0.75, Verdict.COPYING_TARGET),  # the collapse that DESIGN.md tells of
        (0.86, 0.11, 0.75, Verdict.COPYING_INPUT),
        (0.0, 1.0, 1.0, Verdict.COPYING_TARGET),  # a copy has R² 1 too, and is a copy first
        (0.3, 0.6, 0.5, Verdict.MIXING),  # twice is not more than twice
        (0.3, 0.601, 0.5, Verdict.COPYING_TARGET),
        (0.601, 0.3, 0.5, Verdict.COPYING_INPUT),
        (0.71, 0.71, 1.0, Verdict.OVERLAY),
        (0.71, 0.71, 0.9, Verdict.OVERLAY),
        (0.71, 0.71, 0.899, Verdict.MIXING),
        (0.5, 0.5, 0.5, Verdict.MIXING),
        (0.0, 0.0, 0.0, Verdict.UNRELATED),
        (0.09, 0.01, 0.01, Verdict.UNRELATED),
        (0.1, 0.01, 0.01, Verdict.COPYING_INPUT),
        (0.05, 0.05, 0.1, Verdict.MIXING),
    ],
)
def test_the_verdict_follows_the_rules(
    output_input: float, output_target: float, r2: float, expected: Verdict
) -> None:
    assert verdict(output_input, output_target, r2) is expected


@given(first=st.floats(-1.0, 1.0), second=st.floats(-1.0, 1.0), r2=st.floats(0.0, 1.0))
def test_the_verdict_knows_no_polarity_and_no_favourite(first: float, second: float, r2: float) -> None:
    found = verdict(first, second, r2)
    for signs in ((-1, 1), (1, -1), (-1, -1)):
        assert verdict(signs[0] * first, signs[1] * second, r2) is found
    mirrored = {Verdict.COPYING_INPUT: Verdict.COPYING_TARGET, Verdict.COPYING_TARGET: Verdict.COPYING_INPUT}
    assert verdict(second, first, r2) is mirrored.get(found, found)


@given(first=st.floats(-1.0, 1.0), second=st.floats(-1.0, 1.0))
def test_the_ratio_says_what_the_verdict_says(first: float, second: float) -> None:
    assume(max(abs(first), abs(second)) > 1e-6)
    ratio = copying_ratio(output_input=first, output_target=second)
    assert 1.0 <= ratio <= 1000.0
    assert ratio == copying_ratio(output_input=-second, output_target=first)
    if max(abs(first), abs(second)) >= 0.1 and abs(ratio - 2.0) > 1e-9:
        copies = verdict(first, second) in (Verdict.COPYING_INPUT, Verdict.COPYING_TARGET)
        assert copies is (ratio > 2.0)


def test_the_ratio_of_known_correlations() -> None:
    assert copying_ratio(output_input=0.2, output_target=-0.5) == pytest.approx(2.5)
    assert copying_ratio(output_input=0.0, output_target=0.0) == 1.0
    assert copying_ratio(output_input=0.0, output_target=1.0) == 1000.0


def test_the_ratio_is_at_least_one_however_small_the_correlations() -> None:
    assert copying_ratio(output_input=1e-9, output_target=2e-9) >= 1.0


def test_what_is_not_a_number_does_not_mix() -> None:
    nothing = math.nan
    try:
        found = verdict(nothing, nothing, nothing)
    except ValueError:
        return
    assert found is not Verdict.MIXING


@pytest.mark.parametrize(
    ("said", "margins", "expected"),
    [
        (Verdict.COPYING_INPUT, (1.0, 1.0, 1.0), Level.COPY),
        (Verdict.COPYING_TARGET, (1.0, 1.0, 1.0), Level.COPY),
        (Verdict.OVERLAY, (1.0, 1.0, 1.0), Level.OVERLAY),
        (Verdict.MIXING, (0.5, 0.4, 0.3), Level.FUSION),
        (Verdict.MIXING, (0.5, 0.4, 0.299), Level.LAYERING),
        (Verdict.MIXING, (0.499, 0.4, 0.9), Level.NONE),
        (Verdict.MIXING, (0.5, 0.399, 0.9), Level.NONE),
        (Verdict.UNRELATED, (0.9, 0.9, 0.9), Level.FUSION),
        (Verdict.UNRELATED, (0.0, 0.0, 0.0), Level.NONE),
        (Verdict.MIXING, (float("nan"), 0.9, 0.9), Level.NONE),
        (Verdict.MIXING, (0.9, float("nan"), 0.9), Level.NONE),
        (Verdict.MIXING, (0.9, 0.9, float("nan")), Level.NONE),
    ],
)
def test_the_rung_follows_from_verdict_and_margins(
    said: Verdict, margins: tuple[float, float, float], expected: Level
) -> None:
    rhythm, harmony, articulation = margins
    found = level_of(verdict=said, overlay_r2=0.7, rhythm=rhythm, harmony=harmony, articulation=articulation)
    assert found is expected


@pytest.mark.parametrize("said", [Verdict.COPYING_INPUT, Verdict.COPYING_TARGET])
def test_what_is_one_sided_but_not_explained_by_its_sources_is_left_to_the_margins(said: Verdict) -> None:
    margins = {"rhythm": 0.9, "harmony": 0.9, "articulation": 0.5}
    assert level_of(verdict=said, overlay_r2=0.69, **margins) is Level.FUSION
    assert level_of(verdict=said, overlay_r2=0.69, **(margins | {"rhythm": -0.5})) is Level.NONE


def test_figures_are_ready_for_json_under_the_promised_keys() -> None:
    found = json.loads(json.dumps(figures(0.2, 0.7, 0.75, 0.9, 0.8, 0.1).as_dict()))
    assert found.keys() == KEYS
    assert (found["verdict"], found["rung"], found["ratio"]) == ("copying target", "copy", pytest.approx(3.5))
    assert figures().as_dict()["rung"] == "fusion"

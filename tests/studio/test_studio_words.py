"""What is said of a fusion: words, verdict and level agree."""

from dataclasses import replace

import pytest

from hocket.diagnostics import Figures
from hocket.diagnostics.listening import HeardFigures
from hocket.diagnostics.roles import Sources
from hocket.studio.words import figures_json

MARGINS = {"rhythm_margin": 0.6, "harmony_margin": 0.5, "articulation_margin": 0.4}


@pytest.mark.parametrize(
    ("correlations", "r2", "level", "headline", "sentence"),
    [
        ((0.1, 0.95), 0.95, "copy", "⚠ Copy of the target", "A sum of the two recordings explains 95 %"),
        ((0.85, 0.1), 0.75, "copy", "⚠ Copy of the input", "A sum of the two recordings explains 75 %"),
        ((0.1, 0.6), 0.4, "fusion", "✓ Fusion", "The output leans towards the target (ratio 6.0x)."),
        ((0.7, 0.6), 0.95, "overlay", "⚠ Overlay", "A sum of the two recordings explains 95 %"),
        ((0.4, 0.5), 0.5, "fusion", "✓ Fusion", "It has the input's rhythm and the target's harmony."),
    ],
)
def test_headline_and_sentence_say_the_same(
    correlations: tuple[float, float], r2: float, level: str, headline: str, sentence: str
) -> None:
    told = figures_json(Figures(*correlations, r2, **MARGINS))
    assert told["level"] == told["rung"] == level
    assert told["verdict_words"] == headline and told["is_alarm"] == headline.startswith("⚠")
    assert told["sentences"][0].startswith(sentence)


def test_nobody_is_alarmed_by_the_amounts_that_he_asked_for() -> None:
    leaning = HeardFigures(0.2, 0.9, 0.85, **MARGINS)
    assert figures_json(leaning)["is_alarm"]
    told = figures_json(replace(leaning, sources=Sources(input_amount=0.3)))
    assert (told["verdict_words"], told["level"], told["is_alarm"]) == ("✓ Fusion", "fusion", False)
    assert told["sentences"][0] == "The output leans towards the target, as asked."
    assert [told["verdict"], told["rung"]] == ["copying target", "copy"]
    assert all(gauge["good"] is not False for gauge in told["figures"])

"""What is said of a fusion: words, verdict and rung agree."""

import pytest

from hocket.diagnostics import Figures
from hocket.studio.words import figures_told


def _told(*, input: float, target: float, r2: float) -> tuple[str, str, str]:
    figures = Figures(input, target, r2, rhythm_margin=0.6, harmony_margin=0.5, articulation_margin=0.4)
    told = figures_told(figures)
    return told["rung"], told["verdict_words"], told["sentences"][-1]


@pytest.mark.parametrize(
    ("correlations", "r2", "rung", "headline", "sentence"),
    [
        ((0.1, 0.95), 0.95, "copy", "COPYING THE TARGET", "a copy of the target"),
        ((0.85, 0.1), 0.75, "copy", "COPYING THE INPUT", "a copy of the input"),
        (
            (0.1, 0.6),
            0.4,
            "fusion",
            "LEANS TO THE TARGET",
            "more than a sum of the two, but leans to the target",
        ),
        ((0.7, 0.6), 0.95, "overlay", "OVERLAY", "nothing but a sum"),
        ((0.4, 0.5), 0.5, "fusion", "mixes both", "more than a sum of the two."),
    ],
)
def test_headline_and_sentence_say_the_same(
    correlations: tuple[float, float], r2: float, rung: str, headline: str, sentence: str
) -> None:
    told = _told(input=correlations[0], target=correlations[1], r2=r2)
    assert told[0] == rung and headline in told[1] and sentence in told[2]

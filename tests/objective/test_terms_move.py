"""Each term, trained alone for a few steps, moves what it is named after."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import torch
from toy_fusion import fuse, head_of, look, make_model, only, train

from hocket.diagnostics import Figures, Level, MaskFigures, Verdict
from hocket.objective import TERMS
from hocket.objective.composite import ADVERSARIAL_TERMS
from hocket.objective.terms import foreign_notes, missing_notes
from hocket.objective.texture import grain, timbre
from hocket.signal import chroma_similarity, pearson
from hocket.signal.scene import Scene

Look = tuple[Figures, MaskFigures, Scene]


@dataclass(frozen=True)
class Case:
    """Where training starts, and what it moves: `figure` from at most `before` to at least `after`."""

    figure: Callable[[Look], float]
    before: float
    after: float
    start: dict[str, float] = field(default_factory=dict)
    learning_rate: float = 0.02
    num_steps: int = 15
    others: dict[str, float] = field(default_factory=dict)


def _imbalance(figures: Figures) -> float:
    correlations = (figures.output_input_correlation, figures.output_target_correlation)
    return sum(abs(correlation - 0.5) for correlation in correlations)


def _onset_correlation(scene: Scene) -> float:
    return float(pearson(output=scene.output.onsets, reference=scene.target.onsets).mean())


def _chroma_cosine(scene: Scene, reference: torch.Tensor) -> float:
    found = chroma_similarity(output=scene.output.chroma, reference=reference, sample_rate=scene.sample_rate)
    return float(found.mean())


LIKE_TARGET, LIKE_INPUT = {"share": -3.0}, {"share": 3.0}
CASES = {
    "reconstruction_input": Case(lambda look: look[0].output_input_correlation, 0.75, 0.95),
    "reconstruction_target": Case(lambda look: look[0].output_target_correlation, 0.75, 0.95),
    "balance": Case(
        lambda look: -abs(look[1].input_mask_mean - 0.5) - abs(look[1].target_mask_mean - 0.5),
        before=-0.7,
        after=-0.15,
        start={"share": 2.0},
        learning_rate=1e-3,
        num_steps=20,
    ),
    "output_balance": Case(lambda look: -_imbalance(look[0]), -0.8, -0.5, LIKE_INPUT),
    "complementarity": Case(lambda look: look[1].complementarity, 0.751, 0.9),
    "coverage": Case(lambda look: -abs(look[1].coverage - 1.0), -0.7, -0.2, {"gains": 2.0}),
    "temporal_diversity": Case(lambda look: look[1].mask_variance, 0.02, 0.04, {"stirred": 0.02}),
    "novelty": Case(
        lambda look: -max(look[0].output_input_correlation, look[0].output_target_correlation),
        before=-0.7,
        after=-0.45,
        others={"novelty_limit": 0.3},
    ),
    "rhythm": Case(lambda look: look[0].rhythm_margin, 0.4, 0.85, LIKE_TARGET),
    "rhythm_leak": Case(lambda look: -_onset_correlation(look[2]), -0.25, -0.15, LIKE_TARGET),
    "harmony": Case(lambda look: look[0].harmony_margin, -0.5, 0.8, LIKE_INPUT),
    "harmony_leak": Case(lambda look: -_chroma_cosine(look[2], look[2].input.chroma), -0.8, -0.3, LIKE_INPUT),
    "missing_notes": Case(lambda look: -float(missing_notes(look[2]).mean()), -0.3, -0.1, LIKE_INPUT),
    "foreign_notes": Case(lambda look: -float(foreign_notes(look[2]).mean()), -0.3, -0.1, LIKE_INPUT),
    "articulation": Case(lambda look: look[0].articulation_margin, -0.9, 0.6),
    "timbre": Case(lambda look: -float(timbre(look[2])), -2.0, -1.5),
    "grain": Case(lambda look: -float(grain(look[2]).mean()), -0.6, -0.35, {"stirred": 1.4}),
}


def test_every_term_has_a_case() -> None:
    assert CASES.keys() == TERMS.keys() - set(ADVERSARIAL_TERMS)


@pytest.mark.parametrize("term", CASES)
def test_a_term_alone_moves_what_it_names(term: str) -> None:
    case = CASES[term]
    model = make_model(share=case.start.get("share", 0.0), gains=case.start.get("gains", 0.0))
    if stirred := case.start.get("stirred"):
        torch.nn.init.normal_(head_of(model).weight, std=stirred)
    before = case.figure(look(model))
    losses = train(
        model, only(term, **case.others), num_steps=case.num_steps, learning_rate=case.learning_rate
    )
    after = case.figure(look(model))
    assert before <= case.before and after >= case.after, (before, after)
    assert losses[-1] < 0.6 * losses[0]


def test_before_training_there_is_an_overlay_and_the_diagnosis_says_so() -> None:
    figures, masks, _ = look(make_model(num_stages=2))
    assert figures.verdict is Verdict.OVERLAY and figures.level is Level.OVERLAY
    for correlation in (figures.output_input_correlation, figures.output_target_correlation):
        assert correlation == pytest.approx(0.71, abs=0.03)
    assert (masks.input_mask_mean, masks.target_mask_mean) == (0.5, 0.5)
    assert masks.complementarity == pytest.approx(0.75, abs=1e-4)


def test_the_old_configuration_collapses_and_the_balance_loss_does_not_see_it() -> None:
    # DESIGN.md, section 2: reconstruct the target, keep the masks balanced, and nothing of the input is left.
    model = make_model()
    objective = only(
        "reconstruction_target", balance_weight=5.0, complementarity_weight=1.0, mask_reg_weight=1.0
    )
    train(model, objective, num_steps=30, learning_rate=8e-3)
    figures, masks, _ = look(model)
    assert figures.verdict is Verdict.COPYING_TARGET
    assert figures.output_target_correlation > 0.8 > 0.4 > figures.output_input_correlation
    assert abs(masks.input_mask_mean - 0.5) < 0.1 and abs(masks.target_mask_mean - 0.5) < 0.1


def test_standing_masks_have_no_gradient_to_move() -> None:
    # A standard deviation is flat at its minimum: the term needs others to begin with.
    model = make_model()
    only("temporal_diversity")(*fuse(model)).total.backward()
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    assert max(float(gradient.abs().max()) for gradient in gradients) == pytest.approx(0.0, abs=1e-6)

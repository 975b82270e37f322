"""The weighted sum: names, weights, and what becomes of a term that is off, unknown or missing."""

from dataclasses import fields, replace

import pytest
import torch
from toy_fusion import fuse, head_of, make_model, only

from hocket.errors import ConfigError
from hocket.model import FusionResult
from hocket.objective import TERMS, Objective, ObjectiveConfig
from hocket.objective.composite import ADVERSARIAL_TERMS
from hocket.signal.scene import Scene

TERM_WEIGHTS = {name: term.weight for name, term in TERMS.items()}
MASK_TERMS = ("complementarity", "coverage", "temporal_diversity")
ALL_ON = dict.fromkeys(TERM_WEIGHTS.values(), 0.5)
NOT_A_WEIGHT = {
    "output_balance_aim",
    "output_balance_target_aim",
    "novelty_limit",
    "overlap_limit",
    "mask_reg_weight",
}


@pytest.fixture(scope="module")
def fused() -> tuple[FusionResult, Scene]:
    """The fusion of an undecided model."""
    return fuse(make_model())


def test_every_weight_has_its_term_and_every_term_its_weight() -> None:
    weights = {member.name for member in fields(ObjectiveConfig)} - NOT_A_WEIGHT
    assert weights == set(TERM_WEIGHTS.values()) and len(weights) == len(TERM_WEIGHTS)


def test_the_total_is_the_weighted_sum_of_the_named_terms(fused: tuple[FusionResult, Scene]) -> None:
    weights = {name: 0.1 * (index + 1) for index, name in enumerate(TERM_WEIGHTS.values())}
    objective = Objective(ObjectiveConfig(**weights, mask_reg_weight=3.0))
    losses = objective(*fused, {"adversarial": torch.tensor(0.25), "feature_matching": torch.tensor(2.0)})
    assert losses.terms.keys() == TERM_WEIGHTS.keys()
    expected = sum(
        weights[field] * (3.0 if term in MASK_TERMS else 1.0) * float(losses.terms[term].detach())
        for term, field in TERM_WEIGHTS.items()
    )
    assert losses.total.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("term", sorted(TERM_WEIGHTS.keys() - set(ADVERSARIAL_TERMS)))
def test_a_term_of_weight_zero_is_not_computed(fused: tuple[FusionResult, Scene], term: str) -> None:
    config = replace(ObjectiveConfig(**ALL_ON), **{TERM_WEIGHTS[term]: 0.0})
    terms = Objective(config)(*fused).terms
    assert terms.keys() == TERM_WEIGHTS.keys() - {term} - set(ADVERSARIAL_TERMS)
    assert Objective(ObjectiveConfig(**ALL_ON))(*fused).terms.keys() == terms.keys() | {term}


def test_switching_mask_regularisation_off_leaves_its_terms_out(fused: tuple[FusionResult, Scene]) -> None:
    terms = Objective(ObjectiveConfig(**ALL_ON, mask_reg_weight=0.0))(*fused).terms
    assert not set(MASK_TERMS) & terms.keys() and "balance" in terms


def test_one_term_alone_is_the_same_as_among_others(fused: tuple[FusionResult, Scene]) -> None:
    together = Objective(ObjectiveConfig(**ALL_ON))(*fused).terms
    for term in together:
        alone = only(term)(*fused)
        assert alone.terms.keys() == {term}
        assert alone.total.item() == alone.terms[term].item() == together[term].item()


@pytest.mark.parametrize("name", ["adversarail", "rhythm", ""])
def test_an_unknown_adversarial_term_is_an_error(fused: tuple[FusionResult, Scene], name: str) -> None:
    with pytest.raises(KeyError, match="not an adversarial term"):
        only("adversarial")(*fused, {name: torch.tensor(1.0)})


def test_an_adversarial_term_that_was_not_produced_is_an_error(fused: tuple[FusionResult, Scene]) -> None:
    objective = Objective(ObjectiveConfig(adversarial_weight=1.0, feature_matching_weight=1.0))
    with pytest.raises(KeyError, match="feature_matching"):
        objective(*fused, {"adversarial": torch.tensor(1.0)})


def test_an_adversarial_term_of_weight_zero_does_not_count(fused: tuple[FusionResult, Scene]) -> None:
    handed_in = {"adversarial": torch.tensor(1.0), "feature_matching": torch.tensor(float("nan"))}
    total = Objective(ObjectiveConfig(adversarial_weight=1.0, feature_matching_weight=0.0))(
        *fused, handed_in
    ).total
    assert bool(torch.isfinite(total))


def test_an_adversary_alone_can_be_waited_for(fused: tuple[FusionResult, Scene]) -> None:
    # Until the adversary starts, nothing else may be asked for; such a step should change nothing, not fail.
    assert only("adversarial")(*fused).total.requires_grad


@pytest.mark.parametrize("name", [member.name for member in fields(ObjectiveConfig)])
@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf")])
def test_a_weight_that_is_negative_or_not_finite_is_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"^{name} is {value}") as caught:
        ObjectiveConfig(**{name: value})
    assert "\n" not in str(caught.value)


def test_a_similarity_above_one_is_no_limit() -> None:
    assert ObjectiveConfig(novelty_limit=1.0).novelty_limit == 1.0
    with pytest.raises(ConfigError, match=r"^novelty_limit is 1\.5"):
        ObjectiveConfig(novelty_limit=1.5)


def test_every_active_term_sends_a_gradient_to_the_model() -> None:
    terms = sorted(TERM_WEIGHTS.keys() - set(ADVERSARIAL_TERMS))
    model = make_model(share=1.0, gains=0.5)
    torch.nn.init.normal_(head_of(model).weight, std=0.05, generator=torch.Generator().manual_seed(1))
    bias = head_of(model).bias
    for term in terms:
        result, scene = fuse(model)
        (gradient,) = torch.autograd.grad(only(term, novelty_limit=0.0)(result, scene).total, bias)
        assert bool(torch.isfinite(gradient).all()) and float(gradient.abs().max()) > 1e-5, term

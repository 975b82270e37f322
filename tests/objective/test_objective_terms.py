"""Each term is 0 where its wish is met, grows with the distance from it, and judges every example by itself."""

import itertools
import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from toy_fusion import make_scene, rendered_pair

from hocket.model import Masks
from hocket.objective import terms
from hocket.objective.terms import reconstruction
from hocket.signal.scene import Scene

SHARES_OF_TARGET = (0.0, 0.2, 0.5, 0.8, 1.0)


def blend(share_of_target: float) -> Scene:
    """The output goes from the input (0) to the target (1); the target's share is the target itself."""
    input, target = (source[:, 0] for source in rendered_pair())
    return make_scene((1 - share_of_target) * input + share_of_target * target, input, target, share=target)


def rising(term: Callable[[Scene], Tensor], shares: tuple[float, ...]) -> list[float]:
    values = [float(term(blend(share)).mean()) for share in shares]
    assert all(low <= high + 1e-6 for low, high in itertools.pairwise(values)), values
    return values


def test_rhythm_is_met_by_the_input_and_missed_more_and_more_towards_the_target() -> None:
    values = rising(terms.rhythm, SHARES_OF_TARGET)
    assert values[0] == pytest.approx(0.0, abs=1e-5) and 0.5 < values[-1] <= 2.0


def test_harmony_is_met_by_the_target_and_missed_more_and_more_towards_the_input() -> None:
    values = rising(terms.harmony, SHARES_OF_TARGET[::-1])
    assert values[0] == pytest.approx(0.0, abs=1e-3) and 0.5 < values[-1] <= 2.0


def test_the_leaks_are_nothing_up_to_the_sources_own_likeness_and_then_grow() -> None:
    rhythm, harmony = (
        rising(terms.rhythm_leak, SHARES_OF_TARGET),
        rising(terms.harmony_leak, SHARES_OF_TARGET[::-1]),
    )
    # The input's own likeness to the target is no leak, nor is the target's to the input.
    assert rhythm[0] == pytest.approx(0.0, abs=0.02) and harmony[0] == pytest.approx(0.0, abs=1e-6)
    assert rhythm[-1] > 0.5 and harmony[-1] > 0.5


def test_a_leak_has_no_gradient_below_its_hinge() -> None:
    time = torch.arange(24_000) / 24_000
    c, e, g, b = (torch.sin(2 * math.pi * pitch_hz * time)[None] for pitch_hz in (130.8, 164.8, 196.0, 246.9))
    # The target shares C with the input; an output of E, G and B shares nothing with it.
    for output, leaks in ((e + g + b, False), (c + 0.2 * e, True)):
        output.requires_grad_()
        leak = terms.harmony_leak(make_scene(output, c, c + e + g))
        leak.sum().backward()
        assert output.grad is not None
        assert (leak.item() > 0) is (float(output.grad.abs().max()) > 0) is leaks


def test_articulation_wants_the_share_struck_by_the_input() -> None:
    input, target = (source[:, 0] for source in rendered_pair())
    samples = torch.arange(input.shape[-1])
    values = []
    for depth in (1.0, 0.7, 0.3, 0.0):
        # Gating the target's chords with the input's envelope strikes them when the input strikes.
        envelope = torch.nn.functional.avg_pool1d(input.abs()[:, None], 481, 1, 240)[:, 0]
        gate = (1 - depth) + depth * envelope / envelope.amax(dim=-1, keepdim=True)
        share = gate * target
        assert share.shape == samples.expand(2, -1).shape
        values.append(float(terms.articulation(make_scene(input + share, input, target, share=share)).mean()))
    assert all(low < high for low, high in itertools.pairwise(values)), values
    assert values[-1] - values[0] > 0.8
    own = make_scene(input, input, target, share=input)
    assert float(terms.articulation(own).mean()) == pytest.approx(0.0, abs=0.02)


def test_output_balance_is_met_inside_its_band_and_linear_outside() -> None:
    generator = torch.Generator().manual_seed(0)
    parts = [torch.randn(1, 60_000, generator=generator) for _ in range(3)]
    # Orthogonal parts of equal energy, so that correlations are the weights over their norm.
    basis, _ = torch.linalg.qr(torch.stack([part[0] - part[0].mean() for part in parts], dim=1))
    input, target, own = (basis[:, index][None] for index in range(3))
    for a, b in ((0.5, 0.5), (0.47, 0.53), (0.7, 0.5), (0.5, 0.2), (-0.5, 0.5), (1.0, 0.0), (0.0, 0.0)):
        rest = math.sqrt(1 - a * a - b * b)
        found = float(terms.output_balance(make_scene(a * input + b * target + rest * own, input, target)))
        expected = sum(max(0.0, abs(value - 0.5) - terms.CORRELATION_TOLERANCE) for value in (a, b))
        assert found == pytest.approx(expected, abs=1e-3), (a, b)
        novelty = float(
            terms.novelty(make_scene(a * input + b * target + rest * own, input, target), limit=0.4)
        )
        assert novelty == pytest.approx(max(0.0, a - 0.4) + max(0.0, b - 0.4), abs=1e-3)


def test_an_overlay_is_not_balanced() -> None:
    assert float(terms.output_balance(blend(0.5)).mean()) > 0.25
    for copy in (0.0, 1.0):
        assert float(terms.output_balance(blend(copy)).mean()) > 0.7


def test_reconstruction_is_nothing_for_the_same_and_grows_with_the_difference() -> None:
    input, target = (source[:, 0] for source in rendered_pair())
    values = [
        float(reconstruction(output=input + level * target, reference=input).mean())
        for level in (0, 0.01, 0.1, 0.5, 2)
    ]
    assert values[0] == pytest.approx(0.0, abs=1e-5)
    assert all(low < high for low, high in itertools.pairwise(values)), values
    silence = reconstruction(output=0 * input, reference=input)
    assert bool((silence > 1.0).all()) and bool(torch.isfinite(silence).all())


def test_reconstruction_has_finite_gradients_at_the_optimum_and_in_silence() -> None:
    input = rendered_pair()[0][:, 0]
    for output in (input.clone(), torch.zeros_like(input)):
        output.requires_grad_()
        reconstruction(output=output, reference=input).sum().backward()
        assert output.grad is not None and bool(torch.isfinite(output.grad).all())


complementarity = partial(terms.complementarity, limit=0.07)


def flat(input: float, target: float) -> Masks:
    return Masks(torch.full((2, 30, 40), input), torch.full((2, 30, 40), target))


@given(input=st.floats(0.0, 2.0), target=st.floats(0.0, 2.0))
def test_flat_masks_have_analytic_values(input: float, target: float) -> None:
    masks = flat(input, target)
    expected = {
        "balance": abs(input - 0.5) + abs(target - 0.5),
        "complementarity": max(0.0, input * target - 0.07) / terms.FLAT_OVERLAP,
        "coverage": (input + target - 1.0) ** 2,
        "temporal_diversity": terms.TEMPORAL_DEVIATION,
    }
    for name, value in expected.items():
        term = getattr(terms, name)
        found = complementarity(masks) if name == "complementarity" else term(masks)
        assert found.tolist() == pytest.approx([value, value], abs=1e-3), name


def test_mask_terms_are_met_by_a_hocket() -> None:
    # One voice sounds where the other rests: turn and turn about in time.
    turns = (torch.arange(40) % 8 < 4).float().expand(2, 30, 40)
    hocket = Masks(turns, 1.0 - turns)
    for term in (
        terms.balance,
        complementarity,
        terms.coverage,
        terms.temporal_diversity,
    ):
        assert term(hocket).tolist() == pytest.approx([0.0, 0.0], abs=1e-6)


def test_complementarity_grows_as_masks_soften_and_diversity_as_they_slow_down() -> None:
    turns = (torch.arange(40) % 8 < 4).float().expand(1, 30, 40)
    soft = [0.5 + (turns - 0.5) * depth for depth in (1.0, 0.8, 0.5, 0.2, 0.0)]
    for term, strict_from in ((complementarity, 1), (terms.temporal_diversity, 2)):
        values = [float(term(Masks(mask, 1.0 - mask))) for mask in soft]
        assert values == sorted(values) and values[0] == 0.0
        tail = values[strict_from:]
        assert all(low < high for low, high in itertools.pairwise(tail)), values


def test_diversity_counts_movement_in_time_and_not_over_frequency() -> None:
    bands = (torch.arange(30) % 2).float()[:, None].expand(1, 30, 40)
    assert float(terms.temporal_diversity(Masks(bands, 1.0 - bands))) == pytest.approx(0.2, abs=1e-3)


def test_balance_is_per_example_so_that_two_wrongs_make_no_right() -> None:
    one_sided = Masks(
        torch.stack([torch.ones(4, 5), torch.zeros(4, 5)]), torch.stack([torch.zeros(4, 5), torch.ones(4, 5)])
    )
    assert terms.balance(one_sided).tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    "term",
    [
        terms.rhythm,
        terms.rhythm_leak,
        terms.harmony,
        terms.harmony_leak,
        terms.articulation,
        terms.output_balance,
        lambda scene: terms.novelty(scene, limit=0.2),
        lambda scene: reconstruction(output=scene.output.waveform, reference=scene.target.waveform),
    ],
)
def test_every_example_is_judged_alone_and_a_loud_one_does_not_decide(
    term: Callable[[Scene], Tensor],
) -> None:
    input, target = (source[:, 0] for source in rendered_pair())
    output = 0.7 * input + 0.3 * target
    gains = torch.tensor([[1.0], [50.0]])
    together = term(make_scene(gains * output, gains * input, gains * target, share=gains * target))
    for index in (0, 1):
        part = slice(index, index + 1)
        alone = term(make_scene(output[part], input[part], target[part], share=target[part]))
        assert together.shape == (2,)
        assert float(together[index]) == pytest.approx(float(alone), rel=0.04, abs=2e-3)

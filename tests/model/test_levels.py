"""Two faders after the masks: the output agrees as much with one source as with the other."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from fusion_samples import make_model, noise, stir
from hocket.codec import SpectralCodec, SpectralConfig
from hocket.errors import ConfigError
from hocket.model import CascadeConfig, ModelConfig
from hocket.model.band_powers import BandPowers
from hocket.model.faders import MAX_LEVEL, balanced_levels
from hocket.model.masks import Masks
from hocket.signal import pearson

CODEC = SpectralCodec(SpectralConfig(place_width=0.0))


def latents(*waveforms: Tensor) -> list[Tensor]:
    return [CODEC.encode(waveform.flatten(0, 1)).unflatten(0, waveform.shape[:2]) for waveform in waveforms]


def places_of(first: Tensor, second: Tensor) -> BandPowers:
    return BandPowers.of(first, second, CODEC.grouping)


def levelled(agreed: Tensor) -> Tensor:
    return balanced_levels(agreed, torch.ones(len(agreed), agreed.shape[-1]))


def constant_masks(like: Tensor, input: float, target: float) -> Masks:
    shape = (like.shape[0], *like.shape[2:])
    return Masks(torch.full(shape, input), torch.full(shape, target))


def test_agreement_is_what_a_source_has_in_common_with_itself_and_not_with_the_other() -> None:
    first, second = latents(noise(seed=1, channels=2), noise(seed=2, channels=2))
    all_of_it = constant_masks(first, 1.0, 1.0)
    agreed = places_of(first, second).agreement(all_of_it)
    for voice, (own, other) in enumerate(((first, second), (second, first))):
        expected = (own.conj() * (own - other)).real.mean(dim=1).sum(dim=-1)
        torch.testing.assert_close(agreed[:, voice], expected, atol=1e-3, rtol=1e-4)
    assert agreed.shape == (1, 2, CODEC.dim)
    assert float(places_of(first, first).agreement(all_of_it).abs().max()) == 0.0


@given(input=st.floats(0.35, 1.0), target=st.floats(0.35, 1.0))
def test_flat_masks_are_levelled_to_equal_correlations(input: float, target: float) -> None:
    """With flat masks the levels have an answer by hand: each the inverse root of its mask's share."""
    first, second = latents(noise(seed=1), noise(seed=2))
    levels = levelled(places_of(first, second).agreement(constant_masks(first, input, target)))[0]
    energies = places_of(first, second).agreement(constant_masks(first, 1.0, 1.0)).sum(dim=2)[0]
    expected = float((target * energies[1] / (input * energies[0])) ** 0.5)
    assert float(levels[0]) == pytest.approx(expected, rel=1e-3)
    assert float(levels[0] * levels[1]) == pytest.approx(1.0, rel=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_a_decided_models_output_agrees_equally_with_both_sources(seed: int) -> None:
    model = stir(make_model(seed=seed), strength=0.1, seed=seed)
    input, target = noise(24_000, seed=1), noise(24_000, seed=2)
    input, target = input / input.square().mean().sqrt(), target / target.square().mean().sqrt()
    result = model(input, target)
    to_input, to_target = (
        float(pearson(output=result.output[0, 0], reference=source[0, 0])) for source in (input, target)
    )
    assert abs(to_input - to_target) < 0.01
    unlevelled = model.decode(
        (result.input_share / result.levels[:, 0] + result.target_share / result.levels[:, 1]),
        input.shape[-1],
    )
    assert float((unlevelled - result.output).abs().max()) > 1e-3


@pytest.mark.parametrize("ratio", [0.5, 0.8, 1.5])
def test_the_levels_aim_at_another_ratio(ratio: float) -> None:
    model = stir(make_model(), strength=0.1)
    model.cascade.config = replace(model.cascade.config, level_ratio=ratio)
    input, target = (source / source.square().mean().sqrt() for source in (noise(seed=1), noise(seed=2)))
    result = model(input, target)
    to_input, to_target = (
        float(pearson(output=result.output[0, 0], reference=source[0, 0])) for source in (input, target)
    )
    assert to_input == pytest.approx(ratio * to_target, abs=0.01)


def test_foreign_tones_of_the_input_alone_are_damped() -> None:
    codec = SpectralConfig(features=("level", "transient", "tonal", "chroma"))
    model = stir(make_model(codec=codec), strength=0.1)
    time = torch.arange(48_000) / model.sample_rate
    input, target = (
        torch.sin(2 * math.pi * hertz * time)[None, None] + 0.01 * noise(48_000) for hertz in (554.37, 440.0)
    )
    masks = []
    for damping in (0.0, 1.0):
        model.cascade.config = replace(model.cascade.config, foreign_damping=damping)
        masks.append(model(input, target).stages[0].group_masks)
    assert torch.equal(masks[0].target, masks[1].target)
    place = round(554.37 / float(model.codec.bin_hz[1]))
    middle = masks[0].input.shape[-1] // 2
    assert float(masks[1].input[0, place, middle]) < 0.1 * float(masks[0].input[0, place, middle])
    assert bool((masks[1].input <= masks[0].input).all())
    assert float(masks[1].input.sum() / masks[0].input.sum()) > 0.9


def test_damping_needs_to_know_what_is_a_tone_and_which_pitch_classes_sound() -> None:
    with pytest.raises(ConfigError, match=r"foreign_damping is 0\.5: add the features tonal and chroma"):
        ModelConfig(SpectralConfig(), cascade=CascadeConfig(foreign_damping=0.5))


def test_sources_that_are_alike_are_not_forced_apart() -> None:
    model = stir(make_model(), strength=0.1)
    equal, leaning = model.cascade.config, replace(model.cascade.config, level_ratio=0.7)
    input = noise(seed=1)
    model.cascade.config = leaning
    assert model(input, input).levels.tolist() == [[1.0, 1.0]]
    for share in (0.001, 0.1):
        levels = []
        for model.cascade.config in (equal, leaning):
            levels.append(float(model(input, input + share * noise(seed=2)).levels[0, 0]))
        assert levels[1] == pytest.approx(levels[0], rel=0.4)


def test_no_fader_moves_further_than_its_end_and_nothing_divides_by_zero() -> None:
    first, second = latents(noise(seed=1), noise(seed=2))
    told = places_of(first, second)
    for masks in (constant_masks(first, 1.0, 0.001), constant_masks(first, 0.0, 1.0)):
        levels = levelled(told.agreement(masks))
        assert float(levels.max()) == pytest.approx(MAX_LEVEL) and float(levels.min()) == pytest.approx(
            1 / MAX_LEVEL
        )
    for masks in (constant_masks(first, 0.0, 0.0),):
        assert levelled(told.agreement(masks)).tolist() == [[1.0, 1.0]]
    same = levelled(places_of(first, first).agreement(constant_masks(first, 0.7, 0.2)))
    assert same.tolist() == [[1.0, 1.0]]


def test_agreement_adds_up_over_parts() -> None:
    first, second = latents(noise(seed=1), noise(seed=2))
    masks = Masks(torch.rand(1, *first.shape[2:]), torch.rand(1, *first.shape[2:]))
    places = places_of(first, second)
    whole = places.agreement(masks)
    num_frames = first.shape[-1]
    parts = [
        places.between(start, stop).agreement(
            Masks(masks.input[..., start:stop], masks.target[..., start:stop])
        )
        for start, stop in ((0, 20), (20, num_frames))
    ]
    torch.testing.assert_close(parts[0] + parts[1], whole, atol=1e-2, rtol=1e-4)


def test_the_levels_have_a_gradient_that_is_finite() -> None:
    model = stir(make_model(), strength=0.5).requires_grad_(True)
    result = model(noise(seed=1), noise(seed=2))
    result.levels.sum().backward()
    assert all(p.grad is None or bool(torch.isfinite(p.grad).all()) for p in model.parameters())
    assert any(p.grad is not None and float(p.grad.abs().max()) > 0 for p in model.parameters())

"""What the sources hold at each place is enough: sums over it equal those over the complex spectra."""

import pytest
import torch
from torch import Tensor

from fusion_samples import make_model, noise, stir
from hocket.codec import SpectralCodec, SpectralConfig
from hocket.model import AgentConfig
from hocket.model.band_powers import BandPowers, banded_linear
from hocket.model.masks import Masks

GROUPED = SpectralCodec(SpectralConfig(place_width=1 / 16))


def latents(channels: int = 1) -> tuple[Tensor, Tensor]:
    first, second = (
        GROUPED.encode(noise(seed=seed, channels=channels).flatten(0, 1)).unflatten(0, (1, channels))
        for seed in (1, 2)
    )
    return first, second


def random_masks(num_frames: int) -> tuple[Masks, Masks]:
    """Masks of places, and the same of all bins."""
    generator = torch.Generator().manual_seed(3)
    shape = (1, num_frames, len(GROUPED.grouping.sizes))
    planes = [torch.rand(shape, generator=generator) for _ in range(2)]
    places = Masks(*(plane.transpose(1, 2) for plane in planes))
    return places, Masks(*(GROUPED.grouping.spread(plane).transpose(1, 2) for plane in planes))


@pytest.mark.parametrize("channels", [1, 2])
def test_the_power_of_a_mix_needs_no_phases(channels: int) -> None:
    first, second = latents(channels)
    of_places, of_bins = random_masks(first.shape[-1])
    grouping = GROUPED.grouping
    gains = torch.rand(1, 2, len(grouping.sizes), generator=torch.Generator().manual_seed(4))
    spread = grouping.spread(gains)[..., None]
    mixed = of_bins.input[:, None] * spread[:, :1] * first + of_bins.target[:, None] * spread[:, 1:] * second
    expected = grouping.means(mixed.abs().square().mean(dim=1).transpose(1, 2))
    heard = BandPowers.of(first, second, grouping).mixed(of_places, gains)
    torch.testing.assert_close(heard, expected, atol=1e-5, rtol=1e-4)


def test_a_tally_says_what_any_levels_make_of_the_mix() -> None:
    first, second = latents()
    of_places, of_bins = random_masks(first.shape[-1])
    tally = BandPowers.of(first, second, GROUPED.grouping).tally(of_places)
    mixed = 0.7 * of_bins.input[:, None] * first + 1.9 * of_bins.target[:, None] * second
    expected = GROUPED.grouping.means(mixed.abs().square().mean(dim=1).sum(dim=-1))
    found = 0.49 * tally.mixed[:, 0] + 3.61 * tally.mixed[:, 1] + 2 * 0.7 * 1.9 * tally.mixed[:, 2]
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_agreement_is_that_of_all_bins() -> None:
    first, second = latents()
    of_places, of_bins = random_masks(first.shape[-1])
    agreed = BandPowers.of(first, second, GROUPED.grouping).agreement(of_places)
    expected = (of_bins.input * (first.conj() * (first - second)).real[:, 0]).sum()
    torch.testing.assert_close(agreed[:, 0].sum(), expected, atol=1e-2, rtol=1e-4)


def test_real_latents_have_powers_too() -> None:
    first, second = (torch.randn(2, 3, GROUPED.dim, 5) for _ in range(2))
    places = BandPowers.of(first, second, GROUPED.grouping)
    torch.testing.assert_close(
        places.cross, GROUPED.grouping.means((first * second).mean(dim=1).transpose(1, 2))
    )


def test_weighing_is_the_sum_it_says_and_so_is_its_gradient() -> None:
    generator = torch.Generator().manual_seed(1)
    bands = torch.rand(3, 7, generator=generator, dtype=torch.float64)
    weights = torch.randn(2, 5, 4 * 3, generator=generator, dtype=torch.float64, requires_grad=True)
    planes = tuple(
        torch.randn(2, 5, 7, generator=generator, dtype=torch.float64, requires_grad=True) for _ in range(3)
    )

    def obvious(weights: Tensor, *planes: Tensor) -> Tensor:
        *slots, bias = (weights.unflatten(-1, (4, 3)) @ bands).unbind(2)
        return bias + sum(slot * plane for slot, plane in zip(slots, planes, strict=True))

    ours, theirs = banded_linear(weights, planes, bands), obvious(weights, *planes)
    torch.testing.assert_close(ours, theirs)
    back = torch.randn(ours.shape, generator=generator, dtype=torch.float64)
    for gradient, expected in zip(
        torch.autograd.grad(ours, (weights, *planes), back),
        torch.autograd.grad(theirs, (weights, *planes), back),
        strict=True,
    ):
        torch.testing.assert_close(gradient, expected)


def test_voices_that_cancel_each_other_have_a_level() -> None:
    """Rounding must not leave a power below nothing: a recording and itself with its polarity turned, and loud."""
    time = torch.arange(24_000) / 24_000
    loud = GROUPED.encode(20.0 * torch.sin(2 * torch.pi * 97.3 * time)[None])[:, None]
    places = BandPowers.of(loud, -loud, GROUPED.grouping)
    of_places, _ = random_masks(loud.shape[-1])
    for masks in (of_places, Masks(of_places.input, of_places.input)):
        power = places.mixed(masks)
        assert float(power.min()) >= 0.0
        assert all(bool(torch.isfinite(plane).all()) for plane in GROUPED.describe(power))


def test_the_gradient_of_a_mixs_power() -> None:
    planes = [torch.rand(1, 4, 3, dtype=torch.float64, requires_grad=True) for _ in range(5)]
    grouping = SpectralCodec(SpectralConfig(place_width=0.0)).grouping

    def power(u: Tensor, v: Tensor, *held: Tensor) -> Tensor:
        masks = Masks(u.transpose(1, 2), v.transpose(1, 2))
        return BandPowers(held[0], held[1], held[2], grouping).mixed(masks)

    assert torch.autograd.gradcheck(power, planes)


def test_masks_are_one_within_a_place_and_differ_between_places() -> None:
    codec = SpectralConfig(place_width=1 / 16)
    model = stir(make_model(agent=AgentConfig(model_dim=16, num_heads=2, num_bands=8), codec=codec))
    mask = model(noise(seed=1), noise(seed=2)).masks.input[0]
    for segment in model.codec.grouping.segments:
        groups = mask[segment.first : segment.last].unflatten(0, (segment.count, segment.width))
        assert float((groups.amax(dim=1) - groups.amin(dim=1)).max()) == 0.0
    assert float(mask[-50:].std(dim=0).mean()) > 0.0

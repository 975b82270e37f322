"""Timbre and grain: recorded music has neither the wrong brightness nor isolated blips."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.linalg import sqrtm
from torch import Tensor
from toy_fusion import RATE_HZ, make_scene, rendered_pair

from hocket.objective.texture import EXCESS_DB, frechet, grain, inner_and_ring, timbre
from hocket.signal.spectrum import istft, stft


def pair() -> tuple[Tensor, Tensor]:
    inputs, targets = rendered_pair()
    return inputs[:, 0], targets[:, 0]


def filtered(waveform: Tensor, keep: Tensor) -> Tensor:
    """A waveform `[b, samples]` under gains that broadcast to `[b, 513, frames]`."""
    spectrum = stft(waveform, fft_size=1024, hop=256)
    return istft(spectrum * keep, fft_size=1024, hop=256, length=waveform.shape[-1])


def holes(waveform: Tensor, share: float) -> Tensor:
    frames = 1 + waveform.shape[-1] // 256
    keep = torch.rand(len(waveform), 513, frames, generator=torch.Generator().manual_seed(0)) < share
    return filtered(waveform, keep.float())


def test_outputs_that_are_the_sources_have_their_timbre() -> None:
    input, target = pair()
    both = torch.cat([input, target])
    assert float(timbre(make_scene(both, both, both))) < 0.01
    assert float(timbre(make_scene(0.01 * both, both, 3.0 * both))) < 0.03, "loudness is not timbre"


@pytest.mark.parametrize("tilt_db", [-12.0, 12.0])
def test_an_output_too_bright_or_too_dull_is_heard(tilt_db: float) -> None:
    input, _ = pair()
    slope = 10 ** (torch.linspace(-tilt_db, tilt_db, 513)[:, None] / 20)
    tilted = timbre(make_scene(filtered(input, slope), input, input))
    half = timbre(make_scene(filtered(input, slope.sqrt()), input, input))
    assert float(tilted) > float(half) > 0.1


def test_an_overlay_is_further_from_its_sources_than_turn_and_turn_about() -> None:
    """Quiet moments of one are filled by the other: the mean of the logarithms rises, and the spread falls."""
    input, target = pair()
    overlay = timbre(make_scene(input + target, input, target))
    turns = (torch.arange(input.shape[-1]) // 3000 % 2 == 0).float()
    hocket = timbre(make_scene(turns * input + (1 - turns) * target, input, target))
    assert float(hocket) < float(overlay)


def test_the_distance_of_gaussians_is_the_formula_by_other_means() -> None:
    generator = torch.Generator().manual_seed(0)
    parts = [torch.randn(5, 9, generator=generator, dtype=torch.float64) for _ in range(2)]
    covariances = [part @ part.T / 9 for part in parts]
    means = [torch.randn(5, generator=generator, dtype=torch.float64) for _ in range(2)]
    root = np.real(sqrtm((covariances[0] @ covariances[1]).numpy()))
    expected = float(
        (means[0] - means[1]).square().sum() + sum(map(torch.trace, covariances))
    ) - 2 * np.trace(root)
    found = frechet((means[0], covariances[0]), (means[1], covariances[1]))
    assert float(found) == pytest.approx(expected, rel=1e-3)
    assert float(frechet((means[0], covariances[0]), (means[0], covariances[0]))) == pytest.approx(
        0.0, abs=1e-2
    )


def test_grain_hears_isolated_places_and_nothing_else() -> None:
    input, target = pair()
    whole, few, many = (
        grain(make_scene(x, input, target)) for x in (target, holes(target, 0.97), holes(target, 0.3))
    )
    assert bool((many > 5 * whole).all()) and bool((many > few).all()) and bool((whole < 0.1).all())
    tone = torch.sin(2 * torch.pi * 440.0 * torch.arange(RATE_HZ) / RATE_HZ)[None]
    noise = torch.randn(1, RATE_HZ, generator=torch.Generator().manual_seed(0))
    for steady in (tone, noise, torch.zeros(1, RATE_HZ)):
        assert float(grain(make_scene(steady, steady, steady))) < 0.05


def test_the_ring_is_what_a_loop_over_its_places_finds() -> None:
    energy = torch.rand(1, 12, 14, generator=torch.Generator().manual_seed(3))
    inner, ring = inner_and_ring(F.pad(energy, (4, 4, 3, 3)))
    for t, f in ((0, 0), (6, 5), (11, 13), (10, 2)):
        places = {
            (dt, df): float(energy[0, t + dt, f + df])
            for df in range(-4, 5)
            for dt in range(-3, 4)
            if 0 <= f + df < 14 and 0 <= t + dt < 12
        }
        within = {place for place in places if abs(place[1]) <= 2 and abs(place[0]) <= 1}
        assert float(inner[0, t, f]) == max(places[place] for place in within)
        assert float(ring[0, t, f]) == max(places[place] for place in places.keys() - within)


def grain_by_pooling(waveform: Tensor) -> Tensor:
    """The definition of the term, of all places at once."""
    level = waveform.square().mean(dim=-1, keepdim=True).sqrt()
    spectrum = torch.stft(
        0.1 * waveform / level,
        1024,
        256,
        window=torch.hann_window(1024),
        pad_mode="constant",
        return_complex=True,
    )
    level = 10.0 * torch.log10(spectrum.real.square() + spectrum.imag.square() + 1e-9)
    padded = F.pad(level, (3, 3, 4, 4), value=float("-inf"))
    windows = padded.unfold(1, 9, 1).unfold(2, 7, 1)
    steps = (torch.arange(-4, 5)[:, None].abs() > 2) | (torch.arange(-3, 4).abs() > 1)
    ring = windows[..., steps].amax(dim=-1)
    peaks = level >= F.max_pool2d(level, (5, 3), 1, (2, 1))
    peaks &= level > level.amax(dim=(1, 2), keepdim=True) - 60.0
    return (F.relu(level - ring - 6.0) * peaks).sum(dim=(1, 2)) / (waveform.shape[-1] / RATE_HZ * 50.0)


def test_grain_and_its_gradient_are_those_of_its_definition() -> None:
    input, target = pair()
    levels = torch.tensor([[1.0], [0.03]])
    for output in (holes(input + target, 0.4), levels * holes(target, 0.9), input):
        found = []
        for term in (lambda x: grain(make_scene(x, input, target)), grain_by_pooling):
            leaf = output.clone().requires_grad_()
            values = term(leaf)
            values.sum().backward()
            assert leaf.grad is not None
            found.append((values.detach(), leaf.grad))
        (ours, our_slope), (theirs, their_slope) = found
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)
        assert float((our_slope - their_slope).norm()) < 1e-3 * float(their_slope.norm())
    assert bool((theirs > 0).all())


def test_the_grain_of_what_is_no_number_is_none() -> None:
    output = torch.cat([pair()[0][:1], torch.full_like(pair()[0][:1], torch.nan)])
    values = grain(make_scene(output, output, output))
    assert bool(torch.isfinite(values[0])) and bool(torch.isnan(values[1]))


def test_one_blip_counts_by_its_excess() -> None:
    """Two blips of one size, far from each other, count twice as much as one."""
    quiet = 1e-3 * torch.randn(1, RATE_HZ, generator=torch.Generator().manual_seed(1))
    blip = torch.hann_window(700) * torch.sin(2 * torch.pi * 3000.0 * torch.arange(700) / RATE_HZ)

    def with_blips(*places: int) -> float:
        waveform = quiet.clone()
        for place in places:
            waveform[0, place : place + 700] += 0.5 * blip
        return float(grain(make_scene(waveform, waveform, waveform)))

    assert EXCESS_DB > 0 and with_blips(6000) > 0.05
    assert with_blips(6000, 15_000) == pytest.approx(2 * with_blips(6000), rel=0.3)


@pytest.mark.parametrize("term", [timbre, grain])
def test_gradients_are_finite_in_music_and_in_silence(term) -> None:  # type: ignore[no-untyped-def]
    input, target = pair()
    for output in (holes(input + target, 0.5), torch.zeros_like(input)):
        output = output.detach().requires_grad_()
        term(make_scene(output, input, target)).sum().backward()
        assert output.grad is not None and bool(torch.isfinite(output.grad).all())

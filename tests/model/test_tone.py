"""One curve after the masks brings a mix to a brightness between its sources'."""

import pytest
import torch
from torch import Tensor

from fusion_samples import make_model, noise, stir
from hocket.codec import SpectralCodec
from hocket.model.agent import band_matrix
from hocket.model.band_powers import BandPowers, Tally
from hocket.model.faders import FLAT_BELOW_HZ, MAX_CHANGE_DB, matched_tone

CODEC = SpectralCodec()
BANDS = band_matrix(CODEC.band_centres(32), CODEC.grouping.centres)
PLACE_HZ = CODEC.grouping.centres * CODEC.bin_hz[1]


def latent(waveform: Tensor, *, treble_db: float = 0.0) -> Tensor:
    """A latent `[1, 1, d, t]` that falls by 6 dB an octave, as music does, with a shelf above 2 kHz."""
    shelf = torch.where(CODEC.bin_hz > 2000.0, 10 ** (treble_db / 20), 1.0)
    return CODEC.encode(waveform[:, 0])[:, None] * (shelf * 100.0 / CODEC.bin_hz.clamp_min(100.0))[:, None]


def tone(mixed: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """The gain of each bin, `[d]`."""
    sources = BandPowers.of(first, second, CODEC.grouping)
    power = BandPowers.of(mixed, mixed, CODEC.grouping).input.sum(dim=1)
    nothing = torch.zeros_like(power)
    tally = Tally(
        torch.zeros(1, 2, power.shape[1]),
        torch.zeros(1, 2, power.shape[1]),
        torch.stack([plane.sum(dim=1) for plane in (sources.input, sources.target, sources.cross)], dim=1),
        torch.stack([power, nothing, nothing], dim=1),
    )
    gains = matched_tone(tally, torch.ones(1, 2), bands=BANDS, sizes=CODEC.grouping.sizes, group_hz=PLACE_HZ)
    return CODEC.grouping.spread(gains)[0]


def db(gain: Tensor) -> Tensor:
    return 20 * torch.log10(gain)


def test_a_mix_like_its_sources_is_left_alone() -> None:
    one = latent(noise(48_000, seed=1))
    torch.testing.assert_close(tone(one, one, one), torch.ones(CODEC.dim), atol=1e-4, rtol=0.0)
    assert float(db(tone(0.1 * one, one, 3.0 * one)).abs().max()) < 0.01, "loudness is not brightness"


@pytest.mark.parametrize("treble_db", [-6.0, 6.0])
def test_treble_beyond_the_sources_is_taken_back(treble_db: float) -> None:
    source, mixed = latent(noise(48_000, seed=1)), latent(noise(48_000, seed=1), treble_db=treble_db)
    changed = mixed * tone(mixed, source, source)[:, None]
    high, low = CODEC.bin_hz > 3000.0, CODEC.bin_hz < 1500.0
    balance = [
        10 * torch.log10(x[:, :, high].abs().square().mean() / x[:, :, low].abs().square().mean())
        for x in (source, changed)
    ]
    assert abs(float(balance[0] - balance[1])) < 1.2


def test_the_wish_lies_half_way_between_the_sources_in_decibels() -> None:
    same = noise(48_000, seed=1)
    bright, dull = latent(same), latent(same, treble_db=-8.0)
    curve = db(tone(bright, bright, dull))
    inside = (CODEC.bin_hz > 3000.0) & (CODEC.bin_hz < 11_000.0)
    assert float((curve[inside] + 4.0).abs().max()) < 0.5


def test_the_curve_is_flat_below_and_never_beyond_its_limit() -> None:
    quiet = latent(noise(48_000, seed=1), treble_db=-60.0)
    curve = tone(latent(noise(48_000, seed=2)), quiet, quiet)
    assert bool((curve[CODEC.bin_hz <= FLAT_BELOW_HZ] == 1.0).all())
    assert float(db(curve).abs().max()) <= MAX_CHANGE_DB + 1e-3
    assert float(db(curve).min()) == pytest.approx(-MAX_CHANGE_DB, abs=0.1)
    silence = torch.zeros_like(quiet)
    assert bool(torch.isfinite(tone(silence, quiet, quiet)).all())


def test_it_has_no_gradient_and_is_in_the_output() -> None:
    model = stir(make_model(), strength=0.5).requires_grad_(True)
    result = model(noise(seed=1), noise(seed=2))
    assert not result.tone.requires_grad and float((result.tone - 1).abs().max()) > 1e-3
    untoned = model.decode(result.refined / result.tone[:, None, :, None], result.output.shape[-1])
    assert float((untoned - result.output).detach().abs().max()) > 1e-4

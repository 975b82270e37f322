"""Masks laid over recordings of any rate: exact where the rate is the model's, transparent where a mask is open."""

from dataclasses import replace

import pytest
import torch
from fusion_samples import RATE_HZ, make_model, noise, stir

from hocket.codec import SpectralConfig
from hocket.errors import ConfigError
from hocket.fusing.onset_gains import onset_envelope, onset_gains
from hocket.model import FusionModel
from hocket.model.arrangement import Arrangement, arrange
from hocket.model.mixing import Controls, Grid, amounts, mix_down
from hocket.model.result import Masks
from hocket.signal import onset_strength
from hocket.signal.rhythm import frames_a_second

RATES = [8000, 11_025, 24_000, 44_100, 48_000, 96_000]


@pytest.fixture(scope="module")
def model() -> FusionModel:
    return stir(make_model(), strength=0.5)


def tone(hertz: float, rate: int, seconds: float = 1.0) -> torch.Tensor:
    return 0.2 * torch.sin(2 * torch.pi * hertz * torch.arange(round(rate * seconds)) / rate)[None, None]


def arrangement_of(
    model: FusionModel, seconds: float, input: torch.Tensor, target: torch.Tensor
) -> Arrangement:
    """Masks `[d]` that stand still."""
    frames = 1 + round(seconds * RATE_HZ) // model.codec.hop
    both = (mask[None, :, None].expand(1, -1, frames).contiguous() for mask in (input, target))
    return Arrangement(Masks(*both), torch.ones(1, 2), torch.ones(1, model.codec.dim))


def test_at_the_models_rate_it_is_the_models_own_output(model: FusionModel) -> None:
    input, target = noise(3 * RATE_HZ, seed=1), noise(3 * RATE_HZ, seed=2)
    mixed = mix_down(
        arrange(model, input, target), input, target, grid=Grid.of(model.codec), codec=model.codec
    )
    torch.testing.assert_close(mixed, model(input, target).output, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("rate", RATES)
def test_an_open_mask_is_transparent_at_any_rate(model: FusionModel, rate: int) -> None:
    open, shut = torch.ones(model.codec.dim), torch.zeros(model.codec.dim)
    arrangement = arrangement_of(model, 1.3, open, shut)
    input = 0.1 * torch.randn(1, 2, round(1.3 * rate), generator=torch.Generator().manual_seed(0))
    mixed = mix_down(
        arrangement, input, input.flip(1), grid=Grid.of(model.codec), codec=model.codec.at_rate(rate)
    )
    assert float((mixed - input).abs().max()) < 1e-6


@pytest.mark.parametrize("rate", [44_100, 96_000])
def test_a_filter_cuts_at_the_same_frequency_at_any_rate(model: FusionModel, rate: int) -> None:
    below = (model.codec.bin_hz < 2000.0).float()
    arrangement = arrangement_of(model, 1.0, below, 1.0 - below)
    kept = mix_down(
        arrangement,
        tone(1500.0, rate),
        tone(700.0, rate),
        grid=Grid.of(model.codec),
        codec=model.codec.at_rate(rate),
    )
    middle = slice(rate // 4, 3 * rate // 4)
    torch.testing.assert_close(kept[..., middle], tone(1500.0, rate)[..., middle], atol=1e-3, rtol=0.0)


def test_what_lies_above_the_models_band_follows_its_upper_octave(model: FusionModel) -> None:
    high = (model.codec.bin_hz > 5000.0).float() * 0.5
    arrangement = arrangement_of(model, 1.0, high, torch.zeros_like(high))
    rate = 44_100
    mixed = mix_down(
        arrangement,
        tone(16_000.0, rate),
        tone(100.0, rate),
        grid=Grid.of(model.codec),
        codec=model.codec.at_rate(rate),
    )
    middle = slice(rate // 4, 3 * rate // 4)
    torch.testing.assert_close(
        mixed[..., middle], 0.5 * tone(16_000.0, rate)[..., middle], atol=1e-3, rtol=0.0
    )


@pytest.mark.parametrize("rate", [24_000, 44_100])
def test_blocks_are_the_whole(model: FusionModel, rate: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = 3.0
    arrangement = arrange(
        model, noise(round(seconds * RATE_HZ), seed=1), noise(round(seconds * RATE_HZ), seed=2)
    )
    sources = [
        0.1 * torch.randn(1, 1, round(seconds * rate), generator=torch.Generator().manual_seed(k))
        for k in (0, 1)
    ]
    grid, codec = Grid.of(model.codec), model.codec.at_rate(rate)
    whole = mix_down(arrangement, *sources, grid=grid, codec=codec)
    monkeypatch.setattr("hocket.model.mixing.BLOCK_SECONDS", 0.37)
    shares: list[float] = []
    blocks = mix_down(arrangement, *sources, grid=grid, codec=codec, on_block=shares.append)
    assert len(shares) == 9 and shares[-1] == 1.0
    assert float((blocks - whole).abs().max()) < 1e-6


def test_channels_share_their_masks_so_the_image_stays(model: FusionModel) -> None:
    """A voice panned hard to one side stays there, and two equal channels stay equal."""
    input, target = noise(RATE_HZ, seed=1, channels=2), noise(RATE_HZ, seed=2)
    input[:, 1] *= 0.25
    input[:, 1] = 0.25 * input[:, 0]
    target = target.expand(-1, 2, -1) * torch.tensor([1.0, 0.0])[:, None]
    arrangement = arrange(model, input, target)
    silent = Arrangement(
        Masks(arrangement.masks.input, 0 * arrangement.masks.target), arrangement.levels, arrangement.tone
    )
    alone = mix_down(silent, input, target, grid=Grid.of(model.codec), codec=model.codec)
    torch.testing.assert_close(alone[:, 1], 0.25 * alone[:, 0], atol=1e-6, rtol=1e-4)
    both = mix_down(arrangement, input, target, grid=Grid.of(model.codec), codec=model.codec)
    torch.testing.assert_close(both[:, 1], 0.25 * alone[:, 0], atol=1e-6, rtol=1e-4)


def test_amounts_turn_the_voices_and_nothing_else(model: FusionModel) -> None:
    input, target = noise(RATE_HZ, seed=1), noise(RATE_HZ, seed=2)
    arrangement, grid = arrange(model, input, target), Grid.of(model.codec)

    def mixed(input_amount: float, target_amount: float) -> torch.Tensor:
        controls = Controls(input_amount, target_amount)
        wanted = replace(arrangement, levels=arrangement.levels * amounts(controls))
        return mix_down(wanted, input, target, grid=grid, codec=model.codec)

    torch.testing.assert_close(
        mixed(2.0, 0.0) / 2 + mixed(0.0, 0.5) * 2, mixed(1.0, 1.0), atol=1e-5, rtol=1e-4
    )


@pytest.mark.parametrize("hop", [256, 512])
def test_reattack_raises_the_target_where_the_input_strikes(hop: int) -> None:
    model = stir(make_model(codec=SpectralConfig(fft_size=4 * hop, hop=hop)), strength=0.5)
    clicks = torch.zeros(1, 1, 2 * RATE_HZ)
    clicks[..., [12_000, 30_000]] = 1.0
    target = noise(2 * RATE_HZ, seed=2)
    arrangement, grid = arrange(model, clicks + 1e-4 * target, target), Grid.of(model.codec)
    strength = onset_strength(clicks[:, 0], sample_rate=RATE_HZ)
    gains = onset_gains(
        onset_envelope(strength, frames_a_second=frames_a_second(RATE_HZ)),
        frames_a_second=frames_a_second(RATE_HZ),
        num_frames=arrangement.num_frames,
        frame_rate=grid.frame_rate,
        emphasis=1.5,
    )
    wanted = replace(arrangement, strikes=gains)
    assert wanted.strikes is not None and wanted.strikes.shape == (1, arrangement.num_frames)
    gain = wanted.strikes[0]

    def between(first_seconds: float, last_seconds: float) -> torch.Tensor:
        return gain[round(first_seconds * grid.frame_rate) : round(last_seconds * grid.frame_rate)]

    for second in (0.5, 1.25):
        assert float(between(second - 0.06, second + 0.03).max()) == pytest.approx(2.5, abs=0.1)
        assert float(between(second + 0.44, second + 0.48).max()) < 1.15
    assert float(between(0.0, 0.4).max()) < 1.01 and float(gain.min()) >= 1.0
    assert wanted.masks is arrangement.masks
    # Only the target's masks are struck.
    alone = Arrangement(wanted.masks, torch.tensor([[0.0, 1.0]]), wanted.tone)
    plain, struck = (
        mix_down(replace(alone, strikes=strikes), target, target, grid=grid, codec=model.codec)
        for strikes in (None, torch.full_like(wanted.strikes, 2.5))
    )
    torch.testing.assert_close(struck, 2.5 * plain, atol=1e-6, rtol=1e-4)
    muted = replace(alone, levels=torch.tensor([[1.0, 0.0]]))
    torch.testing.assert_close(
        mix_down(replace(muted, strikes=wanted.strikes), target, target, grid=grid, codec=model.codec),
        mix_down(muted, target, target, grid=grid, codec=model.codec),
    )


def test_silence_strikes_nothing() -> None:
    strength = onset_strength(torch.zeros(1, RATE_HZ), sample_rate=RATE_HZ)
    assert float(onset_envelope(strength, frames_a_second=frames_a_second(RATE_HZ)).max()) == 0.0


@pytest.mark.parametrize(
    "values",
    [
        {"input_amount": -0.1},
        {"target_amount": 4.1},
        {"reattack": float("nan")},
        {"input_amount": 0, "target_amount": 0},
    ],
)
def test_controls_out_of_range_are_refused_by_name(values: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(values))):
        Controls(**values)

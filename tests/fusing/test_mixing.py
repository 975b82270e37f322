"""Masks laid over recordings of any rate: exact where the rate is the model's, transparent where a mask is open."""

from dataclasses import replace

import pytest
import torch

from fusion_samples import RATE_HZ, decided, make_model, masks_of, mixed, noise, stir, track_of
from hocket.audio.streams import InMemory, Workspace
from hocket.codec import SpectralConfig
from hocket.fusing.ladder import Aligned, decide, mix
from hocket.fusing.masks import MaskTrack
from hocket.fusing.mixing import mix_blocks
from hocket.fusing.sources import Sources
from hocket.model import FusionModel
from hocket.model.masks import Masks
from hocket.options import FuseOptions

RATES = [8000, 11_025, 24_000, 44_100, 48_000, 96_000]


@pytest.fixture(scope="module")
def model() -> FusionModel:
    return stir(make_model(), strength=0.5)


def tone(hertz: float, rate: int, seconds: float = 1.0) -> torch.Tensor:
    return 0.2 * torch.sin(2 * torch.pi * hertz * torch.arange(round(rate * seconds)) / rate)[None, None]


def still(model: FusionModel, seconds: float, input: torch.Tensor, target: torch.Tensor) -> MaskTrack:
    """Masks `[d]` that stand still."""
    frames = 1 + round(seconds * RATE_HZ) // model.codec.hop
    both = (mask[None, :, None].expand(1, -1, frames).contiguous() for mask in (input, target))
    return track_of(Masks(*both), model.codec)


def test_at_the_models_rate_it_is_the_models_own_output(model: FusionModel) -> None:
    input, target = noise(3 * RATE_HZ, seed=1), noise(3 * RATE_HZ, seed=2)
    found = mixed(decided(model, input, target), input, target, codec=model.codec)
    torch.testing.assert_close(found, model(input, target).output, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("rate", RATES)
def test_an_open_mask_is_transparent_at_any_rate(model: FusionModel, rate: int) -> None:
    open, shut = torch.ones(model.codec.dim), torch.zeros(model.codec.dim)
    track = still(model, 1.3, open, shut)
    input = 0.1 * torch.randn(1, 2, round(1.3 * rate), generator=torch.Generator().manual_seed(0))
    found = mixed(track, input, input.flip(1), codec=model.codec.at_rate(rate))
    assert float((found - input).abs().max()) < 1e-6


@pytest.mark.parametrize("rate", [44_100, 96_000])
def test_a_filter_cuts_at_the_same_frequency_at_any_rate(model: FusionModel, rate: int) -> None:
    below = (model.codec.bin_hz < 2000.0).float()
    track = still(model, 1.0, below, 1.0 - below)
    kept = mixed(track, tone(1500.0, rate), tone(700.0, rate), codec=model.codec.at_rate(rate))
    middle = slice(rate // 4, 3 * rate // 4)
    torch.testing.assert_close(kept[..., middle], tone(1500.0, rate)[..., middle], atol=1e-3, rtol=0.0)


def test_what_lies_above_the_models_band_follows_its_upper_octave(model: FusionModel) -> None:
    high = (model.codec.bin_hz > 5000.0).float() * 0.5
    track = still(model, 1.0, high, torch.zeros_like(high))
    rate = 44_100
    found = mixed(track, tone(16_000.0, rate), tone(100.0, rate), codec=model.codec.at_rate(rate))
    middle = slice(rate // 4, 3 * rate // 4)
    torch.testing.assert_close(
        found[..., middle], 0.5 * tone(16_000.0, rate)[..., middle], atol=1e-3, rtol=0.0
    )


@pytest.mark.parametrize("rate", [24_000, 44_100])
def test_blocks_are_the_whole(model: FusionModel, rate: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = 3.0
    track = decided(model, noise(round(seconds * RATE_HZ), seed=1), noise(round(seconds * RATE_HZ), seed=2))
    sources = [
        0.1 * torch.randn(1, 1, round(seconds * rate), generator=torch.Generator().manual_seed(k))
        for k in (0, 1)
    ]
    codec = model.codec.at_rate(rate)
    whole = mixed(track, *sources, codec=codec)
    monkeypatch.setattr("hocket.fusing.mixing.BLOCK_SECONDS", 0.37)
    blocks = [
        block
        for _, block in mix_blocks(
            track,
            lambda first, last: (sources[0][..., first:last], sources[1][..., first:last]),
            sources[0].shape[-1],
            codec=codec,
        )
    ]
    assert len(blocks) == 9
    assert float((torch.cat(blocks, dim=-1) - whole).abs().max()) < 1e-6


def test_channels_share_their_masks_so_the_image_stays(model: FusionModel) -> None:
    """A voice panned hard to one side stays there, and two equal channels stay equal."""
    input, target = noise(RATE_HZ, seed=1, channels=2), noise(RATE_HZ, seed=2)
    input[:, 1] *= 0.25
    input[:, 1] = 0.25 * input[:, 0]
    target = target.expand(-1, 2, -1) * torch.tensor([1.0, 0.0])[:, None]
    track = decided(model, input, target)
    masks = masks_of(track)
    silent = track_of(Masks(masks.input, 0 * masks.target), model.codec, levels=track.levels, tone=track.tone)
    alone = mixed(silent, input, target, codec=model.codec)
    torch.testing.assert_close(alone[:, 1], 0.25 * alone[:, 0], atol=1e-6, rtol=1e-4)
    both = mixed(track, input, target, codec=model.codec)
    torch.testing.assert_close(both[:, 1], 0.25 * alone[:, 0], atol=1e-6, rtol=1e-4)


def fused(model: FusionModel, input: torch.Tensor, target: torch.Tensor, **wanted: float) -> torch.Tensor:
    """What the two rungs in the middle of the ladder make of waveforms `[c, samples]` at the model's rate."""
    options, workspace = FuseOptions(**wanted), Workspace()
    pair = Aligned.of(Sources(*(InMemory(x.numpy(), RATE_HZ) for x in (input, target)), ("a", "b")))
    track = decide(model, pair, options, workspace)
    return torch.from_numpy(mix(model, pair, track, options, workspace).samples)


def test_amounts_turn_the_voices_and_nothing_else(model: FusionModel) -> None:
    input, target = noise(RATE_HZ, seed=1)[0], noise(RATE_HZ, seed=2)[0]

    def heard(input_amount: float, target_amount: float) -> torch.Tensor:
        return fused(model, input, target, input_amount=input_amount, target_amount=target_amount)

    torch.testing.assert_close(
        heard(2.0, 0.0) / 2 + heard(0.0, 0.5) * 2, heard(1.0, 1.0), atol=1e-5, rtol=1e-4
    )


@pytest.mark.parametrize("hop", [256, 512])
def test_reattack_strikes_the_target_and_nothing_else(hop: int) -> None:
    model = stir(make_model(codec=SpectralConfig(fft_size=4 * hop, hop=hop)), strength=0.5)
    clicks = torch.zeros(1, 2 * RATE_HZ)
    clicks[..., [12_000, 30_000]] = 1.0
    target = noise(2 * RATE_HZ, seed=2)
    pair = Aligned.of(
        Sources(InMemory(clicks.numpy(), RATE_HZ), InMemory(target[0].numpy(), RATE_HZ), ("clicks", "noise"))
    )
    plain, wanted = (
        decide(model, pair, FuseOptions(reattack=reattack), Workspace()) for reattack in (0.0, 1.5)
    )
    assert plain.strikes is None and wanted.strikes is not None
    assert torch.equal(masks_of(wanted).target, masks_of(plain).target)

    def heard(track: MaskTrack, levels: tuple[float, float]) -> torch.Tensor:
        alone = replace(track, levels=torch.tensor([levels]))
        return mixed(alone, target, target, codec=model.codec, most_at_once=20_000)

    gain = wanted.strikes.between(0, 2 * RATE_HZ, RATE_HZ)
    torch.testing.assert_close(
        heard(wanted, (0.0, 1.0)), heard(plain, (0.0, 1.0)) * gain, atol=1e-6, rtol=1e-4
    )
    torch.testing.assert_close(heard(wanted, (1.0, 0.0)), heard(plain, (1.0, 0.0)), atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize(
    ("blend", "amounts", "strike"),
    [(0.0, (0.0, 1.0), 1.0), (0.25, (0.5, 1.0), 0.75), (0.5, (1.0, 1.0), 0.5), (1.0, (2.0, 0.5), 0.0)],
)
def test_a_blend_turns_from_the_targets_notes_to_the_inputs_sound(
    model: FusionModel, blend: float, amounts: tuple[float, float], strike: float
) -> None:
    options = FuseOptions(blend=blend)
    assert (options.amounts, options.strike(0.5)) == (amounts, strike)
    input, target = noise(RATE_HZ, seed=1)[0], noise(RATE_HZ, seed=2)[0]
    by_hand = fused(model, input, target, input_amount=amounts[0], target_amount=amounts[1])
    torch.testing.assert_close(fused(model, input, target, blend=blend), by_hand)


def test_what_a_model_has_of_its_own_is_added_to_the_dial() -> None:
    model = make_model()
    sources = Sources(*(InMemory(noise(seed=k)[0].numpy(), RATE_HZ) for k in (1, 2)), ("input", "target"))
    amounts = []
    for own, dial in ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0)):
        model.cascade.config = replace(model.cascade.config, reattack=own)
        strikes = decide(model, Aligned.of(sources), FuseOptions(reattack=dial), Workspace()).strikes
        amounts.append(strikes and strikes.amount)
    assert amounts == [None, 0.5, 1.5]

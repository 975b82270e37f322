"""Long recordings are listened to in chunks; the masks of all chunks make one track."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fusion_samples import (
    RATE_HZ,
    agents_of,
    decided,
    make_model,
    masks_of,
    mixed,
    noise,
    set_gains,
    stir,
)
from hocket.codec import SpectralConfig
from hocket.fusing.masks import FADE_SECONDS, MaskTrack, chunks_of
from hocket.model import AgentConfig, FusionModel


@given(
    num_frames=st.integers(1, 6000),
    seconds=st.floats(0.1, 60.0),
    stride=st.integers(1, 5),
    reach=st.sampled_from([0, 5, 40]),
)
def test_chunks_count_every_frame_once_and_fade_where_both_hear_enough(
    num_frames: int, seconds: float, stride: int, reach: int
) -> None:
    model = make_model(
        agent=AgentConfig(
            model_dim=8, num_heads=1, num_bands=4, attention_stride=stride, attention_reach=reach
        )
    )
    chunks = chunks_of(num_frames, cascade=model.cascade, codec=model.codec, chunk_seconds=seconds)
    margin = model.cascade.reach or 0
    assert (margin > 0) == (reach > 0)
    assert chunks[0].first == chunks[0].settled[0] == 0
    assert chunks[-1].last == chunks[-1].first + chunks[-1].settled[1] == num_frames
    for chunk, following in pairwise(chunks):
        assert following.first > chunk.first and (margin == 0 or following.first % stride == 0)
        assert chunk.first + chunk.settled[1] == following.first + following.settled[0]
        assert chunk.fades[1] == following.fades[0]
        begin, end = chunk.fades[1]
        assert following.first + margin <= begin < end <= chunk.last - margin
        assert chunk.fades[0][1] <= begin


def test_a_model_of_finite_reach_hears_in_chunks_what_it_hears_in_the_whole() -> None:
    model = stir(
        make_model(
            agent=AgentConfig(model_dim=16, num_heads=2, num_bands=8, attention_reach=20),
            codec=SpectralConfig(
                fft_size=1024, hop=256, features=("level", "transient", "tonal", "held", "chroma")
            ),
        ),
        strength=0.5,
    )
    model.cascade.config = replace(model.cascade.config, foreign_damping=1.0)
    sources = [noise(31 * RATE_HZ, seed=seed) for seed in (1, 2)]
    whole, chunked = (decided(model, *sources, chunk_seconds=seconds) for seconds in (1e3, 6.0))
    outputs = [mixed(track, *sources, codec=model.codec) for track in (whole, chunked)]
    difference = (outputs[0] - outputs[1]).square().mean() / outputs[0].square().mean()
    assert 10 * float(torch.log10(difference)) < -80
    torch.testing.assert_close(chunked.tone, whole.tone, atol=1e-4, rtol=0.0)
    torch.testing.assert_close(chunked.levels, whole.levels, atol=1e-4, rtol=0.0)


def test_no_frame_hears_further_than_the_reach() -> None:
    model = stir(make_model(agent=AgentConfig(model_dim=16, num_heads=2, num_bands=8, attention_reach=20)))
    reach, middle = model.cascade.reach, 400
    assert reach is not None and reach < 200
    sources = [noise(800 * model.codec.hop, seed=seed) for seed in (1, 2)]
    changed = sources[1].clone()
    changed[..., middle * model.codec.hop] += 1.0
    masks = [masks_of(decided(model, sources[0], target)).input for target in (sources[1], changed)]
    moved = (masks[0] - masks[1]).abs().amax(dim=(0, 1)).gt(1e-6).nonzero().flatten()
    assert (
        middle - reach <= int(moved.min()) < middle - 20 and middle + 20 < int(moved.max()) <= middle + reach
    )


def _both(model: FusionModel, num_samples: int) -> tuple[MaskTrack, MaskTrack]:
    input, target = noise(num_samples, seed=1, channels=2), noise(num_samples, seed=2, channels=2)
    return tuple(decided(model, input, target, chunk_seconds=seconds) for seconds in (1e3, 4.0))  # type: ignore[return-value]


@pytest.mark.parametrize("num_samples", [4 * RATE_HZ + 1, 6 * RATE_HZ, 9 * RATE_HZ + 777])
def test_masks_that_stand_still_are_the_same_in_chunks(num_samples: int) -> None:
    model = make_model(num_stages=1)
    # Masks that differ from band to band, but do not depend on what is heard.
    with torch.no_grad():
        bias = agents_of(model)[0].head.bias
        bias.copy_(torch.linspace(-2.0, 2.0, len(bias)))
        bias[: -3 * model.config.agent.num_bands] = 0.0
    whole, chunked = _both(model, num_samples)
    expected, found = masks_of(whole), masks_of(chunked)
    assert float(expected.input.std()) > 0.05
    torch.testing.assert_close(found.input, expected.input, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found.target, expected.target, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(chunked.levels, whole.levels, atol=2e-3, rtol=0.0)


def test_a_decided_models_levels_are_those_of_the_whole_recording() -> None:
    whole, chunked = _both(stir(make_model(), strength=0.2), 10 * RATE_HZ)
    assert abs(float(whole.levels[0, 0]) - 1.0) > 0.01
    torch.testing.assert_close(chunked.levels, whole.levels, atol=5e-3, rtol=0.0)
    assert float((whole.tone - 1).abs().max()) > 0.001
    torch.testing.assert_close(chunked.tone, whole.tone, atol=0.02, rtol=0.0)


def test_a_voice_that_is_muted_stays_so_across_seams() -> None:
    model = make_model(num_stages=1)
    set_gains(model, input=-1e4, target=0.0)
    masks = masks_of(
        decided(model, noise(7 * RATE_HZ, seed=1), noise(7 * RATE_HZ, seed=2), chunk_seconds=4.0)
    )
    assert float(masks.input.abs().max()) == 0.0
    torch.testing.assert_close(masks.target, torch.full_like(masks.target, 0.5))


def test_each_chunk_is_reported_with_the_share_that_is_done() -> None:
    model, shares, lengths = make_model(), [], []
    model.register_forward_pre_hook(lambda _, sources: lengths.append(sources[0].shape[-1]))
    num_samples = 9 * RATE_HZ
    decided(model, noise(num_samples), noise(num_samples), chunk_seconds=4.0, on_progress=shares.append)
    hop = model.codec.hop
    fade = round(FADE_SECONDS * RATE_HZ / hop) * hop
    assert len(lengths) == len(shares) > 1 and max(lengths) <= 2 * fade + hop
    assert shares == sorted(shares) and shares[-1] == 1.0 and all(0 < share <= 1 for share in shares)
    shares.clear()
    decided(model, noise(), noise(), on_progress=shares.append)
    assert shares == [1.0]


def test_a_very_long_recording_keeps_its_masks_in_half_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hocket.fusing.masks.HALF_PRECISION_SECONDS", 5.0)
    model = stir(make_model(), strength=0.5)
    input, target = noise(6 * RATE_HZ, seed=1), noise(6 * RATE_HZ, seed=2)
    small = decided(model, input, target, chunk_seconds=4.0)
    monkeypatch.undo()
    full = decided(model, input, target, chunk_seconds=4.0)
    assert [track.store.read(0, 9).dtype for track in (small, full)] == ["float16", "float32"]
    torch.testing.assert_close(masks_of(small).input, masks_of(full).input, atol=2e-3, rtol=0.0)

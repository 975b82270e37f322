"""Long recordings are listened to in chunks; the masks of all chunks make one track."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fusion_samples import RATE_HZ, agents_of, decided, make_model, masks_of, noise, set_gains, stir
from hocket.fusing.masks import OVERLAP_SECONDS, MaskTrack, _chunks
from hocket.model import FusionModel


@given(data=st.data(), hop=st.sampled_from([1, 3, 8]), fading=st.integers(1, 60))
def test_chunks_cover_every_frame_with_weights_that_add_up_to_one(
    data: st.DataObject, hop: int, fading: int
) -> None:
    overlap = fading * hop
    chunk = data.draw(st.integers(2 * fading, 400)) * hop
    length = data.draw(st.integers(chunk + 1, 20 * chunk))
    weights = torch.zeros(1 + length // hop)
    stops = []
    for part, fade in _chunks(length, chunk, overlap, hop, torch.device("cpu")):
        assert part.start % hop == 0 and overlap < part.stop - part.start <= chunk
        weights[part.start // hop : part.start // hop + len(fade)] += fade
        stops.append(part.stop)
    assert stops[-1] == length and stops == sorted(stops)
    torch.testing.assert_close(weights, torch.ones_like(weights))


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
    torch.testing.assert_close(chunked.tone, whole.tone, atol=0.05, rtol=0.0)


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
    overlap = round(OVERLAP_SECONDS * RATE_HZ / hop) * hop
    assert len(lengths) == len(shares) > 1 and max(lengths) <= 2 * overlap + hop
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

"""`model.inference`: what goes in, what comes out, how loud, and long recordings in chunks."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from fusion_samples import RATE_HZ, agents_of, make_model, noise, set_gains, stir
from hypothesis import given
from hypothesis import strategies as st

from hocket.errors import AudioError
from hocket.model import FusionModel, FusionResult
from hocket.model.waveforms import MAX_PEAK, OVERLAP_SECONDS, chunk_starts, fuse_in_chunks
from hocket.signal import match_rms, rms


@pytest.fixture
def model() -> FusionModel:
    """A decided model."""
    return stir(make_model(), strength=0.5)


def level(waveform: torch.Tensor | np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.asarray(waveform, dtype=np.float64) ** 2)))


@pytest.mark.parametrize("kind", [torch.as_tensor, np.asarray])
@pytest.mark.parametrize(
    ("input_shape", "target_shape", "output_shape"),
    [
        ((9000,), (9000,), (9000,)),
        ((9000,), (7000,), (7000,)),
        ((7000,), (9000,), (7000,)),
        ((1, 9000), (1, 8000), (1, 8000)),
        ((2, 9000), (8000,), (2, 8000)),
        ((9000,), (2, 8000), (2, 8000)),
        ((1, 9000), (2, 8000), (2, 8000)),
        ((3, 1, 9000), (3, 2, 8000), (3, 2, 8000)),
        ((1, 1, 9000), (8000,), (1, 1, 8000)),
    ],
)
def test_every_shape_and_kind_is_taken_and_given_back(
    model: FusionModel,
    kind: Callable[[np.ndarray], torch.Tensor | np.ndarray],
    input_shape: tuple[int, ...],
    target_shape: tuple[int, ...],
    output_shape: tuple[int, ...],
) -> None:
    random = np.random.default_rng(0)
    input, target = (
        0.1 * random.standard_normal(shape).astype(np.float32) for shape in (input_shape, target_shape)
    )
    output = model.inference(kind(input), kind(target))
    assert isinstance(output, type(kind(input)))
    assert tuple(output.shape) == output_shape
    assert np.isfinite(np.asarray(output)).all() and level(output) == pytest.approx(level(input), rel=0.2)


def test_inference_is_the_model_at_matched_loudness(model: FusionModel) -> None:
    input, target = 0.3 * noise(seed=1), 2.0 * noise(seed=2)
    expected = match_rms(model(match_rms(input), match_rms(target)).output, 1.0) * rms(input)
    torch.testing.assert_close(model.inference(input, target), expected, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("gain", [0.01, 0.5, 2.0])
def test_loudness_sets_the_level_and_nothing_else(model: FusionModel, gain: float) -> None:
    input, target = 0.5 * noise(seed=1), noise(seed=2)
    plain = model.inference(input, target)
    torch.testing.assert_close(model.inference(input, gain * target), plain, atol=1e-5, rtol=1e-3)
    torch.testing.assert_close(model.inference(gain * input, target), gain * plain, atol=1e-5, rtol=1e-3)
    assert level(plain) == pytest.approx(level(input), rel=1e-3)


def test_peaks_stay_below_full_scale_by_turning_down_and_not_by_clipping(model: FusionModel) -> None:
    input, target = 4.0 * noise(seed=1), noise(seed=2)
    loud, soft = model.inference(input, target), model.inference(0.05 * input, target)
    assert isinstance(loud, torch.Tensor) and isinstance(soft, torch.Tensor)
    assert float(loud.abs().max()) == pytest.approx(MAX_PEAK, rel=1e-4)
    ratio = level(loud) / level(soft)
    torch.testing.assert_close(loud, soft * ratio, atol=1e-4, rtol=1e-3)


def test_a_batch_is_its_examples_each_at_its_own_loudness(model: FusionModel) -> None:
    gains = torch.tensor([1.0, 0.01, 0.3]).view(3, 1, 1)
    inputs, targets = gains * noise(seed=1, batch=3), gains.flip(0) * noise(seed=2, batch=3)
    together = model.inference(inputs, targets)
    for index in range(3):
        alone = model.inference(inputs[index], targets[index])
        torch.testing.assert_close(together[index], alone, atol=1e-6, rtol=1e-3)


def test_integers_are_samples_too(model: FusionModel) -> None:
    input = (3000 * noise(seed=1)[0, 0]).to(torch.int16)
    output = model.inference(input, noise(seed=2)[0, 0])
    assert isinstance(output, torch.Tensor) and output.dtype == torch.float32
    assert float(output.abs().max()) <= MAX_PEAK * 1.0001


def test_training_goes_on_as_it_was_and_no_gradient_is_kept(model: FusionModel) -> None:
    model.train()
    output = model.inference(noise(seed=1), noise(seed=2))
    assert model.training and isinstance(output, torch.Tensor) and not output.requires_grad
    model.eval()
    model.inference(noise(seed=1), noise(seed=2))
    assert not model.training
    model.requires_grad_(True)(noise(seed=1), noise(seed=2)).output.square().sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize("read_only", [False, True])
def test_reversed_and_read_only_arrays_are_recordings(model: FusionModel, read_only: bool) -> None:
    input, target = noise(seed=1)[0, 0].numpy(), noise(seed=2)[0, 0].numpy().copy()
    backwards = input[::-1]
    given_input = backwards.copy() if read_only else backwards
    given_input.flags.writeable = not read_only
    expected = model.inference(backwards.copy(), target)
    np.testing.assert_array_equal(model.inference(given_input, target), expected)


GOOD = torch.ones(9000)
SPOILT = GOOD.clone()
SPOILT[4000] = float("nan")


@pytest.mark.parametrize(
    ("input", "target", "said"),
    [
        (torch.zeros(9000), GOOD, "input_audio is silent"),
        (GOOD, torch.zeros(9000), "target_audio is silent"),
        (torch.stack([GOOD, 0 * GOOD])[:, None], torch.stack([GOOD, GOOD])[:, None], "input_audio is silent"),
        (SPOILT, GOOD, "input_audio holds samples that are not finite"),
        (GOOD, SPOILT / 0, "target_audio holds samples that are not finite"),
        (GOOD[:2000], GOOD, "the shorter source has 0.083 s"),
        (GOOD[:0], GOOD, "input_audio has shape (0,)"),
        (GOOD[None, None, None], GOOD, "input_audio has shape (1, 1, 1, 9000)"),
        (torch.tensor(1.0), GOOD, "input_audio has shape ()"),
        (GOOD.expand(2, 1, -1), GOOD.expand(3, 1, -1), "2 inputs but 3 targets"),
        (GOOD.expand(2, -1), GOOD.expand(3, -1), "2 and 3 channels"),
    ],
)
def test_what_cannot_be_fused_is_told_in_a_sentence(
    model: FusionModel, input: torch.Tensor, target: torch.Tensor, said: str
) -> None:
    with pytest.raises(AudioError) as caught:
        model.inference(input, target)
    assert said in str(caught.value) and str(caught.value).endswith(".") and "\n" not in str(caught.value)


@given(data=st.data(), overlap=st.integers(1, 500))
def test_chunks_cover_everything_and_overlap(data: st.DataObject, overlap: int) -> None:
    chunk = data.draw(st.integers(2 * overlap, 3000))
    length = data.draw(st.integers(chunk + 1, 20_000))
    starts = chunk_starts(length, chunk, overlap)
    assert starts[0] == 0 and starts[-1] + chunk == length
    steps = np.diff(starts)
    assert bool((steps > 0).all()) and bool((steps <= chunk - overlap).all())


def _whole_and_chunked(
    model: FusionModel, num_samples: int, chunk_seconds: float
) -> tuple[torch.Tensor, torch.Tensor]:
    input, target = noise(num_samples, seed=1, channels=2), noise(num_samples, seed=2, channels=2)
    whole = fuse_in_chunks(model, input, target, chunk_seconds=1e3)
    return whole, fuse_in_chunks(model, input, target, chunk_seconds=chunk_seconds)


@pytest.mark.parametrize("num_samples", [4 * RATE_HZ + 1, 6 * RATE_HZ, 9 * RATE_HZ + 777])
def test_chunks_add_up_to_the_whole_where_the_masks_stand_still(num_samples: int) -> None:
    model = make_model(num_stages=1)
    # Masks that differ from band to band, but do not depend on what is heard.
    with torch.no_grad():
        bias = agents_of(model)[0].head.bias
        bias.copy_(torch.linspace(-2.0, 2.0, len(bias)))
        agents_of(model)[0].head.bias[: -3 * model.config.agent.num_bands] = 0.0
    whole, chunked = _whole_and_chunked(model, num_samples, chunk_seconds=4.0)
    assert float((whole - 0.5 * (noise(num_samples, seed=1, channels=2))).abs().max()) > 0.05
    error = float((whole - chunked)[..., 1024:-1024].square().mean() / whole.square().mean())
    assert 10 * np.log10(error + 1e-30) < -60


def test_an_undecided_model_gives_the_overlay_in_chunks_too() -> None:
    whole, chunked = _whole_and_chunked(make_model(), 7 * RATE_HZ, chunk_seconds=4.0)
    torch.testing.assert_close(chunked, whole, atol=1e-6, rtol=1e-4)


def test_a_voice_that_is_muted_stays_so_across_seams() -> None:
    model = make_model(num_stages=1)
    set_gains(model, input=-1e4, target=0.0)
    num_samples = 7 * RATE_HZ
    output = fuse_in_chunks(model, noise(num_samples, seed=1), noise(num_samples, seed=2), chunk_seconds=4.0)
    torch.testing.assert_close(output, 0.5 * noise(num_samples, seed=2), atol=1e-6, rtol=1e-4)


def test_each_chunk_is_reported_with_the_share_that_is_done() -> None:
    model, shares, lengths = make_model(), [], []

    def on_chunk(result: FusionResult, share: float) -> None:
        shares.append(share)
        lengths.append(result.output.shape[-1])

    num_samples = 9 * RATE_HZ
    fuse_in_chunks(model, noise(num_samples), noise(num_samples), chunk_seconds=4.0, on_chunk=on_chunk)
    hop = model.codec.hop
    overlap = round(OVERLAP_SECONDS * RATE_HZ / hop) * hop
    chunk = max(round(4 * RATE_HZ / hop) * hop, 2 * overlap)
    assert lengths == [chunk] * len(chunk_starts(num_samples, chunk, overlap))
    assert shares == sorted(shares) and shares[-1] == 1.0 and all(0 < share <= 1 for share in shares)
    shares.clear()
    fuse_in_chunks(model, noise(), noise(), on_chunk=on_chunk)
    assert shares == [1.0]


def test_chunks_are_never_shorter_than_their_two_overlaps() -> None:
    whole, chunked = _whole_and_chunked(make_model(), 5 * RATE_HZ, chunk_seconds=0.01)
    torch.testing.assert_close(chunked, whole, atol=1e-6, rtol=1e-4)

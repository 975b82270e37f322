"""`model.inference`: what goes in, what comes out, and how loud."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from fusion_samples import make_model, noise, stir
from hocket.errors import AudioError
from hocket.fusing.arrays import MAX_PEAK
from hocket.fusing.mixing import END_SECONDS
from hocket.model import FusionModel
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
    # The ends are made as quiet as the sources', which changes the level of this half second by .1 % as well.
    inner = slice(round(END_SECONDS * model.sample_rate), -round(END_SECONDS * model.sample_rate))
    found = model.inference(input, target)[..., inner]
    torch.testing.assert_close(match_rms(found), match_rms(expected[..., inner]), atol=1e-6, rtol=1e-4)
    assert level(found) == pytest.approx(level(expected[..., inner]), rel=2e-3)


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


GOOD = torch.sin(torch.arange(9000.0))
SPOILT = GOOD.clone()
SPOILT[4000] = float("nan")


@pytest.mark.parametrize(
    ("input", "target", "said"),
    [
        (torch.zeros(9000), GOOD, "input_audio is silent"),
        (GOOD, torch.zeros(9000), "target_audio is silent"),
        (torch.stack([GOOD, 0 * GOOD])[:, None], torch.stack([GOOD, GOOD])[:, None], "input_audio is silent"),
        (SPOILT, GOOD, "input_audio contains samples that are not finite"),
        (GOOD, SPOILT / 0, "target_audio contains samples that are not finite"),
        (GOOD[:2000], GOOD, "the shorter source lasts 0.083 s"),
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

"""Correlation, least squares and level against numpy and on analytic cases."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from signal_tones import noise, tone

from hocket.signal import match_rms, overlay_fit, pearson, rms
from hocket.signal.loudness import TARGET_RMS
from hocket.signal.scene import Voice


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), length=st.integers(3, 400), mixing=st.floats(-1.0, 1.0))
def test_pearson_is_numpys(seed: int, length: int, mixing: float) -> None:
    first = noise(length, seed=seed)
    second = mixing * first + (1.001 - abs(mixing)) * noise(length, seed=seed + 1) + 3.0
    expected = np.corrcoef(first[0].double().numpy(), second[0].double().numpy())[0, 1]
    assert float(pearson(output=first, reference=second)) == pytest.approx(expected, abs=1e-3)


@given(gain=st.floats(0.01, 100.0), offset=st.floats(-1.0, 1.0))
def test_pearson_ignores_gain_and_offset_but_not_polarity(gain: float, offset: float) -> None:
    first = noise(300, seed=1)
    second = 0.6 * first + 0.4 * noise(300, seed=2)
    plain = float(pearson(output=first, reference=second))
    assert float(pearson(output=gain * first + offset, reference=second)) == pytest.approx(plain, abs=1e-3)
    assert float(pearson(output=-gain * first, reference=second)) == pytest.approx(-plain, abs=1e-3)
    assert float(pearson(output=second, reference=first)) == pytest.approx(plain, abs=1e-6)


def test_pearson_of_known_mixtures() -> None:
    # Orthogonal equal parts: the correlation of a + b with a is 1 / sqrt(2), of 3a + 4b is 3 / 5.
    first, second = tone(1000.0), tone(2000.0)
    assert float(pearson(output=first + second, reference=first)) == pytest.approx(math.sqrt(0.5), abs=1e-4)
    assert float(pearson(output=3 * first + 4 * second, reference=first)) == pytest.approx(0.6, abs=1e-4)
    assert float(pearson(output=first, reference=second)) == pytest.approx(0.0, abs=1e-4)


def test_pearson_is_per_example_whatever_the_levels() -> None:
    first = torch.cat([noise(500, seed=3), 1e3 * noise(500, seed=4)])
    second = torch.cat([first[:1], noise(500, seed=5)])
    found = pearson(output=first, reference=second)
    assert found.shape == (2,) and found[0] == pytest.approx(1.0, abs=1e-5)
    assert abs(float(found[1])) < 0.2


@pytest.mark.parametrize("level", [0.0, 0.1, -0.7])
def test_a_constant_correlates_with_nothing_and_has_a_finite_gradient(level: float) -> None:
    constant = torch.full((1, 96_000), level, requires_grad=True)
    found = pearson(output=constant, reference=noise(96_000, seed=6))
    found.sum().backward()
    assert found.item() == pytest.approx(0.0, abs=1e-5)
    assert constant.grad is not None and bool(torch.isfinite(constant.grad).all())
    assert pearson(output=constant, reference=torch.ones(1, 96_000)).item() == pytest.approx(0.0, abs=0.02)


@given(a=st.floats(-2.0, 2.0), b=st.floats(-2.0, 2.0))
def test_an_overlay_is_found_with_its_weights(a: float, b: float) -> None:
    if abs(a) + abs(b) < 0.01:
        return
    input, target = noise(4000, seed=7), noise(4000, seed=8)
    r2, found_a, found_b = overlay_fit(output=a * input + b * target, input=input, target=target)
    assert float(r2) == pytest.approx(1.0, abs=1e-4)
    assert float(found_a) == pytest.approx(a, abs=1e-3) and float(found_b) == pytest.approx(b, abs=1e-3)


def _least_squares(output: torch.Tensor, input: torch.Tensor, target: torch.Tensor) -> float:
    columns = np.stack([input[0].double().numpy(), target[0].double().numpy()], axis=1)
    wanted = output[0].double().numpy()
    fitted = columns @ np.linalg.lstsq(columns, wanted, rcond=None)[0]
    return float(np.sum(fitted**2) / np.sum(wanted**2))


@pytest.mark.parametrize("share_of_noise", [0.0, 0.3, 1.0, 3.0])
@pytest.mark.parametrize("difference", [1.0, 0.1, 0.01])
def test_the_overlay_fit_is_numpys_least_squares(share_of_noise: float, difference: float) -> None:
    input = noise(48_000, seed=9)
    target = input + difference * noise(48_000, seed=10)
    output = 0.5 * input + 0.5 * target + share_of_noise * noise(48_000, seed=11)
    r2, _, _ = overlay_fit(output=output, input=input, target=target)
    assert float(r2) == pytest.approx(_least_squares(output, input, target), abs=2e-3)


def test_the_overlay_fit_holds_for_nearly_equal_sources() -> None:
    errors = []
    for seed in range(5):
        input = noise(48_000, seed=seed)
        target = input + 1e-3 * noise(48_000, seed=seed + 10)
        output = input - 0.9 * target
        output = output + 0.3 * noise(48_000, seed=seed + 20, level=float(output.std()))
        r2, _, _ = overlay_fit(output=output, input=input, target=target)
        errors.append(abs(float(r2) - _least_squares(output, input, target)))
    assert max(errors) < 5e-3


def test_the_same_recording_twice_is_explained_by_itself() -> None:
    input = noise(4000, seed=12)
    r2, a, b = overlay_fit(output=0.7 * input, input=input, target=input)
    assert float(r2) == pytest.approx(1.0, abs=0.05)
    assert float(a + b) == pytest.approx(0.7, abs=0.05)


def test_the_unrelated_and_the_silent_are_not_explained() -> None:
    input, target = noise(48_000, seed=13), noise(48_000, seed=14)
    outputs = torch.cat([noise(48_000, seed=15), torch.zeros(1, 48_000)])
    r2, a, b = overlay_fit(output=outputs, input=input.expand(2, -1), target=target.expand(2, -1))
    assert 0.0 <= float(r2[0]) < 1e-3
    assert (float(r2[1]), float(a[1]), float(b[1])) == (0.0, 0.0, 0.0)
    silent_sources, _, _ = overlay_fit(output=input, input=0 * input, target=0 * target)
    assert float(silent_sources) == 0.0


def test_levels_are_matched_per_example_and_channels_keep_their_ratio() -> None:
    waveform = noise(6000, seed=16, batch=2).reshape(2, 2, 3000) * torch.tensor(
        [[[1.0], [0.25]], [[30.0], [3.0]]]
    )
    matched = match_rms(waveform)
    torch.testing.assert_close(rms(matched), torch.full((2, 1, 1), TARGET_RMS))
    torch.testing.assert_close(
        rms(matched[:, :1]) / rms(matched[:, 1:]), rms(waveform[:, :1]) / rms(waveform[:, 1:])
    )
    torch.testing.assert_close(match_rms(0.01 * waveform), matched)
    # A sine of amplitude 1 has an RMS of sqrt(1/2).
    assert float(rms(tone(1000.0, amplitude=1.0)[None])) == pytest.approx(math.sqrt(0.5), abs=1e-4)
    silent = torch.zeros(1, 2, 100)
    assert torch.equal(match_rms(silent), silent)


def test_a_voice_computes_each_feature_once_and_only_when_asked() -> None:
    voice = Voice(noise(24_000, seed=17).requires_grad_(), 24_000)
    assert not {"onsets", "chroma", "harmonic_onsets"} & set(vars(voice))
    assert voice.onsets is voice.onsets and voice.chroma is voice.chroma
    assert voice.onsets.requires_grad and voice.chroma.requires_grad
    assert not voice.harmonic_onsets.requires_grad

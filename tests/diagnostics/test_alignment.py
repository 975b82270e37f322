"""Delays: found to a fraction of a sample where there is one, never where there is none."""

import numpy as np
import pytest

from hocket.diagnostics.delays import delayed, find_lag


@pytest.fixture
def noise() -> np.ndarray:
    """Two seconds of low-passed noise, so that a shift by a fraction of a sample is well defined."""
    white = np.random.default_rng(0).standard_normal(48_000)
    return np.convolve(white, np.hanning(9) / 4.0, mode="same").astype(np.float32)


@pytest.mark.parametrize("lag_samples", [0.0, 1.0, 17.0, -301.0, 601.36, -0.5, 5999.0])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_known_delay_is_found(noise: np.ndarray, lag_samples: float, sign: float) -> None:
    late = np.float32(sign) * delayed(noise, lag_samples)
    found = find_lag(output=late, source=noise, max_lag_samples=6000)
    assert found == pytest.approx(lag_samples, abs=0.15)


def test_a_delay_beyond_the_limit_is_not_found(noise: np.ndarray) -> None:
    assert find_lag(output=delayed(noise, 900.0), source=noise, max_lag_samples=800) is None
    assert find_lag(output=delayed(noise, 700.0), source=noise, max_lag_samples=800) == pytest.approx(700.0)


def test_independent_noise_and_silence_have_no_delay(noise: np.ndarray) -> None:
    other = np.random.default_rng(1).standard_normal(len(noise)).astype(np.float32)
    assert find_lag(output=other, source=noise, max_lag_samples=6000) is None
    assert find_lag(output=np.zeros_like(noise), source=noise, max_lag_samples=6000) is None


def test_a_whole_delay_shifts_and_lets_zeros_in(noise: np.ndarray) -> None:
    late, early = delayed(noise, 40.0), delayed(noise, -40.0)
    np.testing.assert_allclose(late[40:], noise[:-40], atol=1e-5)
    np.testing.assert_allclose(early[:-40], noise[40:], atol=1e-5)
    assert np.abs(late[:40]).max() < 1e-5
    assert np.abs(early[-40:]).max() < 1e-5


def test_delays_add_up(noise: np.ndarray) -> None:
    once = delayed(delayed(noise, 3.25), 2.5)
    np.testing.assert_allclose(once[100:-100], delayed(noise, 5.75)[100:-100], atol=1e-2)

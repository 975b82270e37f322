"""Resampling against sines that are known exactly, and the rule for lengths."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hocket.audio import resample, resampled_length

RATES = [
    (44_100, 24_000),
    (48_000, 24_000),
    (24_000, 44_100),
    (8_000, 48_000),
    (44_100, 48_000),
    (96_000, 22_050),
]


def sine(frequency_hz: float, rate_hz: int, num_seconds: float = 1.0) -> np.ndarray:
    t = np.arange(round(num_seconds * rate_hz)) / rate_hz
    return (0.8 * np.sin(2 * np.pi * frequency_hz * t + 0.3)).astype(np.float32)


def level_db(samples: np.ndarray) -> float:
    """RMS against that of a sine of amplitude 0.8."""
    return float(
        20 * np.log10(np.sqrt(np.mean(np.square(samples, dtype=np.float64))) / (0.8 / np.sqrt(2)) + 1e-12)
    )


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
@pytest.mark.parametrize("frequency_hz", [50.0, 997.0, 3_000.0])
def test_a_sine_stays_that_sine(from_hz: int, to_hz: int, frequency_hz: float) -> None:
    ours = resample(sine(frequency_hz, from_hz), from_hz=from_hz, to_hz=to_hz)
    inner = slice(to_hz // 10, -to_hz // 10)  # the ends of the recording are steps, which ring
    error = ours[inner] - sine(frequency_hz, to_hz)[inner]
    assert level_db(error) < -110


@pytest.mark.parametrize(
    ("from_hz", "to_hz", "frequency_hz"), [(48_000, 24_000, 13_500), (44_100, 24_000, 15_000)]
)
def test_what_the_lower_rate_cannot_hold_is_gone(from_hz: int, to_hz: int, frequency_hz: float) -> None:
    ours = resample(sine(frequency_hz, from_hz), from_hz=from_hz, to_hz=to_hz)
    assert level_db(ours[to_hz // 10 : -to_hz // 10]) < -110


def test_up_and_down_again_gives_the_original() -> None:
    original = sine(440, 24_000)
    up = resample(original, from_hz=24_000, to_hz=44_100)
    back = resample(up, from_hz=44_100, to_hz=24_000)
    assert level_db((back - original)[2_400:-2_400]) < -110


@settings(max_examples=100, deadline=None)
@given(
    num_samples=st.integers(0, 3_000),
    from_hz=st.sampled_from([8_000, 11_025, 24_000, 44_099, 44_100, 96_000]),
    to_hz=st.sampled_from([8_000, 22_050, 24_000, 44_100, 48_000, 192_000]),
)
def test_the_length_rule_is_exact(num_samples: int, from_hz: int, to_hz: int) -> None:
    ours = resample(np.ones((2, num_samples), dtype=np.float32), from_hz=from_hz, to_hz=to_hz)
    assert ours.shape == (2, round(num_samples * to_hz / from_hz))
    assert ours.shape[1] == resampled_length(num_samples, from_hz=from_hz, to_hz=to_hz)
    assert np.isfinite(ours).all()


def test_rows_are_resampled_each_for_itself_in_any_shape() -> None:
    rows = np.random.default_rng(3).uniform(-1, 1, (2, 3, 5_000)).astype(np.float32)
    together = resample(rows, from_hz=44_100, to_hz=24_000)
    assert together.dtype == np.float32
    for index in np.ndindex(2, 3):
        alone = resample(rows[index], from_hz=44_100, to_hz=24_000)
        np.testing.assert_allclose(together[index], alone, atol=1e-6)


def test_equal_rates_change_nothing() -> None:
    samples = np.random.default_rng(3).uniform(-1, 1, (2, 999)).astype(np.float32)
    np.testing.assert_array_equal(resample(samples, from_hz=24_000, to_hz=24_000), samples)


def test_it_is_deterministic() -> None:
    samples = np.random.default_rng(3).uniform(-1, 1, 50_000).astype(np.float32)
    first, second = (resample(samples, from_hz=44_100, to_hz=24_000) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(("from_hz", "to_hz"), [(0, 24_000), (24_000, 0), (-44_100, 24_000), (24_000, 10**7)])
def test_rates_out_of_range(from_hz: int, to_hz: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        resample(np.zeros(10, dtype=np.float32), from_hz=from_hz, to_hz=to_hz)

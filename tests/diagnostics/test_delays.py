"""Stretches of a delayed recording are those of the whole, delayed; and a delay is found in a loud minute."""

import math

import numpy as np
import pytest

from hocket.audio.streams import InMemory
from hocket.diagnostics.delays import clear_lags, delayed, read_delayed

RATE_HZ = 24_000


def noise(num_samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(num_samples).astype(np.float32)


@pytest.mark.parametrize("lag", [0.0, 1.0, 600.0, -601.0, 0.3, 2400.73, -0.4, -1999.5])
def test_a_stretch_is_that_of_the_whole(lag: float) -> None:
    # Nothing at half the rate, as in a recording that was resampled: what is there rings on for seconds.
    signal = np.convolve(noise(150_000), [0.25, 0.5, 0.25], mode="same").astype(np.float32)
    voice, whole = InMemory(signal[None], RATE_HZ), delayed(signal, lag)
    first, last = math.ceil(max(0.0, lag)), len(signal) + math.floor(min(0.0, lag))
    for start, stop in ((first, first + 20_000), (70_000, 90_001), (last - 500, last)):
        part = read_delayed(voice, start, stop, lag_samples=lag)[0]
        assert part.shape == (stop - start,)
        # At the ends the delayed whole itself is not exact: there its end and its beginning meet.
        inside = first + 24_000 < start and stop < last - 24_000
        np.testing.assert_allclose(part, whole[start:stop], atol=1e-5 if inside else 1e-3)
    assert read_delayed(voice, first, last, lag_samples=lag)[0].shape == (last - first,)


def test_what_is_clear_is_found_and_noise_is_in_time() -> None:
    input, target = noise(96_000, 1), noise(96_000, 2)
    output = delayed(input, 480.0) + delayed(target, 480.0)
    assert clear_lags(output, input, target, sample_rate=RATE_HZ) == (480.0, 480.0)
    assert clear_lags(noise(96_000, 3), input, target, sample_rate=RATE_HZ) == (0.0, 0.0)

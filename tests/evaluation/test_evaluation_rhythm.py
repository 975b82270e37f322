"""Onset correlation and onset matching on click trains."""

import numpy as np
import pytest
from evaluation_signals import EVEN, ODD, SECONDS, clicks, noise

from hocket.evaluation.rhythm import onset_envelope, onset_f_measure, onset_times
from hocket.evaluation.waveform import correlation


def rhythm_correlation(output: np.ndarray, reference: np.ndarray) -> float:
    return correlation(output=onset_envelope(output), reference=onset_envelope(reference))


def delayed(times: tuple[float, ...], seconds: float) -> np.ndarray:
    return clicks(tuple(time + seconds for time in times if time + seconds < SECONDS))


def test_a_rhythm_is_its_own_whatever_level_polarity_or_sound() -> None:
    train = clicks(EVEN)
    assert rhythm_correlation(train, train) == pytest.approx(1.0, abs=1e-6)
    assert rhythm_correlation(-0.1 * train, train) == pytest.approx(1.0, abs=1e-3)
    assert rhythm_correlation(clicks(EVEN, seed=7), train) > 0.9


def test_a_shifted_train_loses_the_rhythm() -> None:
    train = clicks(EVEN)
    kept, lost = (rhythm_correlation(delayed(EVEN, shift), train) for shift in (0.005, 0.125))
    assert kept > 0.5
    assert abs(lost) < 0.15


def test_steady_noise_has_no_rhythm() -> None:
    assert abs(rhythm_correlation(noise(3), clicks(EVEN))) < 0.25


def test_onsets_are_found_where_the_clicks_are() -> None:
    found = onset_times(onset_envelope(clicks(ODD)))
    assert len(found) == len(ODD)
    np.testing.assert_allclose(found, ODD, atol=0.03)


def test_onsets_match_within_fifty_milliseconds() -> None:
    times = np.array(EVEN)
    assert onset_f_measure(output=times, reference=times) == 1.0
    assert onset_f_measure(output=times + 0.045, reference=times) == 1.0
    assert onset_f_measure(output=times + 0.055, reference=times) == 0.0
    assert onset_f_measure(output=times[::2], reference=times) == pytest.approx(2 / 3)


def test_without_onsets_nothing_matches() -> None:
    nothing = onset_times(onset_envelope(np.zeros(48_000, dtype=np.float32)))
    assert len(nothing) == 0
    assert onset_f_measure(output=nothing, reference=np.array(EVEN)) == 0.0
    assert onset_f_measure(output=np.array(EVEN), reference=nothing) == 0.0

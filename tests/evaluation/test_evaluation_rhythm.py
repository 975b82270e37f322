"""Onset correlation, and matching of onsets and beats, on click trains."""

import numpy as np
import pytest
from evaluation_signals import EVEN, ODD, SECONDS, clicks, noise

from hocket.evaluation.rhythm import (
    beat_f_measure,
    beat_times,
    onset_envelope,
    onset_f_measure,
    onset_times,
)
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


def click_track(tempo_bpm: float, seconds: float = 10.0) -> np.ndarray:
    return clicks(tuple(np.arange(0.3, seconds, 60 / tempo_bpm)), seconds)


@pytest.fixture(scope="module")
def beats() -> dict[float, np.ndarray]:
    """Beats that are found in click tracks, by their tempo in bpm."""
    return {tempo: beat_times(onset_envelope(click_track(tempo))) for tempo in (120.0, 97.0)}


@pytest.mark.parametrize("tempo_bpm", [120.0, 97.0])
def test_beats_are_found_at_the_clicks(beats: dict[float, np.ndarray], tempo_bpm: float) -> None:
    period_seconds = 60 / tempo_bpm
    assert np.median(np.diff(beats[tempo_bpm])) == pytest.approx(period_seconds, abs=0.02)
    phases = (beats[tempo_bpm] - 0.3 + period_seconds / 2) % period_seconds - period_seconds / 2
    assert np.mean(np.abs(phases) < 0.03) > 0.9  # the last ones may fall after the last click


def test_beats_agree_with_their_own_tempo_only(beats: dict[float, np.ndarray]) -> None:
    """Of two tempos that share no beat but the first, only every few beats meet within 70 ms."""
    louder = beat_times(onset_envelope(0.3 * click_track(120.0) + 0.02 * noise(1, 10.0)))
    assert beat_f_measure(output=louder, reference=beats[120.0]) > 0.95
    assert beat_f_measure(output=beats[97.0], reference=beats[120.0]) < 0.5


def test_beats_match_within_seventy_milliseconds() -> None:
    times = np.arange(1.0, 9.0, 0.5)
    assert beat_f_measure(output=times + 0.065, reference=times) == 1.0
    assert beat_f_measure(output=times + 0.075, reference=times) == 0.0
    assert beat_f_measure(output=times[::2], reference=times) == pytest.approx(2 / 3)


def test_without_beats_nothing_matches() -> None:
    nothing = beat_times(onset_envelope(np.zeros(48_000, dtype=np.float32)))
    assert len(nothing) == 0
    assert beat_f_measure(output=nothing, reference=np.array(EVEN)) == 0.0
    assert beat_f_measure(output=np.array(EVEN), reference=nothing) == 0.0

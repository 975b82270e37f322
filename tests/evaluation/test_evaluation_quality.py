"""The Fréchet distance against its closed forms, and on sounds that move away from music step by step."""

import numpy as np
import pytest
from evaluation_signals import C_MAJOR_TO_A_MINOR, EVEN, chords, clicks, noise

from hocket.evaluation.quality import FrameStatistics, frame_statistics, frechet_distance, log_mel


def statistics(frames: np.ndarray) -> FrameStatistics:
    return FrameStatistics(frames.shape[1], frames.sum(axis=1), frames @ frames.T)


def test_statistics_are_numpys() -> None:
    frames = np.random.default_rng(0).normal(size=(5, 400)) * 3 - 11
    found = statistics(frames)
    np.testing.assert_allclose(found.mean, frames.mean(axis=1))
    np.testing.assert_allclose(found.covariance, np.cov(frames), atol=1e-10)


def test_statistics_of_a_set_add_up() -> None:
    frames = np.random.default_rng(1).normal(size=(5, 300))
    both, parts = statistics(frames), statistics(frames[:, :100]) + statistics(frames[:, 100:])
    np.testing.assert_allclose(parts.covariance, both.covariance)
    assert frechet_distance(outputs=parts, reference=both) == pytest.approx(0.0, abs=1e-9)


def test_a_shift_costs_its_square() -> None:
    frames = np.random.default_rng(2).normal(size=(4, 500))
    shift = np.array([[1.0], [0.0], [-2.0], [0.5]])
    distance = frechet_distance(outputs=statistics(frames + shift), reference=statistics(frames))
    assert distance == pytest.approx(float(np.sum(shift**2)), rel=1e-6)


def test_a_spread_costs_the_difference_of_the_deviations() -> None:
    """For Gaussians of one mean whose covariances are S and k² S, the distance is `(k - 1)² tr S`."""
    frames = np.random.default_rng(3).normal(size=(4, 500))
    centred = frames - frames.mean(axis=1, keepdims=True)
    distance = frechet_distance(outputs=statistics(3.0 * centred), reference=statistics(centred))
    assert distance == pytest.approx(4 * np.trace(np.cov(centred)), rel=1e-6)


def test_a_set_is_at_no_distance_from_itself() -> None:
    """To the rounding of the covariance's trace, whatever the processor's linear algebra."""
    wave = chords(C_MAJOR_TO_A_MINOR) + clicks(EVEN)
    music = frame_statistics(wave)
    rounding = 1e-12 * np.trace(music.covariance)
    assert frechet_distance(outputs=music, reference=music) <= rounding
    # The same frames added up in another order: covariances that differ in their last digits.
    frames = log_mel(wave).astype(np.float64)
    half = frames.shape[1] // 2
    parts = statistics(frames[:, half:]) + statistics(frames[:, :half])
    assert frechet_distance(outputs=parts, reference=music) <= rounding


def test_level_does_not_count() -> None:
    wave = chords(C_MAJOR_TO_A_MINOR) + clicks(EVEN)
    np.testing.assert_allclose(log_mel(0.02 * wave), log_mel(wave), atol=1e-3)


def test_the_noisier_the_further_from_music() -> None:
    wave = chords(C_MAJOR_TO_A_MINOR) + clicks(EVEN)
    music = frame_statistics(wave)
    distances = [
        frechet_distance(outputs=frame_statistics(wave + level * noise(9)), reference=music)
        for level in (0.01, 0.1, 1.0)
    ]
    assert distances == sorted(distances)
    assert distances[0] > 0.1


def test_silence_has_a_finite_distance() -> None:
    silence = frame_statistics(np.zeros(48_000, dtype=np.float32))
    distance = frechet_distance(outputs=silence, reference=frame_statistics(chords(C_MAJOR_TO_A_MINOR)))
    assert np.isfinite(distance)
    assert distance > 1.0

"""Correlations, the overlay's share and the verdict, against values that follow from algebra."""

import numpy as np
import pytest
from evaluation_signals import noise, sine

from hocket.evaluation.waveform import correlation, is_in_band, overlay_r2, verdict


def test_a_waveform_correlates_fully_with_itself_at_any_level() -> None:
    wave = noise(0)
    assert correlation(output=wave, reference=wave) == pytest.approx(1.0, abs=1e-9)
    assert correlation(output=0.01 * wave, reference=wave) == pytest.approx(1.0, abs=1e-6)
    assert correlation(output=wave + np.float32(0.5), reference=wave) == pytest.approx(1.0, abs=1e-6)
    assert correlation(output=-wave, reference=wave) == pytest.approx(-1.0, abs=1e-9)


def test_independent_noise_does_not_correlate() -> None:
    first, second = noise(1), noise(2)
    assert abs(correlation(output=first, reference=second)) < 4 / np.sqrt(len(first))


def test_a_constant_has_no_correlation() -> None:
    assert correlation(output=np.full(100, 0.3, dtype=np.float32), reference=noise(0, 100 / 24_000)) == 0.0


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_correlation_of_a_mix_is_its_share(share: float) -> None:
    """For uncorrelated sources of equal level, `corr(a x + b y, x) = a / sqrt(a² + b²)`."""
    first, second = sine(440), sine(660)
    mix = share * first + (1 - share) * second
    expected = share / np.hypot(share, 1 - share)
    assert correlation(output=mix, reference=first) == pytest.approx(expected, abs=1e-4)


def test_a_sum_is_explained_fully_by_its_sources() -> None:
    first, second = noise(1), noise(2)
    mix = 0.3 * first - 2.0 * second
    assert overlay_r2(output=mix, input=first, target=second) == pytest.approx(1.0, abs=1e-9)
    assert overlay_r2(output=first, input=first, target=first) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("strange", [0.5, 1.0, 2.0])
def test_what_is_strange_to_the_sources_is_not_explained(strange: float) -> None:
    """Sines of whole periods are orthogonal, so the explained share is a ratio of energies."""
    mix = sine(440) + sine(660) + strange * sine(1000)
    explained = overlay_r2(output=mix, input=sine(440), target=sine(660))
    assert explained == pytest.approx(2 / (2 + strange**2), abs=1e-4)


def test_silence_is_not_explained() -> None:
    assert overlay_r2(output=np.zeros(24_000, dtype=np.float32), input=noise(0, 1), target=noise(1, 1)) == 0.0


@pytest.mark.parametrize(
    ("with_input", "with_target", "r2", "expected"),
    [
        (0.11, 0.86, 0.75, "copying target"),
        (0.86, 0.11, 0.75, "copying input"),
        (0.0, 1.0, 1.0, "copying target"),
        (-0.9, 0.1, 0.8, "copying input"),
        (0.71, 0.71, 1.0, "overlay"),
        (0.71, 0.71, 0.9, "overlay"),
        (0.5, 0.58, 0.61, "mixing"),
        (0.4, 0.8, 0.7, "mixing"),
        (0.39, 0.8, 0.7, "copying target"),
        (0.002, 0.01, 0.0001, "unrelated"),
        (0.01, 0.68, 0.46, "copying target"),
    ],
)
def test_verdicts(with_input: float, with_target: float, r2: float, expected: str) -> None:
    named = verdict(output_input_correlation=with_input, output_target_correlation=with_target, overlay_r2=r2)
    assert named == expected


def test_silence_is_said_before_anything_else() -> None:
    named = verdict(output_input_correlation=0.0, output_target_correlation=0.0, overlay_r2=0.0, silent=True)
    assert named == "silent"


@pytest.mark.parametrize(
    ("with_input", "with_target", "inside"),
    [(0.4, 0.6, True), (-0.5, 0.5, True), (0.39, 0.5, False), (0.5, 0.61, False), (0.0, 0.0, False)],
)
def test_band(with_input: float, with_target: float, inside: bool) -> None:
    assert is_in_band(output_input_correlation=with_input, output_target_correlation=with_target) is inside

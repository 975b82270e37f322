"""The baselines do what their names say, on clicks and tones that can be told apart."""

import numpy as np
import pytest
from evaluation_signals import EVEN, ODD, RATE_HZ, clicks, noise, sine

from hocket.evaluation.baselines import BASELINES, gated_layering, layering, overlay
from hocket.evaluation.waveform import correlation, overlay_r2

INPUT_TONE_HZ, TARGET_TONE_HZ = 440.0, 1000.0


@pytest.fixture(scope="module")
def sources() -> tuple[np.ndarray, np.ndarray]:
    return clicks(EVEN) + sine(INPUT_TONE_HZ), 0.2 * clicks(ODD, seed=1) + sine(TARGET_TONE_HZ)


def tone_energy(wave: np.ndarray, frequency_hz: float) -> float:
    times = np.arange(len(wave)) / RATE_HZ
    return float(np.abs(np.mean(wave * np.exp(-2j * np.pi * frequency_hz * times))) ** 2)


def energy_at(wave: np.ndarray, times_seconds: tuple[float, ...]) -> float:
    """Energy above 3 kHz, where there is no tone, in the 20 ms after each time."""
    spectrum = np.fft.rfft(wave)
    spectrum[: round(3000 * len(wave) / RATE_HZ)] = 0
    high = np.fft.irfft(spectrum, len(wave))
    starts = [round(time * RATE_HZ) for time in times_seconds]
    return float(np.mean([np.mean(high[start : start + 480] ** 2) for start in starts]))


@pytest.mark.parametrize("name", BASELINES)
def test_length_and_determinism(name: str, sources: tuple[np.ndarray, np.ndarray]) -> None:
    first, second = sources[0][:50_001], sources[1][:50_001]
    output = BASELINES[name](first, second, RATE_HZ)
    assert output.shape == first.shape
    assert output.dtype == np.float32
    np.testing.assert_array_equal(output, BASELINES[name](first, second, RATE_HZ))


def test_overlay_is_half_of_each() -> None:
    """Uncorrelated sources at equal level: both correlations are the root of one half, and R² is 1."""
    loud, quiet = sine(440), 0.01 * sine(660)
    output = overlay(loud, quiet, RATE_HZ)
    assert correlation(output=output, reference=loud) == pytest.approx(np.sqrt(0.5), abs=1e-3)
    assert correlation(output=output, reference=quiet) == pytest.approx(np.sqrt(0.5), abs=1e-3)
    assert overlay_r2(output=output, input=loud, target=quiet) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("baseline", [layering, gated_layering])
def test_layering_keeps_the_inputs_clicks_and_the_targets_tone(baseline, sources) -> None:
    output = baseline(*sources, RATE_HZ)
    assert tone_energy(output, TARGET_TONE_HZ) > 30 * tone_energy(output, INPUT_TONE_HZ)
    assert energy_at(output, EVEN) > 30 * energy_at(output, ODD)


def test_layering_holds_both_parts_at_equal_level(sources: tuple[np.ndarray, np.ndarray]) -> None:
    """A sine of amplitude A has the RMS A / √2, and `tone_energy` A² / 4."""
    output = layering(*sources, RATE_HZ)
    tone_rms = np.sqrt(2 * tone_energy(output, TARGET_TONE_HZ))
    assert tone_rms == pytest.approx(np.sqrt(np.mean(output**2) / 2), rel=0.05)


def test_the_gate_opens_and_shuts_with_the_input() -> None:
    """The input plays in the first half only; layering's tone goes on, the gated one stops."""
    half = np.where(np.arange(96_000) < 48_000, noise(4), 0).astype(np.float32)
    target = sine(TARGET_TONE_HZ)
    held, gated = (baseline(half, target, RATE_HZ)[60_000:] for baseline in (layering, gated_layering))
    assert tone_energy(held, TARGET_TONE_HZ) > 1e-4
    assert tone_energy(gated, TARGET_TONE_HZ) < 1e-3 * tone_energy(held, TARGET_TONE_HZ)


@pytest.mark.parametrize("name", BASELINES)
def test_a_silent_input_leaves_the_rest_finite(name: str) -> None:
    output = BASELINES[name](np.zeros(48_000, dtype=np.float32), sine(440, 2.0), RATE_HZ)
    assert np.isfinite(output).all()

"""The baselines do what their names say, on clicks and tones that can be told apart."""

import numpy as np
import pytest
from evaluation_signals import C_MAJOR_TO_A_MINOR, EVEN, ODD, RATE_HZ, chords, clicks, noise, sine

from hocket.evaluation.baselines import (
    BASELINES,
    cross_synthesis,
    envelope_gating,
    gated_layering,
    layering,
    overlay,
)
from hocket.evaluation.rhythm import onset_envelope
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


@pytest.mark.parametrize("baseline", [layering, BASELINES["layering_margin_1"], gated_layering])
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


def test_without_a_margin_the_layers_hold_everything() -> None:
    """With margin 1 the two parts of a recording add up to it; a margin of 3 leaves the doubtful out."""
    noisy = noise(5)
    kept = {
        margin: abs(correlation(output=layering(noisy, noisy, RATE_HZ, margin=margin), reference=noisy))
        for margin in (1.0, 3.0)
    }
    assert kept[1.0] > 0.9999
    assert kept[3.0] < 0.999


@pytest.mark.parametrize("wave", [chords(C_MAJOR_TO_A_MINOR), clicks(EVEN) + sine(500), noise(6)])
def test_crossed_with_itself_a_piece_stays_as_it_is(wave: np.ndarray) -> None:
    assert correlation(output=cross_synthesis(wave, wave, RATE_HZ), reference=wave) > 0.999


def test_cross_synthesis_has_the_inputs_envelope_and_the_targets_tones() -> None:
    """The input is loud in its low half first, then in its high half; the target holds a low and a high tone."""
    low, high = sine(600), sine(6000)
    half = np.arange(96_000) < 48_000
    crossed = cross_synthesis(np.where(half, sine(800), sine(6500)).astype(np.float32), low + high, RATE_HZ)
    first, second = crossed[4000:44_000], crossed[52_000:92_000]
    assert tone_energy(first, 600) > 100 * tone_energy(first, 6000)
    assert tone_energy(second, 6000) > 100 * tone_energy(second, 600)


def test_envelope_gating_plays_the_target_in_the_inputs_rhythm() -> None:
    target = chords(C_MAJOR_TO_A_MINOR)
    rhythms = [onset_envelope(wave) for wave in (envelope_gating(clicks(ODD), target, RATE_HZ), clicks(ODD))]
    assert correlation(output=rhythms[0], reference=rhythms[1]) > 0.45
    assert correlation(output=onset_envelope(target), reference=rhythms[1]) < 0.2


def test_a_steady_gate_stays_open() -> None:
    target = chords(C_MAJOR_TO_A_MINOR)
    assert correlation(output=envelope_gating(sine(440), target, RATE_HZ), reference=target) > 0.99


@pytest.mark.parametrize("name", BASELINES)
def test_a_silent_source_leaves_the_rest_finite(name: str) -> None:
    silence = np.zeros(48_000, dtype=np.float32)
    assert np.isfinite(BASELINES[name](silence, sine(440, 2.0), RATE_HZ)).all()
    assert np.isfinite(BASELINES[name](sine(440, 2.0), silence, RATE_HZ)).all()

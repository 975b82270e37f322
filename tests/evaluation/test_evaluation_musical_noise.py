"""Musical noise: none in noise and steady tones, much where time-frequency bins were knocked out at random."""

import librosa
import numpy as np
import pytest
from evaluation_signals import C_MAJOR_TO_A_MINOR, EVEN, chords, clicks, noise, sine

from hocket.evaluation.musical_noise import (
    CORE,
    FFT_SAMPLES,
    HOP_SAMPLES,
    POWER_FLOOR,
    PROMINENCE_DB,
    RANGE_DB,
    SURROUNDINGS,
    isolated_peaks,
    musical_noise,
    power_spectrogram,
    spectral_kurtosis,
)

FRAMES_A_SECOND = 24_000 / HOP_SAMPLES


def through_random_mask(wave: np.ndarray, *, kept: float, seed: int = 0) -> np.ndarray:
    """The waveform after each bin of its spectrogram was kept with a probability and set to 0 otherwise."""
    spectrum = librosa.stft(wave, n_fft=FFT_SAMPLES, hop_length=HOP_SAMPLES)
    mask = np.random.default_rng(seed).random(spectrum.shape) < kept
    return librosa.istft(spectrum * mask, hop_length=HOP_SAMPLES, length=len(wave))


def counted_one_by_one(power: np.ndarray) -> float:
    """The definition of an isolated peak, bin by bin."""
    level = 10 * np.log10(power + POWER_FLOOR)
    count = 0
    for (row, column), here in np.ndenumerate(level):
        around = {}
        for name, (bins, frames) in (("core", CORE), ("all", SURROUNDINGS)):
            rows = slice(max(row - bins // 2, 0), row + bins // 2 + 1)
            columns = slice(max(column - frames // 2, 0), column + frames // 2 + 1)
            around[name] = level[rows, columns].copy()
            if name == "all":
                core = np.zeros(level.shape, dtype=bool)
                core[
                    max(row - CORE[0] // 2, 0) : row + CORE[0] // 2 + 1,
                    max(column - CORE[1] // 2, 0) : column + CORE[1] // 2 + 1,
                ] = True
                around[name][core[rows, columns]] = -np.inf
        largest = here == around["core"].max() and here > level.max() - RANGE_DB
        count += bool(largest and here > around["all"].max() + PROMINENCE_DB)
    return count * FRAMES_A_SECOND / power.shape[1]


def test_the_count_is_that_of_the_definition() -> None:
    random = np.random.default_rng(1)
    power = random.exponential(size=(60, 90)) * (random.random((60, 90)) < 0.02) + 1e-4
    expected = counted_one_by_one(power)
    assert expected > 10 * FRAMES_A_SECOND / power.shape[1]
    assert isolated_peaks(power) == pytest.approx(expected)


@pytest.mark.parametrize(("bins_away", "frames_away", "alone"), [(3, 0, 0), (0, 2, 0), (5, 0, 2), (0, 4, 2)])
def test_neighbours_are_not_alone(bins_away: int, frames_away: int, alone: int) -> None:
    power = np.full((64, 94), 1e-6)
    power[30, 40] = power[30 + bins_away, 40 + frames_away] = 1.0
    assert isolated_peaks(power) * 94 / FRAMES_A_SECOND == pytest.approx(alone)


def test_what_is_too_weak_or_hardly_stands_out_does_not_count() -> None:
    power = np.full((64, 94), 1e-6)
    power[10, 10] = 1.0
    for level, alone in ((2e-6, 2), (0.5e-6, 1)):  # the range ends 60 dB down
        power[38:47, 50:57], power[42, 53] = 1e-9, level
        assert isolated_peaks(power) * 94 / FRAMES_A_SECOND == pytest.approx(alone)
    power[38:47, 50:57], power[42, 53] = 1e-6, 0.9e-5
    assert isolated_peaks(power) * 94 / FRAMES_A_SECOND == pytest.approx(1)


@pytest.mark.parametrize(
    "wave", [noise(0), sine(440) + sine(1000), chords(C_MAJOR_TO_A_MINOR) + clicks(EVEN)]
)
def test_knocked_out_bins_are_heard_as_peaks(wave: np.ndarray) -> None:
    before, after = (
        musical_noise(sound).isolated_peaks for sound in (wave, through_random_mask(wave, kept=0.05))
    )
    assert before < 1
    assert after > 8


def test_kurtosis_of_steady_tones_and_of_noise() -> None:
    """A constant has E[p²] = E[p]²; the power of Gaussian noise is exponential, with E[p²] = 2 E[p]²."""
    assert spectral_kurtosis(np.full((513, 200), 3.0)) == pytest.approx(0.0, abs=1e-9)
    drawn = np.random.default_rng(2).exponential(size=(513, 4000))
    assert spectral_kurtosis(drawn) == pytest.approx(np.log(2), abs=0.02)
    assert spectral_kurtosis(power_spectrogram(noise(3, 20.0))) == pytest.approx(np.log(2), abs=0.05)


def test_kurtosis_rises_with_each_bin_that_is_knocked_out() -> None:
    wave = noise(4)
    kurtoses = [
        musical_noise(through_random_mask(wave, kept=kept)).spectral_kurtosis
        for kept in (1.0, 0.5, 0.2, 0.05)
    ]
    assert kurtoses == sorted(kurtoses)
    assert kurtoses[-1] > kurtoses[0] + 0.5


def test_a_random_mask_raises_it_by_its_rarity() -> None:
    """Power that is there with probability q has E[p²] / E[p]² larger by 1 / q."""
    drawn = np.random.default_rng(5).exponential(size=(513, 4000))
    mask = np.random.default_rng(6).random(drawn.shape) < 0.25
    assert spectral_kurtosis(drawn * mask) - spectral_kurtosis(drawn) == pytest.approx(np.log(4), abs=0.02)


def test_level_does_not_count() -> None:
    wave = through_random_mask(noise(7), kept=0.1)
    loud, quiet = musical_noise(wave), musical_noise(0.01 * wave)
    assert quiet.spectral_kurtosis == pytest.approx(loud.spectral_kurtosis, abs=1e-3)
    assert quiet.isolated_peaks == pytest.approx(loud.isolated_peaks, rel=0.02)


def test_silence_has_no_musical_noise() -> None:
    silence = musical_noise(np.zeros(48_000, dtype=np.float32))
    assert (silence.isolated_peaks, silence.spectral_kurtosis) == (0.0, 0.0)

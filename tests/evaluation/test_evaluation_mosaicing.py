"""NMF mosaicing: each restriction by itself, and mosaics whose grains can be told apart."""

import numpy as np
import pytest
from evaluation_signals import C_MAJOR_TO_A_MINOR, RATE_HZ, chords, noise, sine

from hocket.evaluation import mosaicing
from hocket.evaluation.mosaicing import (
    POLYPHONY,
    activations,
    along_diagonals,
    nmf_mosaicing,
    without_crowding,
    without_repetition,
)
from hocket.evaluation.waveform import correlation

NONE_LEFT = np.float32(0)


def test_a_grain_is_not_repeated_within_three_frames() -> None:
    share = np.array([[1, 2, 3, 2, 1, 1, 1, 1.5]], dtype=np.float32)
    expected = np.array([[0, 0, 3, 0, 0, 0, 0, 1.5]], dtype=np.float32)
    np.testing.assert_array_equal(without_repetition(share, NONE_LEFT), expected)
    half = without_repetition(share, np.float32(0.5))
    np.testing.assert_array_equal(half, np.where(expected > 0, share, share / 2))


def test_at_most_ten_grains_sound_at_a_time() -> None:
    share = np.random.default_rng(0).random((50, 7), dtype=np.float32)
    kept = without_crowding(share, NONE_LEFT)
    assert ((kept > 0).sum(axis=0) == POLYPHONY).all()
    np.testing.assert_array_equal(np.sort(kept, axis=0)[-POLYPHONY:], np.sort(share, axis=0)[-POLYPHONY:])
    few = share[:POLYPHONY]
    np.testing.assert_array_equal(without_crowding(few, NONE_LEFT), few)


def test_a_grain_calls_its_neighbours_along_the_diagonal() -> None:
    share = np.zeros((9, 9), dtype=np.float32)
    share[4, 4] = 1.0
    np.testing.assert_array_equal(along_diagonals(share), np.diag([0, 1, 1, 1, 1, 1, 1, 1, 0]))
    assert along_diagonals(share[4:5, 4:5]).tolist() == [[1.0]]


def test_activations_find_the_grains_that_a_mixture_was_made_of() -> None:
    """Templates with bins of their own, each called in turn: the activations are a diagonal."""
    templates = np.kron(np.eye(12), np.ones((3, 1))).astype(np.float32) / 3
    wanted = 5 * templates
    found = activations(wanted=wanted, templates=templates)
    np.testing.assert_allclose(templates @ found, wanted, rtol=0.02, atol=0.02)
    assert (found.argmax(axis=0) == np.arange(12)).all()


def sweep() -> np.ndarray:
    """A tone that rises over five octaves in 4 s."""
    times = np.arange(96_000) / RATE_HZ
    return np.sin(2 * np.pi * 100 / np.log(2) * 2**times).astype(np.float32)


@pytest.mark.parametrize("wave", [sweep(), noise(0)])
def test_a_piece_whose_frames_differ_is_its_own_mosaic(wave: np.ndarray) -> None:
    """Frames of a held chord differ in phase only, which magnitudes cannot tell."""
    assert correlation(output=nmf_mosaicing(wave, wave, RATE_HZ), reference=wave) > 0.8


def test_grains_come_when_the_input_asks_for_them() -> None:
    """The target plays low, then high; the input high, then low. The mosaic is the target in the input's order."""
    half = np.arange(96_000) < 48_000
    low, high = sine(300), sine(2000)
    target = np.where(half, low, high).astype(np.float32)
    mosaic = nmf_mosaicing(np.where(half, high, low).astype(np.float32), target, RATE_HZ)
    spectra = np.abs(np.fft.rfft([mosaic[4000:44_000], mosaic[52_000:92_000]]))
    strongest_hz = spectra.argmax(axis=1) * RATE_HZ / 40_000
    np.testing.assert_allclose(strongest_hz, [2000, 300], atol=30)


def test_a_gap_of_the_input_stays_a_gap() -> None:
    gapped = np.where(np.arange(96_000) < 48_000, noise(1), 0).astype(np.float32)
    mosaic = nmf_mosaicing(gapped, chords(C_MAJOR_TO_A_MINOR), RATE_HZ)
    assert np.abs(mosaic[52_000:]).max() < 0.01 * np.abs(mosaic[:44_000]).max()


def test_long_recordings_are_done_in_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    wave = noise(3)
    monkeypatch.setattr(mosaicing, "STRETCH_FRAMES", 20)
    assert correlation(output=nmf_mosaicing(wave, wave, RATE_HZ), reference=wave) > 0.8


def test_a_silent_target_gives_silence() -> None:
    assert not nmf_mosaicing(noise(2), np.zeros(96_000, dtype=np.float32), RATE_HZ).any()

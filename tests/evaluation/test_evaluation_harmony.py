"""Chroma cosines on chords of known pitch, and the separation against librosa's own."""

import librosa
import numpy as np
import pytest
from evaluation_signals import C_MAJOR_TO_A_MINOR, F_SHARP_TO_E_FLAT, SECONDS, chords, clicks, noise

from hocket.evaluation.harmony import chroma_cosine, harmonic_parts, raw_chroma, smoothed_chroma


def harmony(output: np.ndarray, reference: np.ndarray) -> float:
    chromas = [smoothed_chroma(raw_chroma(wave)) for wave in (output, reference)]
    return chroma_cosine(output=chromas[0], reference=chromas[1])


def test_harmonic_parts_are_those_of_librosa() -> None:
    wave = chords(C_MAJOR_TO_A_MINOR) + clicks((0.5, 1.1, 2.7)) + 0.1 * noise(0)
    for margin, part in zip((1.0, 4.0), harmonic_parts(wave, margins=(1.0, 4.0)), strict=True):
        np.testing.assert_array_equal(part, librosa.effects.harmonic(wave, margin=margin))


def test_harmonic_part_of_silence_is_silence() -> None:
    (part,) = harmonic_parts(np.zeros(24_000, dtype=np.float32), margins=(1.0,))
    assert not part.any()


def test_a_progression_agrees_with_itself_at_any_level() -> None:
    progression = chords(C_MAJOR_TO_A_MINOR)
    assert harmony(progression, progression) == pytest.approx(1.0, abs=1e-6)
    assert harmony(-0.1 * progression, progression) == pytest.approx(1.0, abs=1e-3)


def test_another_timbre_or_octave_keeps_the_harmony() -> None:
    progression = chords(C_MAJOR_TO_A_MINOR)
    octave_up = tuple(tuple(note + 12 for note in chord) for chord in C_MAJOR_TO_A_MINOR)
    assert harmony(chords(C_MAJOR_TO_A_MINOR, num_partials=2), progression) > 0.9
    assert harmony(chords(octave_up, num_partials=2), progression) > 0.9


def test_a_transposed_progression_loses_the_harmony() -> None:
    progression = chords(C_MAJOR_TO_A_MINOR)
    assert harmony(chords(F_SHARP_TO_E_FLAT), progression) < 0.0


def test_chords_in_another_order_lose_the_harmony_in_part() -> None:
    progression = chords(C_MAJOR_TO_A_MINOR)
    reversed_order = chords(C_MAJOR_TO_A_MINOR[::-1])
    assert harmony(chords(F_SHARP_TO_E_FLAT), progression) < harmony(reversed_order, progression) < 0.9


def test_silence_agrees_with_nothing() -> None:
    silence = np.zeros(round(SECONDS * 24_000), dtype=np.float32)
    assert harmony(silence, chords(C_MAJOR_TO_A_MINOR)) == 0.0


def test_frames_without_pitch_count_as_zero() -> None:
    """Half of the frames agree fully and half are empty: the mean is one half."""
    reference = smoothed_chroma(raw_chroma(chords(C_MAJOR_TO_A_MINOR)))
    output = reference.copy()
    output[:, : output.shape[1] // 2] = 0.0
    expected = 1 - (output.shape[1] // 2) / output.shape[1]
    assert chroma_cosine(output=output, reference=reference) == pytest.approx(expected, abs=1e-6)

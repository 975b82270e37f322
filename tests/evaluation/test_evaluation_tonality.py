"""Chords and keys of music whose chords and key are known."""

import numpy as np
import pytest
from evaluation_signals import C_MAJOR_TO_A_MINOR, F_SHARP_TO_E_FLAT, SECONDS, chords, noise

from hocket.evaluation.harmony import raw_chroma
from hocket.evaluation.tonality import (
    NO_CHORD,
    PITCH_CLASSES,
    TRIADS,
    chord_agreement,
    key,
    key_agreement,
)
from hocket.evaluation.tonality import chords as name_chords

MINOR = 12
PROGRESSION = ((60, 64, 67), (65, 69, 72), (67, 71, 74), (60, 64, 67))  # I IV V I in C major


def triads_of(wave: np.ndarray) -> np.ndarray:
    return name_chords(raw_chroma(wave))


def transposed(progression: tuple[tuple[int, ...], ...], semitones: int) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(note + semitones for note in chord) for chord in progression)


@pytest.mark.parametrize("root", range(12))
@pytest.mark.parametrize("mode", TRIADS)
def test_each_triad_is_named(mode: str, root: int) -> None:
    """Ideal chroma vectors: the three notes of the triad, and something of the others."""
    chroma = np.full((12, 50), 0.2)
    chroma[[(root + step) % 12 for step in TRIADS[mode]]] = 1.0
    assert set(name_chords(chroma)) == {root + (MINOR if mode == "minor" else 0)}


def test_chords_change_when_they_change() -> None:
    found = triads_of(chords(C_MAJOR_TO_A_MINOR))
    half = len(found) // 2
    assert np.mean(found[:half] == 0) > 0.9
    assert np.mean(found[half:] == 9 + MINOR) > 0.9


def test_a_passing_frame_is_not_a_chord() -> None:
    """A few frames of another triad in the midst of a long one are taken for ornament."""
    chroma = np.full((12, 200), 0.2)
    chroma[[0, 4, 7]] = 1.0
    chroma[:, 100:104] = np.roll(chroma[:, :1], 6, axis=0)
    assert set(name_chords(chroma)) == {0}


def test_agreement_with_oneself_and_with_a_tritone_away() -> None:
    progression = triads_of(chords(PROGRESSION))
    far = triads_of(chords(transposed(PROGRESSION, 6)))
    assert chord_agreement(output=progression, reference=progression) == 1.0
    assert chord_agreement(output=far, reference=progression) < 0.1
    softened = triads_of(chords(PROGRESSION, num_partials=2) + 0.1 * noise(0))
    assert chord_agreement(output=softened, reference=progression) > 0.9


def test_agreement_is_a_share_of_frames() -> None:
    reference = np.array([0, 0, 5, 5])
    assert chord_agreement(output=np.array([0, 0, 5, 6]), reference=reference) == 0.75


def test_silence_has_no_chord_and_agrees_with_none() -> None:
    silence = triads_of(np.zeros(round(SECONDS * 24_000), dtype=np.float32))
    assert set(silence) == {NO_CHORD}
    assert chord_agreement(output=silence, reference=silence) == 0.0


@pytest.mark.parametrize("semitones", [0, 1, 6, 11])
def test_the_key_of_a_cadence(semitones: int) -> None:
    wave = chords(transposed(PROGRESSION, semitones))
    assert key(raw_chroma(wave)) == f"{PITCH_CLASSES[semitones]} major"


def test_the_key_of_a_minor_cadence() -> None:
    """i iv V i in A minor, whose V has the raised leading note."""
    wave = chords(((57, 60, 64), (62, 65, 69), (64, 68, 71), (57, 60, 64)))
    assert key(raw_chroma(wave)) == "A minor"


def test_without_pitch_there_is_no_key() -> None:
    assert key(np.zeros((12, 40))) is None
    assert key(np.ones((12, 40))) is None
    assert key_agreement(output=None, reference="C major") == 0.0
    assert key_agreement(output=None, reference=None) == 0.0


@pytest.mark.parametrize(
    ("output", "score"),
    [("C major", 1.0), ("G major", 0.5), ("A minor", 0.3), ("C minor", 0.2), ("F# major", 0.0)],
)
def test_near_keys_count_in_part(output: str, score: float) -> None:
    assert key_agreement(output=output, reference="C major") == score


def test_other_chords_are_in_another_key() -> None:
    first, second = (key(raw_chroma(chords(pair))) for pair in (C_MAJOR_TO_A_MINOR, F_SHARP_TO_E_FLAT))
    assert key_agreement(output=second, reference=first) == 0.0

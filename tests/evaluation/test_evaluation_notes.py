"""The note listener hears what is played, and its scores tell right notes from wrong, drowned and late ones."""

import numpy as np
import pytest
from evaluation_signals import C_MAJOR_TO_A_MINOR, EVEN, F_SHARP_TO_E_FLAT, ODD, chords, clicks, noise, struck

from hocket.evaluation import notes
from hocket.evaluation.features import Features
from hocket.evaluation.score import score_triple

pytest.importorskip("onnxruntime", reason="the note listener runs on onnxruntime")

LOWEST_MIDI = 21


def sounding(waveform: np.ndarray) -> set[int]:
    """MIDI numbers that sound for at least a second."""
    heard = notes.hear_notes(waveform).sounding
    assert heard.shape == (len(waveform) * 147 // 160 // 256, 88)
    return {int(pitch) + LOWEST_MIDI for pitch in np.flatnonzero((heard > notes.SOUNDING).sum(axis=0) > 86)}


@pytest.mark.parametrize("root", [36, 55, 72])
def test_it_hears_the_notes_of_a_chord(root: int) -> None:
    played = {root, root + 4, root + 7}
    partials = {note + interval for note in played for interval in (12, 19)}
    heard = sounding(chords((tuple(sorted(played)),), num_partials=3))
    assert played <= heard <= played | partials


def test_silence_and_noise_have_no_notes() -> None:
    assert not sounding(noise(0))
    assert not notes.hear_notes(np.zeros(48_000, dtype=np.float32)).sounding.any()


def test_a_long_recording_is_heard_as_a_short_one_is() -> None:
    """Windows are joined where they were cut, without a gap or a frame twice."""
    chord = chords(C_MAJOR_TO_A_MINOR, seconds=4.0)
    twice = notes.hear_notes(np.concatenate([chord, chord])).sounding
    once = notes.hear_notes(chord).sounding
    difference = np.abs(twice[30 : len(once) - 60] - once[30:-60])
    assert difference.mean() < 0.01


def scores(output: np.ndarray) -> dict[str, float]:
    return score_triple(
        output=output,
        input=struck(chords(F_SHARP_TO_E_FLAT), EVEN) + clicks(EVEN),
        target=struck(chords(C_MAJOR_TO_A_MINOR), ODD) + clicks(ODD, seed=1),
    )


def test_a_right_fusion_scores_high_in_all() -> None:
    right = scores(struck(chords(C_MAJOR_TO_A_MINOR), EVEN) + clicks(EVEN))
    assert right["note_recall"] > 0.8
    assert right["note_precision"] > 0.8
    assert right["note_margin"] > 0.8
    assert right["foreign_notes"] < 0.02
    assert right["struck_margin"] > 0.3


def test_the_inputs_notes_score_low_in_all() -> None:
    wrong = scores(struck(chords(F_SHARP_TO_E_FLAT), ODD) + clicks(ODD))
    assert wrong["note_recall"] < 0.2
    assert wrong["note_precision"] < 0.2
    assert wrong["note_margin"] < -0.8
    assert wrong["foreign_notes"] > 0.8
    assert wrong["struck_margin"] < -0.3


def test_notes_that_drown_are_missed() -> None:
    chord, hits = struck(chords(C_MAJOR_TO_A_MINOR), EVEN), clicks(EVEN)
    clear, drowned = scores(chord + hits), scores(0.05 * chord + hits + 0.3 * noise(1))
    assert drowned["note_recall"] < clear["note_recall"] - 0.4


def test_a_silent_output_has_no_score() -> None:
    silent = scores(np.zeros(96_000, dtype=np.float32))
    names = ("note_recall", "note_precision", "note_margin", "foreign_notes", "struck_margin")
    assert {silent[name] for name in names} == {0.0}


def test_without_the_network_the_other_figures_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    output = struck(chords(C_MAJOR_TO_A_MINOR), EVEN)
    everything = scores(output)
    monkeypatch.setattr(notes, "find_spec", lambda name: None)
    rest = scores(output)
    assert rest == {name: figure for name, figure in everything.items() if name in rest}
    assert {name for name in everything if name not in rest} == {
        "note_recall",
        "note_precision",
        "note_margin",
        "foreign_notes",
        "struck_margin",
    }


def test_notes_are_computed_once_for_a_waveform() -> None:
    features = Features(chords(C_MAJOR_TO_A_MINOR))
    assert features.notes is features.notes

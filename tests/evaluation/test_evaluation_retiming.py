"""Retiming moves the target's strokes to the input's and keeps its notes."""

import numpy as np
import pytest
from evaluation_signals import C_MAJOR_TO_A_MINOR, EVEN, RATE_HZ, chords, clicks, noise, struck

from hocket.evaluation.harmony import raw_chroma
from hocket.evaluation.retiming import retime
from hocket.evaluation.score import score_triple

SECONDS = 8.0
SLOW = tuple(np.arange(0.1, SECONDS, 0.75))
QUICK = tuple(np.arange(0.1, SECONDS, 0.5))


def test_strokes_are_where_the_inputs_are_and_notes_are_the_targets() -> None:
    input = clicks(QUICK, SECONDS) + 0.01 * noise(0, SECONDS)
    target = struck(chords(C_MAJOR_TO_A_MINOR, SECONDS), SLOW) + clicks(SLOW, SECONDS, seed=1)
    output = retime(input, target, RATE_HZ)
    assert output.shape == input.shape
    before = score_triple(output=target, input=input, target=target)
    scores = score_triple(output=output, input=input, target=target)
    assert scores["rhythm_margin"] > before["rhythm_margin"] + 0.7
    assert scores["beat_f_measure"] > 0.8
    heard, wanted = (raw_chroma(wave).mean(axis=1) for wave in (output, target))
    assert np.corrcoef(heard, wanted)[0, 1] > 0.9
    assert scores["overlay_r2"] < 0.3


@pytest.mark.parametrize(
    "input", [noise(0), chords(C_MAJOR_TO_A_MINOR), np.zeros(4 * RATE_HZ, dtype=np.float32)]
)
def test_an_input_without_beats_gives_sound_all_the_same(input: np.ndarray) -> None:
    output = retime(input, chords(C_MAJOR_TO_A_MINOR) + clicks(EVEN), RATE_HZ)
    assert np.isfinite(output).all()
    assert np.sqrt(np.mean(output**2)) == pytest.approx(0.1, rel=1e-3)

"""Agreement with a known true fusion, and the column of the pairs file that names it."""

from pathlib import Path

import numpy as np
import pytest
from evaluation_signals import C_MAJOR_TO_A_MINOR, EVEN, F_SHARP_TO_E_FLAT, ODD, chords, clicks, struck

from hocket.audio import Audio, save
from hocket.data.pairs import Pair, read_pairs
from hocket.errors import AudioError, DataError
from hocket.evaluation.conventions import SAMPLE_RATE_HZ, read_folded
from hocket.evaluation.evaluate import GivenOutput
from hocket.evaluation.features import Features
from hocket.evaluation.truth import read_truths, score_truth
from scored import evaluate_set


def piece(harmony: tuple[tuple[int, ...], ...], rhythm: tuple[float, ...], seed: int = 0) -> np.ndarray:
    return struck(chords(harmony), rhythm) + clicks(rhythm, seed=seed)


@pytest.fixture(scope="module")
def truth() -> Features:
    return Features(piece(F_SHARP_TO_E_FLAT, EVEN))


def test_the_truth_agrees_with_itself_at_any_level(truth: Features) -> None:
    for level in (1.0, -0.2):
        figures = score_truth(output=Features(np.float32(level) * truth.waveform), truth=truth)
        assert figures == {
            "truth_rhythm": pytest.approx(1.0, abs=2e-3),
            "truth_harmony": pytest.approx(1.0, abs=2e-3),
        }


def test_rhythm_and_harmony_are_told_apart(truth: Features) -> None:
    """Each of the two sources has one half of the truth."""
    as_input = score_truth(output=Features(piece(C_MAJOR_TO_A_MINOR, EVEN, seed=1)), truth=truth)
    as_target = score_truth(output=Features(piece(F_SHARP_TO_E_FLAT, ODD, seed=1)), truth=truth)
    assert as_input["truth_rhythm"] > 0.7 > 0.3 > as_target["truth_rhythm"]
    assert as_target["truth_harmony"] > 0.7 > 0.1 > as_input["truth_harmony"]


def test_silence_agrees_with_no_truth(truth: Features) -> None:
    figures = score_truth(output=Features(np.zeros_like(truth.waveform)), truth=truth)
    assert figures == {"truth_rhythm": 0.0, "truth_harmony": 0.0}


def test_a_rendered_corpus_names_its_truths(corpus: Path) -> None:
    pairs = read_pairs(corpus / "pairs.csv")
    truths = read_truths(corpus / "pairs.csv", pairs)
    assert [path.relative_to(corpus).as_posix() for path in truths] == [
        f"truth/{pair.name}.flac" for pair in pairs
    ]


def test_every_system_is_scored_and_the_truth_wins(corpus: Path) -> None:
    """On a rendered pair the true fusion scores 1 and the overlay less, whose harmony is also the input's."""
    (pair, *_), (truth, *_) = read_pairs(corpus / "pairs.csv"), sorted((corpus / "truth").iterdir())
    given = [GivenOutput("truth", read_folded(truth))]
    scores = evaluate_set(pairs=[pair], outputs={"given": given}, baselines=("overlay",), truths=[truth])
    for figure in ("truth_rhythm", "truth_harmony"):
        assert scores["given"].means[figure] == pytest.approx(1.0)
        assert scores["overlay"].means[figure] < 0.95
        assert scores["overlay"].worst[figure]["pair"] == pair.name
    assert scores["given"].rows[0]["truth"] == str(truth)


def test_a_silent_truth_is_named(corpus: Path, tmp_path: Path) -> None:
    silent = tmp_path / "silent.wav"
    save(silent, Audio(np.zeros((1, 5 * SAMPLE_RATE_HZ), dtype=np.float32), SAMPLE_RATE_HZ))
    with pytest.raises(AudioError, match=r"silent\.wav is silent"):
        evaluate_set(pairs=read_pairs(corpus / "pairs.csv")[:1], outputs={}, truths=[silent])


def written(folder: Path, text: str) -> tuple[Path, list[Pair]]:
    """A pairs file with two pairs of one recording, which lies beside it."""
    save(folder / "a.wav", Audio(np.full((1, 100), 0.1, dtype=np.float32), SAMPLE_RATE_HZ))
    path = folder / "pairs.csv"
    path.write_text(text, encoding="utf-8-sig")
    return path, read_pairs(path)


def test_blank_lines_and_the_order_of_columns_do_not_matter(tmp_path: Path) -> None:
    path, pairs = written(tmp_path, "truth,target,input\n\na.wav,a.wav,a.wav\n , ,\n./a.wav,a.wav,a.wav\n")
    assert read_truths(path, pairs) == [tmp_path / "a.wav", tmp_path / "a.wav"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("input,target\na.wav,a.wav\n", "column 'truth'"),
        ("input,target,truth,truth\na.wav,a.wav,a.wav,a.wav\n", "column 'truth'"),
        ("input,target,truth\na.wav,a.wav,a.wav\na.wav,a.wav,\n", "nothing as the truth of pair 001"),
        ("input,target,truth\na.wav,a.wav\n", "nothing as the truth of pair 000"),
        ("input,target,truth\na.wav,a.wav,b.wav\n", "'b.wav', which is not a file"),
    ],
)
def test_a_missing_truth_is_named(tmp_path: Path, text: str, told: str) -> None:
    path, pairs = written(tmp_path, text)
    with pytest.raises(DataError, match=rf"pairs\.csv .*{told}"):
        read_truths(path, pairs)

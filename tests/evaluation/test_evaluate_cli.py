"""`hocket evaluate` on small files: its JSON, its table, and one sentence for each mistake."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from evaluation_signals import (
    C_MAJOR_TO_A_MINOR,
    EVEN,
    F_SHARP_TO_E_FLAT,
    ODD,
    RATE_HZ,
    chords,
    clicks,
    struck,
)

from forked import hocket
from hocket.audio import Audio, load, save
from hocket.cli import main

STEREO_RATE_HZ = 44_100


def write(path: Path, wave: np.ndarray) -> None:
    save(path, Audio(np.asarray(0.5 * wave, dtype=np.float32)[np.newaxis], RATE_HZ))


@pytest.fixture(scope="module")
def music_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recordings, pairs.csv with both orders of them, and outputs: a copy of the input, and silence."""
    folder = tmp_path_factory.mktemp("music")
    (folder / "outputs").mkdir()
    first = (struck(chords(C_MAJOR_TO_A_MINOR), EVEN) + clicks(EVEN))[:40_000]
    second = (struck(chords(F_SHARP_TO_E_FLAT), ODD) + clicks(ODD, seed=1))[:40_000]
    write(folder / "first.wav", first)
    write(folder / "second.wav", second)
    write(folder / "outputs" / "000.wav", first)
    write(folder / "outputs" / "001.flac", 0 * second)
    (folder / "pairs.csv").write_text("input,target\nfirst.wav,second.wav\nsecond.wav,first.wav\n")
    return folder


def evaluated(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    assert main(["evaluate", *map(str, arguments)]) == 0
    printed = capsys.readouterr()
    assert printed.err.strip().endswith("0 s left)")
    return printed.out


def test_json_holds_every_system_and_nothing_else(
    music_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one_pair = music_folder / "one.csv"
    one_pair.write_text("input,target\nfirst.wav,second.wav\n")
    arguments = ["--pairs", one_pair, "--outputs", music_folder / "outputs", "--baselines", "--json"]
    printed = evaluated(capsys, *arguments)
    result = json.loads(printed, parse_constant=lambda name: pytest.fail(f"{name} in the JSON"))
    assert set(result) == {"pairs", "systems", "versions", "recipe"}
    assert result["pairs"] == 1
    assert list(result["systems"]) == [
        "overlay",
        "layering",
        "layering_margin_1",
        "gated_layering",
        "cross_synthesis",
        "envelope_gating",
        "nmf_mosaicing",
        "retiming",
        "outputs",
    ]
    assert {"hocket", "librosa", "mir_eval"} <= set(result["versions"])
    assert {"beat_f_measure", "chord_agreement", "nmf_mosaicing", "spectral_kurtosis"} <= set(
        result["recipe"]
    )
    for system in result["systems"].values():
        assert set(system) == {"means", "intervals", "worst", "verdicts", "rows"}
        assert [row["pair"] for row in system["rows"]] == ["000"]
        assert set(system["worst"]["rhythm_margin"]) == {"pair", "value"}
        assert isinstance(system["means"]["frechet"], float)
        assert {"beat_f_measure", "chord_agreement", "key_agreement", "isolated_peaks"} <= set(
            system["means"]
        )
        assert "truth_rhythm" not in system["means"]


def test_the_table_shows_the_outputs(music_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A copy of the input, and silence."""
    arguments = ["--pairs", music_folder / "pairs.csv", "--outputs", music_folder / "outputs"]
    lines = evaluated(capsys, *arguments).splitlines()
    assert lines[0].startswith("2 pairs")
    cells = {" ".join(words[:-1]): words[-1] for line in lines if (words := line.split())}
    assert cells["with input"] == "0.50"
    assert (cells["copying input"], cells["silent"]) == ("1", "1")
    assert cells["× real time"] == "-"
    assert "true fusion" not in lines


def test_outputs_are_compared_with_the_true_fusions(
    music_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first output is what the column truth calls the true fusion; the second is another piece."""
    pairs = tmp_path / "pairs.csv"
    names = [music_folder / name for name in ("first.wav", "second.wav")]
    pairs.write_text(
        f"input,target,truth\n{names[0]},{names[1]},{names[0]}\n{names[1]},{names[0]},{names[1]}\n"
    )
    for name in ("000.wav", "001.wav"):
        (tmp_path / name).write_bytes(names[0].read_bytes())
    printed = evaluated(capsys, "--pairs", pairs, "--outputs", tmp_path, "--truths", "--json")
    outputs = json.loads(printed)["systems"]["outputs"]
    assert outputs["rows"][0]["truth_rhythm"] == pytest.approx(1.0)
    assert outputs["rows"][0]["truth_harmony"] == pytest.approx(1.0)
    assert outputs["rows"][0]["truth"] == str(names[0])
    assert outputs["worst"]["truth_harmony"] == {"pair": "001", "value": outputs["rows"][1]["truth_harmony"]}
    assert outputs["rows"][1]["truth_rhythm"] < 0.3


def test_without_the_column_truth_it_says_so(music_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = error_of(capsys, "--pairs", music_folder / "pairs.csv", "--baselines", "--truths")
    assert "pairs.csv" in message
    assert "'truth'" in message


def test_the_weights_that_come_along_are_fused_timed_and_scored(
    music_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is scored is what both sources have, at whatever rate and in however many channels they are."""
    first = load(music_folder / "first.wav", sample_rate=STEREO_RATE_HZ)
    save(tmp_path / "wide.wav", Audio(first.samples.repeat(2, axis=0), STEREO_RATE_HZ))
    pairs = tmp_path / "pairs.csv"
    pairs.write_text(f"input,target\nwide.wav,{music_folder / 'second.wav'}\n")
    model = json.loads(evaluated(capsys, "--pairs", pairs, "--json"))["systems"]["model"]
    assert model["means"]["real_time_factor"] > 0
    assert model["means"]["complementarity"] > 0.8
    row = model["rows"][0]
    assert row["input_mask_mean"] == pytest.approx(0.5, abs=0.2)
    assert row["scored_seconds"] == pytest.approx(40_000 / RATE_HZ, abs=0.01)
    assert row["rhythm_margin"] > 0.3
    missing = error_of(capsys, "--pairs", pairs, "--checkpoint", tmp_path / "run")
    assert "is not a checkpoint" in missing


def error_of(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    assert main(["evaluate", *map(str, arguments)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    return printed.err


def test_what_is_to_be_scored_must_be_clear(music_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs = music_folder / "pairs.csv"
    both = error_of(capsys, "--pairs", pairs, "--outputs", music_folder, "--checkpoint", "run/best")
    assert "choose one" in both
    assert "--jobs is 0" in error_of(capsys, "--pairs", pairs, "--baselines", "--jobs", "0")


def test_missing_outputs_are_counted_and_named(
    music_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = music_folder / "pairs.csv"
    assert "is not a folder" in error_of(capsys, "--pairs", pairs, "--outputs", tmp_path / "none")
    write(tmp_path / "000.wav", clicks(EVEN))
    message = error_of(capsys, "--pairs", pairs, "--outputs", tmp_path)
    assert "1 of 2 pairs" in message
    assert "001.wav" in message
    write(tmp_path / "000.flac", clicks(EVEN))
    write(tmp_path / "001.wav", clicks(EVEN))
    assert "both exist" in error_of(capsys, "--pairs", pairs, "--outputs", tmp_path)


def test_bad_recordings_are_named(
    music_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = music_folder / "pairs.csv"
    write(tmp_path / "000.wav", clicks(EVEN))
    write(tmp_path / "001.wav", clicks(EVEN)[:12_000])
    message = error_of(capsys, "--pairs", pairs, "--outputs", tmp_path)
    assert "001.wav is too short (0.5 s)" in message
    (tmp_path / "001.wav").write_bytes(b"not a recording at all")
    assert "001.wav" in error_of(capsys, "--pairs", pairs, "--outputs", tmp_path)


def test_a_silent_source_is_named(
    music_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "silent.wav", np.zeros(40_000))
    pairs = tmp_path / "pairs.csv"
    pairs.write_text(f"input,target\n{music_folder / 'first.wav'},silent.wav\n")
    assert "silent.wav is silent" in error_of(capsys, "--pairs", pairs, "--baselines")


def test_a_mistake_ends_with_two_and_without_a_traceback(tmp_path: Path) -> None:
    done = hocket("evaluate", "--pairs", tmp_path / "none.csv", "--baselines")
    assert done.returncode == 2
    assert "none.csv" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_without_the_extra_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['librosa'] = None\n"
        "from hocket.cli import main; sys.exit(main(['evaluate', '--pairs', 'x.csv', '--baselines']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 2
    assert "pip install 'hocket[eval]'" in done.stderr
    assert "librosa" in done.stderr
    assert "Traceback" not in done.stderr

"""`hocket check` on real files: what it says, what it draws, and what it says of files that cannot be judged."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from forked import hocket
from hocket.audio import Audio, load, save
from hocket.cli import main

RATE_HZ = 24_000
KEYS = {
    "output_input_correlation",
    "output_target_correlation",
    "ratio",
    "verdict",
    "rung",
    "rhythm_margin",
    "harmony_margin",
    "articulation_margin",
    "overlay_r2",
    "lag_seconds",
}


@pytest.fixture(scope="module")
def files(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two seconds of two songs, and outputs made of them."""
    folder = tmp_path_factory.mktemp("check")
    line = (corpus / "pairs.csv").read_text(encoding="utf-8").splitlines()[1].split(",")
    one, other = (
        load(corpus / name, start_seconds=1.0, duration_seconds=2.0).samples[0] for name in line[:2]
    )
    late = np.concatenate([np.zeros(600, np.float32), other])[: len(other)]
    outputs = {
        "input": one,
        "target": other,
        "overlay": 0.5 * (one / np.std(one) + other / np.std(other)) * 0.1,
        "late": -late,
        "noise": 0.1 * np.random.default_rng(0).standard_normal(len(one)),
    }
    for name, samples in outputs.items():
        save(folder / f"{name}.wav", Audio(samples[None].astype(np.float32), RATE_HZ), encoding="float32")
    return {name: folder / f"{name}.wav" for name in outputs}


def check(files: dict[str, Path], output: Path, *extra: str | Path) -> int:
    return main(
        [
            "check",
            str(output),
            "--input",
            str(files["input"]),
            "--target",
            str(files["target"]),
            *map(str, extra),
        ]
    )


@pytest.mark.parametrize(
    ("output", "verdict"),
    [
        ("target", "copying target"),
        ("input", "copying input"),
        ("late", "copying target"),
        ("overlay", "overlay"),
        ("noise", "unrelated"),
    ],
)
def test_json_says_what_was_constructed(
    files: dict[str, Path], capsys: pytest.CaptureFixture[str], output: str, verdict: str
) -> None:
    assert check(files, files[output], "--json") == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures.keys() >= KEYS
    assert figures["verdict"] == verdict
    assert figures["lag_seconds"] == pytest.approx(0.025 if output == "late" else 0.0, abs=1e-4)
    larger, smaller = sorted(
        (abs(figures["output_input_correlation"]), abs(figures["output_target_correlation"])), reverse=True
    )
    assert figures["ratio"] == pytest.approx(min(larger / max(smaller, 1e-6), 1000.0), rel=1e-6)


def test_words_say_the_same(files: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert check(files, files["late"]) == 0
    said = capsys.readouterr().out
    for part in (
        "⚠ Copy of the target\n",
        "2x rule        ⚠ COPYING THE TARGET (ratio",
        "output→target  -1.00",
        "the target's rhythm",
        "the target's harmony",
        "a sum explains it",
        "the output comes 25 ms after the two sources",
    ):
        assert part in said
    assert check(files, files["overlay"]) == 0
    said = capsys.readouterr().out
    assert "⚠ Overlay\n    a sum of the two recordings explains 100 % of it" in said
    assert "✓" not in said and "mixes both" not in said
    assert "delay" not in said


def test_the_command_draws_and_leaves_nothing_else(files: dict[str, Path], tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    sources = ["--input", files["input"], "--target", files["target"]]
    result = hocket("check", files["overlay"], *sources, "--plot", picture)
    assert (result.returncode, result.stderr) == (0, "")
    assert str(picture) in result.stdout
    assert picture.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert list(tmp_path.iterdir()) == [picture]


def refused(capsys: pytest.CaptureFixture[str], code: int) -> str:
    """The one line that a refusal prints."""
    captured = capsys.readouterr()
    assert (code, captured.out) == (2, "")
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("hocket check: error: ")
    return captured.err


@pytest.mark.parametrize("role", ["output", "input", "target"])
@pytest.mark.parametrize("fault", ["missing", "empty", "corrupt", "silent", "short", "not a number"])
def test_a_file_that_cannot_be_judged_is_named(
    files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], role: str, fault: str
) -> None:
    bad = tmp_path / "bad.wav"
    words = spoil(bad, files["input"], fault)
    paths = {"output": files["overlay"], "input": files["input"], "target": files["target"]} | {role: bad}
    code = main(
        ["check", str(paths["output"]), "--input", str(paths["input"]), "--target", str(paths["target"])]
    )
    sentence = refused(capsys, code)
    assert str(bad) in sentence
    assert words in sentence


def spoil(path: Path, model: Path, fault: str) -> str:
    """Writes a file with the fault, and returns what should be said of it."""
    if fault == "missing":
        return "does not exist"
    if fault == "empty":
        path.touch()
        return "is empty"
    if fault == "corrupt":
        path.write_bytes(b"RIFF" + bytes(range(256)) * 8)
        return "bad.wav"
    samples, words = {
        "silent": (np.zeros(2 * RATE_HZ), "is silent"),
        "short": (load(model).samples[0, : RATE_HZ // 2], "too short (0.5 s)"),
        "not a number": (np.full(2 * RATE_HZ, np.nan), "not finite"),
    }[fault]
    soundfile.write(path, samples.astype(np.float32), RATE_HZ, subtype="FLOAT")
    return words


@pytest.mark.parametrize("plot", ["nowhere/p.png", "p.xyz", "p", "folder.png", "input.wav/p.png"])
def test_a_picture_that_cannot_be_written_is_refused_before_any_work(
    files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], plot: str
) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "input.wav").touch()
    # The output does not exist either: the picture is looked at first.
    code = check(files, tmp_path / "missing.wav", "--plot", tmp_path / plot)
    assert str(tmp_path / plot) in refused(capsys, code)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_refused_before_any_work(
    files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tmp_path.chmod(0o555)
    code = check(files, tmp_path / "missing.wav", "--plot", tmp_path / "p.png")
    assert "cannot be written (Permission denied)" in refused(capsys, code)


def test_without_matplotlib_the_cure_is_said(
    files: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code = check(files, tmp_path / "missing.wav", "--plot", tmp_path / "p.png")
    assert "pip install 'hocket[pictures]'" in refused(capsys, code)
    assert check(files, files["overlay"]) == 0

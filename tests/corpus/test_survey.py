"""The survey: figures that are known beforehand, and a page that comes out of one command."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from corpus import survey

RATE = 24_000


@pytest.fixture
def sounds(tmp_path: Path) -> dict[str, Path]:
    """Twelve seconds of a held A major chord, and of clicks of noise at 120 bpm."""
    rng = np.random.default_rng(0)
    seconds = np.arange(12 * RATE) / RATE
    chord = sum(np.sin(2 * np.pi * 440 * 2 ** (step / 12) * seconds) for step in (0, 4, 7, -12)) / 10
    clicks = 0.2 * rng.standard_normal(len(seconds)) * np.exp(-(seconds % 0.5) / 0.01)
    paths = {}
    for name, samples in (("chord", chord), ("clicks", clicks)):
        paths[name] = tmp_path / "music" / f"{name}.flac"
        paths[name].parent.mkdir(exist_ok=True)
        soundfile.write(paths[name], samples, RATE)
    return paths


def test_a_chord_and_clicks_are_told_apart(sounds: dict[str, Path]) -> None:
    chord, clicks = (survey.measure(sounds[name]) for name in ("chord", "clicks"))
    assert chord.key == "A major"
    assert chord.figures["level_db"] == pytest.approx(20 * np.log10(np.sqrt(4 / 2) / 10), abs=0.1)
    assert chord.figures["percussive"] < 0.1 < 0.8 < clicks.figures["percussive"]
    assert clicks.figures["tempo_bpm"] == pytest.approx(120, rel=0.03)
    assert clicks.figures["onsets"] == pytest.approx(2, abs=0.3)
    assert chord.figures["clarity"] > 2 * clicks.figures["clarity"]


def test_what_lies_outside_is_not_covered(sounds: dict[str, Path]) -> None:
    chord, clicks = (survey.measure(sounds[name]) for name in ("chord", "clicks"))
    assert survey.coverage([chord, clicks], [chord, clicks]) == 1
    near = [
        survey.Measured({k: v * (1 + n / 1000) for k, v in chord.figures.items()}, "", chord.spectrum)
        for n in range(9)
    ]
    assert survey.coverage(near, [chord, clicks]) == 0.5


def test_one_command_draws_and_tabulates(
    tmp_path: Path, sounds: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    songs = [
        {"file": f"music/{name}.flac", "parts": [{"sound": "organ-016"}]} for name in ("chord", "clicks")
    ]
    (tmp_path / "corpus.json").write_text(json.dumps({"songs": songs}))
    words = [str(tmp_path), "--music", str(tmp_path / "music"), "-o", str(tmp_path / "page.png")]
    assert survey.main(words) == 0
    said = capsys.readouterr().out
    assert said.count("100%") >= len(survey.MEASURES)
    assert (tmp_path / "page.png").read_bytes().startswith(b"\x89PNG")
    assert survey.main([str(tmp_path / "missing"), *words[1:]]) == 2

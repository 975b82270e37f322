"""Thousands of broken recordings, judged in child processes: see scripts/fuzz_audio.py."""

import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hocket import audio
from hocket.audio import load
from hocket.errors import AudioError

SCRIPT = Path(__file__).parents[2] / "scripts" / "fuzz_audio.py"
FORMATS = ["wav", "flac", "vorbis", "opus", "mp3", "aiff"]
if importlib.util.find_spec("av") is not None:
    FORMATS.append("m4a")


def fuzz(folder: Path, *arguments: str) -> tuple[int, dict]:
    """The exit code and the figures."""
    command = [sys.executable, str(SCRIPT), "--json", str(folder / "report.json"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    print(done.stdout)  # Shown by `pytest -rP`: the table that docs/results/reliability.md holds.
    assert (folder / "report.json").exists(), done.stderr
    return done.returncode, json.loads((folder / "report.json").read_text())


def check(report: dict, *, num_cases: int) -> None:
    assert report["faults"] == {}
    assert report["cases"] >= num_cases
    assert report["families"] == FORMATS
    assert 0 < report["slowest"][1] <= 1.0
    assert report["largest"][1] <= 1_000
    for family in FORMATS:
        outcomes = report["counts"][family]
        # Some is so little damaged that it loads, and some is not; a judge that sees one of the two only is broken.
        assert 0 < outcomes["loaded"] < sum(outcomes.values()) * 0.8
        assert len(outcomes) >= 4
    kinds = {kind for outcomes in report["counts"].values() for kind in outcomes}
    assert {"decodes to too much", "more samples than the limit", "not finite", "cut off or damaged"} <= kinds


def test_eight_hundred_broken_recordings(tmp_path: Path) -> None:
    code, report = fuzz(tmp_path, "--cases", "300")
    check(report, num_cases=800)
    assert code == 0


@pytest.mark.slow
def test_six_hundred_broken_recordings_of_every_format(tmp_path: Path) -> None:
    code, report = fuzz(tmp_path, "--cases", str(600 * len(FORMATS)), "--seed", "600")
    check(report, num_cases=600 * len(FORMATS))
    assert code == 0
    for family in FORMATS:
        assert sum(report["counts"][family].values()) == 600


def test_a_crash_is_a_fault_that_names_its_case_and_stops_nothing(tmp_path: Path) -> None:
    names = ["wav 7", "the judge dies", "wav 14"]
    code, report = fuzz(tmp_path, *(word for name in names for word in ("--only", name)))
    assert code == 1
    assert list(report["faults"]) == ["the judge dies"]
    assert "-11" in report["faults"]["the judge dies"]
    assert report["cases"] == 3


def slow(path: Path, **options: object) -> audio.Audio:
    start = time.process_time()
    while time.process_time() < start + 0.3:
        pass
    return load(path, **options)


def foreign(path: Path, **options: object) -> audio.Audio:
    raise ValueError("no")


def nameless(path: Path, **options: object) -> audio.Audio:
    raise AudioError("something is wrong: mend it.")


def two_sentences(path: Path, **options: object) -> audio.Audio:
    raise AudioError(f"{path} is wrong. Mend it: now.")


def without_a_cure(path: Path, **options: object) -> audio.Audio:
    raise AudioError(f"{path} is wrong.")


def not_finite(path: Path, **options: object) -> audio.Audio:
    found = load(path, **options)
    found.samples[0, 0] = np.nan
    return found


def too_short(path: Path, **options: object) -> audio.Audio:
    found = load(path, **options)
    return audio.Audio(found.samples[:, :5], found.sample_rate)


def another_rate(path: Path, **options: object) -> audio.Audio:
    return audio.Audio(load(path, **options).samples, 1)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (slow, "slow"),
        (foreign, "Traceback"),
        (nameless, "without the name"),
        (two_sentences, "not a sentence"),
        (without_a_cure, "not a sentence"),
        (not_finite, "not finite"),
        (too_short, "length"),
        (another_rate, "shape"),
    ],
)
def test_the_judge_notices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: Callable[..., audio.Audio], said: str
) -> None:
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    judging = importlib.import_module("audio_fuzz.judging")
    monkeypatch.setattr(judging, "MAX_SECONDS", 0.25)
    judge = judging.judge
    path = tmp_path / "a.wav"
    audio.save(path, audio.Audio(np.full((2, 4_410), 0.1, dtype=np.float32), 44_100))
    assert judge(path).outcome == "loaded"
    monkeypatch.setattr(audio, "load", broken)
    outcome = judge(path).outcome
    assert outcome.startswith("FAULT") and said in outcome

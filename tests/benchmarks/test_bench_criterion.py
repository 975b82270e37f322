"""When a training has met the criterion, read off its log while it runs."""

import json
import sys
from pathlib import Path

import pytest
from benchmarks.criterion import judge, train_until, validations

from hocket.errors import HocketError

GOOD = {
    "kind": "validation",
    "epoch": 3,
    "output_input_correlation": 0.5,
    "output_target_correlation": 0.55,
    "overlay_r2": 0.6,
    "rhythm_margin": 0.7,
    "harmony_margin": 0.6,
    "articulation_margin": 0.4,
    "input_mask_mean": 0.5,
    "target_mask_mean": 0.5,
    "complementarity": 0.9,
    "coverage": 1.0,
    "mask_variance": 0.15,
}


def test_inside_all_bars() -> None:
    judged = judge(GOOD, 12.0)
    assert judged.passed
    assert all(judged.met.values())
    assert (judged.epoch, judged.seconds) == (3, 12.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("output_input_correlation", 0.39),
        ("output_target_correlation", 0.61),
        ("overlay_r2", 0.95),
        ("rhythm_margin", 0.49),
        ("harmony_margin", 0.39),
        ("articulation_margin", 0.29),
        ("harmony_margin", float("nan")),
    ],
)
def test_outside_any_bar(name: str, value: float) -> None:
    assert not judge(GOOD | {name: value}, 0.0).passed


def test_masks_are_counted_and_do_not_decide() -> None:
    judged = judge(GOOD | {"complementarity": 0.8, "input_mask_mean": 0.6}, 0.0)
    assert judged.passed
    assert judged.words == "5 of 7"


def test_a_line_that_is_half_written_is_not_read(tmp_path: Path) -> None:
    assert validations(tmp_path) == []
    whole = json.dumps({"kind": "train"}) + "\n" + json.dumps(GOOD) + "\n"
    (tmp_path / "log.jsonl").write_text(whole + '{"kind": "valid', encoding="utf-8")
    assert validations(tmp_path) == [GOOD]


def test_a_training_is_ended_when_it_is_good(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    bad, seen = json.dumps(GOOD | {"epoch": 1, "rhythm_margin": 0.0}), tmp_path / "seen"
    code = (
        "import pathlib, time\n"
        f"log, seen = pathlib.Path({str(run / 'log.jsonl')!r}).open('a'), pathlib.Path({str(seen)!r})\n"
        f"log.write({bad!r} + '\\n'); log.flush()\n"
        "while not seen.exists(): time.sleep(0.01)\n"
        f"log.write({json.dumps(GOOD)!r} + '\\n'); log.flush(); time.sleep(600)\n"
    )
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        seen.touch()

    judged = train_until([sys.executable, "-c", code], run, limit=60.0, say=say)
    assert [epoch.passed for epoch in judged] == [False, True]
    assert judged[0].seconds < judged[1].seconds < 60.0
    assert len(said) == 2


def test_a_training_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    code = "import time; time.sleep(600)"
    assert train_until([sys.executable, "-c", code], tmp_path / "run", limit=0.5) == []


def test_a_training_that_fails_is_told_in_its_own_words(tmp_path: Path) -> None:
    code = "import sys; sys.exit('the disk is full')"
    with pytest.raises(HocketError, match="the disk is full"):
        train_until([sys.executable, "-c", code], tmp_path / "run", limit=60.0)

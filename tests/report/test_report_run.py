"""Reading what is half-written, old, or strange."""

import json
import math
import sys
from pathlib import Path

import pytest
import run_folders as folders

from hocket.errors import CheckpointError
from hocket.report import curves, summarise
from hocket.report import run as reading
from hocket.report.advice import advice
from hocket.report.judging import judged, milestones_of
from hocket.report.run import number, read_run
from hocket.report.series import spans_decades, thinned
from hocket.report.summary import differing_settings


def test_a_last_line_in_writing_is_no_fault_and_one_within_is_counted(tmp_path: Path) -> None:
    run = read_run(folders.write(tmp_path / "a", folders.start(), folders.train(1), tail='{"kind": "tra'))
    assert (run.step, run.num_unread) == (1, 0)
    log = tmp_path / "a" / "log.jsonl"
    log.write_text(log.read_text() + "\n" + '{"kind": "train", "step": 2}\n')
    run = read_run(tmp_path / "a")
    assert (run.step, run.num_unread) == (2, 1)


def test_figures_that_are_no_numbers_leave_gaps(tmp_path: Path) -> None:
    assert math.isnan(number("nan")) and math.isinf(number("inf")) and math.isnan(number(None))
    assert math.isnan(number(True)) and math.isnan(number("loud")) and math.isnan(number(10**400))
    bad = folders.validation(2, output_input_correlation="nan")
    run = read_run(folders.write(tmp_path / "a", folders.start(), folders.validation(1), bad))
    assert [row.epoch for row in judged(run)] == [1]
    charts = {chart["key"]: chart for chart in curves(tmp_path / "a")["groups"][0]["charts"]}
    [correlation] = [c for c in charts["correlations"]["curves"] if c["name"] == "output→input"]
    assert correlation["series"] == [([5.0, 10.0], [0.016, None])]
    json.dumps(curves(tmp_path / "a"), allow_nan=False)


def test_before_the_first_validation_there_is_no_verdict(tmp_path: Path) -> None:
    told = summarise(folders.write(tmp_path / "a", folders.start(), folders.train(1), folders.train(2)))
    assert told["verdict"] is None and told["is_alarm"] is None and told["checklist"] == []
    assert "There is no verdict yet" in told["sentences"][0]


@pytest.mark.parametrize("kind", ["missing", "file", "no log", "empty"])
def test_what_is_no_run_is_refused_in_one_sentence(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a"
    if kind == "file":
        path.write_text("")
    elif kind != "missing":
        path.mkdir()
    if kind == "empty":
        (path / "log.jsonl").write_text("")
    with pytest.raises(CheckpointError, match=r"^[^\n]*: (give|the run)[^\n]*\.$"):
        read_run(path)


def test_what_a_rollback_took_back_is_left_out(tmp_path: Path) -> None:
    lines = [folders.start(), *(folders.train(step) for step in range(1, 9)), folders.validation(1)]
    back = {"kind": "rollback", "step": 4, "from_step": 8}
    run = read_run(folders.write(tmp_path / "a", *lines, back, folders.train(5)))
    assert [line["step"] for line in run.of("train")] == [1, 2, 3, 4, 5]
    assert run.of("validation") == [] and len(run.of("rollback")) == 1


def test_the_state_follows_from_the_last_line_and_the_lock(tmp_path: Path) -> None:
    assert read_run(folders.write(tmp_path / "a", folders.start(), folders.end())).state == "ended"
    cut = folders.end(checklist=[], stopped="SIGTERM")
    assert read_run(folders.write(tmp_path / "b", folders.start(), cut)).state == "stopped"
    folder = folders.write(tmp_path / "c", folders.start(), folders.train(1))
    assert read_run(folder).state == "training"
    if sys.platform == "linux":
        (folder / ".lock").write_text("process 1 on a machine that is gone\n")
        assert read_run(folder).state == "stopped"


def test_long_logs_are_read_in_part_and_keep_what_is_unusual(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_TRAIN_LINES", 100)
    lines = [folders.train(step, spiked=1.0 if step == 777 else 0.0) for step in range(1, 1001)]
    run = read_run(folders.write(tmp_path / "a", folders.start(), *lines))
    steps = [line["step"] for line in run.of("train")]
    assert 50 <= len(steps) <= 110 and 777 in steps and steps[-1] == 1000 and steps == sorted(steps)


def test_the_collapse_is_explained_and_its_remedies_can_be_typed(tmp_path: Path) -> None:
    lines = [folders.start(), *(folders.validation(epoch) for epoch in range(1, 11)), folders.end()]
    told = summarise(folders.write(tmp_path / "a", *lines))
    text = " ".join(told["sentences"])
    assert told["is_alarm"] and told["rung"] == "copy"
    assert told["verdict_words"] == "⚠ Copy of the target"
    assert "A sum of the two recordings explains 99 % of it" in told["sentences"][0]
    assert "⚠ COPYING THE TARGET (ratio" in text
    assert "(0.49/0.50), but the output is the target. A balanced mask is not a balanced output" in text
    assert "reconstruction_target_weight is 1 and reconstruction_input_weight is 0" in text
    commands = [item["command"] for item in told["advice"]]
    assert "--preset default" in commands[0]
    assert commands[1].endswith("--reconstruction-input-weight 0.5 --reconstruction-target-weight 0.5")
    assert [item["state"] for item in told["milestones"]] == ["missed"] * 3


def test_a_fusion_an_overlay_and_a_mix_are_told_apart(tmp_path: Path) -> None:
    fused = summarise(folders.write(tmp_path / "a", folders.start(), folders.end(folders.FUSED)))
    assert fused["rung"] == "fusion" and not fused["is_alarm"] and fused["verdict_words"] == "✓ Fusion"
    laid = summarise(folders.write(tmp_path / "b", folders.start(), folders.end(folders.OVERLAID)))
    assert (
        laid["is_alarm"] and laid["verdict_words"] == "⚠ Overlay" and "a sum" in laid["sentences"][0].lower()
    )
    poor = (0.5, 0.5, 0.5, 0.1, 0.1, 0.0)
    mixed = summarise(folders.write(tmp_path / "c", folders.start(), folders.end(poor)))
    assert not mixed["is_alarm"] and mixed["verdict_words"] == "◐ Partial: rhythm too weak"
    assert (
        "Rhythm margin 0.10, 0.50 is needed; harmony margin 0.10" in mixed["sentences"][0] and mixed["advice"]
    )


def test_a_remedy_that_was_applied_is_not_called_for_again(tmp_path: Path) -> None:
    applied = [
        {"kind": "remedy", "step": 10, "epoch": 2, "field": name, "value": 0.5, "reason": "copies"}
        for name in ("reconstruction_input_weight", "reconstruction_target_weight")
    ]
    lines = [folders.start(), folders.validation(1), folders.validation(2), *applied, folders.validation(3)]
    run = read_run(folders.write(tmp_path / "a", *lines))
    first, second, third = judged(run)
    assert not first.remedies and not third.remedies and len(second.applied) == 2
    assert {remedy.field for remedy in second.remedies} == {
        "reconstruction_input_weight",
        "reconstruction_target_weight",
    }
    assert not any("--reconstruction-input-weight" in item.command for item in advice(run))
    assert [item.state for item in milestones_of(run)] == ["missed", "not due", "not due"]


def test_thinning_keeps_the_extremes_and_the_order() -> None:
    points = [(float(x), math.sin(x)) for x in range(10_000)]
    points[1234], points[8765] = (1234.0, 50.0), (8765.0, -50.0)
    kept = thinned(points)
    assert len(kept) <= 400 and kept == sorted(kept) and set(kept) <= set(points)
    assert points[1234] in kept and points[8765] in kept


def test_an_axis_begins_logarithmic_only_where_it_can_and_helps() -> None:
    assert spans_decades([1.0, 1000.0])
    assert not spans_decades([1.0, 3.0])
    assert not spans_decades([0.0, 1000.0])
    assert not spans_decades([])


def test_differences_are_those_settings_alone() -> None:
    assert differing_settings([{"a": 1, "b": [1, 2]}, {"a": 2, "b": (1, 2)}]) == [("a", ["1", "2"])]

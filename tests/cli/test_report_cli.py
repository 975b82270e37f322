"""`hocket report` as it is typed."""

import json
from pathlib import Path

import pytest

from hocket import outputs
from hocket.cli import main


def make_run(folder: Path) -> Path:
    folder.mkdir()
    lines = [
        {"kind": "start", "step": 0, "config": {"num_epochs": 2}},
        {"kind": "train", "step": 1, "loss/total": 1.0},
    ]
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def test_the_page_lies_in_the_run_or_where_it_is_wished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = make_run(tmp_path / "a"), make_run(tmp_path / "b")
    assert main(["report", str(first)]) == 0
    assert outputs.is_ours(first / "report.html") and "report.html" in capsys.readouterr().out
    assert main(["report", str(first)]) == 0
    monkeypatch.chdir(tmp_path)
    assert main(["report", "a", "b"]) == 0 and (tmp_path / "report.html").is_file()
    assert main(["report", "a", str(second), "-o", "both.html"]) == 0 and (tmp_path / "both.html").is_file()


def test_a_folder_that_is_no_run_ends_with_one_line_and_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(tmp_path / "none")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "none is not a folder: give a run folder" in line
    run = make_run(tmp_path / "a")
    assert main(["report", str(run), "-o", str(tmp_path / "none" / "x.html")]) == 2
    assert "create it first" in capsys.readouterr().err

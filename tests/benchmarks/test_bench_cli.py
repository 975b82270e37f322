"""`python -m benchmarks`: what it writes, and what it says where it cannot."""

import json
from pathlib import Path

import pytest
from benchmarks.__main__ import main
from benchmarks.page import Section, Table, page
from benchmarks.plan import Plan
from benchmarks.sections import SECTIONS

from benchmarks import fusing, gpu
from hocket.errors import DataError


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """Two sections that measure nothing; the plans that they were given."""
    plans: list[Plan] = []

    def measure(plan: Plan) -> Section:
        plans.append(plan)
        return Section("Title", ("Words.", Table(("a", "b"), (("1", "2"),))), {"x": 1.5})

    for module in (fusing, gpu):
        monkeypatch.setattr(module, "measure", measure)
    return plans


def test_the_page_and_the_figures_are_written(
    tmp_path: Path, stand_in: list[Plan], capsys: pytest.CaptureFixture[str]
) -> None:
    output, raw = tmp_path / "page.md", tmp_path / "raw.json"
    words = [
        "--quick",
        "--only",
        "gpu,fuse",
        "--time-limit=7",
        "-o",
        str(output),
        "--json",
        str(raw),
    ]
    assert main(words) == 0
    text = output.read_text(encoding="utf-8")
    assert text.count("## Title") == 2
    assert "| a | b |\n| --- | --- |\n| 1 | 2 |" in text
    assert "python -m benchmarks --quick" in text
    assert "torch" in text
    figures = json.loads(raw.read_text(encoding="utf-8"))
    assert list(figures["sections"]) == ["fuse", "gpu"]
    assert figures["sections"]["gpu"] == {"x": 1.5}
    said = capsys.readouterr()
    assert said.out.count("## Title") == 2
    assert "1/2 fuse" in said.err
    assert [(plan.quick, plan.time_limit) for plan in stand_in] == [(True, 7.0)] * 2
    assert not stand_in[0].folder.exists()


def test_a_section_that_fails_takes_no_other_with_it(
    tmp_path: Path, stand_in: list[Plan], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(plan: Plan) -> Section:
        raise DataError("a.wav contains\nno sound")

    monkeypatch.setattr(gpu, "measure", fail)
    output = tmp_path / "page.md"
    assert main(["--only", "fuse,gpu", "-o", str(output)]) == 1
    text = output.read_text(encoding="utf-8")
    assert "## Title" in text and "Not measured: a.wav contains no sound" in text
    assert "not measured: gpu" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [output]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--only", "fusee"], "did you mean 'fuse'"),
        (["--only", "xyz"], "there are fuse,"),
        (["--time-limit", "0"], "--time-limit is 0"),
        (["--time-limit", "nan"], "--time-limit is nan"),
        (["--music", "nowhere"], "nowhere does not exist"),
        (["--pairs", "nothing.csv"], "nothing.csv is no file"),
        (["-o", "nowhere/page.md"], "nowhere is not a folder"),
        (["--json", "."], "is a folder"),
    ],
)
def test_a_mistake_is_one_sentence_before_any_work(
    words: list[str],
    told: str,
    stand_in: list[Plan],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*words]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert told in said.err
    assert len(said.err.strip().splitlines()) == 1
    assert not stand_in
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("flag", "told"), [("--pairs", "has no column"), ("--music", "contains no")], ids=["pairs", "music"]
)
def test_what_cannot_be_used_is_told_before_any_work_and_an_older_page_stays(
    flag: str, told: str, tmp_path: Path, stand_in: list[Plan], capsys: pytest.CaptureFixture[str]
) -> None:
    given = tmp_path / "given"
    if flag == "--music":
        given.mkdir()
    else:
        given.write_text("a,b\n1,2\n", encoding="utf-8")
    output = tmp_path / "page.md"
    output.write_text("older", encoding="utf-8")
    assert main(["--only", "fuse,gpu", flag, str(given), "-o", str(output)]) == 2
    said = capsys.readouterr().err
    assert told in said and "given" in said and "Traceback" not in said
    assert output.read_text(encoding="utf-8") == "older" and stand_in == []
    assert sorted(tmp_path.iterdir()) == sorted([given, output])


def test_a_page_that_cannot_be_written_leaves_nothing(
    tmp_path: Path, stand_in: list[Plan], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "page.md"

    def in_the_way(plan: Plan) -> Section:
        output.mkdir()
        return Section("Title", ())

    monkeypatch.setattr(gpu, "measure", in_the_way)
    assert main(["--only", "fuse,gpu", "-o", str(output)]) == 2
    assert "page.md is a folder" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [output]


def test_the_quick_version_leaves_out_the_long_training(
    stand_in: list[Plan], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from benchmarks import criterion, growth, learning, peers, starting

    for module in (criterion, growth, learning, peers, starting):
        monkeypatch.setattr(module, "measure", fusing.measure)
    assert main(["--quick"]) == 0
    assert len(stand_in) == len(SECTIONS) - 1
    assert "criterion" not in capsys.readouterr().err
    assert main([]) == 0
    assert len(stand_in) == 2 * len(SECTIONS) - 1


def test_a_page_tells_machine_and_command() -> None:
    text = page(
        [Section("One", ("Two.",))], facts={"processor": "an abacus"}, command="python -m benchmarks --only x"
    )
    assert "- processor: an abacus" in text
    assert "`python -m benchmarks --only x`" in text
    assert text.endswith("## One\n\nTwo.\n")

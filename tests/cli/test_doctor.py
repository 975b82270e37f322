"""`hocket doctor`: what a bug report needs, and a fusion that is really made."""

import json
from pathlib import Path

import pytest

import hocket
from hocket.cli import doctor, main


def test_it_names_the_machine_and_fuses_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["hocket"] == hocket.__version__
    assert found["libraries"]["torch"].startswith("2.") and "missing" not in found["libraries"].values()
    assert Path(found["weights"]).is_file()
    assert set(found["extras"]) == set(doctor.EXTRAS)
    assert found["self-test"]["worked"] and found["self-test"]["level"] == "fusion"


def test_a_machine_that_cannot_fuse_is_told_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("hocket.examples.FOLDER", tmp_path)
    assert main(["doctor"]) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("self-test    failed: ") and "drums-strings-rhythm.mp3" in last


def test_the_extras_are_those_of_the_package() -> None:
    from importlib.metadata import metadata

    assert set(doctor.EXTRAS) | {"all", "docs", "dev"} == set(metadata("hocket").get_all("Provides-Extra"))

"""Pairs as JSON lines: the same as CSV, and each mistake is told by its line."""

import json
from pathlib import Path

import pytest
from benchmarks.libraries import open_library
from prepare_sounds import put_tunes

from hocket.data.pairs import read_pairs
from hocket.errors import DataError

HARD_NAMES = ["ünï 🎵.wav", "line\nbreak.wav", 'com,ma "quote".wav']


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files that pass for recordings; reading pairs does not open them."""
    for name in ("a.wav", "b.wav", *HARD_NAMES):
        (tmp_path / name).touch()
    return tmp_path


def write(folder: Path, *lines: str) -> Path:
    path = folder / "pairs.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def row(input: object, target: object, **more: object) -> str:
    return json.dumps({"input": input, "target": target, **more})


def test_pairs_are_the_same_as_from_csv(folder: Path) -> None:
    lines = write(folder, row("a.wav", "b.wav", note="ignored"), "", row("b.wav", str(folder / "a.wav")))
    (folder / "pairs.csv").write_text(f"input,target\na.wav,b.wav\n\nb.wav,{folder / 'a.wav'}\n")
    assert read_pairs(lines) == read_pairs(folder / "pairs.csv")
    assert [pair.name for pair in read_pairs(lines)] == ["000", "001"]


@pytest.mark.parametrize("name", HARD_NAMES)
def test_any_name_can_be_given(folder: Path, name: str) -> None:
    (pair,) = read_pairs(write(folder, row(name, "a.wav")))
    assert pair.input == folder / name


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{input: a.wav}", "line 2 is not JSON"),
        ('["a.wav", "b.wav"]', "line 2 is not an object"),
        ('{"input": "a.wav"}', "line 2 has no target"),
        (row("", "b.wav"), "line 2 has no input"),
        (row(3, "b.wav"), "line 2 has a value for input that is not a file name"),
        (
            row("a.wav", "missing.wav"),
            r"line 2 names the target 'missing.wav', but .*missing.wav is not a file",
        ),
        ("[" * 100_000, "line 2 is not JSON"),
    ],
)
def test_each_mistake_is_told_by_its_line(folder: Path, line: str, said: str) -> None:
    with pytest.raises(DataError, match=rf"pairs\.jsonl {said}"):
        read_pairs(write(folder, row("a.wav", "b.wav"), line))


def test_an_empty_or_binary_file_is_told(folder: Path) -> None:
    with pytest.raises(DataError, match=r"pairs\.jsonl is empty: give lines such as"):
        read_pairs(write(folder, "", "  "))
    (folder / "pairs.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="is not a text file"):
        read_pairs(folder / "pairs.jsonl")
    with pytest.raises(DataError, match="does not exist"):
        read_pairs(folder / "missing.jsonl")


def test_a_library_of_json_pairs_is_that_of_csv_pairs(tmp_path: Path) -> None:
    names = [path.name for path in put_tunes(tmp_path, 6, seconds=2.0)]
    rows = list(zip(names[::2], names[1::2], strict=True))
    (tmp_path / "pairs.csv").write_text("input,target\n" + "".join(f"{a},{b}\n" for a, b in rows))
    write(tmp_path, *(row(a, b) for a, b in rows))
    libraries = [
        open_library(tmp_path / name, excerpt_seconds=1.0, validation_fraction=0.1, seed=0)
        for name in ("pairs.csv", "pairs.jsonl")
    ]
    assert libraries[0] == libraries[1] and len(libraries[0].training_pairs) == 3

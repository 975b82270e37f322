"""Pairs files: what is read, and what each mistake is told."""

import re
from pathlib import Path

import pytest

from hocket.data.pairs import Pair, read_pairs
from hocket.errors import DataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a few files that pass for recordings; reading pairs does not open them."""
    (tmp_path / "sub").mkdir()
    for name in ("a.wav", "b.wav", "sub/c, the third.wav", "ünï.wav"):
        (tmp_path / name).touch()
    return tmp_path


def pairs_of(folder: Path, text: str, *, encoding: str = "utf-8") -> list[Pair]:
    path = folder / "pairs.csv"
    path.write_bytes(text.encode(encoding))
    return read_pairs(path)


def sentence(folder: Path, text: str, *, encoding: str = "utf-8") -> str:
    with pytest.raises(DataError) as caught:
        pairs_of(folder, text, encoding=encoding)
    said = str(caught.value)
    assert said.startswith(str(folder / "pairs.csv"))
    assert said.endswith(".") and "\n" not in said
    return said


def test_rows_keep_their_order_and_are_named_by_it(folder: Path) -> None:
    pairs = pairs_of(folder, "input,target\na.wav,b.wav\nb.wav,a.wav\na.wav,b.wav\n")
    assert pairs == [
        Pair(folder / "a.wav", folder / "b.wav", "000"),
        Pair(folder / "b.wav", folder / "a.wav", "001"),
        Pair(folder / "a.wav", folder / "b.wav", "002"),
    ]


def test_columns_are_found_by_name_among_others(folder: Path) -> None:
    (pair,) = pairs_of(folder, 'pair,target,tempo,input\nx,"sub/c, the third.wav",97,a.wav\n')
    assert (pair.input, pair.target) == (folder / "a.wav", folder / "sub" / "c, the third.wav")
    assert pair.name == "000"


def test_relative_paths_start_at_the_file_and_absolute_ones_stay(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    (pair,) = pairs_of(folder, f"input,target\n{folder / 'a.wav'},sub/../b.wav\n")
    assert pair.input == folder / "a.wav"
    assert pair.target.samefile(folder / "b.wav")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_spreadsheets_and_blank_lines(folder: Path, encoding: str, newline: str) -> None:
    text = newline.join(["", "input,target", "", "ünï.wav,b.wav", ",", "a.wav,b.wav"])
    pairs = pairs_of(folder, text, encoding=encoding)
    assert [(pair.input.name, pair.name) for pair in pairs] == [("ünï.wav", "000"), ("a.wav", "001")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("separator", [",", ";", "\t", " ; ", ", "])
def test_any_usual_separator_and_blanks_around_it(folder: Path, separator: str, encoding: str) -> None:
    rows = [["tempo", "input", "target"], ["97", "a.wav", "b.wav"], ["", "ünï.wav", "a.wav"]]
    text = "".join(f" {separator.join(row)} \n" for row in rows)
    pairs = pairs_of(folder, text, encoding=encoding)
    assert [(pair.input.name, pair.target.name) for pair in pairs] == [
        ("a.wav", "b.wav"),
        ("ünï.wav", "a.wav"),
    ]


def test_a_separator_within_quotes_and_a_name_that_begins_with_a_blank(folder: Path) -> None:
    (folder / " a.wav").touch()
    (folder / "b;c.wav").touch()
    (pair,) = pairs_of(folder, '"input";"target"\n a.wav;"b;c.wav"\n')
    assert (pair.input, pair.target) == (folder / " a.wav", folder / "b;c.wav")
    assert "2 columns" in sentence(folder, "input;target\na.wav;b;c.wav\n")


def test_names_sort_as_the_rows_do(folder: Path) -> None:
    pairs = pairs_of(folder, "input,target\n" + "a.wav,b.wav\n" * 1_001)
    names = [pair.name for pair in pairs]
    assert names == sorted(names) and names[-1] == "1000"
    assert len(set(names)) == 1_001


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("inputs,target", "no column 'input' (it has 'inputs', 'target'): rename 'inputs' to it"),
        ("input,Target", "no column 'target' (it has 'input', 'Target'): rename 'Target' to it"),
        ("input,goal", "no column 'target' (it has 'input', 'goal'): begin the file"),
        ("input:target", "no column 'input' (it has 'input:target')"),
        ("input,target,input", "has the column 'input' twice"),
    ],
)
def test_wrong_columns(folder: Path, header: str, said: str) -> None:
    assert said in sentence(folder, f"{header}\na.wav,b.wav\n")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("a.wav,", "line 3 has no target"),
        ("  ,b.wav", "line 3 has no input"),
        ("a.wav", "line 3 has no target"),
        ("a.wav,missing.wav", "line 3 names the target 'missing.wav'"),
        ("sub,b.wav", "line 3 names the input 'sub'"),
        (f"{'x' * 400}.wav,b.wav", "is not a file"),
        (
            "a.wav,sub/c, the third.wav",
            "line 3 has 3 cells for 2 columns: put names that contain the separator in quotes",
        ),
    ],
)
def test_wrong_rows_are_named_by_their_line(folder: Path, rows: str, said: str) -> None:
    assert said in sentence(folder, f"input,target\na.wav,b.wav\n{rows}\n")


def test_files_without_pairs(folder: Path) -> None:
    assert "is empty" in sentence(folder, "")
    assert "is empty" in sentence(folder, "\n \n")
    assert "no rows" in sentence(folder, "input,target\n")


def test_files_that_are_not_csv(folder: Path) -> None:
    assert "not a CSV file" in sentence(folder, "input,target\na.wav,b.wav\n", encoding="utf-16")
    assert "not a CSV file" in sentence(folder, 'input,target\na.wav,"b.wav\n')
    with pytest.raises(DataError, match=re.escape(f"{folder / 'nowhere.csv'} does not exist")):
        read_pairs(folder / "nowhere.csv")
    with pytest.raises(DataError, match="is a folder"):
        read_pairs(folder)


@pytest.mark.music
def test_the_development_pairs(music: Path) -> None:
    pairs = read_pairs(music / "pairs.csv")
    assert len(pairs) == 12
    assert all(pair.input.name.endswith("_A.flac") for pair in pairs)
    assert all(pair.target.name.endswith("_B.flac") for pair in pairs)

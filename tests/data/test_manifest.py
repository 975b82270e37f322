"""The manifest: what is written comes back, and what was damaged is refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.data.manifest import (
    NAME,
    Manifest,
    Recording,
    Settings,
    is_manifest,
    read_manifest,
    write_manifest,
)
from hocket.errors import DataError

SONG = Recording(
    0, "a/b.wav", "used", "training", "abc", content="a" * 64, num_bytes=9, duration_seconds=5.0, tonality=0.5
)
OTHER = replace(SONG, name="c.wav", content="c" * 64, split="validation")
LEFT_OUT = Recording(1, "d.mp3", "left out", "", "", "unreadable", "d.mp3 is broken.")


def made(tmp_path: Path, *recordings: Recording) -> Manifest:
    roots = (str(tmp_path / "music"), str(tmp_path / "more"))
    return Manifest(roots, Settings(0.2, 0.1, 3, 2.5), recordings or (SONG, OTHER, LEFT_OUT))


def written(tmp_path: Path) -> Path:
    write_manifest(tmp_path / NAME, made(tmp_path))
    return tmp_path / NAME


def test_a_manifest_comes_back(tmp_path: Path) -> None:
    path = written(tmp_path)
    assert read_manifest(path) == read_manifest(tmp_path) == made(tmp_path)
    assert is_manifest(tmp_path) and is_manifest(path) and not is_manifest(tmp_path / "music")
    assert [file.name for file in tmp_path.iterdir()] == [NAME]
    assert read_manifest(path).path_of(SONG) == tmp_path / "music" / "a" / "b.wav"


@given(st.text(min_size=1, max_size=40))
def test_any_name_comes_back(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = tmp_path_factory.mktemp("manifest")
    manifest = made(folder, replace(SONG, name=name), replace(OTHER, name="caf\udce9\n.wav"))
    write_manifest(folder / NAME, manifest)
    assert read_manifest(folder) == manifest
    assert len((folder / NAME).read_bytes().splitlines()) == 3


def test_every_flipped_bit_and_every_cut_is_noticed(tmp_path: Path) -> None:
    path = written(tmp_path)
    whole = path.read_bytes()
    head = whole.index(b"\n") + 1
    for place in range(head, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(DataError, match=r"manifest\.jsonl is damaged or was edited"):
            read_manifest(path)
    for length in range(0, len(whole), 13):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"run `hocket prepare` again, or delete the file"):
            read_manifest(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not a manifest"),
        ("[1]", "is not a manifest"),
        ('{"input": "a.wav"}', "is not a manifest"),
        ('{"hocket_manifest": 99}', "has format 99, and this version reads format 1"),
    ],
)
def test_other_files_are_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / NAME).write_text(text)
    with pytest.raises(DataError, match=said):
        read_manifest(tmp_path)


def test_a_missing_one_says_how_it_is_made(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"does not exist: make it with `hocket prepare`"):
        read_manifest(tmp_path)


def test_the_roots_may_be_edited_when_the_music_has_moved(tmp_path: Path) -> None:
    path = written(tmp_path)
    head, _, body = path.read_text().partition("\n")
    header = json.loads(head)
    header["roots"] = ["elsewhere", "/more"]
    path.write_text(json.dumps(header) + "\n" + body)
    assert read_manifest(path).path_of(SONG) == tmp_path / "elsewhere" / "a" / "b.wav"
    header["roots"] = ["elsewhere"]
    path.write_text(json.dumps(header) + "\n" + body)
    with pytest.raises(DataError, match="a folder that its first line does not list"):
        read_manifest(path)


def test_the_hash_follows_from_contents_and_sides_and_from_nothing_else(tmp_path: Path) -> None:
    word = made(tmp_path).hash
    assert made(tmp_path / "elsewhere", OTHER, replace(SONG, name="renamed.wav", mtime_ns=5)).hash == word
    assert made(tmp_path, SONG, replace(OTHER, split="training")).hash != word
    assert made(tmp_path, SONG, replace(OTHER, content="d" * 64)).hash != word
    assert made(tmp_path, SONG).hash != word


def test_a_folder_that_cannot_be_written_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="missing is not a folder: create it first"):
        write_manifest(tmp_path / "missing" / NAME, made(tmp_path))
    (tmp_path / NAME).mkdir()
    with pytest.raises(DataError, match="is a folder: give the name of a file"):
        write_manifest(tmp_path / NAME, made(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == [NAME]

"""Finding recordings: links, odd names, closed folders; everything is counted or named."""

import os
from pathlib import Path

import pytest

from hocket.data.walk import Found, find_recordings
from hocket.errors import DataError


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def names(found: Found) -> list[str]:
    return [place.name for place in found.recordings]


def test_recordings_are_sorted_and_the_rest_is_counted_by_ending(tmp_path: Path) -> None:
    touch(
        tmp_path, "b.WAV", "a/c.mp3", "a.flac", "cover.JPG", "x.jpg", "LICENSE", ".hidden.wav", ".git/d.wav"
    )
    found = find_recordings([tmp_path])
    assert names(found) == ["a.flac", "a/c.mp3", "b.WAV"]
    assert found.other_files == {".jpg": 2, "no ending": 1}
    assert not found.dead_links and not found.closed_folders


def test_links_are_followed_once_and_loops_end(tmp_path: Path) -> None:
    touch(tmp_path, "music/a.wav", "elsewhere/b.wav")
    (tmp_path / "music" / "up").symlink_to(tmp_path / "music")
    (tmp_path / "music" / "there").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "music")
    (tmp_path / "music" / "self").symlink_to("self")
    (tmp_path / "music" / "dead.wav").symlink_to(tmp_path / "nowhere.wav")
    (tmp_path / "music" / "circle.wav").symlink_to("circle.wav")
    found = find_recordings([tmp_path / "music"])
    assert names(found) == ["a.wav", "there/b.wav"]
    assert sorted(place.name for place in found.dead_links) == ["circle.wav", "dead.wav"]


def test_folders_that_lie_in_each_other_are_walked_once(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav", "in/b.wav", "data/c.wav")
    found = find_recordings([tmp_path, tmp_path / "in", tmp_path], passed_over=tmp_path / "data")
    assert names(found) == ["a.wav", "in/b.wav"]
    assert [place.path for place in found.recordings] == [tmp_path / "a.wav", tmp_path / "in" / "b.wav"]


@pytest.mark.parametrize(
    "name", ["Ünï – 音楽 🎵.wav", "line\nbreak.wav", " leading.wav", "-o.wav", "a" * 251 + ".wav"]
)
def test_any_legal_name_is_found(tmp_path: Path, name: str) -> None:
    touch(tmp_path, name)
    assert names(find_recordings([tmp_path])) == [name]


def test_a_name_that_is_no_text_is_found(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/caf\xe9.wav"
    try:
        os.close(os.open(raw, os.O_CREAT | os.O_WRONLY))
    except OSError:
        pytest.skip("this file system takes only names that are text")
    (place,) = find_recordings([tmp_path]).recordings
    assert os.fsencode(place.path) == raw


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may enter every folder")
def test_a_folder_that_may_not_be_entered_is_named(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav", "closed/b.wav")
    (tmp_path / "closed").chmod(0)
    try:
        found = find_recordings([tmp_path])
    finally:
        (tmp_path / "closed").chmod(0o755)
    assert names(found) == ["a.wav"]
    (sentence,) = found.closed_folders
    assert "closed cannot be opened (Permission denied)" in sentence


def test_a_folder_that_cannot_be_listed_is_named_and_the_others_are_walked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As root nothing is closed, so the system's refusal is put in its place.
    touch(tmp_path, "a.wav", "closed/b.wav", "open/c.wav")
    real = os.scandir

    def scandir(path: object = ".") -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)  # type: ignore[call-overload]

    monkeypatch.setattr(os, "scandir", scandir)
    found = find_recordings([tmp_path])
    assert names(found) == ["a.wav", "open/c.wav"]
    assert found.closed_folders == [f"{tmp_path / 'closed'} cannot be opened (Permission denied)."]


@pytest.mark.parametrize(
    ("make", "said"), [(None, "does not exist"), (Path.touch, "is not a folder: give the folder")]
)
def test_a_folder_that_is_none_is_an_error(tmp_path: Path, make: object, said: str) -> None:
    path = tmp_path / "music"
    if make is not None:
        make(path)  # type: ignore[operator]
    with pytest.raises(DataError, match=said):
        find_recordings([path])

"""Files are written whole or not at all, read within bounds, and never taken from their owner."""

import errno
import os
from pathlib import Path

import pytest

from hocket import files, outputs
from hocket.errors import CheckpointError, ConfigError, DataError


def names(folder: Path) -> list[str]:
    return sorted(item.name for item in folder.iterdir())


def test_a_file_appears_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    files.write_text(tmp_path / "a.txt", "new\n")
    files.write_text(tmp_path / "a.txt", "newer\n")
    assert (tmp_path / "a.txt").read_text() == "newer\n"
    assert [item.name for item in tmp_path.iterdir()] == ["a.txt"]


def test_an_error_in_the_block_leaves_the_older_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), files.replacing(path) as handle:
        handle.write(b"half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_link_is_replaced_and_its_target_stays(tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("theirs")
    link = tmp_path / "link.txt"
    link.symlink_to(other)
    files.write_text(link, "ours")
    assert (other.read_text(), link.read_text(), link.is_symlink()) == ("theirs", "ours", False)


def test_an_unfinished_file_is_never_opened_through_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.txt"
    other.write_text("theirs")
    monkeypatch.setattr(files.secrets, "token_hex", lambda count: "0")
    (tmp_path / ".hocket-0.tmp").symlink_to(other)
    with pytest.raises(DataError):
        files.write_text(tmp_path / "a.txt", "ours")
    assert other.read_text() == "theirs"


def test_a_group_appears_together_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_text("old")
    whole = os.replace

    def failing(source: Path, target: Path) -> None:
        if Path(target).name == "c":
            raise OSError(errno.EIO, "broken")
        whole(source, target)

    monkeypatch.setattr(os, "replace", failing)
    with (
        pytest.raises(CheckpointError, match="c cannot be written"),
        files.FileGroup(failure=CheckpointError) as group,
    ):
        for name in "abc":
            group.open(tmp_path / name).write(b"new")
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_text() == "old"


@pytest.mark.parametrize(
    ("code", "advice"),
    [(errno.ENOSPC, "free some space"), (errno.ENAMETOOLONG, "shorter name"), (errno.EROFS, "may write to")],
)
def test_the_advice_fits_the_cause(code: int, advice: str) -> None:
    sentence = files.write_failure(Path("x.wav"), OSError(code, os.strerror(code)))
    assert sentence.startswith("x.wav cannot be written") and advice in sentence


def test_a_folder_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(DataError, match="is a folder"):
        files.write_text(tmp_path / "a", "")
    with pytest.raises(DataError, match="is not a folder"):
        files.write_text(tmp_path / "none" / "a", "")


def test_pipes_devices_and_folders_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(DataError, match=r"a pipe or a device|a folder"):
            files.read_bytes(path, max_bytes=10)


def test_reading_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * 11)
    assert len(files.read_bytes(path, max_bytes=11)) == 11
    with pytest.raises(DataError, match="larger than"):
        files.read_bytes(path, max_bytes=10)


def test_files_that_state_no_size_are_bounded_too() -> None:
    with pytest.raises(DataError, match="larger than"):
        files.read_bytes("/proc/self/maps", max_bytes=10)


@pytest.mark.parametrize("content", ["[" * 100_000, "{", "9" * 5000, b"\xff\xfe{"])
def test_bad_json_is_one_sentence(content: str | bytes) -> None:
    with pytest.raises(DataError, match=r"a\.json is not valid JSON"):
        files.parse_json(content, "a.json")


def test_what_is_read_is_not_written(tmp_path: Path) -> None:
    source = tmp_path / "a.wav"
    source.write_bytes(b"sound")
    os.link(source, tmp_path / "hard.wav")
    (tmp_path / "soft.wav").symlink_to(source)
    for name in ("a.wav", "hard.wav", "soft.wav", f"../{tmp_path.name}/a.wav"):
        with pytest.raises(ConfigError, match="is also read"):
            outputs.check_outputs([tmp_path / name], sources=[source], overwrite=True)


def test_two_outputs_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="written twice"):
        outputs.check_outputs([tmp_path / "a", tmp_path / "." / "a"], sources=[], overwrite=True)


def test_strangers_files_are_never_replaced_and_sound_only_when_asked(tmp_path: Path) -> None:
    sound, table, session = tmp_path / "a.wav", tmp_path / "results.csv", tmp_path / "song.json"
    sound.write_bytes(b"RIFF")
    table.write_text("name,input,target,output\n")
    session.write_text('{"tracks": []}')
    with pytest.raises(ConfigError, match="--overwrite"):
        outputs.check_outputs([sound], sources=[], sound=[sound], overwrite=False)
    outputs.check_outputs([sound, table], sources=[], sound=[sound], overwrite=True)
    with pytest.raises(ConfigError, match="not written by Hocket"):
        outputs.check_outputs([session], sources=[], overwrite=True)


def test_a_name_that_is_too_long_is_told_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="shorter name"):
        outputs.check_outputs([tmp_path / ("x" * 252 + ".wav")], sources=[], overwrite=False)


def test_what_is_half_written_when_a_process_ends_goes_and_what_was_there_stays(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("old")
    with files.FileGroup() as done:
        done.open(new).write(b"new")
    with pytest.raises(KeyboardInterrupt), files.FileGroup() as group:
        for name in ("old", "other"):
            group.open(tmp_path / name).write(b"half")
        for _ in range(2):
            files.discard_unfinished()
            assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "old"]
        raise KeyboardInterrupt
    assert old.read_text() == "old" and new.read_text() == "new"

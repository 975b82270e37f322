"""The music of a run: prepared once in its folder, the same when it is continued, also by a run of an older version."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from test_resume import Stopper

from hocket.data.library import Library
from hocket.data.manifest import read_manifest
from hocket.data.prepare import prepare
from hocket.errors import CheckpointError, DataError
from hocket.model.weights import load_checkpoint, save_checkpoint
from hocket.runs import RunLock, newest_first
from hocket.settings import build
from hocket.training.opening import open_music
from hocket.training.runtime import Processes
from hocket.training.trainer import Trainer


@pytest.fixture
def music(tmp_path: Path, corpus: Path) -> Path:
    """A copy of the corpus' eight songs."""
    return Path(shutil.copytree(corpus / "music", tmp_path / "music"))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture
def scanned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are scanned, in this process."""
    names: list[str] = []

    def in_this_process(function: Any, tasks: list[dict[str, Any]], **_: object) -> Any:
        for number, task in enumerate(tasks):
            names.append(Path(task["path"]).name)
            yield number, function(task)

    monkeypatch.setattr("hocket.data.prepare.run_in_children", in_this_process)
    return names


def opened(run: Path, source: Path, fields: dict[str, Any], *, fresh: bool = False) -> Library:
    config, lock = build(fields | {"music": str(source)}), RunLock()
    try:
        return open_music(config, run, Processes(), fresh=fresh, lock=lock)
    finally:
        lock.release()


def trainer_of(run: Path, source: Path, fields: dict[str, Any], stop_after: int | None = None) -> Trainer:
    listener = Stopper(stop_after)
    config = build(fields | {"music": str(source)})
    trainer = Trainer(config, opened(run, source, fields), run, listener)
    listener.trainer = trainer
    return trainer


def begin(run: Path, source: Path, fields: dict[str, Any]) -> None:
    trainer = trainer_of(run, source, fields, stop_after=1)
    trainer.resume()
    trainer.run()


def make_older(run: Path, held_out: list[Path]) -> None:
    """Turns a run into one of the version that prepared nothing and had a fingerprint of its own."""
    shutil.rmtree(run / "data")
    for path in newest_first(run):
        tensors, metadata = load_checkpoint(path)
        for name in ("manifest", "version"):
            del metadata[name]
        metadata |= {"library": "0123456789abcdef", "validation_songs": [str(song) for song in held_out]}
        save_checkpoint(path, tensors, metadata)


def names(songs: tuple[Any, ...]) -> list[str]:
    return [song.path.name for song in songs]


def test_a_folder_is_prepared_once_and_divided_as_preparing_does(
    tmp_path: Path, run: Path, music: Path, small: dict[str, Any], scanned: list[str]
) -> None:
    first = opened(run, music, small | {"validation_fraction": 0.4, "seed": 3})
    assert len(scanned) == 8
    prepare([music], tmp_path / "data", validation_fraction=0.4, seed=3, minimum_seconds=1.1, jobs=0)
    assert first.manifest == read_manifest(tmp_path / "data").hash == read_manifest(run / "data").hash
    scanned.clear()
    assert opened(run, music, small | {"validation_fraction": 0.4, "seed": 3}) == first and not scanned


def test_what_was_prepared_before_a_kill_is_no_stranger_and_is_used(
    run: Path, music: Path, small: dict[str, Any], scanned: list[str]
) -> None:
    opened(run, music, small)
    (run / "data" / "manifest.jsonl").unlink()
    scanned.clear()
    # Nothing is trained yet: other settings divide anew.
    assert opened(run, music, small | {"seed": 5}).training and not scanned
    (run / "data" / "thesis.txt").touch()
    with pytest.raises(CheckpointError, match="contains something other than a run"):
        opened(run, music, small)


def test_a_run_goes_on_with_the_music_that_it_began_with(
    run: Path, music: Path, corpus: Path, small: dict[str, Any], scanned: list[str]
) -> None:
    begin(run, music, small)
    shutil.copy(corpus / "truth" / "000.flac", music / "new.flac")
    trainer = trainer_of(run, music, small)
    assert trainer.resume() is not None
    assert any("1 recording has been added since the run began" in note for note in trainer.library.notes)
    moved = music.rename(music.with_name("moved"))
    (moved / "new.flac").unlink()
    assert trainer_of(run, moved, small).resume() is not None
    song = next(moved.iterdir())
    song.rename(moved / "elsewhere")
    with pytest.raises(CheckpointError, match=rf"different music.*left out now: .*{song.name}"):
        trainer_of(run, moved, small).resume()
    (moved / "elsewhere").rename(song)
    assert trainer_of(run, moved, small).resume() is not None


def test_settings_of_the_split_are_refused_by_the_checkpoint(
    run: Path, music: Path, small: dict[str, Any], scanned: list[str]
) -> None:
    begin(run, music, small)
    for name, value in (("seed", 1), ("validation_fraction", 0.3)):
        with pytest.raises(CheckpointError, match=rf"was trained with {name} = .*, not {value}"):
            trainer_of(run, music, small | {name: value}).resume()
    assert trainer_of(run, music, small).resume() is not None


def test_starting_over_divides_anew_and_wrong_music_costs_nothing(
    run: Path, music: Path, tmp_path: Path, small: dict[str, Any], scanned: list[str]
) -> None:
    begin(run, music, small)
    (tmp_path / "one").mkdir()
    shutil.copy(music / "song_000.flac", tmp_path / "one")
    before = read_manifest(run / "data")
    for source in (tmp_path / "one", tmp_path / "none"):
        with pytest.raises(DataError):
            opened(run, source, small | {"seed": 7}, fresh=True)
    assert read_manifest(run / "data") == before and trainer_of(run, music, small).resume() is not None
    opened(run, music, small | {"seed": 7}, fresh=True)
    assert read_manifest(run / "data").settings.seed == 7 and not newest_first(run)


@pytest.mark.parametrize("move", [False, True])
def test_a_run_of_an_older_version_goes_on_with_its_own_sides(
    run: Path, music: Path, small: dict[str, Any], scanned: list[str], move: bool
) -> None:
    begin(run, music, small)
    held_out = [music / name for name in ("song_002.flac", "song_007.flac")]
    make_older(run, held_out)
    if move:
        music = music.rename(music.with_name("moved"))
    for _ in range(2):  # the second time as after a kill: prepared, but no checkpoint is new
        trainer = trainer_of(run, music, small, stop_after=1)
        assert trainer.resume() is not None
        assert names(trainer.library.validation) == [song.name for song in held_out]
        assert len(trainer.library.training) == 6
        (note,) = trainer.library.notes
        assert "older version" in note and "only its 2 validation songs: they are kept" in note
    trainer.run()
    again = trainer_of(run, music, small)
    assert again.resume() is not None and not again.library.notes
    assert names(again.library.validation) == [song.name for song in held_out]


def test_a_run_of_an_older_version_that_held_nothing_out_goes_on(
    run: Path, music: Path, small: dict[str, Any], scanned: list[str]
) -> None:
    begin(run, music, small)
    make_older(run, sorted(music.iterdir()))
    library = opened(run, music, small)
    assert len(library.training) == 8 and library.validation == library.training


def test_a_run_of_an_older_version_refuses_music_without_its_validation_songs(
    run: Path, music: Path, small: dict[str, Any], scanned: list[str]
) -> None:
    begin(run, music, small)
    make_older(run, [music / "song_002.flac", music / "song_007.flac"])
    (music / "song_007.flac").unlink()
    with pytest.raises(CheckpointError, match=r"different music \(.*song_007\.flac is missing here\)"):
        opened(run, music, small)
    assert not (run / "data").exists()

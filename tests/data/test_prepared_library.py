"""Opening prepared data to train on: the split as prepared, and files that are no longer what they were."""

import shutil
from pathlib import Path

import pytest
from benchmarks.libraries import open_library
from prepare_sounds import put, put_tunes, tune

from hocket.data.excerpts import PairDataset, SongReader
from hocket.data.library import Library
from hocket.data.manifest import read_manifest
from hocket.data.prepare import prepare
from hocket.errors import DataError


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`music/` with ten tunes and a copy of one with a sample changed, and `data/`, which is prepared from it."""
    folder = tmp_path_factory.mktemp("prepared")
    put_tunes(folder / "music", 10, seconds=5.0)
    louder = 0.9 * tune(0, seconds=5.0)
    put(folder / "music" / "again.wav", louder)
    prepare([folder / "music"], folder / "data", test_fraction=0.2, jobs=2)
    return folder


@pytest.fixture
def prepared(made: Path, tmp_path: Path) -> Path:
    """A copy of both, of which the manifest's first line knows."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "data" / "manifest.jsonl"
    head, _, body = path.read_text().partition("\n")
    path.write_text(head.replace(str(made), str(tmp_path)) + "\n" + body)
    return tmp_path


def look(source: Path, *, excerpt: float = 2.0, fraction: float = 0.5, seed: int = 9) -> Library:
    return open_library(source, excerpt_seconds=excerpt, validation_fraction=fraction, seed=seed)


def test_the_split_is_the_prepared_one_whatever_else_is_asked_for(prepared: Path) -> None:
    manifest = read_manifest(prepared / "data")
    library = look(prepared / "data")
    for songs, side in ((library.training, "training"), (library.validation, "validation")):
        assert {song.path for song in songs} == {manifest.path_of(one) for one in manifest.used(side)}  # type: ignore[arg-type]
    test = {one.content[:16] for one in manifest.used("test")}
    assert test and not test & {song.fingerprint for song in (*library.training, *library.validation)}
    assert look(prepared / "data" / "manifest.jsonl", fraction=0.1, seed=0) == library
    assert not library.left_out and any("test songs are kept out" in note for note in library.notes)


def test_songs_know_their_music_and_how_they_suit(prepared: Path) -> None:
    library = look(prepared / "data")
    songs = {song.path.name: song for song in (*library.training, *library.validation)}
    manifest = {one.name: one for one in read_manifest(prepared / "data").used()}
    for name, song in songs.items():
        assert (song.percussiveness, song.tonality) == (
            manifest[name].percussiveness,
            manifest[name].tonality,
        )
    assert manifest["again.wav"].group == manifest["tune_0.wav"].group
    assert manifest["again.wav"].split == manifest["tune_0.wav"].split


def test_files_that_changed_or_went_are_named_and_not_used(prepared: Path) -> None:
    before = look(prepared / "data")
    gone, changed = (song.path for song in before.training[:2])
    gone.unlink()
    changed.write_bytes(changed.read_bytes() + b"\0\0")
    library = look(prepared / "data")
    assert len(library.training) == len(before.training) - 2
    said = " ".join(library.left_out)
    assert f"{gone} cannot be found (No such file or directory): put it back" in said
    assert f"{changed} has changed since it was prepared" in said
    assert library.fingerprint != before.fingerprint


def test_songs_shorter_than_an_excerpt_are_named(prepared: Path) -> None:
    with pytest.raises(DataError, match=r"has 0 songs to train on \(left out: .*too short \(5 s\)"):
        look(prepared / "data", excerpt=5.5)


def test_the_fingerprint_knows_contents_and_split_but_not_places(made: Path, prepared: Path) -> None:
    word = look(prepared / "data").fingerprint
    assert look(made / "data").fingerprint == word
    prepare([prepared / "music"], prepared / "data", resplit=True, seed=5)
    assert look(prepared / "data").fingerprint != word


def test_a_damaged_manifest_is_an_error_and_not_a_folder_of_music(prepared: Path) -> None:
    path = prepared / "data" / "manifest.jsonl"
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match=r"manifest\.jsonl is damaged"):
        look(prepared / "data")


def test_a_few_songs_validate_on_themselves_and_say_so(tmp_path: Path) -> None:
    put_tunes(tmp_path / "music", 3, seconds=5.0)
    prepare([tmp_path / "music"], tmp_path / "data", validation_fraction=0.0)
    library = look(tmp_path / "data")
    assert library.training == library.validation and len(library.training) == 3
    assert any("no song is held out: validation uses other excerpts" in note for note in library.notes)


def test_prepared_data_can_be_trained_on_by_suitability(prepared: Path) -> None:
    library = look(prepared / "data")
    reader = SongReader(library.training, sample_rate=8_000, cache_megabytes=10)
    data = PairDataset(
        reader,
        library.training,
        num_examples=5,
        excerpt_seconds=1.0,
        seed=0,
        with_real=True,
        pairing="suitable",
    )
    assert data[3].keys() == {"input", "target", "real"}


def test_a_music_folder_is_measured_as_prepared_data_is(made: Path) -> None:
    known = {one.name: one for one in read_manifest(made / "data").used()}
    for song in look(made / "music").training:
        assert song.percussiveness == known[song.path.name].percussiveness
        assert song.tonality == known[song.path.name].tonality

"""A music folder or a list of pairs: what is used, what is left out and why, and who is held out."""

import shutil
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from benchmarks.libraries import open_library

from hocket.audio import Audio, save
from hocket.data.library import Library
from hocket.data.manifest import read_manifest
from hocket.data.prepare import prepare, prepare_music
from hocket.errors import DataError

RATE_HZ = 8_000
SECONDS = 2.0


def sound(seed: int, *, seconds: float = SECONDS, level: float = 0.1) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (level * random.standard_normal((1, round(seconds * RATE_HZ)))).astype(np.float32)


def put(path: Path, samples: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save(path, Audio(samples, RATE_HZ), encoding="pcm16")
    return path


def make_songs(folder: Path, number: int) -> list[Path]:
    return [put(folder / f"song_{index}.wav", sound(index)) for index in range(number)]


def look(source: Path, *, excerpt: float = 1.0, fraction: float = 0.25, seed: int = 0) -> Library:
    return open_library(source, excerpt_seconds=excerpt, validation_fraction=fraction, seed=seed)


def write_pairs(folder: Path, rows: list[tuple[str, str]]) -> Path:
    path = folder / "pairs.csv"
    path.write_text("input,target\n" + "".join(f"{first},{second}\n" for first, second in rows))
    return path


def names(songs: object) -> list[str]:
    return [song.path.name for song in songs]  # type: ignore[attr-defined]


@pytest.mark.parametrize(("number", "fraction"), [(8, 0.25), (8, 0.1), (12, 0.5), (6, 0.1), (6, 0.5)])
def test_the_split_is_by_song_and_leaves_none_out(tmp_path: Path, number: int, fraction: float) -> None:
    make_songs(tmp_path, number)
    library = look(tmp_path, fraction=fraction)
    assert len(library.validation) >= 2 and len(library.training) >= 4
    training, validation = set(names(library.training)), set(names(library.validation))
    assert not training & validation
    assert training | validation == {f"song_{index}.wav" for index in range(number)}
    assert not library.left_out and not library.notes and not library.training_pairs


def test_the_split_follows_from_the_seed_and_the_recordings_alone(tmp_path: Path) -> None:
    make_songs(tmp_path / "a", 10)
    first, again = look(tmp_path / "a"), look(tmp_path / "a")
    assert first == again and first.fingerprint == again.fingerprint
    held_out = {frozenset(names(look(tmp_path / "a", seed=seed).validation)) for seed in range(6)}
    assert len(held_out) > 1
    # Another folder, other names, another order: the same recordings are held out.
    for index in range(10):
        target = tmp_path / "b" / f"{(7 * index) % 10}" / "renamed.wav"
        target.parent.mkdir(parents=True)
        shutil.copy(tmp_path / "a" / f"song_{index}.wav", target)
    moved = look(tmp_path / "b")
    assert {song.fingerprint for song in moved.validation} == {song.fingerprint for song in first.validation}


@pytest.mark.parametrize("kind", ["folder", "pairs"])
def test_the_split_is_the_one_that_preparing_gives(tmp_path: Path, kind: str) -> None:
    songs = make_songs(tmp_path / "music", 12)
    source = tmp_path / "music"
    if kind == "pairs":
        source = write_pairs(source, [(one.name, other.name) for one, other in permutations(songs, 2)])
    for seed in range(3):
        library = look(source, fraction=0.4, seed=seed)
        data = tmp_path / f"data_{seed}"
        prepare([tmp_path / "music"], data, validation_fraction=0.4, seed=seed, minimum_seconds=1.0, jobs=0)
        held_out = {recording.name for recording in read_manifest(data).used("validation")}
        assert set(names(library.validation)) == held_out


def test_the_fingerprint_tells_other_music_and_another_split_apart(tmp_path: Path) -> None:
    make_songs(tmp_path / "a", 8)
    make_songs(tmp_path / "b", 7)
    put(tmp_path / "b" / "song_7.wav", sound(99))
    libraries = [look(tmp_path / "a", seed=seed) for seed in range(4)]
    words = {library.fingerprint for library in libraries}
    assert len(words) == len({frozenset(names(library.validation)) for library in libraries}) > 1
    assert look(tmp_path / "b").fingerprint not in words


def test_a_recording_under_two_names_is_used_once_so_that_it_cannot_be_on_both_sides(tmp_path: Path) -> None:
    make_songs(tmp_path, 8)
    for index in range(8):
        shutil.copy(tmp_path / f"song_{index}.wav", tmp_path / f"copy_of_{index}.wav")
    library = look(tmp_path, fraction=0.5)
    used = [song.fingerprint for song in (*library.training, *library.validation)]
    assert len(used) == len(set(used)) == 8
    assert len(library.left_out) == 8
    assert all(
        "is the same file as" in reason and ", so it is used only once." in reason
        for reason in library.left_out
    )


def test_two_songs_of_equal_length_with_silence_around_them_are_two(tmp_path: Path) -> None:
    for index in range(2):
        song = sound(index, seconds=12.0)
        song[:, : 5 * RATE_HZ] = song[:, -5 * RATE_HZ :] = 0.0
        put(tmp_path / f"{index}.wav", song)
    assert len(look(tmp_path).training) == 2


def test_what_cannot_be_used_is_left_out_with_its_reason(tmp_path: Path) -> None:
    make_songs(tmp_path, 6)
    put(tmp_path / "short.wav", sound(20, seconds=0.5))
    put(tmp_path / "silent.wav", np.zeros((1, 2 * RATE_HZ), np.float32))
    (tmp_path / "broken.flac").write_bytes(b"no music at all" * 50)
    (tmp_path / "empty.wav").touch()
    (tmp_path / "notes.txt").write_text("not looked at")
    whole = (tmp_path / "song_0.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[: len(whole) // 2])
    library = look(tmp_path)
    assert sorted(names(library.training) + names(library.validation)) == [
        f"song_{index}.wav" for index in range(6)
    ]
    reasons = {Path(reason.split(" ")[0]).name: reason for reason in library.left_out}
    assert reasons.keys() == {"short.wav", "silent.wav", "broken.flac", "empty.wav", "cut.wav"}
    assert "too short (0.5 s): give recordings of at least 1 s" in reasons["short.wav"]
    assert "silent" in reasons["silent.wav"]
    assert all(reason.endswith(".") and "\n" not in reason for reason in reasons.values())


def test_a_song_that_is_silent_where_it_is_probed_is_used_all_the_same(tmp_path: Path) -> None:
    make_songs(tmp_path, 2)
    patchy = sound(9, seconds=20.0)
    for middle in (0, 10, 20):
        patchy[:, max(0, middle - 3) * RATE_HZ : (middle + 3) * RATE_HZ] = 0.0
    put(tmp_path / "patchy.wav", patchy)
    assert "patchy.wav" in names(look(tmp_path).training)


@pytest.mark.parametrize("number", [2, 3, 5])
def test_a_few_songs_are_trained_and_validated_on_alike_and_that_is_said(tmp_path: Path, number: int) -> None:
    make_songs(tmp_path, number)
    library = look(tmp_path)
    assert names(library.training) == names(library.validation) and len(library.training) == number
    (note,) = library.notes
    assert f"{number} songs are too few to hold some out" in note


def test_holding_nothing_out_on_request_is_not_called_too_few_songs(tmp_path: Path) -> None:
    make_songs(tmp_path, 8)
    library = look(tmp_path, fraction=0.0)
    assert len(library.training) == 8
    assert not any("too few" in note for note in library.notes)


@pytest.mark.parametrize("content", ["one", "doubles", "broken"])
def test_fewer_than_two_songs_are_an_error_that_says_what_was_found(tmp_path: Path, content: str) -> None:
    song = put(tmp_path / "a.wav", sound(0))
    if content == "doubles":
        shutil.copy(song, tmp_path / "b.wav")
    if content == "broken":
        (tmp_path / "b.wav").write_bytes(b"nothing")
    with pytest.raises(
        DataError, match=r"has 1 usable song[ :].*at least two different recordings of 1 s"
    ) as caught:
        look(tmp_path)
    said = str(caught.value)
    assert said.startswith(str(tmp_path)) and "\n" not in said
    assert ("left out" in said) is (content != "one")


def test_a_folder_that_is_not_there_or_holds_no_music_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("missing", "empty"):
        with pytest.raises(DataError, match=f"{name} "):
            look(tmp_path / name)


def test_progress_counts_all_files(tmp_path: Path) -> None:
    make_songs(tmp_path / "music", 3)
    (tmp_path / "music" / "broken.wav").touch()
    seen: list[tuple[int, int]] = []
    prepare_music(
        tmp_path / "music",
        tmp_path / "data",
        excerpt_seconds=1.0,
        jobs=0,
        progress=lambda done, total, path: seen.append((done, total)),
    )
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_pairs_of_different_songs_are_split_without_sharing_any(tmp_path: Path) -> None:
    make_songs(tmp_path, 12)
    rows = [(f"song_{index}.wav", f"song_{index + 1}.wav") for index in range(0, 12, 2)]
    source, num_split = write_pairs(tmp_path, rows), 0
    for seed in range(8):
        library = look(source, fraction=0.5, seed=seed)
        if library.training_pairs == library.validation_pairs:
            assert any("all share songs" in note for note in library.notes)
            continue
        training, validation = (
            {song for pair in pairs for song in pair}
            for pairs in (library.training_pairs, library.validation_pairs)
        )
        assert training and validation and not training & validation
        assert set(library.training) >= training and set(library.validation) >= validation
        num_split += 1
    assert num_split > 0


def test_pairs_across_the_split_are_not_used_and_that_is_counted(tmp_path: Path) -> None:
    make_songs(tmp_path, 8)
    rows = [
        (f"song_{first}.wav", f"song_{second}.wav")
        for first in range(8)
        for second in range(8)
        if first != second
    ]
    library = look(write_pairs(tmp_path, rows), fraction=0.25)
    held_out = set(names(library.validation))
    assert len(held_out) == 2
    assert len(library.training_pairs) == 6 * 5 and len(library.validation_pairs) == 2
    for pair in library.training_pairs:
        assert not held_out & set(names(pair))
    (note,) = library.notes
    assert note.startswith(f"{56 - 30 - 2} of 56 pairs mix training and validation songs")


def test_pairs_that_share_a_song_validate_on_other_excerpts(tmp_path: Path) -> None:
    make_songs(tmp_path, 8)
    rows = [("song_0.wav", f"song_{index}.wav") for index in range(1, 8)]
    library = look(write_pairs(tmp_path, rows), fraction=0.25)
    assert library.training_pairs == library.validation_pairs and len(library.training_pairs) == 7
    assert any("all share songs" in note for note in library.notes)


def test_a_pair_with_an_unusable_song_is_not_used(tmp_path: Path) -> None:
    make_songs(tmp_path, 3)
    put(tmp_path / "short.wav", sound(20, seconds=0.5))
    rows = [("song_0.wav", "song_1.wav"), ("song_2.wav", "short.wav")]
    library = look(write_pairs(tmp_path, rows))
    assert [names(pair) for pair in library.training_pairs] == [["song_0.wav", "song_1.wav"]]
    assert len(library.left_out) == 1 and "short.wav" in library.left_out[0]
    with pytest.raises(DataError, match=r"pairs\.csv contains no usable pair of recordings"):
        look(write_pairs(tmp_path, [("song_0.wav", "short.wav"), ("short.wav", "song_1.wav")]))


def test_copies_in_a_list_of_pairs_stay_on_one_side(tmp_path: Path) -> None:
    make_songs(tmp_path, 8)
    for index in range(8):
        shutil.copy(tmp_path / f"song_{index}.wav", tmp_path / f"copy_{index}.wav")
    rows = [
        (f"copy_{first}.wav", f"song_{second}.wav")
        for first in range(8)
        for second in range(8)
        if first != second
    ]
    library = look(write_pairs(tmp_path, rows), fraction=0.25)
    training, validation = (
        {song.fingerprint for pair in pairs for song in pair}
        for pairs in (library.training_pairs, library.validation_pairs)
    )
    assert len(training) == 6 and len(validation) == 2 and not training & validation

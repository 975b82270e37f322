"""How an input finds its target: at random as ever, by suitability, or as the next segment of the same song."""

import pickle
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from hocket.audio import Audio, save
from hocket.data.excerpts import PairDataset, SongReader, chooser
from hocket.data.library import Song
from hocket.data.roles import FLOOR, role_weights
from hocket.errors import AudioError, ConfigError, DataError
from hocket.settings import DataConfig, Pairing

RATE_HZ = 8_000


class LoudReader(SongReader):
    """Everything is equally loud, so that the first draw counts; no file is needed."""

    def read(self, song: Song, start_seconds: float, num_samples: int, speed: float = 1.0) -> np.ndarray:
        return np.full(num_samples, 0.1, np.float32)


def dataset(
    songs: Sequence[Song],
    pairs: Sequence[tuple[Song, Song]] = (),
    *,
    pairing: Pairing = "random",
    **options: object,
) -> PairDataset:
    reader = LoudReader(songs, sample_rate=RATE_HZ, cache_megabytes=0)
    settings = {"num_examples": 100_000, "excerpt_seconds": 2.0, "seed": 3} | options
    return PairDataset(reader, songs, pairs, pairing=pairing, **settings)  # type: ignore[arg-type]


def plain_songs(number: int) -> list[Song]:
    return [Song(Path(f"{index}.wav"), 10.0 + index, f"f{index}") for index in range(number)]


def suited_songs(values: Sequence[tuple[float, float]]) -> list[Song]:
    return [
        Song(Path(f"{index}.wav"), 10.0, f"f{index}", f"g{index}", rhythmic, tonal)
        for index, (rhythmic, tonal) in enumerate(values)
    ]


def places(data: PairDataset) -> list[tuple[str, str, float, float]]:
    shown = [data.describe(index) for index in range(4)]
    return [
        (one.input, one.target, round(one.input_start_seconds, 6), round(one.target_start_seconds, 6))
        for one in shown
    ]


def test_random_pairing_draws_what_it_always_drew() -> None:
    # Runs are continued and weights were trained on these draws: they must not change.
    songs = plain_songs(5)
    assert places(dataset(songs)) == [
        ("0.wav", "3.wav", 4.657296, 4.764396),
        ("3.wav", "1.wav", 4.701899, 8.158876),
        ("3.wav", "0.wav", 1.388598, 0.363597),
        ("0.wav", "1.wav", 1.542615, 4.978942),
    ]
    adversarial = dataset(songs, max_speed_change=0.1, with_real=True)
    assert places(adversarial)[0] == ("0.wav", "3.wav", 4.58714, 4.834714)
    assert [str(song.path) for song in adversarial._choose(np.random.default_rng([3, 5]))] == [
        "4.wav",
        "0.wav",
        "3.wav",
    ]
    given_pairs = [(songs[0], songs[3]), (songs[2], songs[1])]
    assert places(dataset(songs, given_pairs))[3] == ("0.wav", "3.wav", 7.992652, 9.186355)


@pytest.mark.parametrize("pairing", ["random", "suitable", "next_segment", "given"])
def test_a_data_set_can_be_sent_to_processes_that_are_not_copies_of_this_one(pairing: str) -> None:
    # As on macOS, and from Python 3.14 on.
    songs = suited_songs([(0.9, 0.2), (0.3, 0.8), (0.5, 0.5)])
    pairs = [(songs[0], songs[2])] if pairing == "given" else []
    data = dataset(songs, pairs, pairing="random" if pairs else pairing)  # type: ignore[arg-type]
    assert places(pickle.loads(pickle.dumps(data))) == places(data)


def test_copies_of_one_music_are_never_a_pair_and_never_real() -> None:
    songs = [Song(Path(f"{i}.wav"), 10.0, f"f{i}", group) for i, group in enumerate("aabbcc")]
    data = dataset(songs, with_real=True)
    for index in range(300):
        drawn = data._choose(np.random.default_rng([0, index]))
        assert len({song.group for song in drawn}) == 3


@pytest.mark.parametrize("pairing", ["random", "suitable"])
def test_one_music_under_two_names_makes_no_pair(pairing: Pairing) -> None:
    songs = [Song(Path(f"{i}.wav"), 10.0, f"f{i}", "same", 0.5, 0.5) for i in range(2)]
    with pytest.raises(DataError, match="a pair needs two different songs, and there are 1"):
        dataset(songs, pairing=pairing)


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=50))
def test_chances_add_up_keep_their_floor_and_follow_suitability(values: list[float]) -> None:
    chances = role_weights(values, role="input")
    assert chances.sum() == pytest.approx(1.0)
    assert chances.min() >= FLOOR / len(values) - 1e-12
    order = np.argsort(values, kind="stable")
    assert np.all(np.diff(chances[order]) >= -1e-12)


def test_songs_of_no_suitability_at_all_are_drawn_evenly() -> None:
    np.testing.assert_allclose(role_weights([0.0] * 4, role="target"), 0.25)


def test_suitable_draws_come_as_often_as_the_weights_say() -> None:
    songs = suited_songs([(1.0, 0.0), (0.8, 0.2), (0.4, 0.5), (0.1, 1.0), (0.0, 0.9)])
    inputs = role_weights([song.percussiveness for song in songs], role="input")
    targets = role_weights([song.tonality for song in songs], role="target")
    choose = chooser("suitable", songs, (), least_seconds=4.0)
    number = 20_000
    drawn = [choose(np.random.default_rng([1, index])) for index in range(number)]
    counts = Counter((songs.index(first), songs.index(second)) for first, second in drawn)
    for first in range(5):
        assert counts[first, first] == 0
        for second in set(range(5)) - {first}:
            chance = inputs[first] * targets[second] / (1.0 - targets[first])
            deviation = (number * chance * (1 - chance)) ** 0.5
            assert counts[first, second] == pytest.approx(number * chance, abs=4.5 * deviation)
    # Whatever its figures, every song is heard in either role.
    assert all(sum(counts[song, other] for other in range(5)) > 0.04 * number for song in range(5))
    assert sum(counts[0, other] for other in range(5)) > 5 * sum(counts[4, other] for other in range(5))


def test_suitability_that_nobody_measured_is_an_error_that_says_how() -> None:
    with pytest.raises(DataError, match=r"how suitable the songs are as inputs: run `hocket prepare`"):
        dataset(plain_songs(4), pairing="suitable")


@pytest.mark.parametrize("pairing", ["suitable", "next_segment"])
def test_given_pairs_allow_no_other_pairing(pairing: Pairing) -> None:
    songs = suited_songs([(0.5, 0.5)] * 4)
    with pytest.raises(DataError, match=f"pairing is {pairing}, but the pairs are given"):
        dataset(songs, [(songs[0], songs[1])], pairing=pairing)


def ramp(path: Path, seconds: float, *, offset: float = 0.0) -> Song:
    """A recording in which every sample says where it is."""
    samples = (0.1 + offset + np.arange(round(seconds * RATE_HZ)) * 1e-6).astype(np.float32)
    save(path, Audio(samples[None], RATE_HZ), encoding="float32")
    return Song(path, seconds, path.name)


def ramps(folder: Path) -> list[Song]:
    return [ramp(folder / f"{index}.wav", 5.0 + index, offset=index) for index in range(3)]


def real_dataset(songs: Sequence[Song], *, cache_megabytes: int = 100, **options: object) -> PairDataset:
    reader = SongReader(songs, sample_rate=RATE_HZ, cache_megabytes=cache_megabytes)
    settings = {"num_examples": 60, "excerpt_seconds": 1.0, "seed": 0, "pairing": "next_segment"} | options
    return PairDataset(reader, songs, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("cache_megabytes", [0, 100])
def test_the_target_begins_on_the_sample_after_the_inputs_last(tmp_path: Path, cache_megabytes: int) -> None:
    data = real_dataset(ramps(tmp_path), cache_megabytes=cache_megabytes)
    heard = set()
    for index in range(len(data)):
        example, shown = data[index], data.describe(index)
        assert shown.input == shown.target
        steps = np.diff(torch.cat([example["input"], example["target"]]).double().numpy())
        np.testing.assert_allclose(steps, 1e-6, atol=4e-7)
        heard.add(shown.input)
    assert len(heard) == 3


def test_at_another_speed_the_target_still_follows(tmp_path: Path) -> None:
    data = real_dataset(ramps(tmp_path), max_speed_change=0.2)
    speeds = set()
    for index in range(20):
        shown, example = data.describe(index), data[index]
        seconds = shown.target_start_seconds - shown.input_start_seconds
        speeds.add(round(seconds, 2))
        assert 0.8 - 1e-3 <= seconds <= 1.2 + 1e-3
        first, second = (
            example["input"][100:-100].double().numpy(),
            example["target"][100:-100].double().numpy(),
        )
        # Played so much faster, a ramp is so much steeper; the second half goes on where the first ended.
        assert (first[-1] - first[0]) / (len(first) - 1) == pytest.approx(1e-6 * seconds, rel=0.01)
        assert second[0] - first[0] == pytest.approx(1e-6 * seconds * RATE_HZ, rel=0.01)
    assert len(speeds) > 5


def test_next_segments_are_a_pure_function_of_seed_and_index(tmp_path: Path) -> None:
    songs = ramps(tmp_path)
    first, again = real_dataset(songs, with_real=True), real_dataset(songs, with_real=True)
    forwards = [first[index] for index in range(6)]
    for index in reversed(range(6)):
        for name, excerpt in again[index].items():
            assert torch.equal(excerpt, forwards[index][name])
    loader = DataLoader(real_dataset(songs, num_examples=6), batch_size=3, num_workers=2)
    alone = real_dataset(songs, num_examples=6)
    found = torch.cat([batch["target"] for batch in loader])
    assert all(torch.equal(found[index], alone[index]["target"]) for index in range(6))


def test_real_is_another_song_than_the_segments(tmp_path: Path) -> None:
    data = real_dataset(ramps(tmp_path), with_real=True)
    for index in range(20):
        example = data[index]
        assert abs(float(example["real"].mean()) - float(example["input"].mean())) > 0.5


def test_songs_too_short_for_two_segments_are_passed_over_and_none_long_enough_is_an_error(
    tmp_path: Path,
) -> None:
    songs = [*ramps(tmp_path), ramp(tmp_path / "short.wav", 1.9, offset=7.0)]
    data = real_dataset(songs)
    assert not any(data.describe(index).input.endswith("short.wav") for index in range(60))
    with pytest.raises(DataError, match=r"no song is long enough for two segments \(2 s\)"):
        real_dataset(songs[-1:])


def test_segments_of_one_song_are_enough_to_train_on(tmp_path: Path) -> None:
    songs = [ramp(tmp_path / "a.wav", 6.0)]
    assert real_dataset(songs)[0].keys() == {"input", "target"}
    with pytest.raises(DataError, match="at least two different songs"):
        real_dataset(songs, with_real=True)


def test_both_segments_are_loud_where_the_song_is(tmp_path: Path) -> None:
    samples = np.concatenate([np.full(4 * RATE_HZ, 0.2), np.zeros(12 * RATE_HZ)]).astype(np.float32)
    save(tmp_path / "rests.wav", Audio(samples[None], RATE_HZ), encoding="float32")
    data = real_dataset([Song(tmp_path / "rests.wav", 16.0, "rests")])
    for index in range(20):
        assert all(float(excerpt.abs().max()) > 0.1 for excerpt in data[index].values())


@pytest.mark.parametrize("pairing", ["random", "next_segment"])
@pytest.mark.parametrize("damage", ["deleted", "cut", "garbage"])
def test_a_file_that_goes_bad_while_training_is_named(tmp_path: Path, pairing: Pairing, damage: str) -> None:
    songs = ramps(tmp_path)
    data = real_dataset(songs, pairing=pairing, cache_megabytes=0)
    assert data[0]
    for song in songs:
        if damage == "deleted":
            song.path.unlink()
        else:
            song.path.write_bytes(song.path.read_bytes()[:200] if damage == "cut" else b"no music at all" * 9)
    with pytest.raises(AudioError, match=rf"{tmp_path}/\d\.wav .*: "):
        data[1]


def test_an_unknown_pairing_is_a_setting_out_of_range() -> None:
    assert DataConfig().pairing == "random" and DataConfig().music == ""
    sentence = r"pairing is 'next': did you mean next_segment\? Give one of random, suitable, next_segment"
    with pytest.raises(ConfigError, match=sentence):
        DataConfig(pairing="next")  # type: ignore[arg-type]

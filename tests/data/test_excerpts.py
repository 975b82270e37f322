"""Examples: a pure function of seed and index, of two songs and an unrelated one, with sound in them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks.libraries import open_library
from torch.utils.data import DataLoader

from hocket.audio import Audio, save
from hocket.data.excerpts import SILENCE_RMS, PairDataset, SongReader
from hocket.data.library import Song
from hocket.errors import DataError, HocketError

RATE_HZ = 8_000


EXCERPT_SECONDS = 1.0


PITCHES_HZ = (300.0, 420.0, 560.0, 710.0)


def sine(
    frequency_hz: float, *, seconds: float = 4.0, rate_hz: int = RATE_HZ, level: float = 0.2
) -> np.ndarray:
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    return (level * np.sin(2 * np.pi * frequency_hz * time)).astype(np.float32)


def put(path: Path, samples: np.ndarray, rate_hz: int = RATE_HZ) -> Song:
    save(path, Audio(samples[None], rate_hz), encoding="float32")
    return Song(path, len(samples) / rate_hz, path.name)


@pytest.fixture
def songs(tmp_path: Path) -> list[Song]:
    """Four sines of different pitch, four seconds each."""
    return [put(tmp_path / f"{pitch_hz:.0f}.wav", sine(pitch_hz)) for pitch_hz in PITCHES_HZ]


def make_dataset(
    songs: Sequence[Song],
    pairs: Sequence[tuple[Song, Song]] = (),
    *,
    num_examples: int = 40,
    excerpt_seconds: float = EXCERPT_SECONDS,
    seed: int = 0,
    max_speed_change: float = 0.0,
    with_real: bool = False,
    cache_megabytes: int = 100,
) -> PairDataset:
    reader = SongReader(songs, sample_rate=RATE_HZ, cache_megabytes=cache_megabytes)
    return PairDataset(
        reader,
        songs,
        pairs,
        num_examples=num_examples,
        excerpt_seconds=excerpt_seconds,
        seed=seed,
        max_speed_change=max_speed_change,
        with_real=with_real,
    )


def pitch_of(excerpt: torch.Tensor) -> float:
    """The loudest frequency in Hz, to a fraction of a bin."""
    samples = excerpt.double().numpy() * np.hanning(len(excerpt))
    return float(np.abs(np.fft.rfft(samples, n=8 * len(samples))).argmax()) / 8 * RATE_HZ / len(samples)


def song_of(excerpt: torch.Tensor) -> int:
    return int(np.argmin([abs(pitch_of(excerpt) - pitch_hz) for pitch_hz in PITCHES_HZ]))


@pytest.mark.parametrize("max_speed_change", [0.0, 0.1])
@pytest.mark.parametrize("cache_megabytes", [0, 100])
def test_an_example_is_a_pure_function_of_seed_and_index(
    songs: list[Song], max_speed_change: float, cache_megabytes: int
) -> None:
    first, again, other = (
        make_dataset(
            songs,
            seed=seed,
            max_speed_change=max_speed_change,
            cache_megabytes=cache_megabytes,
            with_real=True,
        )
        for seed in (0, 0, 1)
    )
    forwards = [first[index] for index in range(8)]
    for index in reversed(range(8)):
        for name, excerpt in again[index].items():
            assert torch.equal(excerpt, forwards[index][name])
    assert not all(torch.equal(other[index]["input"], forwards[index]["input"]) for index in range(8))
    assert not torch.equal(forwards[0]["input"], forwards[1]["input"])


def test_workers_and_order_change_nothing(songs: list[Song]) -> None:
    dataset = make_dataset(songs, num_examples=6, max_speed_change=0.1)
    alone = [dataset[index] for index in range(6)]
    order = [4, 1, 5, 0, 3, 2]
    loader = DataLoader(dataset, batch_size=2, sampler=order, num_workers=2)
    found = torch.cat([batch["target"] for batch in loader])
    for place, index in enumerate(order):
        assert torch.equal(found[place], alone[index]["target"])


def test_a_longer_run_begins_with_the_same_examples(songs: list[Song]) -> None:
    short, long = make_dataset(songs, num_examples=5), make_dataset(songs, num_examples=500)
    assert (len(short), len(long)) == (5, 500)
    for index in range(5):
        assert torch.equal(short[index]["input"], long[index]["input"])


def test_excerpts_have_their_length_at_any_speed(songs: list[Song]) -> None:
    dataset = make_dataset(songs, max_speed_change=0.5, with_real=True, excerpt_seconds=0.7357)
    for index in range(10):
        for excerpt in dataset[index].values():
            assert excerpt.shape == (round(0.7357 * RATE_HZ),) and excerpt.dtype == torch.float32
            # A sine has no place at which it rests, so nothing was filled up.
            assert float(excerpt[-40:].abs().max()) > 0.1


def test_how_much_is_held_in_memory_changes_no_example(tmp_path: Path) -> None:
    # `cache_megabytes` may change when a run is continued, so it must not change what the run sees.
    random = np.random.default_rng(0)
    songs = [
        put(tmp_path / f"{i}.wav", (0.1 * random.standard_normal(3 * RATE_HZ)).astype(np.float32))
        for i in (0, 1)
    ]
    disk, memory = (make_dataset(songs, cache_megabytes=size, max_speed_change=0.1) for size in (0, 100))
    for index in range(5):
        torch.testing.assert_close(disk[index]["input"], memory[index]["input"], atol=1e-3, rtol=0)


def test_input_and_target_are_two_songs_and_every_song_is_heard(songs: list[Song]) -> None:
    dataset = make_dataset(songs, num_examples=60)
    drawn = [tuple(song_of(excerpt) for excerpt in dataset[index].values()) for index in range(60)]
    assert all(first != second for first, second in drawn)
    assert len(set(drawn)) == 12
    assert dataset[0].keys() == {"input", "target"}


def test_real_is_of_neither_song_of_the_pair(songs: list[Song]) -> None:
    for pairs in ((), [(songs[0], songs[1]), (songs[2], songs[2])]):
        dataset = make_dataset(songs, pairs, with_real=True)
        for index in range(30):
            example = dataset[index]
            assert example.keys() == {"input", "target", "real"}
            first, second, real = (song_of(excerpt) for excerpt in example.values())
            assert real not in (first, second)


@pytest.mark.parametrize("with_copy", [False, True])
def test_real_is_never_the_pair_itself(songs: list[Song], tmp_path: Path, with_copy: bool) -> None:
    few = songs[:2]
    if with_copy:
        copy = put(tmp_path / "copy.wav", sine(PITCHES_HZ[0]))
        few = [*few, Song(copy.path, copy.duration_seconds, songs[0].fingerprint)]
    try:
        dataset = make_dataset(few, [(few[0], few[1])], with_real=True)
        example = dataset[0]
    except HocketError:
        return
    assert song_of(example["real"]) not in (0, 1)


def test_given_pairs_are_kept_together(songs: list[Song]) -> None:
    pairs = [(songs[0], songs[3]), (songs[2], songs[1])]
    dataset = make_dataset(songs, pairs)
    drawn = {tuple(song_of(excerpt) for excerpt in dataset[index].values()) for index in range(20)}
    assert drawn == {(0, 3), (2, 1)}


def test_the_description_names_what_the_example_shows(songs: list[Song]) -> None:
    dataset = make_dataset(songs, max_speed_change=0.0, with_real=True)
    whole = {str(song.path): sine(PITCHES_HZ[index]) for index, song in enumerate(songs)}
    for index in range(6):
        example, shown = dataset[index], dataset.describe(index)
        for excerpt, path, start_seconds in (
            (example["input"], shown.input, shown.input_start_seconds),
            (example["target"], shown.target, shown.target_start_seconds),
        ):
            start = round(start_seconds * RATE_HZ)
            np.testing.assert_allclose(excerpt.numpy(), whole[path][start : start + RATE_HZ], atol=1e-6)


def test_silent_places_are_passed_over(tmp_path: Path) -> None:
    half = np.concatenate([sine(400.0, seconds=4.0), np.zeros(4 * RATE_HZ, np.float32)])
    songs = [put(tmp_path / f"{index}.wav", half) for index in range(2)]
    dataset = make_dataset(songs, num_examples=60)
    for index in range(60):
        for excerpt in dataset[index].values():
            assert float(excerpt.square().mean().sqrt()) >= SILENCE_RMS


def test_a_song_without_sound_is_named(tmp_path: Path) -> None:
    songs = [put(tmp_path / f"{index}.wav", np.zeros(4 * RATE_HZ, np.float32)) for index in range(2)]
    with pytest.raises(DataError, match=r"[01]\.wav is silent in all 16 excerpts that were tried: remove it"):
        make_dataset(songs)[0]


def test_a_song_with_long_rests_can_be_trained_on(tmp_path: Path) -> None:
    rests = np.zeros(24 * RATE_HZ, np.float32)
    for index in range(2):
        put(tmp_path / f"{index}.wav", np.concatenate([sine(400.0 * (1 + index), seconds=8.0), rests]))
    library = open_library(tmp_path, excerpt_seconds=EXCERPT_SECONDS, validation_fraction=0.0, seed=0)
    dataset = make_dataset(library.training, num_examples=300)
    for index in range(300):
        assert float(dataset[index]["input"].abs().max()) > 0


def test_a_quiet_song_that_the_library_takes_can_be_trained_on(tmp_path: Path) -> None:
    for index in range(2):
        signs = np.random.default_rng(index).choice([-1.0, 1.0], 4 * RATE_HZ)
        put(tmp_path / f"{index}.wav", (5e-4 * signs).astype(np.float32))
    library = open_library(tmp_path, excerpt_seconds=EXCERPT_SECONDS, validation_fraction=0.0, seed=0)
    example = make_dataset(library.training)[0]
    assert float(example["input"].abs().max()) == pytest.approx(5e-4, rel=0.01)


def test_a_song_as_long_as_an_excerpt_is_never_filled_up(tmp_path: Path) -> None:
    songs = [put(tmp_path / f"{index}.wav", sine(400.0 + index, seconds=1.01)) for index in range(2)]
    dataset = make_dataset(songs, max_speed_change=0.1)
    for index in range(20):
        for excerpt in dataset[index].values():
            assert float(excerpt[-40:].abs().max()) > 0.1


def test_there_are_as_many_examples_as_it_says(songs: list[Song]) -> None:
    with pytest.raises(IndexError):
        make_dataset(songs, num_examples=3)[3]

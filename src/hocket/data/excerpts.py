"""Random excerpts of pairs of songs: example `index` of a run is a pure function of the seed and the index."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from hocket import audio
from hocket.data.library import Song
from hocket.data.roles import role_weights
from hocket.errors import DataError
from hocket.settings import Pairing

SILENCE_RMS = 1e-4
MAX_DRAWS = 12
MAX_CHOICES = 16
LOUD_ENOUGH_RMS = 1e-3
BYTES_PER_SAMPLE = 4


@dataclass(frozen=True)
class Example:
    """Origin of an example: paths and starts in seconds, for messages and pictures."""

    input: str
    target: str
    input_start_seconds: float
    target_start_seconds: float


class SongReader:
    """Reads mono excerpts at one rate; holds all songs in memory when they fit, else reads the file each time."""

    def __init__(self, songs: Sequence[Song], *, sample_rate: int, cache_megabytes: int) -> None:
        self.sample_rate = sample_rate
        total = sum(song.duration_seconds for song in songs) * sample_rate * BYTES_PER_SAMPLE
        self._cache: dict[str, np.ndarray] | None = {} if total <= cache_megabytes * 2**20 else None

    def read(self, song: Song, start_seconds: float, num_samples: int, speed: float = 1.0) -> np.ndarray:
        """Float32 `[num_samples]` from a start on, played `speed` times as fast (and as high)."""
        rate, length = self._consumed(num_samples, speed)
        if self._cache is None:
            excerpt = audio.load(
                song.path,
                sample_rate=self.sample_rate,
                mono=True,
                start_seconds=start_seconds,
                duration_seconds=length / self.sample_rate,
            ).samples[0]
        else:
            start = round(start_seconds * self.sample_rate)
            excerpt = self._whole(song)[start : start + length]
        excerpt = audio.resample(excerpt, from_hz=self.sample_rate, to_hz=rate)[:num_samples]
        return np.pad(excerpt, (0, num_samples - len(excerpt)))

    def seconds_of(self, num_samples: int, speed: float) -> float:
        """Seconds of a song that `read` takes for so many samples."""
        return self._consumed(num_samples, speed)[1] / self.sample_rate

    def _consumed(self, num_samples: int, speed: float) -> tuple[int, int]:
        """The rate that the song is taken to have, and its samples at the reader's."""
        rate = round(self.sample_rate / speed)
        return rate, round(num_samples * self.sample_rate / rate)

    def _whole(self, song: Song) -> np.ndarray:
        assert self._cache is not None
        key = str(song.path)
        if key not in self._cache:
            self._cache[key] = audio.load(song.path, sample_rate=self.sample_rate, mono=True).samples[0]
        return self._cache[key]


class PairDataset(Dataset[dict[str, Tensor]]):
    """Examples with `input` and `target` `[samples]`, and `real`, music unrelated to both, if requested.

    `pairing` says how an input finds its target where no pairs are given; see `DataConfig`.
    """

    def __init__(
        self,
        reader: SongReader,
        songs: Sequence[Song],
        pairs: Sequence[tuple[Song, Song]] = (),
        *,
        num_examples: int,
        excerpt_seconds: float,
        seed: int,
        max_speed_change: float = 0.0,
        with_real: bool = False,
        pairing: Pairing = "random",
    ) -> None:
        self.reader, self.songs, self.pairs = reader, list(songs), list(pairs)
        self.num_examples, self.excerpt_seconds, self.seed = num_examples, excerpt_seconds, seed
        self.max_speed_change, self.with_real = max_speed_change, with_real
        self._chooser = chooser(pairing, self.songs, self.pairs, least_seconds=self._longest_segments)
        self._is_next_segment = pairing == "next_segment"
        num_needed = 2 if self._is_next_segment else 3
        if with_real and len({song.music for song in self.songs}) < num_needed:
            raise DataError(
                "adversarial training needs music that is unrelated to the pair, so at least "
                f"{('two', 'three')[num_needed - 2]} different songs: add songs, or set adversarial_weight "
                "and feature_matching_weight to 0."
            )

    def __len__(self) -> int:
        return self.num_examples

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """Draws everything from a generator of its own, so that order, workers and restarts change nothing."""
        names = ("input", "target", "real")
        return {
            name: torch.from_numpy(excerpt.samples)
            for name, excerpt in zip(names, self._draw(index), strict=False)
        }

    def describe(self, index: int) -> Example:
        """Origin of example `index`."""
        input, target = self._draw(index)[:2]
        return Example(str(input.song.path), str(target.song.path), input.start_seconds, target.start_seconds)

    @property
    def _longest_segments(self) -> float:
        """Seconds of a song that two segments take at the highest speed."""
        return 2.0 * self.excerpt_seconds * (1.0 + self.max_speed_change)

    def _draw(self, index: int) -> list["_Excerpt"]:
        if not 0 <= index < self.num_examples:
            raise IndexError(f"example {index} of {self.num_examples}")
        random = np.random.default_rng([self.seed, index])
        for _ in range(MAX_CHOICES):
            excerpts = self._excerpts(random, self._choose(random))
            if all(excerpt.rms >= SILENCE_RMS for excerpt in excerpts):
                return excerpts
        quietest = min(excerpts, key=lambda excerpt: excerpt.rms)
        raise DataError(
            f"{quietest.song.path} is silent in all {MAX_CHOICES} excerpts that were tried: remove "
            "it from the music folder."
        )

    def _choose(self, random: np.random.Generator) -> list[Song]:
        chosen = self._chooser(random)
        if self.with_real:
            pair = {song.music for song in chosen}
            others = [song for song in self.songs if song.music not in pair]
            chosen.append(others[random.integers(len(others))])
        return chosen

    def _excerpts(self, random: np.random.Generator, songs: list[Song]) -> list["_Excerpt"]:
        if not self._is_next_segment:
            return [self._excerpt(random, song) for song in songs]
        return [*self._segments(random, songs[0]), *(self._excerpt(random, song) for song in songs[2:])]

    def _segments(self, random: np.random.Generator, song: Song) -> list["_Excerpt"]:
        """An excerpt and the one that follows it, at one speed; of several draws one that is loud in both."""
        num_samples = round(self.excerpt_seconds * self.reader.sample_rate)
        best: list[_Excerpt] = []
        for _ in range(MAX_DRAWS):
            speed = 1.0 + float(random.uniform(-1.0, 1.0)) * self.max_speed_change
            seconds = self.reader.seconds_of(num_samples, speed)
            room = max(0.0, song.duration_seconds - 2.0 * seconds)
            # On a sample, so that the second begins on the one after the first's last.
            start = int(float(random.uniform(0.0, room)) * self.reader.sample_rate) / self.reader.sample_rate
            drawn = [self._read(song, place, num_samples, speed) for place in (start, start + seconds)]
            if not best or _quieter(drawn) > _quieter(best):
                best = drawn
            if _quieter(best) >= LOUD_ENOUGH_RMS:
                break
        return best

    def _read(self, song: Song, start_seconds: float, num_samples: int, speed: float) -> "_Excerpt":
        samples = self.reader.read(song, start_seconds, num_samples, speed)
        return _Excerpt(song, start_seconds, samples, float(np.sqrt(np.mean(samples**2))))

    def _excerpt(self, random: np.random.Generator, song: Song) -> "_Excerpt":
        """The first excerpt drawn that is loud enough, else the loudest of them."""
        num_samples = round(self.excerpt_seconds * self.reader.sample_rate)
        fastest = max(1.0 - self.max_speed_change, song.duration_seconds / self.excerpt_seconds)
        loudest: _Excerpt | None = None
        for _ in range(MAX_DRAWS):
            speed = min(1.0 + float(random.uniform(-1.0, 1.0)) * self.max_speed_change, fastest)
            room = max(0.0, song.duration_seconds - self.excerpt_seconds * speed)
            start = float(random.uniform(0.0, room))
            excerpt = self._read(song, start, num_samples, speed)
            if loudest is None or excerpt.rms > loudest.rms:
                loudest = excerpt
            if loudest.rms >= LOUD_ENOUGH_RMS:
                break
        assert loudest is not None
        return loudest


@dataclass(frozen=True, eq=False)
class _Excerpt:
    song: Song
    start_seconds: float
    samples: np.ndarray
    rms: float


def _quieter(excerpts: Sequence[_Excerpt]) -> float:
    return min(excerpt.rms for excerpt in excerpts)


Chooser: TypeAlias = Callable[[np.random.Generator], list[Song]]
"""Draws the two songs of an example from its generator."""


def chooser(
    pairing: Pairing,
    songs: Sequence[Song],
    pairs: Sequence[tuple[Song, Song]],
    *,
    least_seconds: float,
) -> Chooser:
    """The chooser that `pairing` names; given pairs are drawn evenly, and only `random` goes with them.

    For `next_segment` both songs are one, of at least `least_seconds`.

    Raises:
        DataError: the songs or pairs do not fit the pairing.
    """
    if pairs and pairing != "random":
        raise DataError(
            f"pairing is {pairing}, but the pairs are given: set it to random, or give music instead of pairs."
        )
    if pairs:
        return partial(_given, pairs)
    if pairing == "next_segment":
        return partial(_same_song, _long_enough(songs, least_seconds))
    if len({song.music for song in songs}) < 2:
        raise DataError(
            f"a pair needs two different songs, and there are {len({song.music for song in songs})}: add songs, or set "
            "pairing to next_segment."
        )
    if pairing == "random":
        return partial(_at_random, songs)
    inputs = role_weights([song.percussiveness for song in songs], role="input")
    targets = role_weights([song.tonality for song in songs], role="target")
    return partial(_by_suitability, songs, inputs, targets, np.array([song.music for song in songs]))


# A chooser and its songs go to the processes that read, so it is a function that pickle finds by its name.


def _given(pairs: Sequence[tuple[Song, Song]], random: np.random.Generator) -> list[Song]:
    return list(pairs[int(random.integers(len(pairs)))])


def _at_random(songs: Sequence[Song], random: np.random.Generator) -> list[Song]:
    while True:
        first, second = (songs[index] for index in random.choice(len(songs), 2, replace=False))
        # Where nothing is known of groups, all songs differ and the first draw counts.
        if first.music != second.music:
            return [first, second]


def _by_suitability(
    songs: Sequence[Song],
    inputs: np.ndarray,
    targets: np.ndarray,
    music: np.ndarray,
    random: np.random.Generator,
) -> list[Song]:
    first = int(random.choice(len(songs), p=inputs))
    others = np.where(music == music[first], 0.0, targets)
    second = int(random.choice(len(songs), p=others / others.sum()))
    return [songs[first], songs[second]]


def _same_song(songs: Sequence[Song], random: np.random.Generator) -> list[Song]:
    song = songs[int(random.integers(len(songs)))]
    return [song, song]


def _long_enough(songs: Sequence[Song], least_seconds: float) -> list[Song]:
    found = [song for song in songs if song.duration_seconds >= least_seconds]
    if not found:
        raise DataError(
            f"no song is long enough for two segments ({least_seconds:g} s): give longer songs, a smaller "
            "excerpt_seconds, or set pairing to random."
        )
    return found

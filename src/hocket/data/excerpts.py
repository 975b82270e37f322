"""Random excerpts of random pairs: example `index` of a run is a pure function of the seed and the index."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from hocket import audio
from hocket.data.library import SILENCE_RMS, Song
from hocket.errors import DataError

MAX_DRAWS = 12
BYTES_PER_SAMPLE = 4


@dataclass(frozen=True)
class Example:
    """Where an example comes from: paths and starts in seconds, for messages and pictures."""

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
        rate = round(self.sample_rate / speed)
        if self._cache is None:
            excerpt = audio.load(
                song.path,
                sample_rate=rate,
                mono=True,
                start_seconds=start_seconds,
                duration_seconds=num_samples / rate,
            ).samples[0]
        else:
            start = round(start_seconds * self.sample_rate)
            length = round(num_samples * self.sample_rate / rate)
            excerpt = self._whole(song)[start : start + length]
            excerpt = audio.resample(excerpt, from_hz=self.sample_rate, to_hz=rate)[:num_samples]
        return np.pad(excerpt, (0, num_samples - len(excerpt)))

    def _whole(self, song: Song) -> np.ndarray:
        assert self._cache is not None
        key = str(song.path)
        if key not in self._cache:
            self._cache[key] = audio.load(song.path, sample_rate=self.sample_rate, mono=True).samples[0]
        return self._cache[key]


class PairDataset(Dataset[dict[str, Tensor]]):
    """Examples with `input` and `target` `[samples]`, and `real`, music unrelated to both, where asked for."""

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
    ) -> None:
        self.reader, self.songs, self.pairs = reader, list(songs), list(pairs)
        self.num_examples, self.excerpt_seconds, self.seed = num_examples, excerpt_seconds, seed
        self.max_speed_change, self.with_real = max_speed_change, with_real

    def __len__(self) -> int:
        return self.num_examples

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """Draws everything from a generator of its own, so that order, workers and restarts change nothing."""
        random = np.random.default_rng([self.seed, index])
        chosen = self._choose(random)
        names = ("input", "target", "real")
        return {
            name: torch.from_numpy(self._excerpt(random, song)[0])
            for name, song in zip(names, chosen, strict=False)
        }

    def describe(self, index: int) -> Example:
        """Which places example `index` shows."""
        random = np.random.default_rng([self.seed, index])
        first, second = self._choose(random)[:2]
        starts = [self._excerpt(random, song)[1] for song in (first, second)]
        return Example(str(first.path), str(second.path), *starts)

    def _choose(self, random: np.random.Generator) -> list[Song]:
        if self.pairs:
            chosen = list(self.pairs[random.integers(len(self.pairs))])
        else:
            chosen = [self.songs[index] for index in random.choice(len(self.songs), 2, replace=False)]
        if self.with_real:
            others = [song for song in self.songs if song not in chosen] or self.songs
            chosen.append(others[random.integers(len(others))])
        return chosen

    def _excerpt(self, random: np.random.Generator, song: Song) -> tuple[np.ndarray, float]:
        """An excerpt with sound in it, and its start in seconds."""
        num_samples = round(self.excerpt_seconds * self.reader.sample_rate)
        for _ in range(MAX_DRAWS):
            speed = 1.0 + float(random.uniform(-1.0, 1.0)) * self.max_speed_change
            room = max(0.0, song.duration_seconds - self.excerpt_seconds * speed)
            start = float(random.uniform(0.0, room))
            excerpt = self.reader.read(song, start, num_samples, speed)
            if np.sqrt(np.mean(excerpt**2)) >= SILENCE_RMS:
                return excerpt, start
        raise DataError(
            f"{song.path} is silent in {MAX_DRAWS} places looked at: take it out of the music folder."
        )

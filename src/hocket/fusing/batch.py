"""Many fusions: rows of a pairs file, or samples of a run's own validation split."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hocket import audio
from hocket.audio import Audio
from hocket.audio.streams import Workspace, recording
from hocket.audio.views import audible
from hocket.data.pairs import Pair
from hocket.errors import AudioError, CheckpointError
from hocket.fusing.fuser import Fuser
from hocket.fusing.fusion import Fusion, Progress, fuse_recordings
from hocket.fusing.options import FuseOptions

SAMPLE_SECONDS = 10.0
SILENCE_RMS = 1e-3
MAX_DRAWS = 12


@dataclass(frozen=True, eq=False)
class SourcePair:
    """Two sources to fuse: files, and where in them to start (None: the whole file)."""

    name: str
    input: Path
    target: Path
    starts_seconds: tuple[float, float] | None = None


@contextmanager
def fusing_pair(
    fuser: Fuser,
    pair: SourcePair,
    *,
    options: FuseOptions | None = None,
    folder: str | Path | None = None,
    on_progress: Progress | None = None,
) -> Iterator[Fusion]:
    """A fusion of whole files, or of the excerpts that a pair names, to be read span by span: see `Fuser.fusing`."""
    if pair.starts_seconds is None:
        with fuser.fusing(
            pair.input, pair.target, options=options, folder=folder, on_progress=on_progress
        ) as fusion:
            yield fusion
        return
    sources = [
        _excerpt(path, start, fuser.model.sample_rate)
        for path, start in zip((pair.input, pair.target), pair.starts_seconds, strict=True)
    ]
    length = min(source.num_samples for source in sources)
    first, second = (audible(recording(Audio(s.samples[:, :length], s.sample_rate))) for s in sources)
    with Workspace() as workspace:
        yield fuse_recordings(
            fuser.model,
            first,
            second,
            names=(str(pair.input), str(pair.target)),
            options=options or FuseOptions(),
            workspace=workspace,
            on_progress=on_progress,
        )


def from_pairs(pairs: Sequence[Pair]) -> list[SourcePair]:
    """The rows of a pairs file as whole recordings to fuse."""
    return [SourcePair(pair.name, pair.input, pair.target) for pair in pairs]


def validation_samples(fuser: Fuser, num_samples: int, *, seed: int = 0) -> list[SourcePair]:
    """Excerpts of 10 s of songs that the run held out, drawn by the seed.

    Raises:
        CheckpointError: the checkpoint names no validation songs.
        AudioError: one of the songs is no longer where it was.
    """
    pairs = [tuple(map(Path, pair)) for pair in fuser.metadata.get("validation_pairs", [])]
    songs = [Path(song) for song in fuser.metadata.get("validation_songs", [])]
    if not pairs and len(songs) < 2:
        raise CheckpointError(
            f"{fuser.checkpoint} names no validation songs: give an input and a target, or --pairs."
        )
    samples = []
    for index in range(num_samples):
        random = np.random.default_rng([seed, index])
        if pairs:
            first, second = pairs[random.integers(len(pairs))]
        else:
            first, second = (songs[number] for number in random.choice(len(songs), 2, replace=False))
        starts = (_start(first, random), _start(second, random))
        samples.append(SourcePair(f"{index:03d}", first, second, starts))
    return samples


def _start(path: Path, random: np.random.Generator) -> float:
    """The start of an excerpt that has sound in it."""
    room = max(0.0, audio.info(path).duration_seconds - SAMPLE_SECONDS)
    for _ in range(MAX_DRAWS):
        start = float(random.uniform(0.0, room))
        excerpt = audio.load(path, mono=True, start_seconds=start, duration_seconds=SAMPLE_SECONDS)
        if np.sqrt(np.mean(excerpt.samples**2)) >= SILENCE_RMS:
            return start
    raise AudioError(f"{path} is silent in {MAX_DRAWS} places looked at: train without it.")


def _excerpt(path: Path, start_seconds: float, sample_rate: int) -> Audio:
    return audio.load(
        path,
        sample_rate=sample_rate,
        mono=True,
        start_seconds=start_seconds,
        duration_seconds=SAMPLE_SECONDS,
    )

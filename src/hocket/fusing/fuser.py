"""A trained model that fuses recordings of any rate, channels and length: one pair, or many."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hocket import audio
from hocket.audio import Audio, Encoding
from hocket.audio.streams import Workspace, recording, work_folder
from hocket.audio.views import audible
from hocket.data.pairs import Pair
from hocket.devices import choose
from hocket.errors import AudioError, CheckpointError
from hocket.fusing.ladder import Aligned, FusedFacts, Fusion, Progress, fuse_aligned, fuse_files, write
from hocket.fusing.sources import Sources
from hocket.fusing.written import Target
from hocket.model import FusionModel
from hocket.model.weights import default_weights, find_checkpoint, load_model
from hocket.options import FuseOptions
from hocket.score.chords import Progression

SAMPLE_SECONDS = 10.0
SILENCE_RMS = 1e-3
MAX_DRAWS = 12


@dataclass(frozen=True, eq=False)
class FusedFile:
    """A fusion in memory: the output with the sources as they were fused, and what the masks did.

    All recordings share the rate, the channels and the length. `audio` is the sum of its two `stems`: what the input
    gave, its rhythm, and what the target gave, its harmony. `masks` are the input's and the target's, `[d, t]` on the
    model's grid, before the `levels` of input and target; `notes` say in plain words how the sources were brought
    together.
    """

    audio: Audio
    input: Audio
    target: Audio
    stems: tuple[Audio, Audio]
    mask_figures: dict[str, float]
    masks: tuple[np.ndarray, np.ndarray]
    levels: tuple[float, float]
    options: FuseOptions
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, fusion: Fusion) -> "FusedFile":
        """Copies a fusion with all its recordings into memory."""
        masks = fusion.masks.store.read(0, fusion.masks.num_frames)
        rhythm, harmony = (stem.whole() for stem in fusion.stems)
        return cls(
            audio=fusion.output.whole(),
            input=fusion.input.whole(),
            target=fusion.target.whole(),
            stems=(rhythm, harmony),
            mask_figures=fusion.mask_figures,
            masks=(masks[0], masks[1]),
            levels=fusion.levels,
            options=fusion.options,
            notes=fusion.notes,
        )


@dataclass(frozen=True, eq=False)
class SourcePair:
    """Two sources to fuse: files, and where in them to start (None: the whole file); or a file and typed chords."""

    name: str
    input: Path
    target: Path | Progression
    starts_seconds: tuple[float, float] | None = None
    title: str = ""
    """The name of its output, where that is another."""


class Fuser:
    """Loads weights once and fuses as many pairs as asked."""

    def __init__(self, model: FusionModel, *, checkpoint: Path, metadata: dict[str, Any]) -> None:
        self.model, self.checkpoint, self.metadata = model.eval(), checkpoint, metadata

    @classmethod
    def from_checkpoint(cls, path: str | Path | None = None, *, device: str = "cpu") -> "Fuser":
        """The fuser of a checkpoint file or run folder; None is the weights that come with the program.

        Raises:
            CheckpointError: there is none, or it is damaged.
            ConfigError: this machine has no such device, see `hocket.devices.choose`.
        """
        where = choose(device)
        found = default_weights() if path is None else find_checkpoint(Path(path))
        model, metadata = load_model(found)
        return cls(model.to(where), checkpoint=found, metadata=metadata)

    def fuse_files(
        self,
        input_path: str | Path,
        target: Target,
        *,
        options: FuseOptions | None = None,
        on_progress: Progress | None = None,
    ) -> FusedFile:
        """Fuses two recordings in memory; the output has the input's rate, channels and length unless asked otherwise.

        The target may also be a MIDI file or a `Progression` of typed chords.

        `on_progress` is given the share that is done. An hour takes gigabytes: see `fuse_to_file`.

        Raises:
            AudioError: one of them cannot be read, is silent, or too short; the sentence names it.
        """
        with self.fusing(input_path, target, options=options, apart=True, on_progress=on_progress) as fusion:
            return FusedFile.of(fusion)

    def fuse_to_file(
        self,
        input_path: str | Path,
        target: Target,
        output_path: str | Path,
        *,
        options: FuseOptions | None = None,
        encoding: Encoding = "pcm24",
        on_progress: Progress | None = None,
    ) -> FusedFacts:
        """Fuses two recordings of any length into a WAV or FLAC, in memory that does not grow with them.

        What does not fit lies in nameless files in the folder of the output, or in TMPDIR where that is set; the
        output appears whole or not at all.

        Raises:
            AudioError: see `fuse_files`; or a disk is too small or the output cannot be written.
        """
        output_path = Path(output_path)
        folder = work_folder(output_path.parent)
        with self.fusing(
            input_path, target, options=options, folder=folder, on_progress=on_progress
        ) as fusion:
            return write(fusion, output_path, encoding=encoding)

    @contextmanager
    def fusing(
        self,
        input_path: str | Path,
        target: Target,
        *,
        options: FuseOptions | None = None,
        folder: str | Path | None = None,
        apart: bool = False,
        on_progress: Progress | None = None,
        on_read: Callable[[], None] | None = None,
    ) -> Iterator[Fusion]:
        """A fusion of two files to be read span by span; when the block ends, its recordings are gone.

        Recordings of more than a minute and a half lie in nameless files of `folder`; None keeps all in memory. The
        fusion has its two voices by themselves if they are requested `apart`.
        `on_read` is called whenever a source is read, and may raise to stop the work.

        Raises:
            AudioError: see `fuse_files`; or the folder has no room.
        """
        with Workspace(folder) as workspace:
            yield fuse_files(
                self.model,
                (input_path, target),
                options=options or FuseOptions(),
                workspace=workspace,
                apart=apart,
                on_read=on_read,
                on_progress=on_progress,
            )

    @contextmanager
    def fusing_pair(
        self,
        pair: SourcePair,
        *,
        options: FuseOptions | None = None,
        folder: str | Path | None = None,
        apart: bool = False,
        on_progress: Progress | None = None,
    ) -> Iterator[Fusion]:
        """A fusion of whole files, or of the excerpts that a pair names; see `fusing`."""
        if pair.starts_seconds is None or isinstance(pair.target, Progression):
            with self.fusing(
                pair.input, pair.target, options=options, folder=folder, apart=apart, on_progress=on_progress
            ) as fusion:
                yield fusion
            return
        excerpts = [
            _excerpt(path, start, self.model.sample_rate)
            for path, start in zip((pair.input, pair.target), pair.starts_seconds, strict=True)
        ]
        length = min(excerpt.num_samples for excerpt in excerpts)
        first, second = (Audio(e.samples[:, :length], e.sample_rate) for e in excerpts)
        names = (str(pair.input), str(pair.target))
        yield self._fused(first, second, names=names, options=options, on_progress=on_progress)

    def fuse(
        self,
        input: Audio,
        target: Audio,
        *,
        options: FuseOptions | None = None,
        notes: tuple[str, ...] = (),
        on_progress: Progress | None = None,
    ) -> FusedFile:
        """Fuses two recordings of one rate, as many channels, and one length.

        Raises:
            AudioError: they differ in rate, channels or length, or one of them is silent.
        """
        if input.sample_rate != target.sample_rate or input.samples.shape != target.samples.shape:
            raise AudioError(
                "input and target differ in rate, channels or length: bring them together first."
            )
        names = ("the input", "the target")
        return FusedFile.of(
            self._fused(input, target, names=names, options=options, notes=notes, on_progress=on_progress)
        )

    def _fused(
        self,
        input: Audio,
        target: Audio,
        *,
        names: tuple[str, str],
        options: FuseOptions | None,
        notes: tuple[str, ...] = (),
        on_progress: Progress | None,
    ) -> Fusion:
        sources = Sources(audible(recording(input)), audible(recording(target)), names, notes)
        return fuse_aligned(
            self.model,
            Aligned.of(sources),
            options=options or FuseOptions(),
            workspace=Workspace(),
            apart=True,
            on_progress=on_progress,
        )


def from_pairs(pairs: Sequence[Pair]) -> list[SourcePair]:
    """The rows of a pairs file as whole recordings to fuse."""
    return [SourcePair(pair.name, pair.input, pair.target, title=pair.title) for pair in pairs]


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
            f"{fuser.checkpoint} lists no validation songs: give an input and a target, or --pairs."
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
    raise AudioError(f"{path} is silent in {MAX_DRAWS} random places: name the pairs with --pairs.")


def _excerpt(path: Path, start_seconds: float, sample_rate: int) -> Audio:
    return audio.load(
        path,
        sample_rate=sample_rate,
        mono=True,
        start_seconds=start_seconds,
        duration_seconds=SAMPLE_SECONDS,
    )

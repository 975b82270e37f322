"""A trained model that fuses recordings of any rate, channels and length."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hocket import audio
from hocket.audio import Audio, Encoding
from hocket.audio.streams import Workspace, recording, work_folder
from hocket.audio.views import audible
from hocket.errors import AudioError
from hocket.fusing.fusion import Fusion, Progress, fuse_recordings
from hocket.fusing.options import FuseOptions
from hocket.fusing.sources import open_sources
from hocket.model import FusionModel
from hocket.model.weights import default_weights, find_checkpoint, load_model


@dataclass(frozen=True, eq=False)
class FusedFile:
    """A fusion in memory: the output with the sources as they were fused, and what the masks did.

    All three recordings share the rate, the channels and the length. `masks` are the input's and the target's,
    `[d, t]` on the model's grid, before the `levels` of input and target; `notes` say in plain words how the sources
    were brought together.
    """

    audio: Audio
    input: Audio
    target: Audio
    mask_figures: dict[str, float]
    masks: tuple[np.ndarray, np.ndarray]
    levels: tuple[float, float]
    options: FuseOptions
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class FusedFacts:
    """What was written to a file, without the sound of it."""

    path: Path
    sample_rate: int
    num_channels: int
    num_samples: int
    mask_figures: dict[str, float]
    levels: tuple[float, float]
    options: FuseOptions
    notes: tuple[str, ...] = ()


class Fuser:
    """Loads weights once and fuses as many pairs as asked."""

    def __init__(self, model: FusionModel, *, checkpoint: Path, metadata: dict[str, Any]) -> None:
        self.model, self.checkpoint, self.metadata = model.eval(), checkpoint, metadata

    @classmethod
    def from_checkpoint(cls, path: str | Path | None = None, *, device: str = "cpu") -> "Fuser":
        """The fuser of a checkpoint file or run folder; None is the weights that come with the program.

        Raises:
            CheckpointError: there is none, or it is damaged.
        """
        found = default_weights() if path is None else find_checkpoint(Path(path))
        model, metadata = load_model(found)
        return cls(model.to(device), checkpoint=found, metadata=metadata)

    def fuse_files(
        self,
        input_path: str | Path,
        target_path: str | Path,
        *,
        options: FuseOptions | None = None,
        on_progress: Progress | None = None,
    ) -> FusedFile:
        """Fuses two recordings in memory; the output has the input's rate, channels and length unless asked otherwise.

        `on_progress` is given the share that is done. An hour takes gigabytes: see `fuse_to_file`.

        Raises:
            AudioError: one of them cannot be read, is silent, or too short; the sentence names it.
        """
        with self.fusing(input_path, target_path, options=options, on_progress=on_progress) as fusion:
            return in_memory(fusion)

    def fuse_to_file(
        self,
        input_path: str | Path,
        target_path: str | Path,
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
            input_path, target_path, options=options, folder=folder, on_progress=on_progress
        ) as fusion:
            audio.save(output_path, fusion.output, encoding=encoding)
            return FusedFacts(
                path=output_path,
                sample_rate=fusion.output.sample_rate,
                num_channels=fusion.output.num_channels,
                num_samples=fusion.output.num_samples,
                mask_figures=fusion.mask_figures,
                levels=fusion.levels,
                options=fusion.options,
                notes=fusion.notes,
            )

    @contextmanager
    def fusing(
        self,
        input_path: str | Path,
        target_path: str | Path,
        *,
        options: FuseOptions | None = None,
        folder: str | Path | None = None,
        on_progress: Progress | None = None,
        on_read: Callable[[], None] | None = None,
    ) -> Iterator[Fusion]:
        """A fusion of two files to be read span by span; when the block ends, its recordings are gone.

        Recordings of more than a minute and a half lie in nameless files of `folder`; None keeps all in memory.
        `on_read` is called whenever a source is read, and may raise to stop the work.

        Raises:
            AudioError: see `fuse_files`; or the folder has no room.
        """
        options = options or FuseOptions()
        with Workspace(folder) as workspace:
            input, target, notes = open_sources(
                input_path,
                target_path,
                model=self.model,
                options=options,
                workspace=workspace,
                on_read=on_read,
            )
            yield fuse_recordings(
                self.model,
                input,
                target,
                names=(str(input_path), str(target_path)),
                options=options,
                workspace=workspace,
                notes=notes,
                on_progress=on_progress,
            )

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
        with Workspace() as workspace:
            fusion = fuse_recordings(
                self.model,
                audible(recording(input)),
                audible(recording(target)),
                names=("the input", "the target"),
                options=options or FuseOptions(),
                workspace=workspace,
                notes=notes,
                on_progress=on_progress,
            )
            return in_memory(fusion)


def in_memory(fusion: Fusion) -> FusedFile:
    """The same with all its recordings in memory."""
    masks = fusion.score.store.read(0, fusion.score.num_frames)
    return FusedFile(
        audio=fusion.output.whole(),
        input=fusion.input.whole(),
        target=fusion.target.whole(),
        mask_figures=fusion.mask_figures,
        masks=(masks[0], masks[1]),
        levels=fusion.levels,
        options=fusion.options,
        notes=fusion.notes,
    )

"""The folder of a run: its checkpoints, its configuration, and what it was made of."""

import platform
import shutil
from pathlib import Path
from typing import Any

import torch

from hocket import __version__
from hocket.data.library import Library
from hocket.errors import CheckpointError
from hocket.model.weights import load_checkpoint
from hocket.training.config import RunConfig, first_difference, flatten, write_toml
from hocket.training.state import TrainingState
from hocket.training.tracker import LOG, TENSORBOARD

LATEST = "latest.safetensors"
BEST = "best.safetensors"
CONFIG = "config.toml"


class RunFolder:
    """Paths and checkpoints of one run of one configuration on one library."""

    def __init__(self, path: Path, config: RunConfig, library: Library, device: str) -> None:
        self.path, self.config, self.library = path, config, library
        self.facts: dict[str, Any] = {
            "library": library.fingerprint,
            "validation_songs": [str(song.path.resolve()) for song in library.validation],
            "validation_pairs": [
                [str(song.path.resolve()) for song in pair] for pair in library.validation_pairs
            ],
            "versions": {
                "hocket": __version__,
                "torch": torch.__version__,
                "python": platform.python_version(),
            },
            "device": device,
        }

    @property
    def best(self) -> Path:
        """The weights that validated best."""
        return self.path / BEST

    @property
    def latest(self) -> Path:
        """Everything needed to continue."""
        return self.path / LATEST

    def prepare(self) -> None:
        """Makes the folder and writes the configuration that repeats this run."""
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / CONFIG).write_text(write_toml(self.config), encoding="utf-8")

    def save_latest(self, state: TrainingState) -> None:
        """Replaces the checkpoint to continue from."""
        state.save(self.latest, config=self.config, facts=self.facts)

    def save_best(self, state: TrainingState) -> None:
        """Replaces the weights to fuse with."""
        state.save_weights(self.best, config=self.config, facts=self.facts)

    def restore(self, state: TrainingState) -> None:
        """Continues from the latest checkpoint.

        Raises:
            CheckpointError: it is damaged, or of another configuration or other music; the field is named.
        """
        _, metadata = load_checkpoint(self.latest)
        saved, wanted = metadata.get("config", {}), flatten(self.config)
        if name := first_difference(saved, wanted):
            raise CheckpointError(
                f"{self.path} was trained with {name} = {saved.get(name)}, not {wanted[name]}: "
                "give the same settings, another --run, or --fresh to start over."
            )
        if metadata.get("library") != self.library.fingerprint:
            raise CheckpointError(
                f"{self.path} was trained on other music than this: "
                "give the same music, another --run, or --fresh to start over."
            )
        state.restore(self.latest)


def claim(path: Path, *, fresh: bool) -> None:
    """Makes sure that a path can be a run's folder; `fresh` removes what an older run left there.

    Raises:
        CheckpointError: it is a file, holds something else than a run, or cannot be written to.
    """
    if path.exists() and not path.is_dir():
        raise CheckpointError(f"{path} is a file: give a folder for the run.")
    if path.is_dir() and any(path.iterdir()) and not (path / CONFIG).is_file():
        raise CheckpointError(f"{path} holds something else than a run: give a new or empty folder.")
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / ".writable"
        probe.touch()
        probe.unlink()
        if fresh:
            for name in (LATEST, BEST, LOG):
                (path / name).unlink(missing_ok=True)
            shutil.rmtree(path / TENSORBOARD, ignore_errors=True)
    except OSError as error:
        raise CheckpointError(
            f"{path} cannot be written to ({error.strerror}): give another --run."
        ) from error

"""The folder of a run: its checkpoints, its configuration, and what it was made of."""

import platform
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import hocket
from hocket import files
from hocket.data.library import Library
from hocket.errors import CheckpointError, HocketError
from hocket.model.weights import (
    layout,
    load_checkpoint,
    require_same_layout,
    without_prefix,
)
from hocket.runs import BEST, CHECKPOINTS, CONFIG, current_names, newest_first, step_name
from hocket.settings import BEFORE, RunConfig, first_difference, flatten, write_toml
from hocket.training.runtime import Runtime
from hocket.training.state import Facts, TrainingState, generator_states, restore_generators, seed_generators

DAMAGED, SUSPECT = ".damaged", ".suspect"
HALF_WRITTEN = (f"{files.TEMPORARY_PREFIX}*.tmp", ".*.safetensors.*.tmp")
"""Files that a killed run leaves; the second kind is that of version 0.1.0."""
LIBRARIES = ("torch", "numpy", "scipy", "safetensors", "soundfile", "soxr")


class RunFolder:
    """Paths and checkpoints of one run of one configuration on one library, for all its processes."""

    def __init__(self, path: Path, config: RunConfig, library: Library, runtime: Runtime) -> None:
        self.path, self.config, self.library, self.runtime = path, config, library, runtime
        self.facts: dict[str, Any] = {
            "library": library.fingerprint,
            "manifest": library.manifest,
            "num_training_songs": len(library.training),
            "training_seconds": sum(song.duration_seconds for song in library.training),
            "validation_songs": [str(song.path.resolve()) for song in library.validation],
            "validation_pairs": [
                [str(song.path.resolve()) for song in pair] for pair in library.validation_pairs
            ],
            "versions": {
                "hocket": hocket.__version__,
                "python": platform.python_version(),
                **{name: version(name) for name in LIBRARIES},
            },
            "commit": source_commit(),
            "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
            "device": runtime.name,
            "num_processes": runtime.processes.size,
        }

    @property
    def best(self) -> Path:
        """The weights that validated best."""
        return self.path / BEST

    @property
    def checkpoints(self) -> Path:
        """The folder of everything needed to continue."""
        return self.path / CHECKPOINTS

    def prepare(self) -> None:
        """Makes the folder, clears away what a kill left half-written, and writes the configuration of this run."""
        with self._writing():
            self.path.mkdir(parents=True, exist_ok=True)
            for pattern in HALF_WRITTEN:
                for leftover in (*self.path.glob(pattern), *self.checkpoints.glob(pattern)):
                    leftover.unlink(missing_ok=True)
        files.write_text(self.path / CONFIG, write_toml(self.config), failure=CheckpointError)

    def save(self, state: TrainingState) -> None:
        """Adds a checkpoint to continue from and removes the oldest; all processes have to call it."""
        generators = _everybodys_generators(self.runtime)
        if not self.runtime.processes.is_first:
            return
        path = self.checkpoints / f"{step_name(state.progress.step)}.safetensors"
        state.save(path, config=self.config, facts=self.facts, generators=generators)
        with self._writing():
            for old in newest_first(self.path)[self.config.training.keep_checkpoints :]:
                old.unlink(missing_ok=True)

    def suspect_newest(self) -> None:
        """Renames the newest checkpoint if there is an older one; all processes have to call it."""

        def put_aside() -> None:
            newest, *older = newest_first(self.path)
            if older:
                self._put_aside(newest, SUSPECT)

        self.runtime.processes.on_rank_zero(put_aside)

    def require_best(self, state: TrainingState) -> str | None:
        """Makes sure that there are readable best weights; returns notes for the user."""
        if not self.best.is_file():
            self.save_best(state)
            return None
        try:
            load_checkpoint(self.best)
        except CheckpointError:
            aside = self._put_aside(self.best, DAMAGED)
            self.save_best(state)
            return f"{self.best.name} is damaged and was put aside as {aside}; the last weights replace it"
        return None

    def _put_aside(self, path: Path, suffix: str) -> str:
        aside = path.with_name(path.name + suffix)
        with self._writing():
            path.replace(aside)
        return aside.name

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise CheckpointError(
                f"{self.path} cannot be written to ({error.strerror}): free some space or give another --run."
            ) from error

    def save_best(self, state: TrainingState) -> None:
        """Replaces the weights to fuse with."""
        if self.runtime.processes.is_first:
            state.save_weights(self.best, config=self.config, facts=self.facts)

    def restore(self, state: TrainingState) -> list[str] | None:
        """Continues from the newest checkpoint that is whole; None where there is none, else what the user should know.

        A damaged one is put aside under the name `….damaged`, and the one before is taken.

        Raises:
            CheckpointError: all are damaged, or of another configuration or other music; the field is named.
        """
        notes: list[str] = []
        chosen = self.runtime.processes.on_rank_zero(lambda: self._newest_whole(notes))
        if chosen is None:
            return None
        path = Path(chosen)
        tensors, metadata = load_checkpoint(path)
        facts = Facts.from_json(metadata, path)
        self._require_same(facts)
        generators = state.restore(path, tensors, metadata)
        self._restore_generators(generators, path)
        return notes + self._changes(facts)

    def _changes(self, facts: Facts) -> list[str]:
        """Lists what has changed since the checkpoint was written, and may change the last digits of numbers."""
        notes = []
        if (before := facts.num_processes) != self.runtime.processes.size:
            notes.append(
                f"{before} process{'es' * (before > 1)} wrote the checkpoint and {self.runtime.processes.size} "
                "continue: the batches are the same, but sums are rounded differently"
            )
        old, new = facts.versions, self.facts["versions"]
        changed = [
            f"{name} was {old.get(name)} and is {new[name]}" for name in new if old.get(name) != new[name]
        ]
        for name in ("commit", "device"):
            was = getattr(facts, name)
            if was != self.facts[name] and not (name == "device" and notes):
                changed.append(f"{name} was {was} and is {self.facts[name]}")
        return notes + [f"since the checkpoint {', '.join(changed)}"] * bool(changed)

    def _newest_whole(self, notes: list[str]) -> str | None:
        """The newest checkpoint that can be read; those that cannot are renamed and noted."""
        failure: HocketError | None = None
        for path in newest_first(self.path):
            try:
                load_checkpoint(path)
            except CheckpointError as error:
                failure = failure or error
                aside = self._put_aside(path, DAMAGED)
                notes.append(f"{path.name} is damaged and was put aside as {aside}")
            else:
                return str(path)
        if failure is not None:
            raise CheckpointError(
                f"no checkpoint of {self.path} is intact ({failure}) Use --fresh to start over."
            )
        return None

    def _require_same(self, facts: Facts) -> None:
        saved, wanted = {**BEFORE, **current_names(facts.config)}, flatten(self.config)
        if name := first_difference(saved, wanted):
            raise CheckpointError(
                f"{self.path} was trained with {name} = {saved.get(name)}, not {wanted[name]}: "
                "give the same settings, another --run, or --fresh to start over."
            )
        if facts.library not in (self.library.fingerprint, self.library.continues):
            left_out = self.library.left_out
            reason = f" (left out now: {left_out[0].rstrip('.')})" if left_out else ""
            raise CheckpointError(
                f"{self.path} was trained on different music{reason}: give the same music, another --run, or "
                "--fresh to start over."
            )

    def _restore_generators(self, generators: dict[str, Tensor], path: Path) -> None:
        own = without_prefix(generators, f"{self.runtime.processes.rank}.")
        if own:
            # A GPU's is looked at by CUDA itself, and left alone where the checkpoint comes from a CPU.
            usual = layout(generator_states(torch.device("cpu")))
            require_same_layout(usual, layout({name: own[name] for name in own if name != "cuda"}), path)
            try:
                restore_generators(own, self.runtime.device)
            except (KeyError, ValueError, RuntimeError) as error:
                raise CheckpointError(
                    f"{path} has a random generator state that is not valid ({error}): use --fresh."
                ) from error
        else:
            seed_generators(self.config.training.seed + self.runtime.processes.rank)


def _everybodys_generators(runtime: Runtime) -> dict[str, Tensor]:
    return {
        f"{rank}.{name}": part
        for name, state in generator_states(runtime.device).items()
        for rank, part in enumerate(runtime.processes.all_gather(state))
    }


def source_commit() -> str | None:
    """The commit of the checkout that runs, with `+` where it was changed; None for an installed package."""
    root = Path(hocket.__file__).parents[2]
    if not (root / ".git").exists():
        return None
    try:
        commit, changes = (
            subprocess.run(
                ["git", "-C", str(root), *words], capture_output=True, text=True, check=True, timeout=10
            ).stdout.strip()
            for words in (("rev-parse", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return commit + "+" * bool(changes)

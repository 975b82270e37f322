"""The folder of a run: its checkpoints, its configuration, and what it was made of."""

import errno
import fcntl
import os
import platform
import shlex
import shutil
import stat
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

import hocket
from hocket import files, outputs
from hocket.data.library import Library
from hocket.data.prepare import holds_only_own
from hocket.errors import CheckpointError, HocketError
from hocket.model.weights import (
    BEFORE,
    CHECKPOINTS,
    layout,
    load_checkpoint,
    newest_first,
    require_same_layout,
    without_prefix,
)
from hocket.training.config import RunConfig, first_difference, flatten, write_toml
from hocket.training.examples import EXAMPLES
from hocket.training.randomness import generator_states, restore_generators, seed_generators
from hocket.training.runtime import Runtime
from hocket.training.state import Facts, TrainingState
from hocket.training.tracker import LOG, TENSORBOARD

BEST = "best.safetensors"
CONFIG = "config.toml"
DATA = "data"
"""Music that was prepared on the way into the run."""
LOCK = ".lock"
MOST_CONFIG_BYTES = 2**20
REPORT = "report.html"
"""Written by the command line when training has ended."""
DAMAGED, SUSPECT = ".damaged", ".suspect"
HALF_WRITTEN = (f"{files.TEMPORARY_PREFIX}*.tmp", ".*.safetensors.*.tmp")
"""What a kill leaves; the second is that of version 0.1.0."""
LIBRARIES = ("torch", "numpy", "scipy", "safetensors", "soundfile", "soxr")


class RunFolder:
    """Paths and checkpoints of one run of one configuration on one library, for all its processes."""

    def __init__(self, path: Path, config: RunConfig, library: Library, runtime: Runtime) -> None:
        self.path, self.config, self.library, self.runtime = path, config, library, runtime
        self.facts: dict[str, Any] = {
            "library": library.fingerprint,
            "manifest": library.manifest,
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
        """Adds a checkpoint to continue from and lets go of the oldest; all processes have to call it."""
        generators = _everybodys_generators(self.runtime)
        if not self.runtime.processes.is_first:
            return
        path = self.checkpoints / f"step-{state.progress.step:08d}.safetensors"
        state.save(path, config=self.config, facts=self.facts, generators=generators)
        with self._writing():
            for old in newest_first(self.path)[self.config.training.keep_checkpoints :]:
                old.unlink(missing_ok=True)

    def suspect_newest(self) -> None:
        """Puts the newest checkpoint aside, where there is an older one; all processes have to call it."""

        def put_aside() -> None:
            newest, *older = newest_first(self.path)
            if older:
                self._put_aside(newest, SUSPECT)

        self.runtime.processes.alone(put_aside)

    def require_best(self, state: TrainingState) -> str | None:
        """Sees to it that there are best weights that can be read; what the user should know of that."""
        if not self.best.is_file():
            self.save_best(state)
            return None
        try:
            load_checkpoint(self.best)
        except CheckpointError:
            aside = self._put_aside(self.best, DAMAGED)
            self.save_best(state)
            return (
                f"{self.best.name} is damaged and was put aside as {aside}; the last weights take its place"
            )
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
        chosen = self.runtime.processes.alone(lambda: self._newest_whole(notes))
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
        """What is not as it was when the checkpoint was written, and may be why numbers differ in their last digits."""
        notes = []
        if (before := facts.num_processes) != self.runtime.processes.size:
            notes.append(
                f"{before} process{'es' * (before > 1)} wrote the checkpoint and {self.runtime.processes.size} go on: "
                "the batches are the same, their sums are rounded otherwise"
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
                f"no checkpoint of {self.path} is whole ({failure}) Use --fresh to start over."
            )
        return None

    def _require_same(self, facts: Facts) -> None:
        saved, wanted = {**BEFORE, **facts.config}, flatten(self.config)
        if name := first_difference(saved, wanted):
            raise CheckpointError(
                f"{self.path} was trained with {name} = {saved.get(name)}, not {wanted[name]}: "
                "give the same settings, another --run, or --fresh to start over."
            )
        if facts.library not in (self.library.fingerprint, self.library.continues):
            left_out = self.library.left_out
            reason = f" (left out now: {left_out[0].rstrip('.')})" if left_out else ""
            raise CheckpointError(
                f"{self.path} was trained on other music than this{reason}: "
                "give the same music, another --run, or --fresh to start over."
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
                    f"{path} has a generator's state that is none ({error}): use --fresh."
                ) from error
        else:
            seed_generators(self.config.training.seed + self.runtime.processes.rank)


def _everybodys_generators(runtime: Runtime) -> dict[str, Tensor]:
    return {
        f"{rank}.{name}": part
        for name, state in generator_states(runtime.device).items()
        for rank, part in enumerate(runtime.processes.gather(state))
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


HOLDER = b"process "
"""A lock that somebody holds or has held begins so."""


class RunLock:
    """Held by the one job that trains in a folder; the system lets go of it however the process ends."""

    def __init__(self) -> None:
        self._file: BinaryIO | None = None

    def acquire(self, run: Path) -> None:
        """Takes the lock of a run folder.

        Raises:
            CheckpointError: another process has it, or the file is not a lock.
        """
        self._file, holder = _open_lock(run / LOCK)
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            name = holder.decode(errors="replace").strip() or "another process"
            raise CheckpointError(
                f"{run} is being trained in by {name}: wait for it, end it, or give another --run."
            ) from error
        except OSError:
            # Some network file systems know no locks: then nothing keeps two jobs apart but their user.
            return
        self._file.truncate(0)  # the name of one that is gone
        self._file.write(HOLDER + f"{os.getpid()} on {platform.node()}\n".encode())

    def release(self) -> None:
        """Lets go of it, where it was taken."""
        if self._file is not None:
            self._file.close()


def _open_lock(path: Path) -> tuple[BinaryIO, bytes]:
    """Opens a lock file and reads who holds it; anything that somebody else made under that name stays as it is."""
    # A pipe would be waited for, and what a link points to would be written to.
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    stranger = CheckpointError(f"{path} is not the lock of a run: move it away, or give another --run.")
    try:
        handle = os.fdopen(os.open(path, flags, 0o666), "r+b", buffering=0)
    except OSError as error:
        is_other = error.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO)
        raise stranger if is_other else CheckpointError(files.write_failure(path, error)) from error
    facts = os.fstat(handle.fileno())
    holder = handle.read(4096) if stat.S_ISREG(facts.st_mode) and facts.st_nlink == 1 else None
    if holder is None or not holder.startswith(HOLDER[: len(holder)]):
        handle.close()
        raise stranger
    return handle, holder


def _is_configuration(path: Path) -> bool:
    """Tells whether a file is the configuration of a run, and not that of another program."""
    try:
        groups = tomllib.loads(files.read_text(path, max_bytes=MOST_CONFIG_BYTES))
    except (HocketError, ValueError, RecursionError):
        return False
    return {"data", "codec", "training"} <= groups.keys()


def claim(path: Path, *, fresh: bool, lock: RunLock) -> None:
    """Makes sure that a path can be a run's folder, and takes it; `fresh` removes what an older run left there.

    Raises:
        CheckpointError: it is a file, holds something else than a run, is in use, or cannot be written to.
    """
    outputs.require_short(path)
    if path.exists() and not path.is_dir():
        raise CheckpointError(f"{path} is a file: give a folder for the run.")
    # A run that was killed in its first moment leaves nothing but names with a dot, and what was prepared by then.
    strangers = path.is_dir() and any(
        not item.name.startswith(".") and not (item.name == DATA and holds_only_own(item))
        for item in path.iterdir()
    )
    if strangers and not _is_configuration(path / CONFIG):
        raise CheckpointError(f"{path} holds something else than a run: give a new or empty folder.")
    try:
        path.mkdir(parents=True, exist_ok=True)
        outputs.probe(path)
        lock.acquire(path)
    except OSError as error:
        raise CheckpointError(
            f"{path} cannot be written to ({error.strerror}): give another --run."
        ) from error
    if fresh:
        clear(path)


def clear(path: Path) -> None:
    """Removes what an older run left in its folder, but for the music that was prepared."""
    try:
        for name in (BEST, LOG, REPORT):
            (path / name).unlink(missing_ok=True)
        for folder in (path / CHECKPOINTS, path / TENSORBOARD, path / EXAMPLES):
            if folder.exists():
                shutil.rmtree(folder)
    except OSError as error:
        raise CheckpointError(
            f"{path} cannot be written to ({error.strerror}): give another --run."
        ) from error

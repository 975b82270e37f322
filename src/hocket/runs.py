"""The folder of a run: the names of its files, who trains in it, and where its weights are. Needs no torch."""

import errno
import fcntl
import os
import platform
import shutil
import stat
import struct
import sys
import threading
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from hocket import files, outputs
from hocket.errors import CheckpointError, HocketError
from hocket.hub import PREFIX, fetch_weights

CONFIG = "config.toml"
LOG = "log.jsonl"
REPORT = "report.html"
BEST = "best.safetensors"
"""The weights that validated best, to fuse with."""
CHECKPOINTS = "checkpoints"
"""The folder of everything needed to continue."""
DATA = "data"
"""The folder of music that was prepared on the way into the run."""
TENSORBOARD = "tensorboard"
EXAMPLES = "examples"
"""The folder of the validation pairs that are kept, `pair-N` each."""
PAIR = "pair.json"
LOCK = ".lock"
READ = (LOG, CONFIG, "*.safetensors", f"{CHECKPOINTS}/*", f"{EXAMPLES}/*/*")
"""Patterns of the files that a report reads."""

MAX_FACTS_BYTES = 2**16
"""Of a JSON file beside an example."""
MOST_STEPS = 10**12
"""More than any run has; a larger number is no step."""

RENAMED = {
    "loss_weight_input": "reconstruction_input_weight",
    "loss_weight_target": "reconstruction_target_weight",
    "balance_loss_weight": "balance_weight",
    "gan_weight": "adversarial_weight",
}
"""Fields of a configuration whose name is now another: those of the training update, which stay as aliases."""


def current_names(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns values by the current names of their fields; of two names for one field the last counts."""
    return {RENAMED.get(name, name): value for name, value in values.items()}


def step_name(step: int) -> str:
    """The name, without an ending, of what is written after a step: a checkpoint, or an example's output."""
    return f"step-{step:08d}"


def newest_first(run: Path) -> list[Path]:
    """A run's checkpoints to continue from, the newest first."""
    return sorted((run / CHECKPOINTS).glob("step-*.safetensors"), reverse=True)


def find_checkpoint(path: Path) -> Path:
    """The file meant by a checkpoint's path: the file, the same without suffix, or a run folder's best or latest.

    `hub:OWNER/NAME` is fetched from a hub of models.

    Raises:
        CheckpointError: none of these exists.
    """
    if str(path).startswith(PREFIX):
        return fetch_weights(str(path))
    candidates = [path, path / BEST]
    if path.name:
        candidates.append(path.with_name(path.name + ".safetensors"))
    # Commands of the predecessor name PyTorch files; the run folder next to them holds ours.
    if path.suffix == ".pt":
        candidates.append(path.with_name(path.stem.removesuffix("_model") + ".safetensors"))
    if path.name == "latest":
        candidates += newest_first(path.parent)
    found = next((candidate for candidate in candidates if candidate.is_file()), None)
    if found is None:
        raise CheckpointError(
            f"{path} is not a checkpoint, or does not exist: give RUN/best, RUN/latest or the run folder of "
            "`hocket train`."
        )
    return found


HOLDER = b"process "
"""A lock that somebody holds or has held begins so."""


class RunLock:
    """The lock of the one job that trains in a folder; the system releases it however the process ends."""

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
                f"{run} is in use by another training ({name}): wait for it, stop it, or give another --run."
            ) from error
        except OSError:
            # Some network file systems know no locks: then nothing keeps two jobs apart but their user.
            return
        self._file.truncate(0)  # the name of one that is gone
        self._file.write(HOLDER + f"{os.getpid()} on {platform.node()}\n".encode())

    def release(self) -> None:
        """Releases it, if it was taken."""
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


_PROBING = threading.Lock()
"""One at a time, or a probe would take another's open file for that of the one that trains."""


def is_locked(path: Path) -> bool | None:
    """True if a process holds the run's lock, without touching it; None where the lock cannot tell."""
    # The layout of the kernel's answer is known for Linux only; a file system without locks leaves the file empty.
    if sys.platform != "linux":
        return None
    try:
        with _PROBING:
            facts = path.stat()
            if _is_open_here(facts):
                return True
            if not stat.S_ISREG(facts.st_mode) or facts.st_size == 0:
                return None
            with path.open("rb") as handle:
                asked = struct.pack("hhlli", fcntl.F_WRLCK, 0, 0, 0, 0)
                answer = fcntl.fcntl(handle, fcntl.F_GETLK, asked)
    except OSError:
        return None
    return bool(struct.unpack("hhlli", answer)[0] != fcntl.F_UNLCK)


def _is_open_here(facts: os.stat_result) -> bool:
    """True if this very process has the lock's file open, as only the one that trains in the folder does.

    Told from its list of open files: to open and close the file, be it to read who holds it, would let go of the lock.
    """
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found = os.fstat(int(entry.name))
        except OSError:  # closed since it was listed
            continue
        if (found.st_dev, found.st_ino) == (facts.st_dev, facts.st_ino):
            return True
    return False


def _is_configuration(path: Path) -> bool:
    """True if a file is the configuration of a run, and not that of another program."""
    try:
        groups = tomllib.loads(files.read_text(path, max_bytes=files.MAX_SETTINGS_BYTES))
    except (HocketError, ValueError, RecursionError):
        return False
    return {"data", "codec", "training"} <= groups.keys()


def claim(
    path: Path, *, fresh: bool, lock: RunLock, is_prepared: Callable[[Path], bool] = Path.is_dir
) -> None:
    """Makes sure that a path can be a run's folder, and takes it; `fresh` removes what an older run left there.

    `is_prepared` tells whether a folder holds prepared music and nothing else.

    Raises:
        CheckpointError: it is a file, contains something other than a run, is in use, or cannot be written to.
    """
    outputs.require_short(path)
    if path.exists() and not path.is_dir():
        raise CheckpointError(f"{path} is a file: give a folder for the run.")
    # A run that was killed in its first moment leaves nothing but names with a dot, and what was prepared by then.
    strangers = path.is_dir() and any(
        not item.name.startswith(".") and not (item.name == DATA and is_prepared(item))
        for item in path.iterdir()
    )
    if strangers and not _is_configuration(path / CONFIG):
        raise CheckpointError(f"{path} contains something other than a run: give a new or empty folder.")
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
    """Removes what an older run left in its folder, but for the music that was prepared.

    Raises:
        CheckpointError: it cannot be removed.
    """
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

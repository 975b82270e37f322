"""What a run leaves behind to be read: JSON lines always, TensorBoard where it is installed."""

import importlib.util
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hocket.errors import CheckpointError

LOG = "log.jsonl"
TENSORBOARD = "tensorboard"


class Tracker:
    """Writes the run's log; on continuing, forgets what was written after the checkpoint.

    Raises:
        CheckpointError: the disk is full, or the folder cannot be written to.
    """

    def __init__(self, folder: Path, *, from_step: int) -> None:
        self.path = folder / LOG
        with self._guarded():
            temporary = self.path.with_name(f".{LOG}")
            temporary.write_text("".join(_lines_up_to(self.path, from_step)), encoding="utf-8")
            temporary.replace(self.path)
            # A name that is no UTF-8 comes as lone surrogates: escaped, as JSON writes them.
            self._file = self.path.open("a", encoding="utf-8", errors="backslashreplace")
        self._board: Any = None
        if importlib.util.find_spec("tensorboard"):
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(folder / TENSORBOARD), purge_step=from_step + 1)

    def write(self, kind: str, step: int, values: dict[str, Any]) -> None:
        """Adds one line; numbers go to TensorBoard too, under `kind/name`."""
        line = {"kind": kind, "step": step, **{name: _plain(value) for name, value in values.items()}}
        with self._guarded():
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        if self._board is not None:
            for name, value in values.items():
                if isinstance(value, (int, float)):
                    self._board.add_scalar(f"{kind}/{name}", value, step)

    def flush(self) -> None:
        """Makes sure that what was written can be read by others now."""
        with self._guarded():
            self._file.flush()
            if self._board is not None:
                self._board.flush()

    def close(self) -> None:
        """Ends the log."""
        with self._guarded():
            self._file.close()
            if self._board is not None:
                self._board.close()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise CheckpointError(
                f"{self.path} cannot be written ({error.strerror}): free some space; the same command continues."
            ) from error


class SilentTracker:
    """Stands in for the tracker in all processes but the first."""

    def write(self, kind: str, step: int, values: dict[str, Any]) -> None:
        """Nothing."""

    def flush(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


def read_log(folder: Path) -> list[dict[str, Any]]:
    """All lines of a run's log."""
    with (folder / LOG).open(encoding="utf-8") as handle:
        return [json.loads(line) for line in handle]


def _plain(value: Any) -> Any:
    # JSON has no word for them, and a reader that meets a bare NaN stops.
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _lines_up_to(path: Path, step: int) -> list[str]:
    if step == 0 or not path.is_file():
        return []
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        # A line cut off by a kill is the last one, and is past the checkpoint.
        if line.endswith("\n") and json.loads(line)["step"] <= step:
            kept.append(line)
    return kept

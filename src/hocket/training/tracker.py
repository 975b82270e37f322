"""What a run leaves behind to be read: JSON lines always, TensorBoard where it is installed."""

import importlib.util
import json
import math
from pathlib import Path
from typing import Any

LOG = "log.jsonl"
TENSORBOARD = "tensorboard"


class Tracker:
    """Writes the run's log; on continuing, forgets what was written after the checkpoint."""

    def __init__(self, folder: Path, *, from_step: int) -> None:
        self.path = folder / LOG
        kept = _lines_up_to(self.path, from_step)
        self._file = self.path.open("w", encoding="utf-8")
        self._file.writelines(kept)
        self._board: Any = None
        if importlib.util.find_spec("tensorboard"):
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(folder / TENSORBOARD), purge_step=from_step + 1)

    def write(self, kind: str, step: int, values: dict[str, Any]) -> None:
        """Adds one line; numbers go to TensorBoard too, under `kind/name`."""
        line = {"kind": kind, "step": step, **{name: _plain(value) for name, value in values.items()}}
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        if self._board is not None:
            for name, value in values.items():
                if isinstance(value, (int, float)):
                    self._board.add_scalar(f"{kind}/{name}", value, step)

    def flush(self) -> None:
        """Makes sure that what was written can be read by others now."""
        self._file.flush()
        if self._board is not None:
            self._board.flush()

    def close(self) -> None:
        """Ends the log."""
        self._file.close()
        if self._board is not None:
            self._board.close()


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

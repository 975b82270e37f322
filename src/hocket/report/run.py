"""Reads a run folder as it is at this moment: half-written, of an older version, or without any validation."""

import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from hocket.errors import CheckpointError, HocketError
from hocket.files import open_regular, read_settings
from hocket.report.log import MAX_LOG_BYTES, Line, bounded, read_log
from hocket.runs import CONFIG, LOCK, LOG, MOST_STEPS, current_names, is_locked

QUIET_SECONDS = 600.0
"""A run without a lock whose log has rested for longer counts as no longer trained."""

MOST_TRAIN_LINES = 10_000
"""Of a longer run, between half as many steps and so many are read."""
MAX_FIELDS = 500
"""Of a configuration, which has about 80."""

State = Literal["training", "ended", "stopped"]

_GOING_BACK = ("resume", "rollback")
_COUNTED = ("train", "validation", "epoch", "timing")


@dataclass(frozen=True)
class Run:
    """A run by its log and configuration; lines that a rollback made void are left out.

    Args:
        path: the folder.
        config: flat field values; empty where the run has told none.
        facts: what the last start or resume said of data, versions and machine.
        lines: all lines of the log that count, in order.
        state: whether it trains at this moment, came to its end, or stopped before.
        num_unread: lines that could not be read, without the last one, which may be in writing.
        faults: a sentence on each file that could not be read.
    """

    path: Path
    config: dict[str, Any]
    facts: dict[str, Any]
    lines: tuple[Line, ...]
    state: State
    num_unread: int = 0
    faults: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.path.resolve().name or str(self.path)

    def of(self, *kinds: str) -> list[Line]:
        """The lines of these kinds, in order."""
        if len(kinds) == 1:
            return self._by_kind.get(kinds[0], [])
        return [line for line in self.lines if line["kind"] in kinds]

    @cached_property
    def _by_kind(self) -> dict[str, list[Line]]:
        found: dict[str, list[Line]] = {}
        for line in self.lines:
            found.setdefault(line["kind"], []).append(line)
        return found

    @property
    def end(self) -> Line | None:
        """The line that ended the run, with the figures of its best weights; None while there is none."""
        return self.lines[-1] if self.lines and self.lines[-1]["kind"] == "end" else None

    @property
    def step(self) -> int:
        """Steps done."""
        return max((line["step"] for line in self.lines), default=0)

    @property
    def num_epochs(self) -> int:
        """Planned epochs; 0 where the configuration does not say."""
        return whole(self.config.get("num_epochs"))

    @property
    def steps_per_epoch(self) -> int:
        """Steps of an epoch; 0 where the configuration does not say."""
        return whole(self.config.get("steps_per_epoch"))

    @property
    def num_steps(self) -> int:
        """Planned steps; 0 where the configuration does not say."""
        return self.num_epochs * self.steps_per_epoch

    @property
    def epoch(self) -> int:
        """The epoch, counted from 1, that the last step belongs to; 0 before the first step."""
        return -(-self.step // self.steps_per_epoch) if self.steps_per_epoch else 0

    def weights_at(self, step: int) -> dict[str, Any]:
        """The configuration as it was after `step`, with the remedies that had been applied."""
        applied = [line for line in self.of("remedy") if line["step"] <= step]
        changes = {
            str(line["field"]): line.get("value") for line in applied if isinstance(line.get("field"), str)
        }
        return self.config | current_names(changes)


def read_run(path: str | Path) -> Run:
    """Reads a folder; what is missing or not yet whole is left out, and nothing in it is changed.

    Raises:
        CheckpointError: it is not a run's folder, or has not begun to write its log.
    """
    path = Path(path)
    if not path.is_dir():
        raise CheckpointError(f"{path} is not a folder: give a run folder, as in 'hocket train --run'.")

    def no_run(reason: str) -> CheckpointError:
        return CheckpointError(
            f"{path} has no readable {LOG} ({reason.rstrip('.')}): give the folder of a run, as in 'hocket "
            "train --run'."
        )

    with open_regular(path / LOG, failure=no_run) as handle:
        num_bytes = os.fstat(handle.fileno()).st_size
        lines, num_unread = read_log(handle, most_steps=MOST_TRAIN_LINES)
    if not lines and num_bytes == 0:
        raise CheckpointError(f"{path} has an empty {LOG}: the run has just begun; wait for its first step.")
    if not lines:
        raise CheckpointError(
            f"{path / LOG} contains no readable line: give the folder of a run, or wait if it has just begun."
        )
    facts = _facts(lines)
    faults = []
    if num_bytes > MAX_LOG_BYTES:
        faults.append(
            f"{LOG} is larger than {MAX_LOG_BYTES / 2**30:.3g} GiB: only its start and end are read."
        )
    config = facts.get("config")
    if not isinstance(config, dict) or not config:
        config = _read_config(path / CONFIG, faults)
    lines = list(_without_void(lines))
    return Run(
        path=path,
        config=current_names(bounded(dict(list(config.items())[:MAX_FIELDS]), 2)),
        facts=facts,
        lines=tuple(lines),
        state=_state(path, lines),
        num_unread=num_unread,
        faults=tuple(faults),
    )


def number(value: Any) -> float:
    """A figure of the log: NaN for what is missing or no figure; `"nan"` and `"inf"` are JSON's way round both."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return float("nan")
    try:
        return float(value)
    except (ValueError, OverflowError):
        return float("nan")


def known(value: float, places: int = 2, unit: str = "") -> str:
    """A figure with so many places and its unit; empty for one that is not known."""
    return "" if math.isnan(value) else f"{value:.{places}f}{unit}"


def short(value: float) -> str:
    """A figure with as many places as one reads."""
    if not math.isfinite(value):
        return "not known" if math.isnan(value) else str(value)
    size = abs(value)
    if value and (size < 1e-3 or size >= 1e5):
        return f"{value:.1e}"
    places = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 0.1 or not value else 3
    return f"{value:.{places}f}"


def whole(value: Any) -> int:
    """A count of the log or the configuration; 0 for what is none, or more than any run has."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MOST_STEPS else 0


def _facts(lines: list[Line]) -> dict[str, Any]:
    starts = [line for line in lines if line["kind"] in ("start", "resume")]
    return starts[-1] if starts else {}


def _without_void(lines: list[Line]) -> Iterator[Line]:
    """Leaves out what a rollback took back: it never happened to the weights that go on."""
    back_to = float("inf")
    kept = []
    for line in reversed(lines):
        if line["kind"] in _COUNTED and line["step"] > back_to:
            continue
        if line["kind"] in _GOING_BACK:
            back_to = min(back_to, line["step"])
        kept.append(line)
    return reversed(kept)


def _state(path: Path, lines: list[Line]) -> State:
    last = lines[-1]
    if last["kind"] == "end":
        return "ended" if last.get("checklist") else "stopped"
    held = is_locked(path / LOCK)
    if held is None:
        try:
            held = time.time() - (path / LOG).stat().st_mtime < QUIET_SECONDS
        except OSError:  # the folder has been removed since its log was read
            held = False
    return "training" if held else "stopped"


def _read_config(path: Path, faults: list[str]) -> dict[str, Any]:
    """Flat values of a configuration's file; nothing where it is missing or damaged."""
    try:
        return read_settings(path)
    except HocketError as error:
        if not isinstance(error.__cause__, FileNotFoundError):
            faults.append(str(error))
        return {}

"""Training runs in a folder: finds and describes them, and serves their examples."""

import contextlib
import logging
import os
import re
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hocket.errors import CheckpointError
from hocket.runs import LOG
from hocket.studio.requests import printable
from hocket.studio.store import GoneError

MAX_DEPTH, MAX_RUNS, MAX_FOLDERS = 3, 500, 5_000
# The log of a run that trains grows all the time, and one that was killed does not say so itself.
FRESH_SECONDS = 2.0
GONE = "This run no longer exists: choose another from the list."
GONE_EXAMPLE = "This example no longer exists: older ones are removed while a run trains."
NO_RUNS = "No runs can be read: start the studio with --runs and the folder that contains them."
MAX_PICTURES = 32
STRANGE = "The log of {name} cannot be read: look at the studio's terminal."
LISTED = ("state", "step", "num_steps", "verdict", "verdict_words")

logger = logging.getLogger("hocket.studio")


@dataclass(frozen=True)
class _Seen:
    """A summary and what the log was like when it was made."""

    stamp: tuple[int, int]
    at_seconds: float
    summary: dict[str, Any]

    def is_fresh(self, now_seconds: float) -> bool:
        """True if it still holds: a log that nobody writes to stays, another may be given up without a word."""
        return self.summary["state"] != "training" or now_seconds - self.at_seconds < FRESH_SECONDS


class Runs:
    """The runs below `root`, by ids that are made here: nothing that a browser sends becomes part of a path."""

    def __init__(self, root: Path | None, *, is_shared: bool = False, prefix: str = "") -> None:
        self._prefix = prefix
        self.root = None if root is None else root.resolve()
        self._hidden = _hidden_places(root) if is_shared and root is not None else []
        self._complained: set[tuple[Path, tuple[int, int]]] = set()
        self._lock = threading.RLock()
        self._ids: dict[Path, str] = {}
        self._seen: dict[Path, _Seen] = {}
        self._pictures: dict[tuple[Path, int], bytes] = {}

    def list_runs(self) -> list[dict[str, Any]]:
        """Id, name, state, step, planned steps and verdict of each run, the newest first.

        Raises:
            GoneError: the studio was started without a folder of runs.
        """
        rows = []
        for folder in self._find():
            try:
                with self._understood(folder):
                    summary = self._summary(folder)
                    facts = {name: summary[name] for name in LISTED}
            except GoneError:
                # One that has only just begun has nothing to tell yet, a damaged one never will.
                continue
            rows.append({"id": self._id(folder), "name": self._name(folder), **facts})
        return rows

    def get_run(self, id: str) -> dict[str, Any]:
        """The summary of a run, with addresses for the sound and the pictures of its examples.

        Raises:
            GoneError: there is no such run, or no longer.
        """
        folder = self.folder(id)
        with self._understood(folder):
            summary = self._summary(folder)
            examples = [self._with_addresses(folder, id, example) for example in summary["examples"]]
        found: dict[str, Any] = _without(self._hidden, summary)
        return {**found, "id": id, "name": self._name(folder), "examples": examples}

    def curves(self, id: str) -> dict[str, Any]:
        """The curves of a run; see `hocket.report.charts`.

        Raises:
            GoneError: see `get_run`.
        """
        from hocket.report import curves

        folder = self.folder(id)
        with self._understood(folder):
            found: dict[str, Any] = _without(self._hidden, curves(folder))
        found["runs"][0]["name"] = self._name(folder)
        return found

    @contextlib.contextmanager
    def _understood(self, folder: Path) -> Iterator[None]:
        """Turns whatever goes wrong with a run's files into a GoneError that says so of this run alone."""
        try:
            yield
        except GoneError:
            raise
        except CheckpointError as error:
            raise GoneError(str(error).replace(str(folder), self._name(folder))) from error
        except Exception as error:  # the boundary of a run: a strange log must not hide the other runs
            version = folder, _stamp(folder)
            if version not in self._complained:  # pages ask every few seconds
                self._complained.add(version)
                logger.exception("the run %s cannot be shown", folder)
            raise GoneError(STRANGE.format(name=self._name(folder))) from error

    def folder(self, id: str) -> Path:
        """The folder of a run.

        Raises:
            GoneError: see `get_run`.
        """
        with self._lock:
            folder = next((folder for folder, known in self._ids.items() if known == id), None)
        if folder is None or not self._is_run(folder):
            raise GoneError(GONE)
        return folder

    def sound(self, id: str, pair: str, which: str) -> Path:
        """The recording of a pair's input or target, or of its output at a step.

        Raises:
            GoneError: there is none, or it lies outside the run.
        """
        folder = self.folder(id)
        with self._understood(folder):
            found = _pair(folder, pair)
            names = {role: found.folder / f"{role}.flac" for role in ("input", "target")}
            path = _inside(names.get(which) or _step(found, which).sound, folder)
        return path

    def picture(self, id: str, pair: str, which: str) -> bytes:
        """The spectrogram of a pair's output at a step in the colours of its sources, a PNG.

        Raises:
            GoneError: there is none.
        """
        folder = self.folder(id)
        with self._understood(folder):
            step = _step(_pair(folder, pair), which)
            path = _inside(step.sound, folder)
            _inside(step.stem.with_suffix(".npz"), folder)
            content = self._drawn(folder, path, step.stem)
        return content

    def _drawn(self, folder: Path, path: Path, stem: Path) -> bytes:
        """The picture of an output and its masks, of which some are kept."""
        from hocket.report.examples import masks_of, sound_of
        from hocket.studio.pictures import coloured

        key = path, path.stat().st_mtime_ns
        content = self._pictures.get(key)
        if content is None:
            faults: list[str] = []
            sound, masks = sound_of(path, faults), masks_of(stem, faults)
            if sound is None or masks is None:
                raise GoneError(faults[0].replace(f"{folder}{os.sep}", "") if faults else GONE_EXAMPLE)
            if len(self._pictures) >= MAX_PICTURES:
                self._pictures.clear()
            content = coloured(
                (masks.input, masks.target),
                sound.samples[0],
                sample_rate=sound.sample_rate,
                frame_rate=masks.frame_rate,
                bin_hz=masks.bin_hz,
            )
            # Kept here as well, as others may clear what was drawn at any time.
            self._pictures[key] = content
        return content

    def _find(self) -> list[Path]:
        """Folders with a log, at most three levels down, the one that was written to last first."""
        if self.root is None:
            raise GoneError(NO_RUNS)
        found: list[Path] = []
        waiting, num_seen = [(self.root, 0)], 0
        while waiting and num_seen < MAX_FOLDERS and len(found) < MAX_RUNS:
            folder, depth = waiting.pop(0)
            num_seen += 1
            if self._is_run(folder):
                found.append(folder)
            elif depth < MAX_DEPTH:
                waiting += [(inner, depth + 1) for inner in _folders(folder)]
        return sorted(found, key=lambda folder: -_stamp(folder)[0])

    def _is_run(self, folder: Path) -> bool:
        """True if a folder has a log, and neither has been led out of the root by a link."""
        if self.root is None:
            return False
        try:
            log = (folder / LOG).resolve(strict=True)
        except OSError:
            return False
        return log.is_file() and log.parent.is_relative_to(self.root) and folder.resolve() == log.parent

    def _id(self, folder: Path) -> str:
        with self._lock:
            return self._ids.setdefault(folder, secrets.token_urlsafe(16))

    def _name(self, folder: Path) -> str:
        assert self.root is not None
        within = folder.relative_to(self.root).as_posix()
        return printable(self.root.name if within == "." else within, 200)

    def _summary(self, folder: Path) -> dict[str, Any]:
        from hocket.report import summarise

        stamp, now = _stamp(folder), time.monotonic()
        seen = self._seen.get(folder)
        if seen is not None and seen.stamp == stamp and seen.is_fresh(now):
            return seen.summary
        summary = summarise(folder)
        self._seen[folder] = _Seen(stamp, now, summary)
        return summary

    def _with_addresses(self, folder: Path, id: str, example: dict[str, Any]) -> dict[str, Any]:
        from hocket import audio
        from hocket.errors import AudioError
        from hocket.studio.pictures import LOWEST_HZ

        base = f"{self._prefix}/api/runs/{id}/examples/{example['pair']}"
        try:
            rate: int | None = audio.info(self.sound(id, example["pair"], "input")).sample_rate
        except (AudioError, GoneError):
            rate = None
        rows = None if rate is None else {"lowest_hz": LOWEST_HZ, "highest_hz": rate / 2}
        steps = [
            {**step, "audio": f"{base}/{step['step']}", "picture": f"{base}/{step['step']}/sources.png"}
            for step in example["steps"]
        ]
        sources = {role: f"{base}/{role}" for role in ("input", "target")}
        return {**example, "steps": steps, "audio": sources, "sample_rate": rate, "spectrogram": rows}


def _hidden_places(root: Path) -> list[tuple[re.Pattern[str], str]]:
    """Places on this machine that strangers need not know of, and the words instead."""
    places = {str(path): "…" for path in (root.resolve().parent, root.absolute().parent)}
    places = {str(Path.home()): "~", **places}
    longest_first = sorted((place for place in places if place != "/"), key=len, reverse=True)
    # `/home/al` is not the beginning of `/home/alice`.
    return [(re.compile(re.escape(place) + r"(?![\w-])"), places[place]) for place in longest_first]


def _without(hidden: list[tuple[re.Pattern[str], str]], value: Any) -> Any:
    """Replaces hidden places in a JSON value, in whatever text they stand."""
    if isinstance(value, str):
        for place, instead in hidden:
            value = place.sub(instead, value)
        return value
    if isinstance(value, dict):
        return {name: _without(hidden, inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without(hidden, inner) for inner in value]
    return value


def _pair(folder: Path, name: str) -> Any:
    from hocket.report.examples import pairs_of

    for pair in pairs_of(folder):
        if pair.name == name:
            return pair
    raise GoneError(GONE_EXAMPLE)


def _step(pair: Any, which: str) -> Any:
    for step in pair.steps:
        if str(step.step) == which:
            return step
    raise GoneError(GONE_EXAMPLE)


def _inside(path: Path, folder: Path) -> Path:
    """The file itself, behind any links, which has to lie in the run."""
    try:
        real = path.resolve(strict=True)
    except OSError as error:
        raise GoneError(GONE_EXAMPLE) from error
    if not real.is_file() or not real.is_relative_to(folder.resolve()):
        raise GoneError(GONE_EXAMPLE)
    return real


def _folders(folder: Path) -> list[Path]:
    """The folders in a folder, without hidden ones and links."""
    try:
        with os.scandir(folder) as entries:
            return sorted(
                Path(entry.path)
                for entry in entries
                if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
            )
    except OSError:
        return []


def _stamp(folder: Path) -> tuple[int, int]:
    try:
        status = (folder / LOG).stat()
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_size

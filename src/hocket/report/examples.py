"""The validation pairs that a run keeps to be looked at and listened to; any of them may vanish while it trains."""

import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from hocket import audio
from hocket.diagnostics import Figures
from hocket.errors import AudioError, DataError, HocketError
from hocket.files import parse_json, read_bytes
from hocket.pictures.kept import KeptMasks, read_masks
from hocket.report.run import number, whole
from hocket.runs import EXAMPLES, MAX_FACTS_BYTES, PAIR

MOST_SECONDS = 60.0
"""Shown of an excerpt at most: more would be pictures without detail and pages too large to mail."""
MAX_PAIRS, MAX_STEPS = 100, 200
"""More pairs than are kept, and more outputs of each; of more the first pairs and the newest outputs are read."""
MAX_NAME = 300

_PAIR = re.compile(r"pair-([1-9][0-9]{0,5})")
_STEP = re.compile(r"step-([0-9]{1,12})\.json")


@dataclass(frozen=True)
class StepOfPair:
    """An output that was kept: the step and epoch it was made after, and its figures; `stem` names its files."""

    step: int
    epoch: int
    figures: Figures
    stem: Path

    @property
    def sound(self) -> Path:
        """The recording of the output."""
        return self.stem.with_suffix(".flac")


@dataclass(frozen=True)
class Pair:
    """One validation pair: whose excerpts it has, and the outputs that were kept, oldest first."""

    name: str
    folder: Path
    input_name: str
    input_start_seconds: float
    target_name: str
    target_start_seconds: float
    steps: tuple[StepOfPair, ...]


def pairs_of(run: Path) -> list[Pair]:
    """All pairs of a run that have both sources; none for a run without examples."""
    return read_examples(run)[0]


def read_examples(run: Path) -> tuple[list[Pair], list[str]]:
    """All pairs of a run, and a sentence on each file that cannot be read; what has just vanished is no fault."""
    pairs: list[Pair] = []
    faults: list[str] = []
    for folder in _numbered(run / EXAMPLES, "pair-*", _PAIR)[:MAX_PAIRS]:
        facts = _read_json(folder / PAIR, faults)
        if facts is not None:
            pairs.append(_pair(folder, facts, faults))
    return pairs, faults


def sound_of(path: Path, faults: list[str] | None = None) -> audio.Audio | None:
    """A kept recording as one channel, its first minute; None where it has vanished or is damaged."""
    try:
        sound = audio.load(path, mono=True, duration_seconds=MOST_SECONDS)
    except AudioError as error:
        _note(error, faults)
        return None
    return sound if sound.num_samples and np.isfinite(sound.samples).all() else None


def masks_of(stem: Path, faults: list[str] | None = None) -> KeptMasks | None:
    """The masks of a kept output; None where they have vanished, are damaged or no masks."""
    try:
        return read_masks(stem.with_suffix(".npz"))
    except DataError as error:
        _note(error, faults)
        return None


def _note(error: HocketError, faults: list[str] | None) -> None:
    """Adds what went wrong with a file, unless the file is gone: older ones are removed while a run trains."""
    if faults is not None and not isinstance(error.__cause__, FileNotFoundError):
        faults.append(str(error))


def _numbered(folder: Path, pattern: str, form: re.Pattern[str]) -> list[Path]:
    """Paths in a folder whose names have a form with a number in it, in the order of these."""
    found = [(int(match[1]), path) for path in folder.glob(pattern) if (match := form.fullmatch(path.name))]
    return [path for _, path in sorted(found)]


def _pair(folder: Path, facts: dict[str, Any], faults: list[str]) -> Pair:
    paths = _numbered(folder, "step-*.json", _STEP)[-MAX_STEPS:]
    steps = [step for path in paths if (step := _step(path, faults)) is not None]
    return Pair(
        name=folder.name,
        folder=folder,
        input_name=_name(facts.get("input_name"), "input"),
        input_start_seconds=number(facts.get("input_start_seconds")),
        target_name=_name(facts.get("target_name"), "target"),
        target_start_seconds=number(facts.get("target_start_seconds")),
        steps=tuple(steps),
    )


def _step(path: Path, faults: list[str]) -> StepOfPair | None:
    match, facts = _STEP.fullmatch(path.name), _read_json(path, faults)
    if match is None or facts is None or not isinstance(facts.get("figures"), dict):
        return None
    figures = {field.name: number(facts["figures"].get(field.name)) for field in fields(Figures)}
    return StepOfPair(int(match[1]), whole(facts.get("epoch")), Figures(**figures), path.with_suffix(""))


def _name(value: Any, otherwise: str) -> str:
    return value[:MAX_NAME] if isinstance(value, str) and value else otherwise


def _read_json(path: Path, faults: list[str]) -> dict[str, Any] | None:
    try:
        facts = parse_json(read_bytes(path, max_bytes=MAX_FACTS_BYTES), path)
    except DataError as error:
        _note(error, faults)
        return None
    return facts if isinstance(facts, dict) else None

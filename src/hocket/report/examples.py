"""The validation pairs that a run keeps to be looked at and listened to; any of them may vanish while it trains."""

import json
import re
import struct
import zipfile
import zlib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from hocket import audio
from hocket.diagnostics import Figures
from hocket.errors import AudioError
from hocket.report.run import number, whole

EXAMPLES = "examples"
MOST_SECONDS = 60.0
"""What is shown of an excerpt: more would be pictures without detail and pages too large to mail."""

_PAIR = re.compile(r"pair-([1-9][0-9]{0,5})")
_STEP = re.compile(r"step-([0-9]{1,12})\.json")
_MOST_BYTES = 1_000_000
_MOST_CELLS = 50_000_000
# What numpy and zipfile say of a file that is gone, cut off, changed or no archive at all.
_DAMAGED = (
    *(OSError, EOFError, ValueError, KeyError, TypeError, RuntimeError, struct.error),
    *(zipfile.BadZipFile, zlib.error),
)


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


@dataclass(frozen=True, eq=False)
class MaskArrays:
    """Both masks `[d, t]` of an output, latent frames a second, and the frequency of each channel where it has one."""

    input: np.ndarray
    target: np.ndarray
    frame_rate: float
    bin_hz: np.ndarray | None


def pairs_of(run: Path) -> list[Pair]:
    """All pairs of a run that have both sources; none for a run without examples."""
    found = []
    for folder in (run / EXAMPLES).glob("pair-*"):
        match = _PAIR.fullmatch(folder.name)
        facts = _read_json(folder / "pair.json")
        if match is not None and facts is not None:
            found.append((int(match[1]), _pair(folder, facts)))
    return [pair for _, pair in sorted(found, key=lambda item: item[0])]


def sound_of(path: Path) -> audio.Audio | None:
    """A kept recording as one channel, its first minute; None where it has vanished or is damaged."""
    try:
        sound = audio.load(path, mono=True)
    except AudioError:
        return None
    samples = sound.samples[:, : round(MOST_SECONDS * sound.sample_rate)]
    return (
        audio.Audio(samples, sound.sample_rate) if samples.shape[1] and np.isfinite(samples).all() else None
    )


def masks_of(stem: Path) -> MaskArrays | None:
    """The masks of a kept output; None where they have vanished, are damaged or no masks."""
    try:
        with np.load(stem.with_suffix(".npz"), allow_pickle=False) as arrays:
            input_mask, target_mask = (
                np.asarray(arrays[name], np.float32) for name in ("input_mask", "target_mask")
            )
            frame_rate = float(arrays["frame_rate"])
            bin_hz = np.asarray(arrays["bin_hz"], np.float64) if "bin_hz" in arrays else None
    except _DAMAGED:
        return None
    is_mask = input_mask.ndim == 2 and input_mask.shape == target_mask.shape and input_mask.size > 0
    is_whole = np.isfinite(input_mask).all() and np.isfinite(target_mask).all()
    if not (is_mask and is_whole and 0 < frame_rate < float("inf") and input_mask.size < _MOST_CELLS):
        return None
    if bin_hz is not None and (
        bin_hz.shape != input_mask.shape[:1] or len(bin_hz) < 2 or (np.diff(bin_hz) <= 0).any()
    ):
        bin_hz = None
    return MaskArrays(input_mask, target_mask, frame_rate, bin_hz)


def _pair(folder: Path, facts: dict[str, Any]) -> Pair:
    steps = [step for path in folder.glob("step-*.json") if (step := _step(path)) is not None]
    return Pair(
        name=folder.name,
        folder=folder,
        input_name=_name(facts.get("input_name"), "input"),
        input_start_seconds=number(facts.get("input_start_seconds")),
        target_name=_name(facts.get("target_name"), "target"),
        target_start_seconds=number(facts.get("target_start_seconds")),
        steps=tuple(sorted(steps, key=lambda step: step.step)),
    )


def _step(path: Path) -> StepOfPair | None:
    match, facts = _STEP.fullmatch(path.name), _read_json(path)
    if match is None or facts is None or not isinstance(facts.get("figures"), dict):
        return None
    figures = {field.name: number(facts["figures"].get(field.name)) for field in fields(Figures)}
    return StepOfPair(int(match[1]), whole(facts.get("epoch")), Figures(**figures), path.with_suffix(""))


def _name(value: Any, otherwise: str) -> str:
    return value if isinstance(value, str) and value else otherwise


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        with path.open("rb") as handle:
            facts = json.loads(handle.read(_MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    return facts if isinstance(facts, dict) else None

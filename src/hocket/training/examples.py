"""A few validation pairs to look at and listen to: their sources, and the outputs at several steps."""

import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from hocket import audio, files
from hocket.codec import Codec
from hocket.data.excerpts import Example
from hocket.diagnostics import Diagnosis, mask_figures
from hocket.errors import AudioError, HocketError
from hocket.files import parse_json, read_bytes
from hocket.model import FusionResult
from hocket.model.masks import Masks
from hocket.pictures.arrays import LOWEST_HZ, colour_by_source, mask_in_colour
from hocket.pictures.kept import read_masks
from hocket.runs import EXAMPLES, MAX_FACTS_BYTES, PAIR, step_name
from hocket.settings import MAX_EXCERPT_SECONDS
from hocket.signal.scene import Scene
from hocket.training.tracker import SilentTracker, Tracker, plain

SOURCES = (PAIR, "input.flac", "target.flac")
OF_STEP = re.compile(r"step-(\d{8,})\.(?:flac|npz|json)")
HALF_WRITTEN = re.compile(
    # All but `.tmp` is what version 0.1.0 left.
    r"\.(?:hocket-[0-9a-f]{16}\.(?:tmp|flac)|step-\d{8,}\.(?:npz|json)|pair\.json)"
)
UNREADABLE = (OSError, ValueError, KeyError, TypeError, HocketError)
"""Errors of files that somebody else has changed, or that are not there yet on another node's disk."""

# TensorBoard keeps all pictures of a run in one file.
NUM_ROWS, COLUMNS_APART = 160, 3
MOST_EPOCHS = 8
"""After so many, every second one is let go of, then all but every fourth, and so on."""


class ExampleShelf:
    """The folder `examples` of a run; each process keeps those of its own validation pairs.

    `pair-N/` holds `pair.json`, `input.flac` and `target.flac`, and of each step that was kept the output
    (`step-S.flac`), its masks (`.npz`) and, written last, its figures (`.json`). A disk that is full ends no training:
    what could not be kept is told by `take_fault`.
    """

    def __init__(self, run: Path, places: Sequence[Example], codec: Codec, *, num_examples: int) -> None:
        self.path = run / EXAMPLES
        self.places = list(places[:num_examples])
        self.codec = codec
        self._fault: str | None = None

    def keep(
        self, numbers: range, result: FusionResult, scene: Scene, diagnosis: Diagnosis, **at: int
    ) -> None:
        """Writes those of a batch's examples that are kept; `numbers` are theirs, `at` are the step and the epoch."""
        for row, number in enumerate(numbers):
            if number < len(self.places):
                try:
                    self._keep(number, row, result, scene, diagnosis, at)
                except (OSError, AudioError) as error:
                    self._fault = f"validation examples could not be written ({error})"

    def thin(self, epoch: int, *, best_epoch: int) -> None:
        """Removes older outputs, so that a long run keeps about a dozen; the newest and the best always stay."""
        for figures in self._all_figures():
            kept = parse_json(read_bytes(figures, max_bytes=MAX_FACTS_BYTES), figures)["epoch"]
            if kept not in (epoch, best_epoch) and not is_kept(kept, epoch):
                _remove(figures)

    def forget_after(self, step: int) -> None:
        """Removes what was made of steps that the run goes back behind, and what a kill left half-written.

        A run that begins has no examples yet: what a killed one left without a checkpoint may be of other music.
        """
        try:
            for path in self.path.glob("pair-*/*"):
                at = _step_of(path)
                is_over = step < at if at is not None else step == 0 and path.name in SOURCES
                if is_over or HALF_WRITTEN.fullmatch(path.name):
                    path.unlink(missing_ok=True)
        except OSError as error:
            self._fault = f"old validation examples could not be removed ({error})"

    def of_step(self, step: int) -> Iterator[tuple[str, Path]]:
        """Names of the pairs that were kept after a step, and the path of their files but for the ending."""
        for figures in self._all_figures():
            if _step_of(figures) == step:
                yield figures.parent.name, figures.with_suffix("")

    def take_fault(self) -> str | None:
        """Returns the errors since the last call."""
        fault, self._fault = self._fault, None
        return fault

    def _all_figures(self) -> list[Path]:
        return sorted(path for path in self.path.glob("pair-*/step-*.json") if OF_STEP.fullmatch(path.name))

    def _keep(
        self,
        number: int,
        row: int,
        result: FusionResult,
        scene: Scene,
        diagnosis: Diagnosis,
        at: dict[str, int],
    ) -> None:
        folder = self.path / f"pair-{number + 1}"
        if not (folder / PAIR).is_file():
            folder.mkdir(parents=True, exist_ok=True)
            self._save_sources(folder, self.places[number], scene, row)
        stem = folder / step_name(at["step"])
        self._save_sound(stem.with_suffix(".flac"), scene.output.waveform[row].float().cpu().numpy())
        masks = Masks(result.masks.input[row : row + 1], result.masks.target[row : row + 1])
        self._save_masks(stem.with_suffix(".npz"), masks)
        facts = {
            **at,
            "figures": {name: plain(value) for name, value in diagnosis.rows()[row].as_dict().items()},
            "masks": {name: plain(value) for name, value in asdict(mask_figures(masks)).items()},
        }
        _write_json(stem.with_suffix(".json"), facts)

    def _save_sources(self, folder: Path, place: Example, scene: Scene, row: int) -> None:
        for name, voice in (("input", scene.input), ("target", scene.target)):
            self._save_sound(folder / f"{name}.flac", voice.waveform[row].float().cpu().numpy())
        facts = {
            "input_name": Path(place.input).name,
            "input_start_seconds": place.input_start_seconds,
            "target_name": Path(place.target).name,
            "target_start_seconds": place.target_start_seconds,
            "sample_rate": self.codec.sample_rate,
        }
        _write_json(folder / PAIR, facts)

    def _save_sound(self, path: Path, waveform: np.ndarray) -> None:
        # Equal RMS may well go beyond full scale; correlations do not ask how loud.
        loudest = max(1.0, float(np.abs(waveform).max(initial=0.0)))
        audio.save(path, audio.Audio(waveform[None] / loudest, self.codec.sample_rate), encoding="pcm16")

    def _save_masks(self, path: Path, masks: Masks) -> None:
        arrays: dict[str, Any] = {
            "input_mask": _coarse(masks.input[0]),
            "target_mask": _coarse(masks.target[0]),
            "frame_rate": np.float32(self.codec.frame_rate),
        }
        if (bin_hz := self.codec.bin_hz) is not None:
            arrays["bin_hz"] = bin_hz.cpu().numpy().astype(np.float32)
        content = io.BytesIO()
        np.savez_compressed(content, **arrays)
        files.write_bytes(path, content.getvalue(), failure=AudioError)


def show(tracker: Tracker | SilentTracker, pair: str, stem: Path, *, step: int, with_sources: bool) -> None:
    """Gives TensorBoard a kept example, by the path of its files but for the ending: sounds, and pictures of masks."""
    # Strangers' files may be longer than an example can be.
    load = partial(audio.load, mono=True, duration_seconds=MAX_EXCERPT_SECONDS)
    output = load(stem.with_suffix(".flac"))
    rate = output.sample_rate
    sounds = {f"validation/{pair}/output": (output.samples, rate)}
    if with_sources:
        for name in ("input", "target"):
            source = load(stem.with_name(f"{name}.flac"))
            sounds[f"validation/{pair}/{name}"] = (source.samples, source.sample_rate)
    kept = read_masks(stem.with_suffix(".npz"))
    masks = {"input": kept.input, "target": kept.target}
    rows_hz = np.geomspace(LOWEST_HZ, rate / 2, NUM_ROWS)
    images = {
        f"validation/{pair}/{name}_mask": mask_in_colour(mask, name, bin_hz=kept.bin_hz, rows_hz=rows_hz)[
            ::-1
        ]
        for name, mask in masks.items()
    }
    coloured = colour_by_source(
        input_mask=kept.input,
        target_mask=kept.target,
        output=output.samples[0],
        sample_rate=rate,
        frame_rate=kept.frame_rate,
        bin_hz=kept.bin_hz,
        rows_hz=rows_hz,
    )
    images[f"validation/{pair}/sources"] = coloured[::-1, ::COLUMNS_APART]
    tracker.show(step, sounds, images)


def is_kept(epoch: int, newest: int) -> bool:
    """True for about eight epochs, evenly spread, once the `newest` is done; the first is always one of them."""
    stride = 1
    while newest // stride > MOST_EPOCHS:
        stride *= 2
    return epoch == 1 or epoch % stride == 0


def _step_of(path: Path) -> int | None:
    """The step that a file of ours speaks of; None for anything else that may lie there."""
    found = OF_STEP.fullmatch(path.name)
    return int(found[1]) if found else None


def _remove(figures: Path) -> None:
    # The figures first: without them the rest counts for nothing.
    for suffix in (".json", ".npz", ".flac"):
        figures.with_suffix(suffix).unlink(missing_ok=True)


def _coarse(mask: Tensor) -> np.ndarray:
    """In steps of 1/256, which a picture does not show, and which take half the room."""
    return np.round(256 * mask.float().cpu().numpy()).astype(np.float16) / np.float16(256)


def _write_json(path: Path, facts: dict[str, Any]) -> None:
    files.write_text(path, json.dumps(facts, indent=2, ensure_ascii=False), failure=AudioError)

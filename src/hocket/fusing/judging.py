"""Judgement of a fusion, by as much of it as takes no longer to judge than it took to make."""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hocket.audio.views import Cut, Resampled, Watched, together
from hocket.diagnostics.listening import (
    MOST_MINUTES,
    PICTURE_MINUTES,
    HeardFigures,
    chosen_minutes,
    diagnose_heard,
    listen,
)
from hocket.errors import AudioError
from hocket.fusing.ladder import Fusion, Progress
from hocket.hearing import loudest

__all__ = [
    "MOST_MINUTES",
    "PICTURE_MINUTES",
    "Excerpt",
    "chosen_minutes",
    "diagnose_fusion",
    "excerpt",
    "judge",
    "watched",
]


# Before a minute is diagnosed, it is read thrice for levels and twice for what the sources are, which is quick.
QUICK_READS = 5


@dataclass(frozen=True, eq=False)
class Excerpt:
    """One stretch of a fusion, mono: the waveforms `[samples]` of output and sources, and the masks `[d, t]`."""

    output: np.ndarray
    input: np.ndarray
    target: np.ndarray
    sample_rate: int
    masks: tuple[np.ndarray, np.ndarray]
    start_seconds: float


def diagnose_fusion(fusion: Fusion, *, most_minutes: int = MOST_MINUTES) -> HeardFigures:
    """The figures of `hocket.diagnostics.listening.diagnose_heard` for a fusion of any length, minute by minute.

    No delay is looked for: a fusion has none. The amounts that were asked for are among its sources.

    Raises:
        AudioError: one of the three is silent, or they never sound together.
    """
    voices = fusion.output, fusion.input, fusion.target
    figures = diagnose_heard(listen(*voices, most_minutes=most_minutes, may_be_late=False))
    of_input, of_target = fusion.options.amounts
    sources = replace(figures.sources, input_amount=of_input, target_amount=of_target)
    return replace(figures, sources=sources)


def judge(fusion: Fusion, on_progress: Progress | None = None) -> tuple[HeardFigures | None, list[str]]:
    """The figures, None if they are not available, and what the user should know of how the output came about.

    `on_progress` is given the share that is done.
    """
    notes = list(fusion.notes)
    try:
        figures = diagnose_fusion(fusion if on_progress is None else _progressing(fusion, on_progress))
    except AudioError as error:
        return None, [*notes, f"the output was not checked: {error}"]
    if fusion.output.duration_seconds > 60 * MOST_MINUTES:
        notes.append(f"{MOST_MINUTES} minutes, sampled across the file, were analysed.")
    return figures, notes


def watched(fusion: Fusion, on_read: Callable[[], None]) -> Fusion:
    """Calls `on_read` when one of a fusion's recordings is read: so a work on it can be stopped."""
    names = ("output", "input", "target")
    recordings: dict[str, Any] = {name: Watched(getattr(fusion, name), on_read) for name in names}
    if fusion.voices is not None:
        recordings["voices"] = tuple(Watched(voice, on_read) for voice in fusion.voices)
    return replace(fusion, **recordings)


def _progressing(fusion: Fusion, on_progress: Progress) -> Fusion:
    """Tells how far a diagnosis is by how often it has read: its last look at each minute is the long one."""
    num_minutes = max(1, min(MOST_MINUTES, math.ceil(fusion.output.duration_seconds / 60)))
    reads = itertools.count()

    def on_read() -> None:
        share = (next(reads) - QUICK_READS * num_minutes) / (3 * num_minutes)
        on_progress(min(max(share, 0.0), 1.0))

    return watched(fusion, on_read)


def excerpt(
    fusion: Fusion, *, frame_rate: float, most_minutes: float = PICTURE_MINUTES, most_hz: int | None = None
) -> Excerpt:
    """All of a fusion, or where it is longer than `most_minutes` so much from its middle, at `most_hz` at most."""
    output, rate = fusion.output, fusion.output.sample_rate
    length = min(output.num_samples, round(most_minutes * 60 * rate))
    # Whole frames of the masks.
    first = int((output.num_samples - length) / 2 / rate * frame_rate)
    start = round(first / frame_rate * rate)
    last = min(fusion.masks.num_frames, first + math.ceil(length / rate * frame_rate) + 1)
    masks = fusion.masks.store.read(first, last).astype(np.float32, copy=False)
    shown_hz = min(rate, most_hz or rate)
    voices = together([output, fusion.input, fusion.target], spans=lambda voice: [(start, start + length)])
    waves = [Resampled(Cut(voice, length, first=start), shown_hz).samples for voice in voices]
    output_wave, input_wave, target_wave = (wave[loudest(waves[0])] for wave in waves)
    return Excerpt(output_wave, input_wave, target_wave, shown_hz, (masks[0], masks[1]), start / rate)

"""What a fusion is, judged by as much of it as takes no longer to judge than it took to make."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
import torch

from hocket.audio.streams import Recording
from hocket.diagnostics.copying import Figures, diagnose
from hocket.diagnostics.listening import (
    PART_SECONDS,
    RATE_HZ,
    ROLES,
    SILENCE_RMS,
    HeardFigures,
)
from hocket.diagnostics.roles import weak_roles
from hocket.errors import AudioError
from hocket.inference.fusion import Fusion
from hocket.inference.views import Cut, Resampled, Spread
from hocket.signal.loudness import TARGET_RMS
from hocket.signal.scene import Scene, Voice

MOST_MINUTES = 5
"""A diagnosis takes longer than fusing: of long recordings so many minutes are listened to, spread over the whole."""

PICTURE_MINUTES = 3.0
"""Pictures of five minutes took 1.6 GB."""


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
    """The figures of `hocket.diagnostics.listening.diagnose_audio` for a fusion of any length, minute by minute.

    No delay is looked for: a fusion has none.

    Raises:
        AudioError: one of the three is silent once it is folded to mono.
    """
    voices = [
        Resampled(Spread(recording, 1), RATE_HZ) for recording in (fusion.output, fusion.input, fusion.target)
    ]
    spans = list(chosen_minutes(voices[0].num_samples, RATE_HZ, most_minutes))
    gains = [_gain(voice, spans, role) for voice, role in zip(voices, ROLES, strict=True)]
    rows = []
    for start, stop in spans:
        parts = [gain * voice.read(start, stop) for voice, gain in zip(voices, gains, strict=True)]
        if min(_rms(part) for part in parts) >= SILENCE_RMS:
            rows.append(diagnose(Scene(*(Voice(torch.from_numpy(part), RATE_HZ) for part in parts))).mean())
    if not rows:
        raise AudioError("there is no minute in which output, input and target all sound.")
    means = {
        field.name: float(np.mean([getattr(row, field.name) for row in rows])) for field in fields(Figures)
    }
    return HeardFigures(**means)


def weaknesses(fusion: Fusion, *, most_minutes: int = MOST_MINUTES) -> list[str]:
    """A sentence for each source that is too weak for its role."""
    rate = fusion.input.sample_rate
    spans = list(chosen_minutes(fusion.input.num_samples, rate, most_minutes))
    input, target = (
        np.concatenate([Spread(source, 1).read(*span)[0] for span in spans])
        for source in (fusion.input, fusion.target)
    )
    return [weakness.sentence for weakness in weak_roles(input=input, target=target, sample_rate=rate)]


def chosen_minutes(num_samples: int, sample_rate: int, most: int) -> Iterator[tuple[int, int]]:
    """Starts and stops of equal parts of at most a minute; where there are more than `most`, evenly chosen ones."""
    count = math.ceil(num_samples / (PART_SECONDS * sample_rate))
    sizes = [num_samples // count + (index < num_samples % count) for index in range(count)]
    edges = np.concatenate([[0], np.cumsum(sizes)])
    for index in np.linspace(0, count - 1, min(count, most)).round().astype(int):
        yield int(edges[index]), int(edges[index + 1])


def excerpt(
    fusion: Fusion, *, frame_rate: float, most_minutes: float = PICTURE_MINUTES, most_hz: int | None = None
) -> Excerpt:
    """All of a fusion, or where it is longer than `most_minutes` so much from its middle, at `most_hz` at most."""
    output, rate = fusion.output, fusion.output.sample_rate
    length = min(output.num_samples, round(most_minutes * 60 * rate))
    # Whole frames of the masks.
    first = int((output.num_samples - length) / 2 / rate * frame_rate)
    start = round(first / frame_rate * rate)
    last = min(fusion.score.num_frames, first + math.ceil(length / rate * frame_rate) + 1)
    masks = fusion.score.store.read(first, last).astype(np.float32, copy=False)
    shown_hz = min(rate, most_hz or rate)
    output_wave, input_wave, target_wave = (
        Resampled(Cut(Spread(voice, 1), length, first=start), shown_hz).samples[0]
        for voice in (output, fusion.input, fusion.target)
    )
    return Excerpt(output_wave, input_wave, target_wave, shown_hz, (masks[0], masks[1]), start / rate)


def _gain(voice: Recording, spans: list[tuple[int, int]], role: str) -> np.float32:
    """What brings the chosen minutes together to the level at which they are compared."""
    energy = sum(float(np.square(voice.read(*span), dtype=np.float64).sum()) for span in spans)
    level = math.sqrt(energy / sum(stop - start for start, stop in spans))
    if level < SILENCE_RMS:
        raise AudioError(f"the {role} is silent once it is folded to mono.")
    return np.float32(TARGET_RMS / level)


def _rms(part: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(part, dtype=np.float64))))

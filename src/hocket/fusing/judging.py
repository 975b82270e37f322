"""What a fusion is and who gave what, judged by as much of it as takes no longer to judge than it took to make."""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch

from hocket.audio.streams import Recording
from hocket.audio.views import Cut, Resampled, together
from hocket.diagnostics.listening import (
    MOST_MINUTES,
    PICTURE_MINUTES,
    HeardFigures,
    chosen_minutes,
    diagnose_heard,
    listen,
)
from hocket.errors import AudioError
from hocket.fusing.ladder import Fusion
from hocket.fusing.sources import Loudness
from hocket.hearing import loudest
from hocket.model import FusionModel
from hocket.signal.grouping import FrequencyReader

__all__ = [
    "MOST_MINUTES",
    "PICTURE_MINUTES",
    "Excerpt",
    "Share",
    "chosen_minutes",
    "diagnose_fusion",
    "excerpt",
    "judge",
    "shares",
]

BORDERS_HZ = (200.0, 2000.0)
NAMES = ("low", "middle", "high")
# A range that holds less than this part of all energy says nothing.
LEAST = 1e-6


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

    No delay is looked for: a fusion has none. The amounts that were asked for are among its sources.

    Raises:
        AudioError: one of the three is silent, or they never sound together.
    """
    voices = fusion.output, fusion.input, fusion.target
    figures = diagnose_heard(listen(*voices, most_minutes=most_minutes, may_be_late=False))
    of_input, of_target = fusion.options.amounts
    sources = replace(figures.sources, input_amount=of_input, target_amount=of_target)
    return replace(figures, sources=sources)


def judge(fusion: Fusion) -> tuple[HeardFigures | None, list[str]]:
    """The figures, None where they cannot be had, and what the user should know of how the output came about."""
    notes = list(fusion.notes)
    try:
        figures = diagnose_fusion(fusion)
    except AudioError as error:
        return None, [*notes, f"there is no diagnosis, as {error}"]
    if fusion.output.duration_seconds > 60 * MOST_MINUTES:
        notes.append(f"the figures are those of {MOST_MINUTES} minutes, spread over the whole.")
    return figures, notes


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


@dataclass(frozen=True)
class Share:
    """The input's part, in [0, 1], of the energy that both sources gave between two frequencies; None for silence."""

    name: str
    low_hz: float
    high_hz: float
    input: float | None


@torch.inference_mode()
def shares(fusion: Fusion, model: FusionModel) -> list[Share]:
    """Low, middle and high of a fusion, as the model hears it; of a long one three minutes from its middle.

    An open mask lets through what is there, which may be nothing: what counts is the energy behind the masks and the
    levels. Re-attack is left out. Empty where latent channels are no frequencies.
    """
    codec = model.codec
    if codec.bin_hz is None:
        return []
    num_samples = Resampled(fusion.input, model.sample_rate).num_samples
    length = min(num_samples, round(60 * PICTURE_MINUTES * model.sample_rate))
    first = (num_samples - length) // 2 // codec.hop
    stored = fusion.masks.store.read(first, first + math.ceil(length / codec.hop) + 1)
    bin_hz = codec.bin_hz.cpu()
    # As they are laid over a sound of this rate.
    reader = FrequencyReader(bin_hz, bin_hz, holds=fusion.output.sample_rate != model.sample_rate)
    masks = (
        reader.read(torch.from_numpy(np.array(stored.swapaxes(1, 2), dtype=np.float32, order="C")))
        .numpy()
        .swapaxes(1, 2)
    )
    gains = np.array(fusion.levels) * fusion.options.amounts
    energies = [
        _energy(source, model, mask, gain, first=first * codec.hop, length=length)
        for source, mask, gain in zip((fusion.input, fusion.target), masks, gains, strict=True)
    ]
    edges = (0.0, *BORDERS_HZ, model.sample_rate / 2)
    bins = np.digitize(bin_hz.numpy(), BORDERS_HZ)
    whole = sum(float(energy.sum()) for energy in energies)
    found = []
    for place, name in enumerate(NAMES):
        input, target = (float(energy[bins == place].sum()) for energy in energies)
        part = input / (input + target) if input + target > LEAST * whole else None
        found.append(Share(name, edges[place], edges[place + 1], part))
    return found


def _energy(
    source: Recording, model: FusionModel, mask: np.ndarray, gain: float, *, first: int, length: int
) -> np.ndarray:
    """Of each latent channel `[d]`, behind the mask `[d, t]` and the level, the source being of unit loudness."""
    heard = Resampled(source, model.sample_rate)
    samples = torch.from_numpy(np.array(Cut(heard, length, first=first).read(0, length)))
    loudness = Loudness.of(source).rms
    latent = model.codec.encode(samples.to(model.device)).abs().square().mean(dim=0).cpu().numpy()
    frames = min(latent.shape[1], mask.shape[1])
    behind = latent[:, :frames] * np.square(mask[:, :frames], dtype=np.float32)
    energy: np.ndarray = behind.sum(axis=1, dtype=np.float64) * (gain / max(loudness, 1e-9)) ** 2
    return energy

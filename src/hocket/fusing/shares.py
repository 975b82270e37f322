"""Who gave what: how much of what was let through in each range of pitch came from which source."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from hocket.audio.streams import Recording
from hocket.audio.views import Resampled
from hocket.fusing.fusion import Fusion, Level
from hocket.fusing.judging import PICTURE_MINUTES
from hocket.fusing.views import Cut
from hocket.model import FusionModel
from hocket.model.mixing import amounts
from hocket.signal.grouping import FrequencyReader

BORDERS_HZ = (200.0, 2000.0)
NAMES = ("low", "middle", "high")
# A range that holds less than this part of all energy says nothing.
LEAST = 1e-6


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
    stored = fusion.score.store.read(first, first + math.ceil(length / codec.hop) + 1)
    bin_hz = codec.bin_hz.cpu()
    # As they are laid over a sound of this rate.
    reader = FrequencyReader(bin_hz, bin_hz, holds=fusion.output.sample_rate != model.sample_rate)
    masks = (
        reader.read(torch.from_numpy(np.array(stored.swapaxes(1, 2), dtype=np.float32, order="C")))
        .numpy()
        .swapaxes(1, 2)
    )
    gains = np.array(fusion.levels) * amounts(fusion.options.controls).numpy()
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
    loudness = Level.of(source).rms
    latent = model.codec.encode(samples.to(model.device)).abs().square().mean(dim=0).cpu().numpy()
    frames = min(latent.shape[1], mask.shape[1])
    behind = latent[:, :frames] * np.square(mask[:, :frames], dtype=np.float32)
    energy: np.ndarray = behind.sum(axis=1, dtype=np.float64) * (gain / max(loudness, 1e-9)) ** 2
    return energy

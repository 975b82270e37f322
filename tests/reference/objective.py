"""The default preset's objective once more, the obvious way: dense filterbanks, torch's transforms, no tricks."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import torch
import torch.nn.functional as F
from tests.reference.model import Fused, spectrum
from torch import Tensor

from hocket.errors import ConfigError
from hocket.objective import TERMS as PRODUCT_TERMS
from hocket.objective import ObjectiveConfig


@dataclass
class PlainScene:
    """All that is heard, each `[b, samples]`; every question is computed anew, unless it is to be `remembered`."""

    fused: Fused
    input: Tensor
    target: Tensor
    sample_rate: int
    remembered: bool = False
    _memory: dict[tuple[str, str], Tensor] = field(default_factory=dict)

    def onsets(self, voice: str) -> Tensor:
        """Onset strength `[b, frames]` of `output`, `input`, `target` or `share`."""
        return self._hear("onsets", voice, onset_strength)

    def chroma(self, voice: str) -> Tensor:
        """Smoothed chroma `[b, 12, frames]`."""
        return self._hear("chroma", voice, smoothed_chroma)

    def salience(self, voice: str) -> Tensor:
        """Salience of each note, `[b, notes, frames]`."""
        return self._hear("salience", voice, note_salience)

    def _hear(self, name: str, voice: str, feature: Callable[[Tensor, int], Tensor]) -> Tensor:
        if (name, voice) in self._memory:
            return self._memory[name, voice]
        known = {"output": self.fused.output, "share": self.fused.target_share}
        heard = feature(known.get(voice, self.target if voice == "target" else self.input), self.sample_rate)
        if self.remembered:
            self._memory[name, voice] = heard
        return heard


def objective(scene: PlainScene, config: ObjectiveConfig) -> tuple[Tensor, dict[str, Tensor]]:
    """The weighted sum, and each active term's mean.

    Raises:
        ConfigError: a term has a weight that is not written down here.
    """
    terms, total = {}, torch.zeros(())
    for name, line in PRODUCT_TERMS.items():
        weight = getattr(config, line.weight)
        if weight > 0 and name not in TERMS:
            raise ConfigError(
                f"{line.weight} is {weight}: the plain objective has the default preset's terms only"
            )
        if weight > 0:
            terms[name] = TERMS[name](scene, config).mean()
            scale = config.mask_reg_weight if name in ("complementarity", "coverage") else 1.0
            total = total + scale * weight * terms[name]
    return total, terms


def balance(scene: PlainScene, _: ObjectiveConfig) -> Tensor:
    """Distance of both masks' means from 0.5."""
    masks = scene.fused.input_mask, scene.fused.target_mask
    return (masks[0].mean(dim=(1, 2)) - 0.5).abs() + (masks[1].mean(dim=(1, 2)) - 0.5).abs()


def complementarity(scene: PlainScene, config: ObjectiveConfig) -> Tensor:
    """Overlap beyond the limit."""
    overlap = (scene.fused.input_mask * scene.fused.target_mask).mean(dim=(1, 2))
    return F.relu(overlap - config.overlap_limit) / 0.25


def coverage(scene: PlainScene, _: ObjectiveConfig) -> Tensor:
    """Squared distance of the masks' sum from 1."""
    return (scene.fused.input_mask + scene.fused.target_mask - 1.0).square().mean(dim=(1, 2))


def output_balance(scene: PlainScene, config: ObjectiveConfig) -> Tensor:
    """Distance of both waveform correlations from their aim."""
    aims = config.output_balance_aim, config.output_balance_target_aim or config.output_balance_aim
    distances = [
        F.relu((pearson(scene.fused.output, source) - aim).abs() - 0.01)
        for source, aim in zip((scene.input, scene.target), aims, strict=True)
    ]
    return distances[0] + distances[1]


def rhythm(scene: PlainScene, _: ObjectiveConfig) -> Tensor:
    """The output's onsets are the input's."""
    return 1.0 - pearson(scene.onsets("output"), scene.onsets("input"))


def rhythm_leak(scene: PlainScene, _: ObjectiveConfig) -> Tensor:
    """And no more the target's than the input's are."""
    own = pearson(scene.onsets("input"), scene.onsets("target"))
    return F.relu(pearson(scene.onsets("output"), scene.onsets("target")) - own.clamp_min(0.0))


def harmony(scene: PlainScene, _: ObjectiveConfig) -> Tensor:
    """The output's chords are the target's."""
    return 1.0 - cosine(scene.chroma("output"), scene.chroma("target"))


def harmony_leak(scene: PlainScene, _: ObjectiveConfig) -> Tensor:
    """And no more the input's than the target's are."""
    own = cosine(scene.chroma("target"), scene.chroma("input"))
    return F.relu(cosine(scene.chroma("output"), scene.chroma("input")) - own)


def missing_notes(scene: PlainScene, _: ObjectiveConfig) -> Tensor:
    """Notes of the target that do not stand out of the output."""
    return note_excess(scene.salience("target"), scene.salience("output"), scene.sample_rate)


def foreign_notes(scene: PlainScene, _: ObjectiveConfig) -> Tensor:
    """Notes of the output that do not stand out of the target."""
    return note_excess(scene.salience("output"), scene.salience("target"), scene.sample_rate)


def note_excess(notes: Tensor, others: Tensor, sample_rate: int) -> Tensor:
    """Share of the notes `[b, notes, frames]`, each half second's largest, that others lack."""
    length = round(0.5 * sample_rate / scaled(2048, sample_rate))
    first, second = (
        torch.stack([part.amax(dim=2) for part in pool.split(length, dim=2)], dim=2)
        for pool in (notes, others)
    )
    return F.relu(first - second).sum(dim=(1, 2)) / first.sum(dim=(1, 2)).clamp_min(1.0)


def articulation(scene: PlainScene, _: ObjectiveConfig) -> Tensor:
    """The target's share moves with the input."""
    own = pearson(scene.onsets("input"), scene.onsets("target"))
    leak = F.relu(pearson(scene.onsets("share"), scene.onsets("target")) - own.clamp_min(0.0))
    return 1.0 - pearson(scene.onsets("share"), scene.onsets("input")) + leak


def timbre(scene: PlainScene, _: ObjectiveConfig) -> Tensor:
    """Fréchet distance between log-mel frames of all outputs and of all sources."""
    rate = scene.sample_rate
    mean, covariance = moments(log_mel(scene.fused.output, rate))
    with torch.no_grad():
        sources = torch.cat([log_mel(scene.input, rate), log_mel(scene.target, rate)])
        wanted_mean, wanted = moments(sources)
        values, vectors = torch.linalg.eigh(wanted)
        root = vectors @ torch.diag(values.clamp_min(0.0).sqrt()) @ vectors.T
    small = 1e-6 * torch.eye(len(mean), dtype=mean.dtype, device=mean.device)
    cross = torch.linalg.eigvalsh(root @ covariance @ root + small).clamp_min(1e-6).sqrt().sum()
    distance = (mean - wanted_mean).square().sum() + covariance.trace() + wanted.trace() - 2.0 * cross
    return (distance.clamp_min(0.0) / len(mean) + 1e-6).sqrt().float()


def grain(scene: PlainScene, _: ObjectiveConfig) -> Tensor:
    """Height of isolated peaks above a ring around them."""
    output, rate = scene.fused.output, scene.sample_rate
    power = energy(equally_loud(output), scaled(1024, rate), scaled(256, rate))
    level = 10.0 * torch.log10(power + 1e-9)
    padded = F.pad(level, (3, 3, 4, 4), value=-math.inf)
    bins, frames = level.shape[1:]
    before, after = (F.max_pool2d(part, (9, 2), 1) for part in (padded[..., :-5], padded[..., 5:]))
    middle = padded[..., 2:-2]
    below, above = (F.max_pool2d(part, (2, 3), 1) for part in (middle[:, :-7], middle[:, 7:]))
    ring = torch.maximum(torch.maximum(before, after), torch.maximum(below, above))
    assert ring.shape[1:] == (bins, frames)
    is_peak = level == F.max_pool2d(level, (5, 3), 1, (2, 1))
    is_heard = level > level.amax(dim=(1, 2), keepdim=True) - 60.0
    excess = F.relu(level - ring - 6.0) * (is_peak & is_heard)
    return excess.sum(dim=(1, 2)) / (output.shape[-1] / rate * 50.0)


_KNOWN: tuple[Callable[[PlainScene, ObjectiveConfig], Tensor], ...] = (
    *(balance, complementarity, coverage, output_balance),
    *(rhythm, rhythm_leak, harmony, harmony_leak, missing_notes, foreign_notes),
    *(articulation, timbre, grain),
)
TERMS = {term.__name__: term for term in _KNOWN}


def onset_strength(waveform: Tensor, sample_rate: int) -> Tensor:
    """Rises of the log mel spectrum, mean over 128 bands, `[b, frames]`."""
    fft_size = scaled(2048, sample_rate)
    mel = mel_bank(128, fft_size, sample_rate) @ energy(waveform, fft_size, scaled(256, sample_rate))
    floor = (mel.detach().amax(dim=(1, 2), keepdim=True) * 1e-8).clamp_min(1e-10)
    level = 10.0 * torch.log10(torch.maximum(mel, floor))
    return F.pad(F.relu(level[..., 1:] - level[..., :-1]).mean(dim=1), (1, 0))


def smoothed_chroma(waveform: Tensor, sample_rate: int) -> Tensor:
    """Magnitude in each pitch class over half a second, `[b, 12, frames]`: long windows below C4, short ones above."""
    hop = scaled(2048, sample_rate)
    classes = torch.stack(
        [fold @ (notes + floor).sqrt() for notes, fold, floor in note_energies(waveform, sample_rate)]
    ).sum(dim=0)
    classes = classes / classes.detach().amax(dim=1, keepdim=True).clamp_min(1e-5)
    length = min(round(0.49 * sample_rate / hop) | 1, classes.shape[-1] | 1)
    return F.avg_pool1d(classes, length, 1, length // 2, count_include_pad=False)


def note_energies(waveform: Tensor, sample_rate: int) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Energies `[b, notes, frames]` of the notes below C4 and above, each with its fold and floor."""
    found = []
    for window, first, last in ((16_384, 0, 37), (4096, 37, 84)):
        fft_size = scaled(window, sample_rate)
        bank, fold, floor = pitch_bank(first, last, fft_size, sample_rate)
        power = energy(waveform, fft_size, scaled(2048, sample_rate)) / (fft_size / 4) ** 2
        found.append((bank @ power, fold, floor))
    return found


def note_salience(waveform: Tensor, sample_rate: int) -> Tensor:
    """Height of each note above its eight neighbours, 0 to 1 for 0 to 20 dB: `[b, notes, frames]`."""
    energies = torch.cat([notes for notes, _, _ in note_energies(waveform, sample_rate)], dim=1)
    floor = 2.5e-6 * waveform.square().mean(dim=-1).clamp_min(1e-9)[:, None, None]
    level = 10.0 * torch.log10(energies + floor)
    around = torch.stack(
        [level[:, max(0, note - 4) : note + 5].mean(dim=1) for note in range(level.shape[1])], dim=1
    )
    return ((level - around) / 20.0).clamp(0.0, 1.0)


@lru_cache
def pitch_bank(first: int, last: int, fft_size: int, sample_rate: int) -> tuple[Tensor, Tensor, Tensor]:
    """Gaussians about notes above C1 `[notes, bins]`, what folds them into classes `[12, notes]`, energy floor."""
    notes = torch.arange(first, last)
    centres = 32.703 * 2 ** (notes.double() / 12)
    hertz = torch.arange(fft_size // 2 + 1).double() * sample_rate / fft_size
    semitones = 12 * torch.log2(hertz.clamp_min(1.0) / centres[:, None])
    bank = torch.exp(-0.5 * (semitones / 0.3).square()) * (semitones.abs() <= 0.9)
    fold = (notes % 12 == torch.arange(12)[:, None]) * (32.703 / centres).sqrt()
    floor = 1e-12 * (centres / 32.703)[:, None]
    return bank.float(), fold.float(), floor.float()


def log_mel(waveform: Tensor, sample_rate: int) -> Tensor:
    """Natural log of mel power of equally loud waveforms, `[b, 32, frames]`."""
    fft_size = scaled(2048, sample_rate)
    power = energy(equally_loud(waveform), fft_size, scaled(512, sample_rate))
    return torch.log(mel_bank(32, fft_size, sample_rate) @ power + 1e-4)


def moments(frames: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and covariance over batch and time of `[b, n, frames]`, in double precision."""
    values = frames.double().transpose(0, 1).flatten(1)
    return values.mean(dim=1), torch.cov(values)


@lru_cache
def mel_bank(num_bands: int, fft_size: int, sample_rate: int) -> Tensor:
    """Triangles `[bands, bins]`, evenly spaced in mel, whose rows sum to 1; an empty one takes its nearest bin."""
    top = 2595.0 * math.log10(1.0 + sample_rate / 2 / 700.0)
    mels = torch.linspace(0.0, top, num_bands + 2, dtype=torch.float64)
    edges = 700.0 * (10.0 ** (mels / 2595.0) - 1.0)
    hertz = torch.linspace(0.0, sample_rate / 2, fft_size // 2 + 1, dtype=torch.float64)
    low, centre, high = (part[:, None] for part in (edges[:-2], edges[1:-1], edges[2:]))
    bank = torch.minimum((hertz - low) / (centre - low), (high - hertz) / (high - centre)).clamp_min(0.0)
    for band in (bank.sum(dim=1) == 0).nonzero().flatten().tolist():
        bank[band, round(float(centre[band]) * fft_size / sample_rate)] = 1.0
    return (bank / bank.sum(dim=1, keepdim=True)).float()


def energy(waveform: Tensor, fft_size: int, hop: int) -> Tensor:
    """Power spectrum `[b, bins, frames]`."""
    complex_spectrum = spectrum(waveform, fft_size, hop)
    return complex_spectrum.real.square() + complex_spectrum.imag.square()


def pearson(first: Tensor, second: Tensor) -> Tensor:
    """Correlation over the last axis."""
    first, second = (part - part.mean(dim=-1, keepdim=True) for part in (first, second))
    norm = first.square().sum(dim=-1) * second.square().sum(dim=-1)
    return (first * second).sum(dim=-1) / (norm + 1e-16).sqrt()


def cosine(first: Tensor, second: Tensor) -> Tensor:
    """Cosine of the classes about their mean, averaged over frames."""
    first, second = (part - part.mean(dim=1, keepdim=True) for part in (first, second))
    norm = first.square().sum(dim=1) * second.square().sum(dim=1)
    return ((first * second).sum(dim=1) / (norm + 1e-10).sqrt()).mean(dim=-1)


def equally_loud(waveform: Tensor) -> Tensor:
    """`[b, samples]` at an RMS of 0.1."""
    return waveform * (0.1 / (waveform.square().mean(dim=-1, keepdim=True) + 1e-14).sqrt())


def scaled(samples: int, sample_rate: int) -> int:
    """A window or hop given at 24 kHz, at another rate."""
    return max(2, 2 * round(samples * sample_rate / 24_000 / 2))

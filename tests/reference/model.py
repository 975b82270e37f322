"""The model once more, written the obvious way: what the fast one has to equal, and is measured against.

Every product is dense, every transform is torch's own, and nothing is shared, fused or recomputed. The names of the
weights are `FusionModel`'s, so that its state loads into this one. Sources are mono, `[b, samples]`, as in training.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from tests.reference.layers import PlainAnalyser, PlainAttention
from torch import Tensor, nn

from hocket.codec import SpectralConfig
from hocket.model import ModelConfig


def spectrum(waveform: Tensor, fft_size: int, hop: int) -> Tensor:
    """Complex `[b, bins, frames]` of `[b, samples]`; the ends see zeros."""
    window = torch.hann_window(fft_size, device=waveform.device)
    return torch.stft(waveform, fft_size, hop, window=window, pad_mode="constant", return_complex=True)


def waveform_of(latent: Tensor, fft_size: int, hop: int, length: int) -> Tensor:
    """`[b, length]` of a complex `[b, bins, frames]`."""
    window = torch.hann_window(fft_size, device=latent.device)
    return torch.istft(latent, fft_size, hop, window=window, length=length)


@dataclass(frozen=True)
class Fused:
    """Output and the target's share of it, `[b, samples]`, and the masks that made them, `[b, d, t]`."""

    output: Tensor
    target_share: Tensor
    input_mask: Tensor
    target_mask: Tensor


class PlainModel(nn.Module):
    """`FusionModel` the obvious way."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.cascade = PlainCascade(config)

    def forward(self, input: Tensor, target: Tensor) -> Fused:
        """Fuses equally loud waveforms `[b, samples]`."""
        codec, length = self.config.codec, input.shape[-1]
        latents = [spectrum(source, codec.fft_size, codec.hop) for source in (input, target)]
        masks, shares = self.cascade(*latents)
        output, share = (
            waveform_of(latent, codec.fft_size, codec.hop, length)
            for latent in (shares[0] + shares[1], shares[1])
        )
        return Fused(output, share, *masks)


class PlainCascade(nn.Module):
    """Each stage adds to the decision of those before it, with their mix in its ears."""

    bands: Tensor
    place_of: Tensor
    sizes: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        place_of = places_of(config.codec)
        self.register_buffer("place_of", place_of, persistent=False)
        self.register_buffer("sizes", place_of.bincount().float(), persistent=False)
        self.register_buffer("bands", band_triangles(config, self.centres), persistent=False)
        self.agents = nn.ModuleList(
            PlainAgent(config, num_sources=2 if stage == 0 else 3)
            for stage in range(config.cascade.num_stages)
        )

    def forward(self, input: Tensor, target: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """The last stage's masks `[b, d, t]` and both voices' shares of its mix, complex `[b, d, t]`."""
        heard = [input, target]
        foreign = foreign_tones(self.power(input), self.power(target), self.config.codec)
        passing = 1.0 - self.config.cascade.foreign_damping * foreign
        decisions: list[tuple[Tensor, Tensor]] = []
        for agent in self.agents:
            features = [describe(self.power(latent), self.config.codec) for latent in heard]
            decisions.append(agent(features, self.bands, self.pooling))
            logits, gains = (torch.stack(parts).sum(dim=0) for parts in zip(*decisions, strict=True))
            masks = self.masks(logits, gains, passing)
            shares = self.shares(masks, input, target)
            drafts = [masks[0] * input, masks[1] * target] if self.config.agent.attention_reach else shares
            heard = [input, target, drafts[0] + drafts[1]]
        return masks, shares

    @property
    def centres(self) -> Tensor:
        """The middle of each place, in bins."""
        return self.sizes.cumsum(0) - (self.sizes + 1) / 2

    @property
    def pooling(self) -> Tensor:
        """Weights that give a band's mean over bins, from means over places: `[bands, places]`."""
        weights = self.bands * self.sizes
        return weights / weights.sum(dim=1, keepdim=True).clamp_min(1e-6)

    def power(self, latent: Tensor) -> Tensor:
        """Mean power of each place, `[b, places, t]`."""
        power = latent.real.square() + latent.imag.square()
        if len(self.sizes) == len(self.place_of):
            return power
        places = power.new_zeros(len(power), len(self.sizes), power.shape[2])
        return places.index_add(1, self.place_of, power) / self.sizes[:, None]

    def spread(self, places: Tensor) -> Tensor:
        """Repeats each place's value for all of its bins, along axis 1."""
        return places if len(self.sizes) == len(self.place_of) else places[:, self.place_of]

    def masks(self, logits: Tensor, gains: Tensor, passing: Tensor) -> list[Tensor]:
        """Share of a bin, times the voice's gain in its band; logits and `passing` are `[b, places, t]`, gains by band.

        The input's is also times what may pass of it.
        """
        most = self.config.agent.max_gain
        loudness = most * torch.sigmoid(gains - math.log(most - 1.0))
        loudness = torch.einsum("bvnt,nd->bvdt", loudness, self.bands)
        share = torch.sigmoid(logits)
        places = loudness[:, 0] * share * passing, loudness[:, 1] * (1.0 - share)
        return [self.spread(mask) for mask in places]

    def shares(self, masks: list[Tensor], input: Tensor, target: Tensor) -> list[Tensor]:
        """Masked sources at levels that balance them, brought to their sources' brightness."""
        masked = [masks[0] * input, masks[1] * target]
        tone = torch.ones_like(input.real[..., 0])
        if self.config.cascade.match_tone:
            with torch.no_grad():
                levels = self.levels(masked, input, target, tone)
                mixed = levels[0] * masked[0] + levels[1] * masked[1]
                tone = self.tone(mixed, input, target)
        levels = self.levels(masked, input, target, tone)
        return [level * tone[..., None] * share for level, share in zip(levels, masked, strict=True)]

    def levels(self, masked: list[Tensor], input: Tensor, target: Tensor, tone: Tensor) -> list[Tensor]:
        """Gains `[b, 1, 1]`, one the inverse of the other, with which the mix agrees equally with both sources."""
        if not self.config.cascade.balance_levels:
            return [torch.ones_like(input.real[:, :1, :1])] * 2
        energies = [
            self.energy(first, second)
            for first, second in ((input, input), (target, target), (input, target))
        ]
        alike = energies[2] / (energies[0] * energies[1]).sqrt().clamp_min(1e-20)
        ratio = 1.0 - (1.0 - self.config.cascade.level_ratio) * (1.0 - (alike + 1e-4).clamp(0.0, 1.0))
        differences = (input - ratio * target, ratio * target - input)
        agreed = [
            (tone[..., None] * share * difference.conj()).real.sum(dim=(1, 2))
            for share, difference in zip(masked, differences, strict=True)
        ]
        heard = torch.stack(agreed, dim=1)
        floor = 1e-9 * heard.detach().abs().sum(dim=1, keepdim=True) + 1e-12
        heard = heard.maximum(floor)
        level = (heard[:, 1] / heard[:, 0]).clamp(1 / 9, 9.0).sqrt()[:, None, None]
        return [level, 1.0 / level]

    def energy(self, first: Tensor, second: Tensor) -> Tensor:
        """Inner product of two latents, `[b, 1, 1]`."""
        return (first * second.conj()).real.sum(dim=(1, 2), keepdim=True)

    def tone(self, mixed: Tensor, input: Tensor, target: Tensor) -> Tensor:
        """Gains `[b, d]`: the mix's spectrum half-way between its sources', above 1 kHz, by 12 dB at most."""
        own, first, second = (self.log_bands(latent) for latent in (mixed, input, target))
        limit = 12.0 * math.log(10) / 20
        change = (((first + second) / 2 - own) / 2).clamp(-limit, limit)
        codec = self.config.codec
        hertz = self.centres * codec.sample_rate / codec.fft_size
        reach = torch.log2(hertz.clamp_min(1.0) / 1000.0).clamp(0.0, 1.0)
        return self.spread(torch.exp((change @ self.bands) * reach))

    def log_bands(self, latent: Tensor) -> Tensor:
        """Log of each band's power against the mean of all bins, `[b, n]`."""
        mean = latent.abs().square().mean(dim=(1, 2)).clamp_min(1e-20)[:, None]
        return torch.log(self.power(latent).mean(dim=-1) @ self.pooling.T / mean + 1e-5)


class PlainAgent(nn.Module):
    """Per-frame context weighs per-bin features into logits."""

    def __init__(self, config: ModelConfig, *, num_sources: int) -> None:
        super().__init__()
        agent, num_features = config.agent, len(config.codec.features)
        self.num_weights = num_sources * num_features
        sources = range(num_sources)
        self.analysers = nn.ModuleList(PlainAnalyser(agent, num_features) for _ in sources)
        self.attention = nn.ModuleList(
            nn.ModuleList(PlainAttention(agent) for _ in sources) for _ in range(agent.num_attention_layers)
        )
        self.norm = nn.LayerNorm(num_sources * agent.model_dim)
        self.head = nn.Linear(num_sources * agent.model_dim, agent.num_bands * (self.num_weights + 3))

    def forward(self, features: list[Tensor], bands: Tensor, pooling: Tensor) -> tuple[Tensor, Tensor]:
        """Logits `[b, places, t]` and gain logits `[b, 2, bands, t]` from features `[b, k, places, t]`."""
        pooled = [torch.einsum("bkdt,nd->bknt", source, pooling).flatten(1, 2) for source in features]
        states = [analyser(source) for analyser, source in zip(self.analysers, pooled, strict=True)]
        for layer in self.attention:
            assert isinstance(layer, nn.ModuleList)
            others = [*states[1:], states[0]]
            states = [attend(*both) for attend, *both in zip(layer, states, others, strict=True)]
        weights = self.head(self.norm(torch.cat(states, dim=-1))).transpose(1, 2)
        weights = weights.unflatten(1, (self.num_weights + 3, -1))
        per_bin = torch.einsum("bknt,nd->bkdt", weights[:, : self.num_weights + 1], bands)
        weighted = per_bin[:, :-1] * torch.cat(features, dim=1)
        return weighted.sum(dim=1) + per_bin[:, -1], weights[:, -2:]


def describe(power: Tensor, codec: SpectralConfig) -> Tensor:
    """Level in units of 20 dB, and its contrast along time and along frequency, `[b, k, places, t]`."""
    level = torch.log10(power / (codec.fft_size / 4) ** 2 + 1e-8) / 2 + 2.0
    tonal = level - local_mean(level.transpose(1, 2), codec.tonal_bins).transpose(1, 2)
    contrasts = {
        "level": lambda: level,
        "transient": lambda: level - local_mean(level, codec.transient_frames),
        "tonal": lambda: tonal,
        "held": lambda: local_mean(tonal, codec.held_frames),
        "chroma": lambda: pitch_class_contrast(tonal, codec),
    }
    return torch.stack([contrasts[name]() for name in codec.features], dim=1)


def foreign_tones(input: Tensor, target: Tensor, codec: SpectralConfig) -> Tensor:
    """Where the input holds a tone for a while whose pitch class the target does not have: `[b, places, t]` in 0-1."""
    alone = replace(codec, features=("tonal", "chroma"))
    lasting = local_mean(describe(input, alone)[:, 0], codec.transient_frames)
    lacking = -describe(target, alone)[:, 1]
    return ((lasting - 0.1) / 0.3).clamp(0.0, 1.0) * (lacking / 0.3).clamp(0.0, 1.0)


def pitch_class_contrast(tonal: Tensor, codec: SpectralConfig) -> Tensor:
    """Tones above none, summed in 36 classes of an octave over a while, against their mean: `[b, places, t]`."""
    places = places_of(codec)
    bins = torch.arange(len(places)).double()
    middles = torch.stack([bins[places == place].mean() for place in range(int(places[-1]) + 1)])
    hertz = middles * codec.sample_rate / codec.fft_size
    distance = (36 * torch.log2(hertz.clamp_min(1.0) / 440.0) - torch.arange(36)[:, None] + 18) % 36 - 18
    triangles = (1.0 - distance.abs()).clamp_min(0.0).float()
    heard, told = (triangles * ((hertz > low) & (hertz < high)) for low, high in ((100, 3000), (50, 5000)))
    classes = local_mean(torch.einsum("cd,bdt->bct", heard, tonal.clamp_min(0.0)), codec.held_frames)
    mean = classes.mean(dim=1, keepdim=True)
    return torch.einsum("cd,bct->bdt", told, (classes - mean) / (2.0 * mean + 0.1))


def local_mean(values: Tensor, length: int) -> Tensor:
    """Centred moving average over the last axis; the ends average what is there."""
    length = min(length, 2 * values.shape[-1] - 1)
    return F.avg_pool1d(values, length, 1, length // 2, count_include_pad=False)


def places_of(codec: SpectralConfig) -> Tensor:
    """The place of each bin, `[d]`: places are 1, 2, 4, ... bins wide, up to a share of their lowest bin."""
    num_bins, widths = codec.fft_size // 2 + 1, list[int]()
    while (first := sum(widths)) < num_bins:
        width = 1
        while 2 * width <= codec.place_width * first:
            width *= 2
        widths.append(width if first + width <= num_bins else 1)
    return torch.arange(len(widths)).repeat_interleave(torch.tensor(widths))


def band_triangles(config: ModelConfig, places: Tensor) -> Tensor:
    """`[bands, places]`: triangles between centres that are evenly spaced in mel; columns sum to 1."""
    codec, num_bands = config.codec, config.agent.num_bands
    mels = np.linspace(0.0, 2595.0 * np.log10(1.0 + codec.sample_rate / 2 / 700.0), num_bands)
    centres = 700.0 * (10.0 ** (mels / 2595.0) - 1.0) * codec.fft_size / codec.sample_rate
    triangles = [np.interp(places.numpy(), centres, row) for row in np.eye(num_bands)]
    return torch.tensor(np.stack(triangles)).float()

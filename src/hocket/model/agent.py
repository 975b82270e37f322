"""The creative agent: reads the sources, and says for each bin group of the output which voice sounds there."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hocket.codec import Codec
from hocket.model.band_powers import banded_linear
from hocket.model.layers import CrossAttention, FrameAnalyser
from hocket.settings import AgentConfig


@dataclass(frozen=True)
class Decision:
    """Decision of an agent: `share` logits `[b, t, groups]` and both voices' `gains` logits `[b, t, 2, bands]`."""

    share: Tensor
    gains: Tensor


@dataclass(frozen=True)
class SourceFeatures:
    """A source as an agent hears it: its features, planes `[b, t, groups]`, and their band means `[b, t, k]`."""

    planes: tuple[Tensor, ...]
    pooled: Tensor


class CreativeAgent(nn.Module):
    """Per-frame context from cross-attention weighs features of groups into a decision for every bin group.

    `logit[d, t] = sum_k weight[k, band(d), t] * feature[k, d, t] + bias[band(d), t]`: the context decides what counts
    (tonal or transient, of which source, in which band, at this moment); the groups decide where it is.
    """

    bands: Tensor
    _pooling: Tensor

    def __init__(self, config: AgentConfig, *, num_sources: int, codec: Codec, bands: Tensor) -> None:
        """Makes an agent that reads `num_sources` sources; `bands` `[num_bands, groups]` has columns that sum to 1."""
        super().__init__()
        dim, num_features = config.model_dim, codec.num_features
        self.num_weights = num_sources * num_features
        self.register_buffer("bands", bands, persistent=False)
        # A band narrower than a bin may hold none: it then hears nothing, rather than 0 / 0.
        weights = bands * codec.grouping.sizes
        pooling = weights / weights.sum(dim=1, keepdim=True).clamp_min(1e-6)
        self.register_buffer("_pooling", pooling, persistent=False)
        self.analysers = nn.ModuleList(
            FrameAnalyser(num_features * config.num_bands, dim, config.num_blocks, config.expansion)
            for _ in range(num_sources)
        )
        self.attention = nn.ModuleList(
            nn.ModuleList(
                CrossAttention(
                    dim, config.num_heads, config.expansion, config.attention_stride, config.attention_reach
                )
                for _ in range(num_sources)
            )
            for _ in range(config.num_attention_layers)
        )
        self.norm = nn.LayerNorm(num_sources * dim)
        self.head = nn.Linear(num_sources * dim, config.num_bands * (self.num_weights + 3))
        # Zero weights: an untrained agent is undecided everywhere, with masks of 0.50/0.50.
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def embed(self, planes: tuple[Tensor, ...]) -> SourceFeatures:
        """Features `[b, t, groups]` with the mean of each in each band; the same for all agents of a cascade."""
        return SourceFeatures(planes, torch.cat([plane @ self._pooling.T for plane in planes], dim=-1))

    def forward(self, heard: Sequence[SourceFeatures]) -> Decision:
        """Decides from what was heard of each source; the input comes first."""
        context = self.norm(self._listen([source.pooled for source in heard]))
        num_bands = len(self.bands)
        weights, gains = self.head(context).split([(self.num_weights + 1) * num_bands, 2 * num_bands], dim=-1)
        planes = tuple(plane for source in heard for plane in source.planes)
        return Decision(
            banded_linear(weights, planes, self.bands),
            gains.reshape(gains.shape[0], gains.shape[1], 2, num_bands),
        )

    def _listen(self, pooled: list[Tensor]) -> Tensor:
        states = [analyser(source) for analyser, source in zip(self.analysers, pooled, strict=True)]
        for layer in self.attention:
            assert isinstance(layer, nn.ModuleList)
            # Each listens to the next and the last to the first, so that input and target listen to each other.
            states = [
                attend(state, states[(index + 1) % len(states)])
                for index, (attend, state) in enumerate(zip(layer, states, strict=True))
            ]
        return torch.cat(states, dim=-1)


def band_matrix(centres: Tensor, groups: Tensor) -> Tensor:
    """Triangles between band centres, read at the groups' centres: `[num_bands, groups]`; columns sum to 1."""
    groups = groups.clamp(float(centres[0]), float(centres[-1]))
    upper = torch.searchsorted(centres, groups).clamp(1, len(centres) - 1)
    fraction = (groups - centres[upper - 1]) / (centres[upper] - centres[upper - 1])
    matrix = torch.zeros(len(centres), len(groups))
    columns = torch.arange(len(groups))
    matrix[upper - 1, columns] = 1.0 - fraction
    matrix[upper, columns] += fraction
    return matrix

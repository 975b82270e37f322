"""The layers along time of the plain model, `[b, t, dim]`; their weights have the names of the fast one's."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hocket.model import AgentConfig


class PlainAnalyser(nn.Module):
    """Convolutions over time, `[b, k, t]` to `[b, t, dim]`."""

    def __init__(self, config: AgentConfig, num_features: int) -> None:
        super().__init__()
        self.project = nn.Conv1d(num_features * config.num_bands, config.model_dim, 3, padding=1)
        self.blocks = nn.ModuleList(
            PlainBlock(config, dilation=3**index) for index in range(config.num_blocks)
        )

    def forward(self, features: Tensor) -> Tensor:
        """One state a frame."""
        x = self.project(features).transpose(1, 2)
        for block in self.blocks:
            x = block(x)
        return x


class PlainBlock(nn.Module):
    """Depthwise convolution, norm, feed-forward, residual."""

    def __init__(self, config: AgentConfig, *, dilation: int) -> None:
        super().__init__()
        dim = config.model_dim
        self.depthwise = nn.Conv1d(dim, dim, 7, padding=3 * dilation, dilation=dilation, groups=dim)
        self.norm = nn.LayerNorm(dim)
        self.feed_forward = PlainFeedForward(config)

    def forward(self, x: Tensor) -> Tensor:
        """`[b, t, dim]` to the same."""
        mixed = self.depthwise(x.transpose(1, 2)).transpose(1, 2)
        return x + self.feed_forward(self.norm(mixed))


class PlainFeedForward(nn.Module):
    """Linear, GELU, linear."""

    def __init__(self, config: AgentConfig) -> None:
        super().__init__()
        self.up = nn.Linear(config.model_dim, config.model_dim * config.expansion)
        self.down = nn.Linear(config.model_dim * config.expansion, config.model_dim)

    def forward(self, x: Tensor) -> Tensor:
        """`[b, t, dim]` to the same."""
        return self.down(F.gelu(self.up(x)))


class PlainAttention(nn.Module):
    """Queries from one source, keys and values from another, positions by rotation."""

    def __init__(self, config: AgentConfig) -> None:
        super().__init__()
        dim = config.model_dim
        self.num_heads, self.stride = config.num_heads, config.attention_stride
        self.reach = config.attention_reach
        self.norm_own, self.norm_other, self.norm_out = (
            nn.LayerNorm(dim),
            nn.LayerNorm(dim),
            nn.LayerNorm(dim),
        )
        self.query, self.key_value = nn.Linear(dim, dim), nn.Linear(dim, 2 * dim)
        self.out = nn.Linear(dim, dim)
        self.feed_forward = PlainFeedForward(config)

    def forward(self, x: Tensor, other: Tensor) -> Tensor:
        """`x` `[b, t, dim]` with what it heard in `other`, of which a few frames are heard as one."""
        other = torch.stack([frames.mean(dim=1) for frames in other.split(self.stride, dim=1)], dim=1)
        key, value = self.key_value(self.norm_other(other)).chunk(2, dim=-1)
        query = self.query(self.norm_own(x))
        query, key, value = (
            part.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for part in (query, key, value)
        )
        scores = rotated(query, 1) @ rotated(key, self.stride).transpose(-1, -2) / query.shape[-1] ** 0.5
        if self.reach:
            middles = torch.arange(key.shape[-2]) * self.stride + (self.stride - 1) / 2
            distances = (torch.arange(query.shape[-2])[:, None] - middles).abs()
            scores = scores.masked_fill(distances > max(self.reach, self.stride), -torch.inf)
        heard = scores.softmax(dim=-1) @ value
        x = x + self.out(heard.transpose(1, 2).flatten(2))
        return x + self.feed_forward(self.norm_out(x))


def rotated(x: Tensor, stride: int) -> Tensor:
    """Pairs of channels of `[b, heads, t, channels]`, turned by an angle that grows with the middle of their frames."""
    half = x.shape[-1] // 2
    speeds = 10_000.0 ** (-torch.arange(half, device=x.device) / half)
    frames = torch.arange(x.shape[-2], device=x.device) * stride + (stride - 1) / 2
    angles = frames[:, None] * speeds
    first, second = x[..., :half], x[..., half:]
    cosine, sine = angles.cos(), angles.sin()
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], dim=-1)

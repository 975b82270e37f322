"""Building blocks along time: frame analysers and position-aware attention, all on `[b, t, dim]`."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class FeedForward(nn.Module):
    """Two linear layers with a GELU between, `[b, t, dim]` to the same."""

    def __init__(self, dim: int, expansion: int) -> None:
        super().__init__()
        self.up = nn.Linear(dim, dim * expansion)
        self.down = nn.Linear(dim * expansion, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Mixes channels in each frame."""
        return self.down(F.gelu(self.up(x)))


class ConvBlock(nn.Module):
    """Depthwise convolution over time, then a feed-forward in each frame, with a residual (Liu et al. 2022)."""

    def __init__(self, dim: int, kernel_size: int, dilation: int, expansion: int) -> None:
        super().__init__()
        reach = dilation * (kernel_size - 1) // 2
        self.depthwise = nn.Conv1d(dim, dim, kernel_size, padding=reach, dilation=dilation, groups=dim)
        self.norm = nn.LayerNorm(dim)
        self.feed_forward = FeedForward(dim, expansion)

    def forward(self, x: Tensor) -> Tensor:
        """`[b, t, dim]` to the same."""
        return x + self.feed_forward(self.norm(self.depthwise(x.transpose(1, 2)).transpose(1, 2)))


class FrameAnalyser(nn.Module):
    """Reads one source frame by frame: features `[b, t, k]` to states `[b, t, dim]`."""

    def __init__(self, num_features: int, dim: int, num_blocks: int, expansion: int) -> None:
        super().__init__()
        self.project = nn.Conv1d(num_features, dim, kernel_size=3, padding=1)
        self.blocks = nn.ModuleList(
            ConvBlock(dim, kernel_size=7, dilation=3**index, expansion=expansion)
            for index in range(num_blocks)
        )

    def forward(self, features: Tensor) -> Tensor:
        """The reach doubles and more with each block: about 0.1 s, then 0.3 s, then 0.8 s at 94 frames a second."""
        x = self.project(features.transpose(1, 2)).transpose(1, 2)
        for block in self.blocks:
            x = block(x)
        return x


class CrossAttention(nn.Module):
    """Cross-attention from one source to another: queries from `x`, keys and values from `other`, both `[b, t, dim]`.

    Positions enter by rotating queries and keys (Su et al. 2021), so that only distances in time count and any length
    works. With a `stride` above 1 the other source is averaged over so many frames: context is slow, and fast details
    reach each frame in other ways. With a `reach` above 0, no frame sees further than that many frames.
    """

    def __init__(self, dim: int, num_heads: int, expansion: int, stride: int = 1, reach: int = 0) -> None:
        super().__init__()
        self.num_heads, self.stride, self.reach = num_heads, stride, reach
        self.norm_own, self.norm_other, self.norm_out = (
            nn.LayerNorm(dim),
            nn.LayerNorm(dim),
            nn.LayerNorm(dim),
        )
        self.query = nn.Linear(dim, dim)
        self.key_value = nn.Linear(dim, 2 * dim)
        self.out = nn.Linear(dim, dim)
        self.feed_forward = FeedForward(dim, expansion)

    def forward(self, x: Tensor, other: Tensor) -> Tensor:
        """Returns `x` plus what it attends to in `other`."""
        query = self._heads(self.query(self.norm_own(x)))
        other = _thinned(other, self.stride)
        key, value = map(self._heads, self.key_value(self.norm_other(other)).chunk(2, dim=-1))
        near = self._near(query, key) if self.reach else None
        heard = F.scaled_dot_product_attention(
            rotate(query), rotate(key, stride=self.stride), value, attn_mask=near
        )
        x = x + self.out(heard.transpose(1, 2).flatten(2))
        return x + self.feed_forward(self.norm_out(x))

    def _near(self, query: Tensor, key: Tensor) -> Tensor:
        """True for the other's frames within reach of each frame: `[t, t / stride]`."""
        frames = torch.arange(query.shape[-2], device=query.device)
        heard = frames_of(key, self.stride)
        # The nearest is always heard, so that no frame is left with nothing.
        return (frames[:, None] - heard).abs() <= max(self.reach, self.stride)

    def _heads(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], x.shape[1], self.num_heads, -1).transpose(1, 2)


def rotate(x: Tensor, *, stride: int = 1, base: float = 10_000.0) -> Tensor:
    """Rotates pairs of channels of `[b, heads, t, head_dim]` by an angle that grows with the frame's number.

    With a `stride` each stands for so many frames, and its number is that of their middle.
    """
    half = x.shape[-1] // 2
    frequencies = base ** (-torch.arange(half, device=x.device, dtype=torch.float32) / half)
    angles = frames_of(x, stride)[:, None] * frequencies
    cosine, sine = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x[..., :half], x[..., half:]
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], dim=-1)


def frames_of(x: Tensor, stride: int) -> Tensor:
    """The numbers of the frames of `[..., t, dim]`: of the middle ones where each stands for `stride` of them."""
    return torch.arange(x.shape[-2], device=x.device, dtype=torch.float32) * stride + (stride - 1) / 2


def _thinned(x: Tensor, stride: int) -> Tensor:
    """Means of `stride` frames of `[b, t, dim]`; the last one of those that are left."""
    if stride == 1:
        return x
    if torch.jit.is_tracing():
        # ONNX has no agreed meaning for windows that reach over the end: zeros are added, and counted out again.
        sums, counts = (
            F.avg_pool1d(F.pad(part.transpose(1, 2), (0, stride - 1)), stride)
            for part in (x, torch.ones_like(x[..., :1]))
        )
        return (sums / counts).transpose(1, 2)
    return F.avg_pool1d(x.transpose(1, 2), stride, stride, ceil_mode=True).transpose(1, 2)

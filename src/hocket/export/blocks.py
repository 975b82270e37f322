"""The agent's building blocks as graphs, all on `[b, t, dim]`: what `hocket.model.layers` computes."""

from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from onnx import TensorProto
from torch import Tensor, nn

from hocket.export.graph import Value
from hocket.model.agent import AgentConfig
from hocket.model.layers import ConvBlock, CrossAttention, FeedForward, FrameAnalyser

ROTATION_BASE = 10_000.0
"""The base of `hocket.model.layers.rotate`."""


def numbers(tensor: Tensor | None) -> np.ndarray:
    """A weight as an array."""
    assert tensor is not None
    return tensor.detach().cpu().float().numpy()


def one_axis(length: Value, axis: int) -> Value:
    """The shape of three axes of which one has a length that is known when the graph runs, and the others have 1."""
    ones = [length.graph.constant(np.array([1]))] * 3
    ones[axis] = length
    return length.graph.joined(ones, 0)


def linear(x: Value, layer: nn.Linear) -> Value:
    """A linear layer with a bias."""
    return x @ numbers(layer.weight.T) + numbers(layer.bias)


def norm(x: Value, layer: nn.LayerNorm) -> Value:
    """Layer normalisation over the last axis."""
    weights = numbers(layer.weight), numbers(layer.bias)
    return x.graph.op("LayerNormalization", x, *weights, axis=-1, epsilon=layer.eps)


def convolution(x: Value, layer: nn.Conv1d) -> Value:
    """A convolution along time that keeps its length."""
    (reach,) = cast(tuple[int], layer.padding)
    convolved = x.graph.op(
        "Conv",
        x.transposed(0, 2, 1),
        numbers(layer.weight),
        numbers(layer.bias),
        kernel_shape=layer.kernel_size,
        pads=(reach, reach),
        dilations=layer.dilation,
        group=layer.groups,
    )
    return convolved.transposed(0, 2, 1)


def feed_forward(x: Value, layer: FeedForward) -> Value:
    """Two linear layers with an exact GELU between."""
    return linear(x.graph.op("Gelu", linear(x, layer.up)), layer.down)


def analysis(features: Value, analyser: FrameAnalyser) -> Value:
    """Features `[b, t, k]` to states `[b, t, dim]`."""
    x = convolution(features, analyser.project)
    for block in analyser.blocks:
        assert isinstance(block, ConvBlock)
        x = x + feed_forward(norm(convolution(x, block.depthwise), block.norm), block.feed_forward)
    return x


class Timeline:
    """The frames of both sides of an attention: who listens has all of them, who is heard has means of `stride`."""

    def __init__(self, num_frames: Value, config: AgentConfig) -> None:
        """Takes the number of frames as an array of one."""
        self._num_heads, self._stride = config.num_heads, config.attention_stride
        self._head_dim = config.model_dim // config.num_heads
        graph = num_frames.graph
        runs = graph.op("Div", num_frames + np.array([self._stride - 1]), np.array([self._stride]))
        self._whole_runs = runs * np.array([self._stride])
        self.listening = self._rotation(num_frames, 1)
        self.heard = self.listening if self._stride == 1 else self._rotation(runs, self._stride)
        ones = graph.op("Expand", np.ones((1, 1, 1)), one_axis(num_frames, 1))
        self._shares = None if self._stride == 1 else self._summed(ones, 1).reciprocal()

    def thinned(self, x: Value) -> Value:
        """Means of `stride` frames of `[b, t, dim]`; the last one of those that are left."""
        if self._shares is None:
            return x
        return self._summed(x, self._num_heads * self._head_dim) * self._shares

    def _summed(self, x: Value, dim: int) -> Value:
        padded = x.graph.op("Pad", x, np.array([0, 0, 0, 0, self._stride - 1, 0]))
        whole = x.graph.op("Slice", padded, np.array([0]), self._whole_runs, np.array([1]))
        return whole.reshaped(0, -1, self._stride, dim).sum(2)

    def _rotation(self, count: Value, stride: int) -> "Rotation":
        """Angles made in the order in which `hocket.model.layers.rotate` makes them, so that they are equal."""
        half = self._head_dim // 2
        frequencies = ROTATION_BASE ** (-torch.arange(half, dtype=torch.float32) / half)
        graph = count.graph
        numbered = graph.op("Range", np.array(0), graph.op("Squeeze", count), np.array(1))
        frames = graph.op("Cast", numbered, to=TensorProto.FLOAT) * float(stride) + (stride - 1) / 2
        angles = frames.with_axis(1) * np.tile(numbers(frequencies), 2 * self._num_heads)
        return Rotation(graph.op("Cos", angles), graph.op("Sin", angles), self._num_heads)


@dataclass(frozen=True)
class Rotation:
    """Cosines and sines `[t, dim]` of the angles by which queries or keys of all heads are rotated."""

    cosine: Value
    sine: Value
    num_heads: int

    def of(self, x: Value, weight: Tensor, bias: Tensor) -> Value:
        """A linear layer's result, rotated: cosine times the result plus sine times the result a quarter turn on.

        The quarter turn is one of the weights, so that nothing is cut in halves and joined again in the graph.
        """
        plain = x @ numbers(weight.T) + numbers(bias)
        turned = [_quarter_turn(numbers_of, self.num_heads) for numbers_of in (weight, bias)]
        return plain * self.cosine + (x @ numbers(turned[0].T) + numbers(turned[1])) * self.sine


def cross_attention(x: Value, other: Value, layer: CrossAttention, timeline: Timeline) -> Value:
    """`x` with what it heard in `other`."""
    heads, dim = layer.num_heads, layer.out.in_features
    key_weight, value_weight = layer.key_value.weight.chunk(2)
    key_bias, value_bias = layer.key_value.bias.chunk(2)
    scale = (dim // heads) ** -0.5
    own, told = norm(x, layer.norm_own), norm(timeline.thinned(other), layer.norm_other)
    query = timeline.listening.of(own, layer.query.weight * scale, layer.query.bias * scale)
    key = timeline.heard.of(told, key_weight, key_bias)
    value = told @ numbers(value_weight.T) + numbers(value_bias)
    query, key, value = (part.reshaped(0, 0, heads, dim // heads) for part in (query, key, value))
    scores = query.transposed(0, 2, 1, 3) @ key.transposed(0, 2, 3, 1)
    heard = x.graph.op("Softmax", scores, axis=-1) @ value.transposed(0, 2, 1, 3)
    x = x + linear(heard.transposed(0, 2, 1, 3).reshaped(0, 0, dim), layer.out)
    return x + feed_forward(norm(x, layer.norm_out), layer.feed_forward)


def _quarter_turn(weight: Tensor, num_heads: int) -> Tensor:
    """Rows of each head as (-second half, first half)."""
    first, second = weight.unflatten(0, (num_heads, 2, -1)).unbind(dim=1)
    return torch.stack([-second, first], dim=1).flatten(0, 2)

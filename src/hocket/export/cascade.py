"""The whole model between its transforms as one ONNX graph: from what the sources hold at each place to the masks."""

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, ValueInfoProto, helper
from torch import nn

from hocket import __version__
from hocket.export.blocks import Timeline, analysis, cross_attention, linear, norm, numbers
from hocket.export.graph import Graph, Value
from hocket.export.planes import FRAMES, Describer, Desk, Planes, group_means, spread
from hocket.model.agent import CreativeAgent
from hocket.model.fusion import FusionModel
from hocket.model.layers import CrossAttention, FrameAnalyser
from hocket.model.weights import config_values, weights_hash
from hocket.signal.loudness import TARGET_RMS

OPSET, IR_VERSION = 20, 9
"""The first operator set with an exact GELU; of January 2024."""
INPUTS = ("input_power", "target_power", "shared")
OUTPUTS = ("input_mask", "target_mask", "levels", "tone")


def to_onnx(model: FusionModel, *, of_places: bool = False) -> ModelProto:
    """The model's cascade as ONNX; batch and frames are free, see docs/export.md for shapes and metadata.

    Takes and gives planes `[batch, frames, bins]`; `of_places` leaves it to the caller to take bins together as the
    codec's grouping has it: `[batch, frames, places]`.
    """
    graph = Graph()
    grouping = model.codec.grouping
    input, target, shared = (graph.input(name) for name in INPUTS)
    if not of_places:
        input, target, shared = (group_means(plane, grouping) for plane in (input, target, shared))
    planes = Planes(input, target, shared, numbers(grouping.sizes))
    of_input, of_target, levels, tone = _decided(model, planes)
    if not of_places:
        of_input, of_target, tone = (spread(plane, grouping) for plane in (of_input, of_target, tone))
    for result, name in zip((of_input, of_target, levels, tone.reshaped(0, -1)), OUTPUTS, strict=True):
        graph.output(result, name)
    inputs, outputs = _declared(len(grouping.sizes) if of_places else grouping.num_bins)
    proto = helper.make_model(
        helper.make_graph(graph.nodes, "hocket", inputs, outputs, initializer=graph.constants),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="hocket",
        producer_version=__version__,
    )
    helper.set_model_props(proto, metadata(model))
    onnx.checker.check_model(proto, full_check=True)
    return proto


def _declared(num_columns: int) -> list[list[ValueInfoProto]]:
    """Names, kinds and shapes of what goes in and of what comes out."""
    shapes: dict[str, list[str | int]] = {
        name: ["batch", "frames", num_columns] for name in (*INPUTS, *OUTPUTS)
    }
    shapes |= {"levels": ["batch", 2], "tone": ["batch", num_columns]}
    return [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shapes[name]) for name in names]
        for names in (INPUTS, OUTPUTS)
    ]


def metadata(model: FusionModel) -> dict[str, str]:
    """What a user of the file needs to know, as ONNX wants it: names and texts."""
    codec = model.config.codec
    facts: dict[str, Any] = {
        "version": __version__,
        "weights": weights_hash(model),
        "opset": OPSET,
        "sample_rate": codec.sample_rate,
        "fft_size": codec.fft_size,
        "hop": codec.hop,
        "window": "periodic Hann, frames centred on multiples of the hop, zeros beyond the ends, no scaling",
        "target_rms": TARGET_RMS,
        "model": json.dumps(config_values(model.config)),
    }
    return {name: str(value) for name, value in facts.items()}


def _decided(model: FusionModel, planes: Planes) -> tuple[Value, Value, Value, Value]:
    """The last stage's masks, levels and tone."""
    graph, cascade = planes.input.graph, model.cascade
    num_frames = graph.op("Shape", planes.input, start=FRAMES, end=FRAMES + 1)
    describer = Describer(graph, model.codec, num_frames)
    agents = [_agent(agent) for agent in cascade.agents]
    bands, pooling = numbers(agents[0].bands), numbers(agents[0]._pooling)
    desk = Desk(cascade, planes, pooling=pooling, bands=bands)
    timeline = Timeline(num_frames, model.config.agent)
    heard = [describer.planes(power) for power in (planes.input, planes.target)]
    pooled = [_pooled(source, pooling) for source in heard]
    share, gains = _decision(agents[0], heard, pooled, timeline)
    for agent in agents[1:]:
        masks = _masks(share, gains, bands, cascade.max_gain)
        levels, tone = desk.gains(masks)
        draft = describer.planes(planes.mixed(masks, (levels[0] * tone, levels[1] * tone)))
        change = _decision(agent, [*heard, draft], [*pooled, _pooled(draft, pooling)], timeline)
        share, gains = share + change[0], gains + change[1]
    masks = _masks(share, gains, bands, cascade.max_gain)
    levels, tone = desk.gains(masks)
    return *masks, graph.joined(levels, 1).reshaped(0, 2), tone


def _agent(module: nn.Module) -> CreativeAgent:
    assert isinstance(module, CreativeAgent)
    return module


def _pooled(planes: Sequence[Value], pooling: np.ndarray) -> Value:
    """Each plane's mean in each band, `[b, t, k]`."""
    return planes[0].graph.joined([plane @ pooling.T for plane in planes])


def _decision(
    agent: CreativeAgent, heard: Sequence[Sequence[Value]], pooled: Sequence[Value], timeline: Timeline
) -> tuple[Value, Value]:
    """An agent's share logits `[b, t, places]`, and both voices' gain logits in each band `[b, t, 2 n]`."""
    bands = numbers(agent.bands)
    num_bands = len(bands)
    states = _states(agent, pooled, timeline)
    context = norm(states[0].graph.joined(states), agent.norm)
    *weights, bias, gains = linear(context, agent.head).split(
        [num_bands] * (agent.num_weights + 1) + [2 * num_bands]
    )
    share = bias @ bands
    for weight, plane in zip(weights, (plane for source in heard for plane in source), strict=True):
        share = share + (weight @ bands) * plane
    return share, gains


def _states(agent: CreativeAgent, pooled: Sequence[Value], timeline: Timeline) -> list[Value]:
    """What each source is after it was analysed and has heard the next: `[b, t, dim]`."""
    states = []
    for analyser, source in zip(agent.analysers, pooled, strict=True):
        assert isinstance(analyser, FrameAnalyser)
        states.append(analysis(source, analyser))
    for layer in agent.attention:
        assert isinstance(layer, nn.ModuleList)
        others = [*states[1:], states[0]]
        listened = []
        for attend, state, other in zip(layer, states, others, strict=True):
            assert isinstance(attend, CrossAttention)
            listened.append(cross_attention(state, other, attend, timeline))
        states = listened
    return states


def _masks(share: Value, gains: Value, bands: np.ndarray, max_gain: float) -> tuple[Value, Value]:
    """Who has a place, times how loud that voice is in its band just now."""
    num_bands = len(bands)
    loud = (gains + -math.log(max_gain - 1.0)).sigmoid() * max_gain
    of_input, of_target = (part @ bands for part in loud.split([num_bands, num_bands]))
    owned = share.sigmoid()
    return of_input * owned, of_target * (1.0 - owned)

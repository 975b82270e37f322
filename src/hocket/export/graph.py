"""The model between its transforms as one ONNX graph, traced by PyTorch: from the sources' powers to the masks."""

import io
import json
import warnings
from typing import Any

import onnx
import torch
from onnx import ModelProto, helper
from torch import Tensor, nn

from hocket.model.band_powers import BandPowers
from hocket.model.fusion import FusionModel
from hocket.model.weights import config_values, weights_hash
from hocket.signal.loudness import TARGET_RMS
from hocket.version import __version__

OPSET = 20
"""The first operator set with an exact GELU; of January 2024."""
INPUTS = ("input_power", "target_power", "shared")
OUTPUTS = ("input_mask", "target_mask", "levels", "tone")
TRACED_FRAMES = 13


class Decisions(nn.Module):
    """The cascade with powers per latent channel going in, and the last stage's decisions coming out."""

    def __init__(self, model: FusionModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_power: Tensor, target_power: Tensor, shared: Tensor) -> tuple[Tensor, ...]:
        """Takes planes `[batch, frames, bins]`; returns both masks of that shape, levels and tone."""
        grouping = self.model.codec.grouping
        input, target, both = (grouping.means(plane) for plane in (input_power, target_power, shared))
        stage = self.model.cascade(BandPowers(input, target, both, grouping))[-1]
        masks = (mask.transpose(1, 2) for mask in (stage.masks.input, stage.masks.target))
        return *masks, stage.levels, stage.tone


def to_onnx(model: FusionModel) -> ModelProto:
    """Returns the model's cascade as ONNX; batch and frames are free. docs/export.md has shapes and metadata."""
    traced: Any = io.BytesIO()
    planes = torch.ones(3, 2, TRACED_FRAMES, model.codec.dim)
    torch.onnx.register_custom_op_symbolic("aten::sigmoid", _exact_sigmoid, OPSET)
    try:
        with warnings.catch_warnings():
            # The tracer warns of every Python number; that no length is fixed is tested with other lengths. The
            # newer exporter gives the same graph, but needs onnxscript and took eleven times as long (docs/log.md).
            warnings.simplefilter("ignore")
            torch.onnx.export(
                Decisions(model).eval(),
                tuple(planes),
                traced,
                dynamo=False,
                opset_version=OPSET,
                input_names=INPUTS,
                output_names=OUTPUTS,
                dynamic_axes={name: _free_axes(name) for name in (*INPUTS, *OUTPUTS)},
            )
    finally:
        torch.onnx.unregister_custom_op_symbolic("aten::sigmoid", OPSET)
    proto = onnx.load_from_string(traced.getvalue())
    proto.producer_name, proto.producer_version = "hocket", __version__
    helper.set_model_props(proto, metadata(model))
    onnx.checker.check_model(proto, full_check=True)
    return proto


def _free_axes(name: str) -> dict[int, str]:
    return {0: "batch"} if name in ("levels", "tone") else {0: "batch", 1: "frames"}


def _exact_sigmoid(graph: Any, x: Any) -> Any:
    """`1 / (1 + exp(-x))`, as exact near 0 as anywhere; onnxruntime's own Sigmoid is exact to 1e-7 absolutely."""
    one = graph.op("Constant", value_t=torch.tensor(1.0))
    return graph.op("Reciprocal", graph.op("Add", graph.op("Exp", graph.op("Neg", x)), one))


def metadata(model: FusionModel) -> dict[str, str]:
    """Returns what a user of the file needs to know, as ONNX wants it: names and texts."""
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

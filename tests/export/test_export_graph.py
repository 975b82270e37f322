"""Graphs compute what PyTorch computes, for models of every shape; whatever does not is not written."""

import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from hocket import __version__
from hocket.codec import SpectralConfig
from hocket.errors import HocketError
from hocket.export import checking, export_model, graph, require_onnx
from hocket.export.checking import TOLERANCE, Comparison, compare_planes, session_of
from hocket.export.graph import INPUTS, Decisions, to_onnx
from hocket.export.writing import write_model
from hocket.model import AgentConfig, CascadeConfig, CreativeAgent, FusionModel, ModelConfig
from hocket.model.band_powers import BandPowers
from hocket.model.weights import weights_hash
from hocket.onnx_runtime import onnxruntime

SMALL = ModelConfig(
    SpectralConfig(fft_size=512, hop=128), AgentConfig(model_dim=16, num_heads=2, num_bands=8, num_blocks=1)
)
SHAPES = {
    "two stages": SMALL,
    "one stage, masks alone": replace(
        SMALL,
        codec=replace(SMALL.codec, features=("level",)),
        agent=replace(SMALL.agent, num_attention_layers=2, num_heads=1, attention_stride=1),
        cascade=CascadeConfig(1, balance_levels=False, match_tone=False),
    ),
    "three stages, every bin a place": replace(
        SMALL,
        codec=SpectralConfig(
            16_000,
            256,
            64,
            transient_frames=5,
            tonal_bins=301,
            place_width=0.0,
            features=("tonal", "transient"),
        ),
        agent=replace(SMALL.agent, num_blocks=3, expansion=3, attention_stride=7, max_gain=1.5),
        cascade=CascadeConfig(3, match_tone=False),
    ),
    "what is held, heard nearby, levels with room": replace(
        SMALL,
        codec=replace(SMALL.codec, features=("level", "held", "chroma", "tonal"), held_frames=9),
        agent=replace(SMALL.agent, attention_reach=6),
        cascade=CascadeConfig(2, level_ratio=0.7, foreign_damping=0.8),
    ),
    "levels as they are": replace(SMALL, cascade=CascadeConfig(2, balance_levels=False)),
}


def decided(config: ModelConfig, seed: int = 0) -> FusionModel:
    """A model whose weights are random everywhere, biases and norms too."""
    torch.manual_seed(seed)
    model = FusionModel(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
        for agent in model.cascade.agents:
            assert isinstance(agent, CreativeAgent)
            agent.head.weight.add_(0.3 * torch.randn(agent.head.weight.shape))
    return model.eval()


def planes(dim: int, num_frames: int, *, batch: int = 1, seed: int = 0) -> list[torch.Tensor]:
    """Powers of two unlike examples and what they share."""
    generator = torch.Generator().manual_seed(seed)
    parts = torch.randn(2, batch, num_frames, dim, 2, generator=generator).exp()
    input, target = torch.view_as_complex(parts.contiguous())
    return [input.abs().square(), target.abs().square(), (input * target.conj()).real.contiguous()]


@pytest.mark.parametrize("config", SHAPES.values(), ids=SHAPES.keys())
def test_every_shape_of_model_at_every_length(config: ModelConfig) -> None:
    model = decided(config)
    session = session_of(to_onnx(model).SerializeToString())
    for num_frames, batch in ((1, 1), (3, 2), (16, 1), (301, 2)):
        given = planes(model.codec.dim, num_frames, batch=batch, seed=num_frames)
        found = compare_planes(model, session, f"{num_frames} frames", given)
        assert found.is_equal, found
        other = compare_planes(decided(config, seed=1), session, "other weights", given)
        assert other.masks > 100 * TOLERANCE, "the comparison must tell one model from another"


def test_angles_hold_over_long_times() -> None:
    model = decided(SMALL)
    session = session_of(to_onnx(model).SerializeToString())
    assert compare_planes(model, session, "long", planes(model.codec.dim, 3001)).is_equal


def test_small_masks_are_as_exact_as_large_ones() -> None:
    """Where one source is a billion times as loud as the other, the mask of the other is as small as that."""
    model = decided(SMALL)
    with torch.no_grad():
        for agent in model.cascade.agents:
            assert isinstance(agent, CreativeAgent)
            agent.head.weight.mul_(10.0)
    given = planes(model.codec.dim, 40)
    with torch.inference_mode():
        expected = Decisions(model)(*given)[0].numpy()
    session = session_of(to_onnx(model).SerializeToString())
    found = session.run(None, {name: plane.numpy() for name, plane in zip(INPUTS, given, strict=True)})[0]
    small = (expected > 0) & (expected < 1e-7)
    assert small.sum() > 100
    np.testing.assert_allclose(np.log(found[small]), np.log(expected[small]), atol=0.01)


def test_training_and_fusing_are_what_they_were_before_an_export() -> None:
    """Tracing takes other formulas, and puts one operator of torch's exporter in place of its own."""
    model = decided(SMALL)
    given = planes(model.codec.dim, 40)
    with torch.inference_mode():
        before = Decisions(model)(*given)
    first, second = to_onnx(model), to_onnx(model)
    assert first.SerializeToString() == second.SerializeToString()
    with torch.inference_mode():
        after = Decisions(model)(*given)
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))


def test_the_file_says_what_its_user_needs() -> None:
    model = decided(SMALL)
    proto = to_onnx(model)
    facts = {entry.key: entry.value for entry in proto.metadata_props}
    assert (facts["sample_rate"], facts["fft_size"], facts["hop"]) == ("24000", "512", "128")
    assert (facts["version"], facts["weights"]) == (__version__, weights_hash(model))
    assert float(facts["target_rms"]) == 0.1 and "Hann" in facts["window"]
    # Any engine can read it: no operator of onnxruntime's own.
    assert {node.domain for node in proto.graph.node} == {""}
    assert [(entry.domain, entry.version) for entry in proto.opset_import] == [("", int(facts["opset"]))]
    shape = [axis.dim_param or axis.dim_value for axis in proto.graph.input[0].type.tensor_type.shape.dim]
    assert shape == ["batch", "frames", 257]
    onnx.checker.check_model(proto, full_check=True)


def test_a_graph_that_differs_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, output = decided(SMALL), tmp_path / "model.onnx"
    output.write_bytes(b"older")
    other = to_onnx(decided(SMALL, seed=1))
    monkeypatch.setattr(graph, "to_onnx", lambda _: other)
    monkeypatch.setattr(checking, "musical_planes", lambda model: iter(()))
    with pytest.raises(
        HocketError, match=r"was not written, because onnxruntime .* disagree on random"
    ) as told:
        write_model(model, output)
    assert "\n" not in str(told.value)
    assert output.read_bytes() == b"older" and list(tmp_path.iterdir()) == [output]


def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checking, "musical_planes", lambda model: iter(()))
    monkeypatch.setattr("os.replace", full)
    with pytest.raises(HocketError, match=r"model\.onnx cannot be written \(No space left on device\)"):
        write_model(decided(SMALL), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_what_is_not_a_number_is_not_equal() -> None:
    assert Comparison("", 1, 0.0, TOLERANCE, 0.0).is_equal
    for broken in (math.nan, math.inf, 2 * TOLERANCE):
        assert not Comparison("", 1, broken, 0.0, 0.0).is_equal
        assert not Comparison("", 1, 0.0, 0.0, broken).is_equal


@pytest.mark.parametrize("name", ["onnx", "onnxruntime"])
def test_what_is_missing_is_named_with_its_cure(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(
        HocketError, match=rf"export needs {name} \(not installed\): run pip install 'hocket\[onnx\]'"
    ):
        export_model(tmp_path / "model.onnx")
    monkeypatch.undo()
    require_onnx()


def test_masks_make_the_output_that_pytorch_makes() -> None:
    """The whole way: what the file gives, laid over the latents, is the model's own latent."""
    model = decided(SMALL)
    generator = torch.Generator().manual_seed(5)
    audio = 0.1 * torch.randn(2, 1, 2, 12_345, generator=generator)
    with torch.inference_mode():
        result = model(*audio)
    bins = [result.input_latent, result.target_latent]
    given = [
        (first * second.conj()).real.mean(dim=1).transpose(1, 2).contiguous().numpy()
        for first, second in (bins[:1] * 2, bins[1:] * 2, bins)
    ]
    session = onnxruntime.InferenceSession(
        to_onnx(model).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    masks = session.run(None, dict(zip(INPUTS, given, strict=True)))
    levels, tone = masks[2], masks[3][0][:, None]
    shares = [levels[0, voice] * tone * masks[voice][0].T * bins[voice][0].numpy() for voice in (0, 1)]
    np.testing.assert_allclose(shares[0] + shares[1], result.refined[0].numpy(), atol=1e-4)
    assert isinstance(result.powers, BandPowers)

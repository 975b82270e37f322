"""Weights on disk: bit for bit, and refused with a sentence where they do not fit."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from fusion_samples import make_model, noise, save, sentence, stir
from hocket.errors import CheckpointError
from hocket.model import AgentConfig, FusionModel
from hocket.model.weights import (
    config_values,
    find_checkpoint,
    load_checkpoint,
    load_model,
    load_weights,
    model_tensors,
    save_checkpoint,
    weights_hash,
)


def test_weights_come_back_bit_for_bit(model: FusionModel, saved: Path) -> None:
    loaded, _ = load_model(saved)
    assert loaded.config == model.config and not loaded.training
    assert weights_hash(loaded) == weights_hash(model)
    for name, tensor in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor)
    input, target = noise(seed=1), noise(seed=2)
    with torch.no_grad():
        assert torch.equal(loaded(input, target).output, model(input, target).output)


def test_strange_numbers_come_back_too(tmp_path: Path) -> None:
    tensors = {
        "floats": torch.tensor([0.0, -0.0, 1e-45, 3.4e38, float("inf"), float("nan")]),
        "numbers": torch.tensor([2**62, -1]),
        "flags": torch.tensor([True, False]),
        "one": torch.tensor(3.5),
        "none": torch.zeros(0, 3),
        "turned": torch.arange(6.0).reshape(2, 3).T,
    }
    save_checkpoint(tmp_path / "x.safetensors", tensors, {})
    loaded, _ = load_checkpoint(tmp_path / "x.safetensors")
    assert loaded.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert loaded[name].dtype == tensor.dtype and loaded[name].shape == tensor.shape
        assert loaded[name].numpy().tobytes() == tensor.contiguous().numpy().tobytes()


def test_metadata_come_back_as_they_were(model: FusionModel, tmp_path: Path) -> None:
    facts = {"progress": {"step": 7, "best": 0.1, "names": ["ü", 'q"uote']}, "nothing": None, "loss": 1e-300}
    path = save(model, tmp_path / "x.safetensors", **facts)
    _, metadata = load_model(path)
    assert {name: metadata[name] for name in facts} == facts


def test_the_hash_tells_single_bits_apart(model: FusionModel) -> None:
    other = stir(make_model())
    assert weights_hash(other) == weights_hash(model)
    with torch.no_grad():
        bias = next(other.parameters()).view(-1)
        bias[0] = torch.nextafter(bias[0], bias[0] + 1)
    assert weights_hash(other) != weights_hash(model)


def test_weights_of_another_shape_are_refused_by_name(saved: Path) -> None:
    tensors, _ = load_checkpoint(saved)
    wider = make_model(agent=AgentConfig(model_dim=32, num_heads=2, num_bands=8, num_blocks=1))
    before = weights_hash(wider)
    with pytest.raises(CheckpointError, match=r"of shape .* where .* is expected"):
        load_weights(wider, tensors, saved)
    deeper = make_model(num_stages=3)
    with pytest.raises(CheckpointError, match=r"lacks weight cascade\.agents\.2"):
        load_weights(deeper, tensors, saved)
    shallower = make_model(num_stages=1)
    with pytest.raises(CheckpointError, match=r"has the unknown weight cascade\.agents\.1"):
        load_weights(shallower, tensors, saved)
    assert weights_hash(wider) == before


@pytest.mark.parametrize("change", ["lost", "added", "reshaped"])
def test_a_checkpoint_that_does_not_fit_its_own_configuration_is_refused(
    model: FusionModel, tmp_path: Path, change: str
) -> None:
    tensors = model_tensors(model)
    name = next(iter(tensors))
    if change == "lost":
        del tensors[name]
    elif change == "added":
        tensors["model.extra"] = torch.zeros(1)
    else:
        tensors[name] = tensors[name][:1].clone()
    path = tmp_path / "x.safetensors"
    save_checkpoint(path, tensors, {"model": config_values(model.config)})
    assert ("extra" if change == "added" else name.removeprefix("model.")) in sentence(path)


@pytest.mark.parametrize(
    "values",
    [
        None,
        [],
        {"codec": {}, "agent": {}},
        {"codec": {"sample_rate": 1}, "agent": {}, "cascade": {}},
        {"codec": {}, "agent": {"model_dim": "large"}, "cascade": {}},
        {"codec": {}, "agent": {"wings": 2}, "cascade": {}},
        {"codec": 3, "agent": {}, "cascade": {}},
    ],
)
def test_a_configuration_that_cannot_be_used_is_refused(
    model: FusionModel, tmp_path: Path, values: Any
) -> None:
    path = tmp_path / "x.safetensors"
    save_checkpoint(path, model_tensors(model), {"model": values})
    assert "configuration" in sentence(path)


@pytest.mark.parametrize(
    ("group", "field"), [("agent", "max_gain"), ("codec", "sample_rate"), ("cascade", "num_stages")]
)
def test_a_configuration_with_a_field_missing_is_refused(
    model: FusionModel, tmp_path: Path, group: str, field: str
) -> None:
    values = config_values(model.config)
    del values[group][field]
    path = tmp_path / "x.safetensors"
    save_checkpoint(path, model_tensors(model), {"model": values})
    assert field in sentence(path)


def test_a_checkpoint_is_found_by_the_names_people_give(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = saved.parent
    for name in (saved, run / "best", run, run / "best_model.pt", run / "best.pt"):
        assert find_checkpoint(name) == saved
    (run / "checkpoints").mkdir()
    for step in (9, 10, 100):
        (run / "checkpoints" / f"step-{step:08d}.safetensors").write_bytes(saved.read_bytes())
    assert find_checkpoint(run / "latest").name == "step-00000100.safetensors"
    with pytest.raises(CheckpointError, match="is not a checkpoint"):
        find_checkpoint(run / "bets")
    monkeypatch.chdir(run)
    assert find_checkpoint(Path("best")).samefile(saved)


@pytest.mark.parametrize("path", [".", "/"])
def test_the_folder_one_is_in_is_a_run_folder_too(
    saved: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.chdir(saved.parent)
    if path == ".":
        assert find_checkpoint(Path(path)).samefile(saved)
    else:
        with pytest.raises(CheckpointError):
            find_checkpoint(Path(path))


def test_the_header_is_readable_by_anyone(saved: Path, model: FusionModel) -> None:
    content = saved.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
    assert json.loads(header["model"]) == json.loads(json.dumps(config_values(model.config)))

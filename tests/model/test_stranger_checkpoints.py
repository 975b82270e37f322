"""Checkpoints from strangers: whatever they state, a sentence comes before anything large is made."""

import json
import os
import resource
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import save as to_bytes

from fusion_samples import make_model, stir
from hocket.codec import SpectralConfig
from hocket.errors import CheckpointError, ConfigError
from hocket.model import AgentConfig, CascadeConfig, FusionModel, ModelConfig
from hocket.model.weights import FORMAT, _digest, config_values, load_model, model_tensors, save_checkpoint

MEMORY = 3 * 2**30
"""Of addresses, most of which torch's libraries take."""


@pytest.fixture(scope="module")
def model() -> FusionModel:
    """A decided model."""
    return stir(make_model())


def sentence(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_model(path)
    said = str(caught.value)
    assert str(path) in said and "\n" not in said and said.endswith(".") and len(said) < 600, said
    return said


def with_fields(model: FusionModel, path: Path, **fields: Any) -> Path:
    """Its checkpoint with other values in its configuration, by group and name joined with two underscores."""
    values = config_values(model.config)
    for name, value in fields.items():
        group, _, field = name.partition("__")
        values[group][field] = value
    save_checkpoint(path, model_tensors(model), {"model": values})
    return path


def with_metadata(model: FusionModel, path: Path, /, **texts: str) -> Path:
    """Its checkpoint with metadata that are texts of any kind, and with the digest that fits them."""
    header = {"format": FORMAT, "model": json.dumps(config_values(model.config)), **texts}
    tensors = {name: tensor.contiguous() for name, tensor in model_tensors(model).items()}
    header["digest"] = _digest(tensors, header)
    path.write_bytes(to_bytes(tensors, header))
    return path


@pytest.mark.parametrize(
    "field",
    [
        "agent__model_dim",
        "agent__num_heads",
        "agent__num_bands",
        "agent__num_blocks",
        "agent__num_attention_layers",
        "agent__attention_stride",
        "agent__expansion",
        "agent__max_gain",
        "cascade__num_stages",
        "cascade__balance_levels",
        "codec__sample_rate",
        "codec__fft_size",
        "codec__hop",
        "codec__transient_frames",
        "codec__tonal_bins",
        "codec__place_width",
        "codec__features",
    ],
)
def test_every_field_of_a_configuration_is_bounded(model: FusionModel, tmp_path: Path, field: str) -> None:
    strange = [
        -1,
        1e9,
        10**12,
        10**4000,
        float("nan"),
        float("inf"),
        "8",
        None,
        [8],
        {"a": 1},
        [[]],
        ["level"] * 9,
    ]
    if not field.endswith(("max_gain", "place_width")):
        strange += [0, 8.0, 1.5]
    if not field.endswith("balance_levels"):
        strange += [False]
    for value in strange:
        said = sentence(with_fields(model, tmp_path / "x.safetensors", **{field: value}))
        assert field.partition("__")[2] in said, (value, said)


@pytest.mark.parametrize(
    "make",
    [
        lambda: AgentConfig(model_dim=38_400),
        lambda: AgentConfig(num_blocks=100_000),
        lambda: AgentConfig(model_dim=4096, num_heads=4, expansion=16),
        lambda: AgentConfig(num_heads=True),
        lambda: CascadeConfig(num_stages=1000),
        lambda: ModelConfig(codec=SpectralConfig(sample_rate=768_000)),
        lambda: ModelConfig(codec=SpectralConfig(fft_size=2**20, hop=2**18)),
        lambda: ModelConfig(codec=SpectralConfig(hop=1)),
        lambda: ModelConfig(codec=SpectralConfig(fft_size=64, hop=16, sample_rate=96_000)),
    ],
)
def test_sizes_are_bounded_where_they_are_stated(make: Any) -> None:
    with pytest.raises(ConfigError, match="give"):
        make()


@pytest.mark.parametrize(
    "text",
    ["", "{", "no JSON", "[" * 100_000, '{"a":' * 100_000, "1" * 5000, "NaN", "[]", '"x"', "null", "\ud7ff"],
    ids=lambda text: text[:8],
)
def test_metadata_of_any_kind_are_data(model: FusionModel, tmp_path: Path, text: str) -> None:
    sentence(with_metadata(model, tmp_path / "x.safetensors", model=text))


def test_metadata_beside_the_configuration_are_data_too(model: FusionModel, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    assert "not valid JSON" in sentence(with_metadata(model, path, progress="[" * 100_000))
    assert len(sentence(with_metadata(model, path, **{"k" * 5000 + "\n": "{"}))) < 600


def test_a_tensor_of_another_type_is_named_with_both(model: FusionModel, tmp_path: Path) -> None:
    tensors = model_tensors(model)
    name = next(iter(tensors))
    for kind in (torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.bool, torch.uint8):
        path = tmp_path / "x.safetensors"
        save_checkpoint(
            path, {**tensors, name: tensors[name].to(kind)}, {"model": config_values(model.config)}
        )
        said = sentence(path)
        assert name.removeprefix("model.") in said and "float32" in said and "type" in said
        assert str(kind).removeprefix("torch.") in said or kind in (torch.bool, torch.uint8)


@pytest.mark.parametrize("word", ["F8_E4M3", "F8_E8M0", "F4", "C64", "U64", "X9", "f32"])
def test_element_types_that_torch_may_not_know(model: FusionModel, tmp_path: Path, word: str) -> None:
    path = with_metadata(model, tmp_path / "x.safetensors")
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = content[8 : 8 + length].replace(b'"F32"', json.dumps(word).encode())
    path.write_bytes(struct.pack("<Q", len(header)) + header + content[8 + length :])
    sentence(path)


def forged(path: Path, header: dict[str, Any], *, num_bytes: int) -> Path:
    """A safetensors file with any header, and so many zeros that take no room on the disk."""
    text = json.dumps(header).encode()
    with path.open("wb") as handle:
        handle.write(struct.pack("<Q", len(text)) + text)
        handle.truncate(8 + len(text) + num_bytes)
    return path


def test_headers_that_claim_much_are_refused_before_it_is_made(model: FusionModel, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    facts = {"format": FORMAT, "model": json.dumps(config_values(model.config)), "digest": "0"}
    first = next(iter(model_tensors(model)))
    for shape in ([2**18, 2**10], [2**40, 2**40], [0, 10**15], [-1], [1.5], [2**28]):
        numbers = max(0, int(torch.tensor(shape, dtype=torch.float64).prod()))
        size = min(4 * numbers, 2**30)
        header = {"__metadata__": facts, first: {"dtype": "F32", "shape": shape, "data_offsets": [0, size]}}
        sentence(forged(path, header, num_bytes=size))
    header = {"__metadata__": facts}
    assert "too large for a checkpoint" in sentence(forged(path, header, num_bytes=2**40))
    assert "too large for a checkpoint" in sentence(forged(path, {"a": "b" * 2**25}, num_bytes=0))


def test_pipes_devices_and_folders_are_no_checkpoints(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.safetensors")
    (tmp_path / "zero.safetensors").symlink_to("/dev/zero")
    (tmp_path / "folder.safetensors").mkdir()
    for path in tmp_path.iterdir():
        sentence(path)


HOSTILE = {
    "wide": {"agent__model_dim": 38_400, "agent__num_heads": 8},
    "deep": {"agent__num_blocks": 100_000},
    "fast": {"codec__sample_rate": 10**9},
    "large": {"codec__fft_size": 2**22, "codec__hop": 2**20},
    "tall": {"cascade__num_stages": 10**6},
    "fractions": {"agent__model_dim": 16.0},
}


def test_the_verbs_refuse_them_in_a_sentence(model: FusionModel, tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav"):
        soundfile.write(tmp_path / name, 0.1 * np.random.default_rng(1).standard_normal(24_000), 24_000)
    (tmp_path / "pairs.csv").write_text("input,target\na.wav,b.wav\n")
    paths = [
        with_fields(model, tmp_path / f"{name}.safetensors", **fields) for name, fields in HOSTILE.items()
    ]
    paths.append(with_metadata(model, tmp_path / "nested.safetensors", model="[" * 100_000))
    # One child for all of them: what takes the time is loading torch.
    calls = [["fuse", "a.wav", "b.wav", "-o", "out.wav", "--checkpoint", str(path)] for path in paths]
    calls += [["export", str(path), "-o", "out.onnx"] for path in paths]
    calls += [["evaluate", "--pairs", "pairs.csv", "--checkpoint", str(path)] for path in paths[:2]]
    code = f"from hocket.cli import main\nprint([main(words) for words in {calls!r}])"

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=limit,
    )
    assert done.stdout.strip().endswith(str([2] * len(calls))), done.stderr
    assert done.stderr.count(": error: ") == len(calls) and "Traceback" not in done.stderr
    assert not [*tmp_path.glob("out*")]

"""Weights on disk: safetensors with the model's configuration inside, and nothing that could run code."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from hocket import __version__, files
from hocket.codec import SpectralConfig
from hocket.errors import CheckpointError, ConfigError
from hocket.model.agent import AgentConfig
from hocket.model.cascade import CascadeConfig
from hocket.model.fusion import FusionModel, ModelConfig

FORMAT = "hocket-checkpoint-1"
PREFIX = "model."
BEFORE = {"place_width": 0.0, "attention_stride": 1}
"""What was so in configurations that do not know these fields yet."""
CHECKPOINTS = "checkpoints"
"""The folder of a run that holds what it can be continued from."""


def save_checkpoint(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    """Writes tensors and JSON metadata to one file, whole or not at all.

    Raises:
        CheckpointError: the disk is full or the folder cannot be written to; an older file is still there.
    """
    header = {
        "format": FORMAT,
        "version": __version__,
        **{key: json.dumps(value) for key, value in metadata.items()},
    }
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    header["digest"] = _digest(plain, header)
    payload = to_bytes(plain, header)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckpointError(files.write_failure(path, error)) from error
    files.write_bytes(path, payload, failure=CheckpointError)


def load_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and metadata of a checkpoint file.

    Raises:
        CheckpointError: there is no such file, it is no checkpoint of this program, or it is damaged.
    """
    if not path.is_file():
        raise CheckpointError(f"{path} does not exist: give a checkpoint such as RUN/best.safetensors.")
    try:
        with safe_open(path, framework="pt") as archive:
            header = archive.metadata() or {}
            tensors = {name: archive.get_tensor(name) for name in archive.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is damaged or no checkpoint ({error}): give another one.") from error
    if header.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} is not a checkpoint of this program: give one that `hocket train` wrote."
        )
    if header.pop("digest", None) != _digest(tensors, header):
        raise CheckpointError(f"{path} is damaged (its digest does not fit its content): give another one.")
    metadata = {key: json.loads(text) for key, text in header.items() if key not in ("format", "version")}
    return tensors, {**metadata, "version": header.get("version")}


def default_weights() -> Path:
    """The weights that come with the program; beside them lie their provenance and their model card.

    Raises:
        CheckpointError: this installation lacks them.
    """
    path = Path(__file__).parents[1] / "weights" / "default.safetensors"
    if not path.is_file():
        raise CheckpointError(
            f"{path} is missing from this installation: install hocket again, or give --checkpoint."
        )
    return path


def newest_first(run: Path) -> list[Path]:
    """A run's checkpoints to continue from, the newest first."""
    return sorted((run / CHECKPOINTS).glob("step-*.safetensors"), reverse=True)


def find_checkpoint(path: Path) -> Path:
    """The file meant by a checkpoint's path: the file, the same without suffix, or a run folder's best or latest.

    Raises:
        CheckpointError: none of these exists.
    """
    candidates = [path, path / "best.safetensors"]
    if path.name:
        candidates.append(path.with_name(path.name + ".safetensors"))
    # Commands of the predecessor name PyTorch files; the run folder beside them holds ours.
    if path.suffix == ".pt":
        candidates.append(path.with_name(path.stem.removesuffix("_model") + ".safetensors"))
    if path.name == "latest":
        candidates += newest_first(path.parent)
    found = next((candidate for candidate in candidates if candidate.is_file()), None)
    if found is None:
        raise CheckpointError(
            f"{path} is no checkpoint: give RUN/best, RUN/latest or the run folder of `hocket train`."
        )
    return found


def model_tensors(model: FusionModel) -> dict[str, Tensor]:
    """The model's weights under the names that a checkpoint uses."""
    return {PREFIX + name: tensor for name, tensor in model.state_dict().items()}


def load_weights(model: FusionModel, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Puts a checkpoint's weights into a model of the same shape.

    Raises:
        CheckpointError: a weight is missing, unknown, or of another shape; the sentence names it.
    """
    own = model.state_dict()
    given = {name.removeprefix(PREFIX): tensor for name, tensor in tensors.items() if name.startswith(PREFIX)}
    for name in sorted(own.keys() | given.keys()):
        if name not in given or name not in own:
            where = "lacks" if name not in given else "has the unknown"
            raise CheckpointError(f"{path} {where} weight {name}: it belongs to a model of another shape.")
        if own[name].shape != given[name].shape:
            raise CheckpointError(
                f"{path} has {name} of shape {tuple(given[name].shape)} where {tuple(own[name].shape)} is asked for: "
                "it belongs to a model of another shape."
            )
    model.load_state_dict(given)


def load_model(path: str | Path | None = None) -> tuple[FusionModel, dict[str, Any]]:
    """The model of a checkpoint (None: the one that comes with the program), ready to fuse, and its metadata.

    Raises:
        CheckpointError: the file is missing, damaged, or its configuration and weights do not fit each other.
    """
    found = default_weights() if path is None else find_checkpoint(Path(path))
    tensors, metadata = load_checkpoint(found)
    model = FusionModel(model_config(metadata.get("model"), found))
    load_weights(model, tensors, found)
    return model.eval(), metadata


def model_config(values: Any, path: Path) -> ModelConfig:
    """The configuration inside a checkpoint.

    Raises:
        CheckpointError: it is missing, incomplete, or has fields that this version does not know.
    """
    kinds = {"codec": SpectralConfig, "agent": AgentConfig, "cascade": CascadeConfig}
    try:
        for group, kind in kinds.items():
            for field in fields(kind):
                # Not a default: what a checkpoint was trained with is not what is usual today.
                if field.name in BEFORE:
                    values[group].setdefault(field.name, BEFORE[field.name])
                values[group][field.name]
        return ModelConfig(**{group: kind(**values[group]) for group, kind in kinds.items()})
    except (TypeError, KeyError, AttributeError, ConfigError) as error:
        raise CheckpointError(
            f"{path} holds a model configuration that this version cannot use ({error})."
        ) from error


def config_values(config: ModelConfig) -> dict[str, Any]:
    """A model configuration as plain values."""
    return asdict(config)


def _digest(tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> str:
    """A word for all names, values and metadata: one turned bit gives another."""
    digest = hashlib.sha256(json.dumps(dict(sorted(header.items()))).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def weights_hash(model: torch.nn.Module) -> str:
    """A word that is equal for equal weights, bit for bit."""
    return _digest(model.state_dict(), {})[:16]

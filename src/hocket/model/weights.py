"""Weights on disk: safetensors with the model's configuration inside, and nothing that could run code."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from hocket import files
from hocket.codec import Codec, open_codec
from hocket.errors import CheckpointError, ConfigError
from hocket.files import open_regular, parse_json
from hocket.model.fusion import FusionModel
from hocket.runs import find_checkpoint
from hocket.settings import BEFORE, AgentConfig, CascadeConfig, ModelConfig, SpectralConfig
from hocket.version import __version__

FORMAT = "hocket-checkpoint-1"
PREFIX = "model."
CODEC_HASH = "codec_hash"
"""The entry of a checkpoint's metadata that holds its codec's fingerprint."""
MAX_CHECKPOINT_BYTES, MAX_HEADER_BYTES = 2**31, 2**24
"""Those of the default model take 4 MB, and 13 MB to continue from; their headers 40 kB."""
MAX_SHOWN = 200

Layout = dict[str, tuple[str, tuple[int, ...]]]
"""Element type and shape by name."""
T = TypeVar("T")

_TYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64"}


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
        CheckpointError: there is no such file, it is not a checkpoint of this program, or it is damaged.
    """
    with _opened(path) as (archive, header):
        return _tensors(archive, header, path), _metadata(header, path)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[safe_open, dict[str, str]]]:
    """A checkpoint file of which only the header has been read."""
    try:
        with open_regular(path, failure=CheckpointError) as handle:
            num_bytes = os.fstat(handle.fileno()).st_size
            header_bytes = int.from_bytes(handle.read(8), "little")
        if num_bytes > MAX_CHECKPOINT_BYTES or MAX_HEADER_BYTES < header_bytes <= num_bytes:
            raise CheckpointError(f"{path} is too large for a checkpoint: give another one.")
        with safe_open(path, framework="pt") as archive:
            header = archive.metadata() or {}
            if header.get("format") != FORMAT:
                raise CheckpointError(
                    f"{path} is not a Hocket checkpoint: give one that `hocket train` wrote."
                )
            yield archive, header
    # RuntimeError: torch cannot map the file; the others: element types that it does not know.
    except (SafetensorError, OSError, RuntimeError, AttributeError, KeyError) as error:
        raise CheckpointError(
            f"{path} is damaged or not a checkpoint ({_short(error)}): give another one."
        ) from error


def _tensors(archive: safe_open, header: Mapping[str, str], path: Path) -> dict[str, Tensor]:
    """All tensors, compared with the digest in the header."""
    tensors = {name: archive.get_tensor(name) for name in archive.keys()}  # noqa: SIM118
    rest = {key: text for key, text in header.items() if key != "digest"}
    if header.get("digest") != _digest(tensors, rest):
        raise CheckpointError(f"{path} is damaged (its checksum is wrong): give another one.")
    return tensors


def _metadata(header: Mapping[str, str], path: Path) -> dict[str, Any]:
    texts = {key: text for key, text in header.items() if key not in ("format", "version", "digest")}
    values = {
        key: parse_json(text, f"{path} ({_short(key)})", failure=CheckpointError)
        for key, text in texts.items()
    }
    return {**values, "version": header.get("version")}


def default_weights() -> Path:
    """The weights that come with the program; next to them lie their provenance and their model card.

    Raises:
        CheckpointError: this installation lacks them.
    """
    path = Path(__file__).parents[1] / "weights" / "default.safetensors"
    if not path.is_file():
        raise CheckpointError(
            f"{path} is missing from this installation: install hocket again, or give --checkpoint."
        )
    return path


def model_tensors(model: FusionModel) -> dict[str, Tensor]:
    """The model's weights under the names that a checkpoint uses."""
    return {PREFIX + name: tensor for name, tensor in model.state_dict().items()}


def load_weights(
    model: torch.nn.Module, tensors: Mapping[str, Tensor], path: Path, *, prefix: str = PREFIX
) -> None:
    """Puts a checkpoint's weights, those whose names begin with `prefix`, into a model of the same shape.

    Raises:
        CheckpointError: a weight is missing, unknown, or of another shape or type; the sentence names it.
    """
    given = without_prefix(tensors, prefix)
    require_same_layout(layout(model.state_dict()), layout(given), path)
    model.load_state_dict(given)


def layout(tensors: Mapping[str, Tensor]) -> Layout:
    """Element type and shape of each tensor."""
    return {
        name: (str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape))
        for name, tensor in tensors.items()
    }


def require_same_layout(own: Layout, given: Layout, path: Path) -> None:
    """Compares what a checkpoint holds with what it has to hold.

    Raises:
        CheckpointError: a weight is missing, unknown, or of another shape or type; the sentence names it.
    """
    for name in sorted(own.keys() | given.keys()):
        if name not in given or name not in own:
            where = "lacks" if name not in given else "has the unknown"
            raise CheckpointError(
                f"{path} {where} weight {_short(name)}: it belongs to a model of another shape."
            )
        for word, wanted, found in zip(("type", "shape"), own[name], given[name], strict=True):
            if wanted != found:
                raise CheckpointError(
                    f"{path} has {name} of {word} {_short(found)} where {wanted} is expected: it belongs to "
                    f"a model of another {word}."
                )


def without_prefix(named: Mapping[str, T], prefix: str) -> dict[str, T]:
    """Selects entries whose names begin with `prefix`, by the rest of their names."""
    return {name.removeprefix(prefix): value for name, value in named.items() if name.startswith(prefix)}


def load_model(path: str | Path | None = None) -> tuple[FusionModel, dict[str, Any]]:
    """The model of a checkpoint (None: the one that comes with the program), ready to fuse, and its metadata.

    Raises:
        CheckpointError: the file is missing, damaged, or its configuration and weights do not fit each other.
    """
    found = default_weights() if path is None else find_checkpoint(Path(path))
    with _opened(found) as (archive, header):
        metadata = _metadata(header, found)
        config = model_config(metadata.get("model"), found)
        codec = _codec_of(config, metadata, found)
        # Shapes only: nothing is allocated before the file is known to hold them.
        with torch.device("meta"):
            model = FusionModel(config, codec)
        given = {
            name: (_TYPES.get(part.get_dtype(), part.get_dtype()), tuple(part.get_shape()))
            for name, part in ((name, archive.get_slice(name)) for name in archive.keys())  # noqa: SIM118
        }
        require_same_layout(layout(model.state_dict()), without_prefix(given, PREFIX), found)
        weights = without_prefix(_tensors(archive, header, found), PREFIX)
        # Copies, as what is read lies in the file.
        model.load_state_dict({name: tensor.clone() for name, tensor in weights.items()}, assign=True)
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
            f"{path} holds a model configuration that this version cannot use ({_short(error)})."
        ) from error


def _codec_of(config: ModelConfig, metadata: Mapping[str, Any], path: Path) -> Codec:
    """The codec that a checkpoint was trained with; a folder of weights may also lie beside it under its own name.

    Raises:
        CheckpointError: its weights are not there, or are others.
    """
    weights = Path(config.codec.codec_weights)
    beside = path.parent / weights.name
    if config.codec.codec_weights and not weights.is_dir() and beside.is_dir():
        config = replace(config, codec=replace(config.codec, codec_weights=str(beside)))
    try:
        codec = open_codec(config.codec)
    except ConfigError as error:
        raise CheckpointError(f"{path} cannot be used here, because {error}") from error
    require_same_codec(codec, metadata, path)
    return codec


def require_same_codec(codec: Codec, metadata: Mapping[str, Any], path: Path) -> None:
    """Compares the weights of a codec with those that a checkpoint was trained on.

    Raises:
        CheckpointError: they are others.
    """
    if metadata.get(CODEC_HASH, "") != codec.fingerprint:
        raise CheckpointError(
            f"{path} was trained on other weights of the codec {codec.config.codec} than those in "
            f"{codec.config.codec_weights}: give the same."
        )


def _short(text: object) -> str:
    """An error's text on one line, as it may come from a stranger's file."""
    line = " ".join(str(text).split())
    return line if len(line) <= MAX_SHOWN else f"{line[:MAX_SHOWN]}…"


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

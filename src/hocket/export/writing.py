"""From a checkpoint to an ONNX file: made, checked, and only then written."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from hocket import files, outputs
from hocket.errors import HocketError
from hocket.model import FusionModel, load_model

if TYPE_CHECKING:
    from hocket.export.checking import Comparison

SUFFIX = ".onnx"


@dataclass(frozen=True)
class Exported:
    """Record of an export: the file, what it says of itself, and how it compared with PyTorch."""

    path: Path
    num_bytes: int
    metadata: dict[str, str]
    comparisons: list["Comparison"]


def require_onnx() -> None:
    """Raises HocketError, with the command that installs them, where onnx or onnxruntime is missing."""
    for name in ("onnx", "onnxruntime"):
        try:
            found = find_spec(name) is not None
        except ValueError:  # what find_spec says of a module that was set to None
            found = False
        if not found:
            raise HocketError(f"export needs {name} (not installed): run pip install 'hocket[onnx]'")


def export_model(output: Path, checkpoint: Path | None = None) -> Exported:
    """Writes the model of a checkpoint (None: the one that comes with the program) as ONNX.

    Raises:
        CheckpointError: the checkpoint is missing or damaged.
        HocketError: onnx is missing, the file cannot be written, or the graph does not compute what PyTorch does; then
            nothing is written, and an older file is still there.
    """
    require_onnx()
    require_place(output)
    model, _ = load_model(checkpoint)
    return write_model(model, output)


def write_model(model: FusionModel, output: Path) -> Exported:
    """Writes a model that is loaded already; see `export`."""
    if model.codec.fixed_rate is not None:
        raise HocketError(
            f"ONNX holds models of the spectral codec only, and this one is trained on latents of "
            f"{model.codec.config.codec}, which its decoder is needed for: fuse with `hocket fuse`."
        )
    # Not above: this module must be there, to say what is missing, where onnx is not.
    from hocket.export.checking import compare, require_equal
    from hocket.export.graph import metadata, to_onnx

    payload = to_onnx(model).SerializeToString()
    comparisons = compare(model, payload)
    require_equal(comparisons, output)
    files.write_bytes(output, payload, failure=HocketError)
    return Exported(output, len(payload), metadata(model), comparisons)


def require_place(output: Path) -> None:
    """Raises HocketError, one sentence, where a model of this name could not be written."""
    if output.suffix.lower() != SUFFIX:
        raise HocketError(f"{output} does not end in {SUFFIX}: use a name such as model{SUFFIX}.")
    outputs.require_place(output, failure=HocketError)

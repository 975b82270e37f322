"""Models of a hub by name: `hub:OWNER/NAME` or `hub:OWNER/NAME@REVISION`, fetched once into the hub's own cache."""

from functools import cache
from pathlib import Path
from typing import Any

from hocket.errors import CheckpointError
from hocket.files import parse_json, read_bytes
from hocket.version import __version__

PREFIX = "hub:"
WEIGHTS, CONFIG = "model.safetensors", "config.json"
MODEL_TYPE = "hocket"
MAX_CONFIG_BYTES = 2**20


@cache
def fetch_weights(name: str) -> Path:
    """The file of a repository's weights; other files of it than these and their configuration are not fetched.

    Raises:
        CheckpointError: huggingface_hub or the network is missing, or the repository is none of Hocket's.
    """
    try:
        from huggingface_hub import errors, hf_hub_download
    except ImportError as error:
        raise CheckpointError(
            f"{name} needs huggingface_hub (not installed): run pip install 'hocket[hub]'."
        ) from error
    repository, _, revision = name.removeprefix(PREFIX).partition("@")
    whose: dict[str, Any] = {"library_name": MODEL_TYPE, "library_version": __version__}
    no_model = "is not a Hocket model: give a repository that was made by 'hocket export --hub-folder'"
    # Narrow ones first: some of these are kinds of others.
    faults: dict[type[Exception], str] = {
        errors.HFValidationError: "is not the name of a repository: give hub:OWNER/NAME",
        errors.LocalEntryNotFoundError: "cannot be reached, and no copy is in the cache: check the network",
        errors.RevisionNotFoundError: "has no such revision: check what follows the @",
        errors.RepositoryNotFoundError: "does not exist, or is private: check the name, or use 'hf auth login'",
        errors.EntryNotFoundError: no_model,
    }
    try:
        # The small file first, so that a stranger's gigabytes are not fetched in vain.
        config = Path(hf_hub_download(repository, CONFIG, revision=revision or None, **whose))
        content = read_bytes(config, max_bytes=MAX_CONFIG_BYTES, failure=CheckpointError)
        values = parse_json(content, name, failure=CheckpointError)
        if not isinstance(values, dict) or values.get("model_type") != MODEL_TYPE:
            raise CheckpointError(f"{name} {no_model}.")
        return Path(hf_hub_download(repository, WEIGHTS, revision=revision or None, **whose))
    except CheckpointError:
        raise
    # Beside its own errors it lets through those of whatever it speaks HTTP with.
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        known = (sentence for kind, sentence in faults.items() if isinstance(error, kind))
        otherwise = f"cannot be fetched ({reason}): check the network, and try again"
        raise CheckpointError(f"{name} {next(known, otherwise)}.") from error

"""The state of every library's random generator, as tensors that a checkpoint can hold."""

import random

import numpy as np
import torch
from torch import Tensor

# Python's and NumPy's own generators are the Mersenne Twister: 624 words and a place among them, and a number left
# over from drawing normal ones in pairs (NaN where there is none).
_LEFT_OVER = np.dtype(np.float64)


def seed_generators(seed: int) -> None:
    """Starts every library's generator from a seed."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    torch.manual_seed(seed)


def generator_states(device: torch.device) -> dict[str, Tensor]:
    """One tensor of bytes for each library, of the same size in every process."""
    _, words, gauss = random.getstate()
    python = np.array(words, dtype=np.uint32).tobytes() + _packed(gauss)
    legacy = np.random.get_state(legacy=False)  # noqa: NPY002  (libraries that still use it are why it is kept)
    inner = legacy["state"]
    numpy = np.append(inner["key"], inner["pos"]).astype(np.uint32).tobytes()
    numpy += _packed(legacy["gauss"] if legacy["has_gauss"] else None)
    states = {"torch": torch.get_rng_state(), "python": _bytes(python), "numpy": _bytes(numpy)}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def restore_generators(states: dict[str, Tensor], device: torch.device) -> None:
    """Takes up what `generator_states` gave; a GPU's is left alone where the checkpoint comes from a CPU.

    Raises:
        KeyError: a library's state is missing.
        ValueError: a state has another size, or a place outside its words.
    """
    words, gauss = _unpacked(states["python"])
    random.setstate((3, tuple(int(word) for word in words), gauss))
    words, gauss = _unpacked(states["numpy"])
    if words[-1] >= len(words):
        # NumPy itself would read beyond its table.
        raise ValueError(f"a generator's state has the place {words[-1]} of {len(words) - 1}")
    np.random.set_state(  # noqa: NPY002
        {
            "bit_generator": "MT19937",
            "state": {"key": words[:-1], "pos": int(words[-1])},
            "has_gauss": int(gauss is not None),
            "gauss": 0.0 if gauss is None else gauss,
        }
    )
    torch.set_rng_state(states["torch"])
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)


def _packed(gauss: float | None) -> bytes:
    return np.array([np.nan if gauss is None else gauss], dtype=_LEFT_OVER).tobytes()


def _unpacked(state: Tensor) -> tuple[np.ndarray, float | None]:
    content = state.numpy().tobytes()
    gauss = float(np.frombuffer(content[-_LEFT_OVER.itemsize :], dtype=_LEFT_OVER)[0])
    return np.frombuffer(content[: -_LEFT_OVER.itemsize], dtype=np.uint32), None if np.isnan(gauss) else gauss


def _bytes(content: bytes) -> Tensor:
    return torch.frombuffer(bytearray(content), dtype=torch.uint8)

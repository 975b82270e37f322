"""Names of the devices that compute, the same for every verb; torch is loaded when one is chosen."""

import os
import re
from typing import TYPE_CHECKING

from hocket.errors import ConfigError

if TYPE_CHECKING:
    import torch

NAMES = "auto, cpu, cuda, cuda:N, mps"
HELP = "where to compute: auto (CUDA if there is one, else cpu), cpu, cuda, cuda:N or mps (Apple)"
MPS_NOTE = "note: what PyTorch cannot compute on mps is computed on the CPU; mps has not been measured yet"
OUT_OF_MEMORY = re.compile(r"out of memory|can't allocate memory|not enough memory", re.IGNORECASE)


def allow_fallback() -> None:
    """Lets the CPU compute what Apple's GPUs cannot; counts only before torch is loaded."""
    os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")


def parse_device(name: str) -> str:
    """Returns a name that is one of a device's, whether this machine has it or not.

    Raises:
        ConfigError: it is none.
    """
    if not re.fullmatch(r"auto|cpu|mps|cuda(:[0-9]{1,3})?", name):
        raise ConfigError(f"device is {name!r}: give one of {NAMES}")
    return name


def choose(name: str) -> "torch.device":
    """The device of a name; `auto` is CUDA where it is there, else the CPU, as nobody has measured Apple's GPUs yet.

    Raises:
        ConfigError: this machine has no such device.
    """
    import torch

    kind, _, index = parse_device(name).partition(":")
    if kind == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise ConfigError("device is mps, but no GPU of Apple's is visible here: use --device auto or cpu.")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if kind == "cuda" and int(index or 0) >= count:
        visible = f"only cuda:0 to cuda:{count - 1} are" if count else "no CUDA device is"
        raise ConfigError(f"device is {name}, but {visible} visible here: use --device auto or cpu.")
    return torch.device(name)


def is_out_of_memory(error: Exception) -> bool:
    """Tells whether torch failed for want of memory, on any device."""
    return isinstance(error, RuntimeError) and OUT_OF_MEMORY.search(str(error)) is not None

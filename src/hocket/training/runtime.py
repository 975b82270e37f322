"""Where training runs: device, precision, threads."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch

from hocket.errors import ConfigError
from hocket.training.config import TrainingConfig


@dataclass(frozen=True)
class Runtime:
    """The device, and the precision of the model's forward pass; losses are always computed in float32."""

    device: torch.device
    use_bf16: bool

    def autocast(self) -> AbstractContextManager[object]:
        """Mixed precision for matrix products and convolutions, where asked for."""
        if not self.use_bf16:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    @property
    def name(self) -> str:
        """The device in words, for logs."""
        if self.device.type == "cuda":
            return torch.cuda.get_device_name(self.device)
        num_threads = torch.get_num_threads()
        return f"CPU, {num_threads} thread{'s' * (num_threads != 1)}"


def start(config: TrainingConfig) -> Runtime:
    """The runtime for this machine and configuration.

    Raises:
        ConfigError: CUDA is asked for where there is none.
    """
    if config.device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device is cuda, but no CUDA device is visible here: use --device auto or cpu")
    if config.num_threads:
        torch.set_num_threads(config.num_threads)
    on_gpu = config.device != "cpu" and torch.cuda.is_available()
    return Runtime(torch.device("cuda" if on_gpu else "cpu"), config.precision == "bf16")

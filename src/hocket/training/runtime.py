"""Where training runs: device, precision, threads, and how many processes share it."""

import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import torch

from hocket.errors import ConfigError
from hocket.training.config import TrainingConfig
from hocket.training.distributed import Processes, find_place


@dataclass(frozen=True)
class Runtime:
    """The device, the processes, and the precision of the model's forward pass; losses are always in float32."""

    device: torch.device
    use_bf16: bool
    processes: Processes = field(default_factory=Processes)

    def autocast(self) -> AbstractContextManager[object]:
        """Mixed precision for matrix products and convolutions, where asked for."""
        if not self.use_bf16:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    @property
    def name(self) -> str:
        """The device in words, for logs."""
        several = f"{self.processes.size} processes, each " if self.processes.size > 1 else ""
        if self.device.type == "cuda":
            return several + torch.cuda.get_device_name(self.device)
        num_threads = torch.get_num_threads()
        return f"{several}CPU, {num_threads} thread{'s' * (num_threads != 1)}"


def start(config: TrainingConfig) -> Runtime:
    """The runtime for this machine and configuration; meets the other processes where torchrun or srun started some.

    Raises:
        ConfigError: CUDA is asked for where there is none.
        HocketError: the other processes did not come.
    """
    if config.device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device is cuda, but no CUDA device is visible here: use --device auto or cpu")
    place = find_place(os.environ)
    on_gpu = config.device != "cpu" and torch.cuda.is_available()
    if config.num_threads:
        torch.set_num_threads(config.num_threads)
    elif "OMP_NUM_THREADS" not in os.environ:
        # A second thread made a step slower, also on a core of its own; cores are better given to more processes.
        torch.set_num_threads(1)
    device = torch.device("cpu")
    if on_gpu:
        if 1 < torch.cuda.device_count() < place.local_size:
            raise ConfigError(
                f"{place.local_size} processes on this machine cannot share {torch.cuda.device_count()} GPUs: "
                "start one for each."
            )
        # SLURM may show each task its own GPU only, or all of them.
        device = torch.device("cuda", place.local_rank % torch.cuda.device_count())
        torch.cuda.set_device(device)
    return Runtime(device, config.precision == "bf16", Processes.join(place, on_gpu=on_gpu))

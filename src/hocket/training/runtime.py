"""Runtime of a training: device, precision, threads, and the processes that train one model together.

The processes are PyTorch's own process groups. Gradients are averaged in one flattened all-reduce after the backward
passes instead of in hooks of a wrapper around the model: a million parameters take no time to send, the adversary's two
networks may be used in any order and in part, and a gradient that is not finite in one process is not finite in all of
them, so all skip the same step.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd.function import FunctionCtx

from hocket.devices import choose
from hocket.errors import ConfigError, HocketError, ToldElsewhereError
from hocket.settings import TrainingConfig

TIMEOUT = timedelta(minutes=10)
PATIENCE = timedelta(days=2)
"""For one process that works alone for long; the end of a process is noticed at once, however long this is."""
DEFAULT_PORT = 29_500
WORKER_DIED = "DataLoader worker"
"""In what torch raises, in whatever the main thread does just then, when a process that reads music has died."""


@dataclass(frozen=True)
class Rank:
    """Number of this process among all, and among those on this machine."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1


def find_rank(environment: Mapping[str, str]) -> Rank:
    """The rank that torchrun or srun gave this process; without either it is alone.

    A batch script's own Python is not a task of srun's: it has SLURM's variables without a step, and is alone as well.

    Raises:
        ConfigError: the variables of torchrun are there in part.
    """
    if "RANK" in environment and "WORLD_SIZE" in environment:
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    elif "SLURM_STEP_ID" in environment and int(environment.get("SLURM_STEP_NUM_TASKS", "1")) > 1:
        names = ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "SLURM_NTASKS_PER_NODE")
    else:
        return Rank()
    rank, size = (_number(environment, name) for name in names[:2])
    local_rank = _number(environment, names[2]) if names[2] in environment else rank
    local_size = _number(environment, names[3]) if names[3] in environment else size
    return Rank(rank, size, local_rank, min(local_size, size))


def _number(environment: Mapping[str, str], name: str) -> int:
    try:
        return int(environment[name])
    except (KeyError, ValueError) as error:
        raise ConfigError(
            f"the variable {name} is {environment.get(name)!r}: start with torchrun or srun, which set it."
        ) from error


class Processes:
    """The group; alone, every verb is the identity, so that one process runs the very same code."""

    def __init__(self, rank: Rank | None = None) -> None:
        rank = rank or Rank()
        self.rank, self.size = rank.rank, rank.size

    @classmethod
    def join(cls, rank: Rank, *, on_gpu: bool) -> "Processes":
        """Connects to the other processes, with NCCL between GPUs, and gloo between CPUs or on one GPU.

        Raises:
            ConfigError: nobody said where they meet.
            HocketError: the others did not come in time.
        """
        if rank.size > 1 and not dist.is_initialized():
            _set_meeting_point(os.environ)
            with _contact("the processes of this run did not find each other"):
                # Small values travel as CPU tensors whatever the model runs on.
                dist.init_process_group(
                    "cpu:gloo,cuda:nccl" if on_gpu else "gloo",
                    rank=rank.rank,
                    world_size=rank.size,
                    timeout=TIMEOUT,
                )
        return cls(rank)

    @property
    def is_first(self) -> bool:
        """True in the process that writes files and prints."""
        return self.rank == 0

    def add_up(self, values: Tensor) -> Tensor:
        """The sum over all processes, with the gradient that belongs to it."""
        return _Sum.apply(values) if self.size > 1 else values

    @torch.no_grad()
    def average(self, tensors: Sequence[Tensor]) -> None:
        """Replaces each tensor by its mean over all processes, in one exchange."""
        if self.size == 1 or not tensors:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        with _contact():
            dist.all_reduce(flat)
        flat /= self.size
        for tensor, mean in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(mean.view_as(tensor))

    def average_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replaces the gradients by their means; a parameter that nothing reached here counts as zero."""
        if self.size == 1:
            return
        gradients = []
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            gradients.append(parameter.grad)
        self.average(gradients)

    def largest(self, value: int) -> int:
        """The largest of all processes' values."""
        if self.size == 1:
            return value
        shared = torch.tensor(value)
        with _contact():
            dist.all_reduce(shared, dist.ReduceOp.MAX)
        return int(shared)

    def all_gather(self, values: Tensor) -> list[Tensor]:
        """The tensors of all processes, of one shape, in order of rank, on the CPU."""
        values = values.detach().cpu()
        if self.size == 1:
            return [values]
        gathered = [torch.empty_like(values) for _ in range(self.size)]
        with _contact():
            dist.all_gather(gathered, values)
        return gathered

    def all_gather_object(self, value: Any) -> list[Any]:
        """The values of all processes, in order of rank; anything that JSON can hold."""
        if self.size == 1:
            return [value]
        content = torch.frombuffer(bytearray(json.dumps(value).encode()), dtype=torch.uint8)
        lengths = [int(length) for length in self.all_gather(torch.tensor(len(content)))]
        padded = torch.zeros(max(lengths), dtype=torch.uint8)
        padded[: len(content)] = content
        return [
            json.loads(bytes(part[:length].tolist()))
            for part, length in zip(self.all_gather(padded), lengths, strict=True)
        ]

    def on_rank_zero(self, action: Callable[[], Any], *, patient: bool = False) -> Any:
        """Runs `action` in the first process alone, and gives its result in all of them (as JSON holds it).

        With `patient` the others wait for hours, else for minutes.

        Raises:
            HocketError: as the action does; in the other processes a `ToldElsewhereError`.
        """
        value, failure, group = None, None, None
        if patient and self.size > 1:
            with _contact():
                group = dist.new_group(backend="gloo", timeout=PATIENCE)
        if self.is_first:
            try:
                value = action()
            except HocketError as error:
                failure = error
        if group is not None:
            with _contact():
                dist.barrier(group)
        told, message = self.all_gather_object([value, str(failure) if failure else None])[0]
        if failure is not None:
            raise failure
        if message is not None:
            raise ToldElsewhereError(message)
        return told

    def require_equal(self, value: str, what: str) -> None:
        """Raises HocketError where `value` is not the same in all processes; `what` names it."""
        everyone = self.all_gather_object(value)
        for rank, other in enumerate(everyone):
            if other != everyone[0]:
                raise HocketError(
                    f"process {rank} has different {what} than process 0: let all of them see the same files."
                )

    def wait(self) -> None:
        """Waits until all processes are here."""
        if self.size > 1:
            with _contact():
                dist.barrier()

    def leave(self) -> None:
        """Ends the group."""
        if self.size > 1 and dist.is_initialized():
            dist.destroy_process_group()


class _Sum(torch.autograd.Function):
    """All-reduce in both directions: every process's copy of the sum hands its gradient to every summand."""

    @staticmethod
    def forward(_: FunctionCtx, values: Tensor) -> Tensor:
        total = values.detach().clone()
        with _contact():
            dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_: FunctionCtx, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous().clone()
        with _contact():
            dist.all_reduce(total)
        return total


def _set_meeting_point(environment: Any) -> None:
    """Fills in what torchrun sets and srun does not, where it can be known."""
    if "MASTER_ADDR" not in environment:
        if int(environment.get("SLURM_STEP_NUM_NODES", "1")) > 1:
            raise ConfigError(
                "MASTER_ADDR is not set: export the first node's name before srun, as slurm/train.sbatch does."
            )
        environment["MASTER_ADDR"] = "127.0.0.1"
    # Two jobs on one node must not meet each other.
    job = int(environment.get("SLURM_JOB_ID", "0"))
    environment.setdefault("MASTER_PORT", str(DEFAULT_PORT + job % 10_000))


@contextmanager
def _contact(what: str = "this process lost contact with the others of this run") -> Iterator[None]:
    """Turns failures of torch.distributed into a sentence, because another process knows the cause."""
    try:
        yield
    except RuntimeError as error:
        if WORKER_DIED in str(error):
            raise
        reason = str(error).splitlines()[0][:200]
        raise HocketError(
            f"{what} ({reason}): see their messages, then run the same command again to continue "
            "from the last checkpoint."
        ) from error


@dataclass(frozen=True)
class Runtime:
    """The device, the processes, and the precision of the model's forward pass; losses are always in float32."""

    device: torch.device
    use_bf16: bool
    processes: Processes = field(default_factory=Processes)

    def autocast(self) -> AbstractContextManager[object]:
        """Mixed precision for matrix products and convolutions, if requested."""
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
        ConfigError: this machine has no such device.
        HocketError: the other processes did not come.
    """
    rank, device = find_rank(os.environ), choose(config.device)
    if config.num_threads:
        torch.set_num_threads(config.num_threads)
    elif "OMP_NUM_THREADS" not in os.environ:
        # A second thread made a step slower, also on a core of its own; cores are better given to more processes.
        torch.set_num_threads(1)
    # Several processes share a GPU that is named by its number: NCCL refuses that, gloo does it.
    is_shared = device.index is not None and rank.local_size > 1
    if device.type == "cuda":
        device = _own_gpu(rank) if device.index is None else device
        torch.cuda.set_device(device)
    on_gpu = device.type == "cuda" and not is_shared
    return Runtime(device, config.precision == "bf16", Processes.join(rank, on_gpu=on_gpu))


def _own_gpu(rank: Rank) -> torch.device:
    """A GPU for each process of this machine; one alone is shared by all."""
    count = torch.cuda.device_count()
    if 1 < count < rank.local_size:
        raise ConfigError(
            f"{rank.local_size} processes on this machine cannot share {count} GPUs: start one for each."
        )
    # SLURM may show each task its own GPU only, or all of them.
    return torch.device("cuda", rank.local_rank % count)

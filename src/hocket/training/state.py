"""Everything that changes while training, and its way to disk and back without pickle."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from hocket.errors import CheckpointError
from hocket.model import FusionModel
from hocket.model.weights import (
    config_values,
    load_weights,
    model_tensors,
    save_checkpoint,
)
from hocket.objective import Adversary
from hocket.training.config import RunConfig, flatten
from hocket.training.faults import SPIKE_WINDOW

AVERAGE = "average."


@dataclass
class Progress:
    """Where a run is: plain values that go into the checkpoint as JSON.

    `batch_offset` is how many batches were passed over for good, because the run fell back and went on behind them;
    `epochs_judged` how many epochs were validated, which a signal may put off; `log_lines` how
    many lines of the log belong to the checkpoint.
    """

    step: int = 0
    epochs_judged: int = 0
    log_lines: int = 0
    batch_offset: int = 0
    best_loss: float = float("inf")
    best_epoch: int = 0
    epochs_without_gain: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    recent_losses: list[float] = field(default_factory=list)
    skipped_in_a_row: int = 0
    num_skipped: int = 0
    num_spikes: int = 0
    num_rollbacks: int = 0
    remedies: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, scalars: Mapping[str, float | str]) -> None:
        """Counts a step's figures towards the epoch's means; a term that starts late averages over its own steps."""
        for name, value in scalars.items():
            if isinstance(value, str):
                continue
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1

    def take_means(self) -> dict[str, float]:
        """The means since the last call."""
        means = {name: total / self.counts[name] for name, total in self.sums.items()}
        self.sums, self.counts = {}, {}
        return means

    def remember(self, loss: float) -> None:
        """Keeps a loss for judging the next ones by; a spike too, so that a lasting rise is soon the usual."""
        self.recent_losses = [*self.recent_losses, loss][-SPIKE_WINDOW:]


@dataclass
class TrainingState:
    """Model, optimiser and adversary with their progress; `average` follows the model's weights where asked for."""

    model: FusionModel
    optimizer: torch.optim.Optimizer
    adversary: Adversary | None
    progress: Progress
    average: FusionModel | None = None

    @property
    def fusing_model(self) -> FusionModel:
        """The weights that are validated and kept: the average, or the model itself."""
        return self.model if self.average is None else self.average

    @torch.no_grad()
    def follow(self, decay: float) -> None:
        """Moves the average towards the model; faster in the first steps, which are not worth remembering."""
        if self.average is None:
            return
        step = self.progress.step
        move = get_ema_multi_avg_fn(min(decay, (1 + step) / (10 + step)))
        move(list(self.average.parameters()), list(self.model.parameters()), step)

    def save(
        self, path: Path, *, config: RunConfig, facts: dict[str, Any], generators: dict[str, Tensor]
    ) -> None:
        """Writes all of it to one file, whole or not at all.

        `facts` says what the run was made of; `generators` are the random states of all processes.
        """
        tensors = model_tensors(self.model)
        groups = {"optimizer": _optimizer_tensors(self.optimizer, "optimizer", tensors)}
        if self.adversary is not None:
            network = self.adversary.network.state_dict()
            tensors |= {f"discriminators.{name}": tensor for name, tensor in network.items()}
            groups["adversary"] = _optimizer_tensors(self.adversary.optimizer, "adversary", tensors)
        if self.average is not None:
            tensors |= {AVERAGE + name: tensor for name, tensor in self.average.state_dict().items()}
        tensors |= {f"rng.{name}": state for name, state in generators.items()}
        metadata = {
            "model": config_values(config.model),
            "config": flatten(config),
            "progress": asdict(self.progress),
            "groups": groups,
            **facts,
        }
        save_checkpoint(path, tensors, metadata)

    def save_weights(self, path: Path, *, config: RunConfig, facts: dict[str, Any]) -> None:
        """Writes what fusing needs: the model's weights and configuration."""
        metadata = {"model": config_values(config.model), "config": flatten(config), **facts}
        save_checkpoint(path, model_tensors(self.fusing_model), {**metadata, "step": self.progress.step})

    def restore(self, path: Path, tensors: dict[str, Tensor], metadata: dict[str, Any]) -> dict[str, Tensor]:
        """Takes up what `save` wrote, as `load_checkpoint` gave it; returns the random states of all processes.

        Raises:
            CheckpointError: the file is no whole training checkpoint, or belongs to another shape.
        """
        load_weights(self.model, tensors, path)
        try:
            _restore_optimizer(self.optimizer, "optimizer", tensors, metadata["groups"]["optimizer"])
            if self.adversary is not None:
                network = self.adversary.network
                network.load_state_dict(
                    {name: tensors[f"discriminators.{name}"] for name in network.state_dict()}
                )
                _restore_optimizer(
                    self.adversary.optimizer, "adversary", tensors, metadata["groups"]["adversary"]
                )
            if self.average is not None:
                names = self.average.state_dict()
                self.average.load_state_dict({name: tensors[AVERAGE + name] for name in names})
            self.progress = Progress(**metadata["progress"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise CheckpointError(
                f"{path} lacks part of the training state ({error}): use --fresh."
            ) from error
        return {name.removeprefix("rng."): tensors[name] for name in tensors if name.startswith("rng.")}


def _optimizer_tensors(
    optimizer: torch.optim.Optimizer, prefix: str, tensors: dict[str, Tensor]
) -> list[dict[str, Any]]:
    """Adds an optimiser's tensors under a prefix; returns its settings as plain values."""
    state = optimizer.state_dict()
    for index, entries in state["state"].items():
        for key, tensor in entries.items():
            tensors[f"{prefix}.{index}.{key}"] = tensor
    return [
        {key: value for key, value in group.items() if key != "params"} for group in state["param_groups"]
    ]


def _restore_optimizer(
    optimizer: torch.optim.Optimizer,
    prefix: str,
    tensors: dict[str, Tensor],
    settings: list[dict[str, Any]],
) -> None:
    current = optimizer.state_dict()
    entries: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        head, _, rest = name.partition(".")
        if head == prefix:
            index, _, key = rest.partition(".")
            entries.setdefault(int(index), {})[key] = tensor
    groups = [{**group, **saved} for group, saved in zip(current["param_groups"], settings, strict=True)]
    optimizer.load_state_dict({"state": entries, "param_groups": groups})

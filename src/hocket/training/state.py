"""Everything that changes while training, and its way to disk and back without pickle."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hocket.errors import CheckpointError
from hocket.model import FusionModel
from hocket.model.weights import (
    config_values,
    load_checkpoint,
    load_weights,
    model_tensors,
    save_checkpoint,
)
from hocket.objective import Adversary
from hocket.training.config import RunConfig, flatten


@dataclass
class Progress:
    """Where a run is: plain values that go into the checkpoint as JSON."""

    step: int = 0
    best_loss: float = float("inf")
    best_epoch: int = 0
    epochs_without_gain: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    skipped_in_a_row: int = 0
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


@dataclass
class TrainingState:
    """Model, optimiser and adversary with their progress."""

    model: FusionModel
    optimizer: torch.optim.Optimizer
    adversary: Adversary | None
    progress: Progress

    def save(self, path: Path, *, config: RunConfig, facts: dict[str, Any]) -> None:
        """Writes all of it to one file, whole or not at all; `facts` says what the run was made of."""
        tensors = model_tensors(self.model)
        groups = {"optimizer": _optimizer_tensors(self.optimizer, "optimizer", tensors)}
        if self.adversary is not None:
            network = self.adversary.network.state_dict()
            tensors |= {f"discriminators.{name}": tensor for name, tensor in network.items()}
            groups["adversary"] = _optimizer_tensors(self.adversary.optimizer, "adversary", tensors)
        tensors["rng.torch"] = torch.get_rng_state()
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
        save_checkpoint(path, model_tensors(self.model), {**metadata, "step": self.progress.step})

    def restore(self, path: Path) -> dict[str, Any]:
        """Takes up what `save` wrote and returns the checkpoint's metadata.

        Raises:
            CheckpointError: the file is no whole training checkpoint, or belongs to another shape.
        """
        tensors, metadata = load_checkpoint(path)
        load_weights(self.model, tensors, path)
        try:
            _restore_optimizer(self.optimizer, "optimizer", tensors, metadata["groups"]["optimizer"])
            if self.adversary is not None:
                names = self.adversary.network.state_dict()
                self.adversary.network.load_state_dict(
                    {name: tensors[f"discriminators.{name}"] for name in names}
                )
                _restore_optimizer(
                    self.adversary.optimizer, "adversary", tensors, metadata["groups"]["adversary"]
                )
            torch.set_rng_state(tensors["rng.torch"])
            self.progress = Progress(**metadata["progress"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise CheckpointError(
                f"{path} lacks part of the training state ({error}): use --fresh."
            ) from error
        return metadata


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

"""Everything that changes during training, saved and loaded without pickle."""

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from hocket.errors import CheckpointError, ConfigError
from hocket.model import FusionModel
from hocket.model.weights import (
    CODEC_HASH,
    Layout,
    config_values,
    layout,
    load_weights,
    model_tensors,
    require_same_codec,
    require_same_layout,
    save_checkpoint,
    without_prefix,
)
from hocket.objective import Adversary
from hocket.runs import MOST_STEPS
from hocket.settings import RunConfig, flatten
from hocket.training.steps import SPIKE_WINDOW
from hocket.typed import check_range, check_types

AVERAGE = "average."


@dataclass
class Progress:
    """Progress of a run: plain values that go into the checkpoint as JSON.

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

    @classmethod
    def from_json(cls, values: Any) -> "Progress":
        """The inverse of `asdict`, for values from a file.

        Raises:
            ConfigError, TypeError: they are no progress.
        """
        progress = cls(**values)
        check_types(progress, finite=False)
        counts = [name for name in values if isinstance(values[name], int)]
        check_range(progress, 0, MOST_STEPS, *counts)
        if progress.sums.keys() != progress.counts.keys() or min(progress.counts.values(), default=1) < 1:
            raise ConfigError("sums and counts do not belong together")
        return progress

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


Value = bool | int | float | str | None


@dataclass(frozen=True)
class Facts:
    """Facts that a checkpoint holds of the run that wrote it."""

    config: dict[str, Value | list[Value]]
    library: str
    num_processes: int
    versions: dict[str, str]
    commit: str | None
    device: str

    @classmethod
    def from_json(cls, metadata: dict[str, Any], path: Path) -> "Facts":
        """Takes what it needs from a checkpoint's metadata.

        Raises:
            CheckpointError: something is missing, or of another kind.
        """
        try:
            facts = cls(**{member.name: metadata[member.name] for member in fields(cls)})
            check_types(facts)
        except (KeyError, ConfigError) as error:
            raise CheckpointError(
                f"{path} lacks part of the training state ({error}): use --fresh."
            ) from error
        return facts


@dataclass
class TrainingState:
    """Model, optimiser and adversary with their progress; `average` follows the model's weights if requested."""

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
        tensors |= _optimizer_tensors(self.optimizer, "optimizer")
        if self.adversary is not None:
            network = self.adversary.network.state_dict()
            tensors |= {f"discriminators.{name}": tensor for name, tensor in network.items()}
            tensors |= _optimizer_tensors(self.adversary.optimizer, "adversary")
        if self.average is not None:
            tensors |= {AVERAGE + name: tensor for name, tensor in self.average.state_dict().items()}
        tensors |= {f"rng.{name}": state for name, state in generators.items()}
        metadata = self._metadata(config, facts)
        save_checkpoint(path, tensors, {**metadata, "progress": asdict(self.progress)})

    def save_weights(self, path: Path, *, config: RunConfig, facts: dict[str, Any]) -> None:
        """Writes what fusing needs: the model's weights and configuration."""
        metadata = self._metadata(config, facts)
        save_checkpoint(path, model_tensors(self.fusing_model), {**metadata, "step": self.progress.step})

    def _metadata(self, config: RunConfig, facts: dict[str, Any]) -> dict[str, Any]:
        codec = {CODEC_HASH: self.model.codec.fingerprint}
        return {"model": config_values(config.model), "config": flatten(config), **codec, **facts}

    def restore(self, path: Path, tensors: dict[str, Tensor], metadata: dict[str, Any]) -> dict[str, Tensor]:
        """Restores what `save` wrote, as `load_checkpoint` gave it; returns the random states of all processes.

        Raises:
            CheckpointError: the file is no whole training checkpoint, or belongs to another shape.
        """
        require_same_codec(self.model.codec, metadata, path)
        load_weights(self.model, tensors, path)
        _restore_optimizer(self.optimizer, "optimizer.", tensors, path)
        if self.adversary is not None:
            load_weights(self.adversary.network, tensors, path, prefix="discriminators.")
            _restore_optimizer(self.adversary.optimizer, "adversary.", tensors, path)
        if self.average is not None:
            load_weights(self.average, tensors, path, prefix=AVERAGE)
        try:
            self.progress = Progress.from_json(metadata.get("progress"))
        except (ConfigError, TypeError) as error:
            raise CheckpointError(
                f"{path} lacks part of the training state ({error}): use --fresh."
            ) from error
        return without_prefix(tensors, "rng.")


def _optimizer_tensors(optimizer: torch.optim.Optimizer, prefix: str) -> dict[str, Tensor]:
    """An optimiser's tensors by name; its settings follow from the configuration."""
    return {
        f"{prefix}.{index}.{key}": tensor
        for index, entries in optimizer.state_dict()["state"].items()
        for key, tensor in entries.items()
    }


def _restore_optimizer(
    optimizer: torch.optim.Optimizer, prefix: str, tensors: dict[str, Tensor], path: Path
) -> None:
    """Gives an optimiser its tensors back, all or none of each parameter's."""
    given = without_prefix(tensors, prefix)
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    wanted: Layout = {}
    entries: dict[int, dict[str, Tensor]] = {}
    for index, parameter in enumerate(parameters):
        keys = {"step": (), **dict.fromkeys(("exp_avg", "exp_avg_sq"), tuple(parameter.shape))}
        if any(f"{index}.{key}" in given for key in keys):
            wanted |= {f"{index}.{key}": ("float32", shape) for key, shape in keys.items()}
            entries[index] = {key: given.get(f"{index}.{key}", parameter) for key in keys}
    require_same_layout(wanted, layout(given), path)
    optimizer.load_state_dict({"state": entries, "param_groups": optimizer.state_dict()["param_groups"]})


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
    """Restores what `generator_states` gave; a GPU's is left alone where the checkpoint comes from a CPU.

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

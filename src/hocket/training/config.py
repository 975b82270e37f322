"""All settings of a run: typed groups, TOML files, and one flag for each field."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import tomli_w

from hocket.codec import SpectralConfig
from hocket.data.config import MAX_BATCH, DataConfig
from hocket.errors import ConfigError
from hocket.files import read_settings
from hocket.model import AgentConfig, CascadeConfig, ModelConfig
from hocket.model.weights import BEFORE
from hocket.objective import AdversaryConfig, ObjectiveConfig
from hocket.runs import RENAMED, current_names
from hocket.typed import check_range, check_types

DEFAULT_PRESET = "default"
MAX_COUNT, MAX_SEED = 10**9, 2**32 - 2**16
"""NumPy takes seeds below 2**32; each process adds its number."""


@dataclass(frozen=True)
class TrainingConfig:
    """Length, steps and care of a run.

    Args:
        accumulation_steps: into how many parts each process cuts its share of a batch, to need less memory.
        ema_decay: of the running average of the weights that is validated and kept as best; 0 is none.
        patience: epochs without gain after which a run ends; 0 never does.
        on_nonfinite: what three losses or gradients in a row that are not finite lead to.
        spike_sigma: a loss so many standard deviations above the last 128 updates nothing; 0 lets all pass.
        checkpoint_every_steps: 0 is at the end of each epoch.
        keep_checkpoints: how many of the latest are kept, beside the best weights.
        num_examples: validation pairs whose sound and masks are kept in RUN/examples; 0 keeps none.
        compile: let torch.compile fuse the model's operations: minutes at the start, for long runs on a GPU.
        num_threads: 0 is one in each process, or what OMP_NUM_THREADS says.
    """

    num_epochs: int = 50
    steps_per_epoch: int = 16
    learning_rate: float = 1e-3
    warmup_steps: int = 50
    weight_decay: float = 0.01
    gradient_clip: float = 1.0
    accumulation_steps: int = 1
    ema_decay: float = 0.0
    patience: int = 0
    seed: int = 0
    remedies: Literal["off", "suggest", "apply"] = "suggest"
    on_nonfinite: Literal["stop", "rollback"] = "stop"
    spike_sigma: float = 6.0
    checkpoint_every_steps: int = 0
    keep_checkpoints: int = 3
    num_examples: int = 3
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["32", "bf16"] = "32"
    compile: bool = False
    num_threads: int = 0

    def __post_init__(self) -> None:
        check_types(self)
        check_range(self, 1, MAX_COUNT, "num_epochs", "steps_per_epoch", "keep_checkpoints")
        check_range(self, 1, MAX_BATCH, "accumulation_steps")
        for name in ("learning_rate", "gradient_clip"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ConfigError(f"{name} is {getattr(self, name)}: give a finite number above 0")
        check_range(self, 0, MAX_COUNT, "warmup_steps", "patience", "checkpoint_every_steps", "num_examples")
        check_range(self, 0, 1e9, "weight_decay", "spike_sigma")
        check_range(self, 0, MAX_SEED, "seed")
        check_range(self, 0, 1024, "num_threads")
        if not 0 <= self.ema_decay < 1:
            raise ConfigError(f"ema_decay is {self.ema_decay}: give 0 to below 1, such as 0.999")

    @property
    def num_steps(self) -> int:
        """Planned steps of the whole run."""
        return self.num_epochs * self.steps_per_epoch


@dataclass(frozen=True)
class RunConfig:
    """Everything that makes a run what it is; field names are unique over all groups."""

    data: DataConfig = field(default_factory=DataConfig)
    codec: SpectralConfig = field(default_factory=SpectralConfig)
    agent: AgentConfig = field(default_factory=AgentConfig)
    cascade: CascadeConfig = field(default_factory=CascadeConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    adversary: AdversaryConfig = field(default_factory=AdversaryConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)

    def __post_init__(self) -> None:
        # Its own bounds hold for flags and files as well.
        assert self.model

    @property
    def model(self) -> ModelConfig:
        """The part that fixes the model's shape."""
        return ModelConfig(codec=self.codec, agent=self.agent, cascade=self.cascade)


GROUPS: dict[str, type] = {
    "data": DataConfig,
    "codec": SpectralConfig,
    "agent": AgentConfig,
    "cascade": CascadeConfig,
    "objective": ObjectiveConfig,
    "adversary": AdversaryConfig,
    "training": TrainingConfig,
}
FIELDS: dict[str, str] = {member.name: group for group, kind in GROUPS.items() for member in fields(kind)}
"""Each field's group."""

FREE_FIELDS = frozenset(
    {
        *("device", "num_threads", "compile", "num_workers", "cache_megabytes", "music"),
        *("remedies", "patience", "on_nonfinite", "checkpoint_every_steps", "keep_checkpoints"),
        "num_examples",
    }
)
"""Fields that may change when a run is continued, since they change no weight's future but by choice."""


def build(values: Mapping[str, Any]) -> RunConfig:
    """A configuration from flat field values; what is not named keeps its default.

    Raises:
        ConfigError: a name is unknown (the nearest right one is named), or a value out of range.
    """
    values = current_names(values)
    check_names(values)
    groups: dict[str, dict[str, Any]] = {group: {} for group in GROUPS}
    for name, value in values.items():
        groups[FIELDS[name]][name] = value
    return RunConfig(**{group: GROUPS[group](**members) for group, members in groups.items()})


def flatten(config: RunConfig) -> dict[str, Any]:
    """All fields of all groups, in order, by their unique names."""
    return {name: value for members in asdict(config).values() for name, value in members.items()}


def check_names(names: Iterable[str], *, where: str = "") -> None:
    """Raises ConfigError for the first unknown field, naming the nearest right one."""
    for name in names:
        if name not in FIELDS:
            close = difflib.get_close_matches(name, FIELDS, n=1)
            hint = f"did you mean '{close[0]}'?" if close else "see 'hocket train --help'."
            raise ConfigError(f"{where}there is no field '{name}': {hint}")


def read_toml(path: Path) -> dict[str, Any]:
    """Flat field values of a TOML file; tables only group, so a field may stand in any or none.

    Raises:
        ConfigError: the file is missing, no TOML, or names an unknown field.
    """
    values = read_settings(path, failure=ConfigError)
    for old, new in RENAMED.items():
        if old in values and new in values:
            raise ConfigError(f"{path}: {old} and {new} are two names of one field, leave one of them out.")
    values = current_names(values)
    check_names(values, where=f"{path}: ")
    # The whole configuration of an older run, which knows all fields but newer ones, means what was so then.
    if not FIELDS.keys() - values.keys() - BEFORE.keys() - FREE_FIELDS:
        values = {**BEFORE, **values}
    return values


def write_toml(config: RunConfig) -> str:
    """A configuration as TOML that `read_toml` reads back to the same."""
    groups = {
        group: {name: list(value) if isinstance(value, tuple) else value for name, value in members.items()}
        for group, members in asdict(config).items()
    }
    return tomli_w.dumps(groups)


def preset_names() -> list[str]:
    """The presets that come with the program."""
    folder = resources.files("hocket") / "presets"
    return sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml"))


def read_preset(name: str) -> dict[str, Any]:
    """Flat field values of a preset.

    Raises:
        ConfigError: there is no such preset; the nearest right name is given.
    """
    known = preset_names()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
        hint = f"did you mean '{close[0]}'?" if close else f"there are {', '.join(known)}."
        raise ConfigError(f"there is no preset '{name}': {hint}")
    with resources.as_file(resources.files("hocket") / "presets" / f"{name}.toml") as path:
        return read_toml(path)


def preset(name: str) -> RunConfig:
    """The whole configuration of a preset."""
    return build(read_preset(name))


def first_difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
    """The first field that must not change between two flat configurations but did."""
    for name in FIELDS:
        before, after = old.get(name), new.get(name)
        before = tuple(before) if isinstance(before, list) else before
        if name not in FREE_FIELDS and before != after:
            return name
    return None

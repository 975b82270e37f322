"""All settings of a run: typed groups, TOML files, and one flag for each field. Needs no torch."""

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeAlias

import tomli_w

from hocket.devices import parse_device
from hocket.errors import ConfigError
from hocket.files import read_settings
from hocket.runs import RENAMED, current_names
from hocket.typed import check_range, check_types

DEFAULT_PRESET = "default"
MAX_COUNT, MAX_SEED = 10**9, 2**32 - 2**16
"""NumPy takes seeds below 2**32; each process adds its number."""
MAX_BATCH, MAX_EXCERPT_SECONDS = 2**16, 60
FEATURES = ("level", "transient", "tonal", "held", "chroma")
MAX_CODEC_RATE_HZ = 768_000
"""The highest rate of recordings, which a codec can be brought to."""
MAX_CODEC_FFT_SIZE, MAX_REACH = 2**22, 1001
MAX_RATE_HZ, MAX_FFT_SIZE = 192_000, 2**15
MAX_FRAME_RATE, MAX_OVERLAP = 750, 16
"""Frames per second, and frames that one sample belongs to."""
MAX_AGENT_WEIGHTS = 2**24
"""About the most weights that an agent may have for each source: 300 times as many as usual."""
MAX_GAIN = 100.0
MAX_TERM_WEIGHT = 1e9
BEFORE: dict[str, float | str] = {
    "codec": "spectral",
    "codec_weights": "",
    "place_width": 0.0,
    "attention_stride": 1,
    "attention_reach": 0,
    "held_frames": 47,
    "level_ratio": 1.0,
    "reattack": 0.0,
    "foreign_damping": 0.0,
    "missing_notes_weight": 0.0,
    "foreign_notes_weight": 0.0,
    "output_balance_target_aim": 0.0,
}
"""Values that hold for configurations written before these fields were there."""

Pairing: TypeAlias = Literal["random", "suitable", "next_segment"]


@dataclass(frozen=True)
class DataConfig:
    """Music, excerpts and batches.

    Args:
        music: folder of music, CSV of pairs or prepared data; the same as MUSIC_DIR.
        excerpt_seconds: length of an excerpt in seconds.
        batch_size: examples per step, over all processes together.
        validation_fraction: share of songs used for validation.
        num_validation_examples: pairs in each validation.
        max_speed_change: excerpts are randomly sped up or slowed down by up to this share.
        num_workers: processes that load music; 0 = the training process loads it.
        cache_megabytes: decoded music is kept in memory if it fits into this many megabytes.
        pairing: how inputs and targets are paired: random = any two songs; suitable = mostly rhythmic inputs with tonal
            targets; next_segment = two segments in a row of one song.
    """

    music: str = ""
    excerpt_seconds: float = 4.0
    batch_size: int = 4
    validation_fraction: float = 0.1
    num_validation_examples: int = 8
    max_speed_change: float = 0.1
    num_workers: int = 0
    cache_megabytes: int = 1024
    pairing: Pairing = "random"

    def __post_init__(self) -> None:
        check_types(self)
        check_range(self, 1, MAX_EXCERPT_SECONDS, "excerpt_seconds")
        check_range(self, 1, MAX_BATCH, "batch_size", "num_validation_examples")
        check_range(self, 0, 1024, "num_workers")
        check_range(self, 0, 10**9, "cache_megabytes")
        check_range(self, 0, 0.5, "validation_fraction", "max_speed_change")


@dataclass(frozen=True)
class SpectralConfig:
    """Codec, its spectral transform, and the features that the agent receives.

    Args:
        sample_rate: sample rate of the model in Hz.
        fft_size: samples per analysis window.
        hop: samples from one frame to the next.
        transient_frames: frames averaged over time to find transients, an odd number.
        tonal_bins: bin groups averaged over frequency to find tones, an odd number.
        held_frames: frames over which tones are averaged for the features held and chroma, an odd number.
        place_width: bins are grouped if they span less than this share of their frequency; 0 = no groups.
        features: features that the agent receives from each source.
        codec: codec whose latents are masked: spectral, or the neural codecs encodec and dac (docs/codecs.md).
        codec_weights: folder or hub name of the weights of a neural codec.
    """

    sample_rate: int = 24_000
    fft_size: int = 1024
    hop: int = 256
    transient_frames: int = 17
    tonal_bins: int = 17
    held_frames: int = 47
    place_width: float = 1 / 64
    features: tuple[str, ...] = ("level", "transient", "tonal")
    codec: str = "spectral"
    codec_weights: str = ""

    def __post_init__(self) -> None:
        # TOML and JSON have lists only.
        if isinstance(self.features, list):
            object.__setattr__(self, "features", tuple(self.features))
        check_types(self)
        check_range(self, 8_000, MAX_CODEC_RATE_HZ, "sample_rate")
        check_range(self, 64, MAX_CODEC_FFT_SIZE, "fft_size")
        if self.fft_size % 2:
            raise ConfigError(f"fft_size is {self.fft_size}: give an even number of samples")
        if not 0 < self.hop <= self.fft_size // 4:
            raise ConfigError(
                f"hop is {self.hop}: perfect reconstruction needs 1 to fft_size / 4 = {self.fft_size // 4}"
            )
        for name in ("transient_frames", "tonal_bins", "held_frames"):
            check_range(self, 3, MAX_REACH, name)
            if getattr(self, name) % 2 == 0:
                raise ConfigError(f"{name} is {getattr(self, name)}: give an odd number")
        check_range(self, 0, 0.25, "place_width")
        if (
            not self.features
            or set(self.features) - set(FEATURES)
            or len(set(self.features)) < len(self.features)
        ):
            raise ConfigError(
                f"features are {', '.join(self.features) or 'none'}: choose from {', '.join(FEATURES)}, each once"
            )


@dataclass(frozen=True)
class AgentConfig:
    """Size of the agent network.

    Args:
        model_dim: channels per frame inside the agent.
        num_heads: attention heads.
        num_bands: frequency bands per frame that are weighted separately.
        num_blocks: convolution blocks that analyse each source.
        num_attention_layers: layers in which each source attends to the other.
        attention_stride: frames of the other source that are averaged into one for attention.
        attention_reach: frames before and after that attention can see in the other source; 0 = all frames.
        expansion: width of a block's inner layer relative to model_dim.
        max_gain: highest gain of a mask.
    """

    model_dim: int = 96
    num_heads: int = 4
    num_bands: int = 32
    num_blocks: int = 2
    num_attention_layers: int = 1
    attention_stride: int = 4
    attention_reach: int = 0
    expansion: int = 2
    max_gain: float = 2.0

    def __post_init__(self) -> None:
        check_types(self)
        check_range(self, 1, 4096, "model_dim")
        check_range(self, 1, 1024, "num_heads", "attention_stride")
        check_range(self, 0, MAX_REACH, "attention_reach")
        # The eighth block of an analyser reaches over 60 s.
        check_range(self, 1, 8, "num_blocks", "num_attention_layers")
        check_range(self, 1, 16, "expansion")
        check_range(self, 2, 256, "num_bands")
        if self.model_dim % (2 * self.num_heads):
            raise ConfigError(
                f"model_dim is {self.model_dim}: give a multiple of 2 x num_heads = {2 * self.num_heads}"
            )
        layers = self.num_blocks + self.num_attention_layers
        if self.model_dim**2 * self.expansion * layers > MAX_AGENT_WEIGHTS:
            raise ConfigError(
                f"model_dim is {self.model_dim} with expansion {self.expansion} and {layers} layers, more than "
                f"{MAX_AGENT_WEIGHTS} weights: give smaller numbers"
            )
        if not 1.0 < self.max_gain <= MAX_GAIN:
            raise ConfigError(f"max_gain is {self.max_gain}: give a gain above 1, at most {MAX_GAIN:g}")


@dataclass(frozen=True)
class CascadeConfig:
    """Stages of the model (two are a draft and a refinement), and the steps after the masks.

    Args:
        num_stages: number of stages; each one after the first corrects the masks of the one before.
        balance_levels: set the levels of both voices so that the correlations have the ratio level_ratio.
        level_ratio: correlation with the input divided by correlation with the target; 1 = equal.
        match_tone: bring the brightness of the mix between those of its sources.
        reattack: boost of the target at the input's onsets when fusing; not used in training.
        foreign_damping: share that is taken from tones of the input that last and that the target's harmony of the
            moment does not have; 0 = off. Needs the features tonal and chroma; neural codecs ignore it.
    """

    num_stages: int = 2
    balance_levels: bool = True
    level_ratio: float = 1.0
    match_tone: bool = True
    reattack: float = 0.0
    foreign_damping: float = 0.0

    def __post_init__(self) -> None:
        check_types(self)
        check_range(self, 1, 8, "num_stages")
        check_range(self, 0.1, 10, "level_ratio")
        check_range(self, 0, 4, "reattack")
        check_range(self, 0, 1, "foreign_damping")


@dataclass(frozen=True)
class ModelConfig:
    """Everything that fixes the model's shape."""

    codec: SpectralConfig = field(default_factory=SpectralConfig)
    agent: AgentConfig = field(default_factory=AgentConfig)
    cascade: CascadeConfig = field(default_factory=CascadeConfig)

    def __post_init__(self) -> None:
        check_types(self)
        # A codec that follows a recording's rate may be larger; the model's own fixes how much memory fusing takes.
        check_range(self.codec, 8_000, MAX_RATE_HZ, "sample_rate")
        check_range(self.codec, 64, MAX_FFT_SIZE, "fft_size")
        codec = self.codec
        least_hop = max(
            math.ceil(codec.sample_rate / MAX_FRAME_RATE), math.ceil(codec.fft_size / MAX_OVERLAP)
        )
        check_range(codec, least_hop, codec.fft_size // 4, "hop")
        damping = self.cascade.foreign_damping
        if damping and not {"tonal", "chroma"} <= set(codec.features):
            raise ConfigError(
                f"foreign_damping is {damping:g}: add the features tonal and chroma, or set it to 0"
            )


@dataclass(frozen=True)
class ObjectiveConfig:
    """Weights of the loss terms, each at least 0; 0 = off. docs/objective.md has the formulas.

    Args:
        reconstruction_input_weight: penalises spectral distance from the input.
        reconstruction_target_weight: penalises spectral distance from the target.
        balance_weight: keeps the mean of each mask near 0.50.
        output_balance_weight: keeps the output's correlations with both sources near their aims.
        mask_reg_weight: multiplies the next three weights.
        complementarity_weight: penalises masks that overlap by more than overlap_limit.
        coverage_weight: keeps the sum of the two masks near 1.
        temporal_diversity_weight: rewards masks that change over time.
        novelty_weight: penalises similarity with either source above novelty_limit.
        rhythm_weight: rewards onsets like the input's.
        rhythm_leak_weight: penalises onsets of the target.
        harmony_weight: rewards chroma like the target's.
        harmony_leak_weight: penalises chroma of the input.
        missing_notes_weight: penalises notes of the target that are lost or covered.
        foreign_notes_weight: penalises notes that the target does not have.
        articulation_weight: rewards a target whose share of the output moves with the input.
        timbre_weight: keeps the output as bright and as varied as its sources.
        grain_weight: penalises musical noise.
        adversarial_weight: rewards output that the discriminators take for recorded music.
        feature_matching_weight: matches the statistics of the discriminators' features to those of recorded music.
        output_balance_aim: correlation with the input that output_balance_weight aims at.
        output_balance_target_aim: correlation with the target that output_balance_weight aims at; 0 = the same as for
            the input.
        novelty_limit: similarity with a source that novelty_weight allows.
        overlap_limit: overlap of the masks that complementarity_weight allows.
    """

    reconstruction_input_weight: float = 0.0
    reconstruction_target_weight: float = 0.0
    balance_weight: float = 5.0
    output_balance_weight: float = 3.0
    mask_reg_weight: float = 1.0
    complementarity_weight: float = 1.0
    coverage_weight: float = 1.0
    temporal_diversity_weight: float = 0.0
    novelty_weight: float = 0.0
    rhythm_weight: float = 2.0
    rhythm_leak_weight: float = 1.0
    harmony_weight: float = 2.0
    harmony_leak_weight: float = 1.0
    missing_notes_weight: float = 0.0
    foreign_notes_weight: float = 0.0
    articulation_weight: float = 1.0
    timbre_weight: float = 0.0
    grain_weight: float = 0.0
    adversarial_weight: float = 0.0
    feature_matching_weight: float = 0.0
    output_balance_aim: float = 0.5
    output_balance_target_aim: float = 0.0
    novelty_limit: float = 0.6
    overlap_limit: float = 0.07

    def __post_init__(self) -> None:
        check_types(self)
        check_range(self, 0, MAX_TERM_WEIGHT, *(field.name for field in fields(self)))
        check_range(self, 0, 1, "output_balance_aim", "output_balance_target_aim")
        check_range(self, 0, 1, "novelty_limit", "overlap_limit")


@dataclass(frozen=True)
class AdversaryConfig:
    """Adversarial training, which runs if adversarial_weight or feature_matching_weight is above 0.

    Args:
        gan_loss: form of the adversarial loss.
        gan_start: fraction of the planned steps after which adversarial training begins.
        gan_channels: channels in the first layer of each discriminator.
        gan_learning_rate: learning rate of the discriminators.
        gan_fft_sizes: window sizes of the spectra that are judged, one for each discriminator.
    """

    gan_loss: Literal["hinge", "least_squares"] = "hinge"
    gan_start: float = 0.2
    gan_channels: int = 16
    gan_learning_rate: float = 2e-4
    gan_fft_sizes: tuple[int, ...] = (2048, 1024, 512)

    def __post_init__(self) -> None:
        if isinstance(self.gan_fft_sizes, list):
            object.__setattr__(self, "gan_fft_sizes", tuple(self.gan_fft_sizes))
        check_types(self)
        if not 0.0 <= self.gan_start < 1.0:
            raise ConfigError(f"gan_start is {self.gan_start}: give a fraction of the run, from 0 to below 1")
        check_range(self, 1, 256, "gan_channels")
        if not 0 < self.gan_learning_rate < math.inf:
            raise ConfigError(f"gan_learning_rate is {self.gan_learning_rate}: give a rate above 0")
        sizes = self.gan_fft_sizes
        if not 1 <= len(sizes) <= 16 or any(not 64 <= size <= 2**15 or size % 4 for size in sizes):
            raise ConfigError(
                f"gan_fft_sizes is {str(sizes)[:60]}: give 1 to 16 sizes of 64 to {2**15}, divisible by 4"
            )


@dataclass(frozen=True)
class TrainingConfig:
    """Length, optimisation and checkpoints of a run.

    Args:
        num_epochs: number of epochs; each ends with a validation.
        steps_per_epoch: training steps per epoch.
        learning_rate: highest learning rate, reached after the warm-up; it then falls to 5 % along a cosine.
        warmup_steps: steps over which the learning rate rises.
        weight_decay: weight decay of AdamW.
        gradient_clip: largest norm of a gradient; longer gradients are scaled down.
        accumulation_steps: parts into which each process splits its share of a batch, to need less memory.
        ema_decay: decay of the running average of the weights, which is validated and kept as best; 0 = no average.
        patience: epochs without improvement after which a run stops; 0 = never.
        seed: random seed of weights and excerpts.
        remedies: what to do when the output copies a source.
        on_nonfinite: what to do after three losses or gradients in a row that are not finite.
        spike_sigma: skip the update if the loss is this many standard deviations above the last 128; 0 = never skip.
        checkpoint_every_steps: steps between checkpoints; 0 = only at the end of each epoch.
        keep_checkpoints: number of latest checkpoints to keep, besides the best weights.
        num_examples: validation pairs whose sound and masks are saved in RUN/examples; 0 = none.
        device: where to train: auto (CUDA if there is one, else cpu), cpu, cuda, cuda:N or mps (Apple).
        precision: number format of the model's forward pass; losses always use 32 bits.
        compile: speed up long runs on a GPU with torch.compile, which takes minutes at the start.
        num_threads: threads per process; 0 = one, or the value of OMP_NUM_THREADS.
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
    device: str = "auto"
    precision: Literal["32", "bf16"] = "32"
    compile: bool = False
    num_threads: int = 0

    def __post_init__(self) -> None:
        check_types(self)
        parse_device(self.device)
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
        # Its weights may have moved; a checkpoint knows them by their content.
        *("num_examples", "codec_weights"),
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
            hint = f"did you mean '{close[0]}'?" if close else "see 'hocket train --help-all'."
            raise ConfigError(f"{where}there is no field '{name}': {hint}")


def read_toml(path: Path) -> dict[str, Any]:
    """Flat field values of a TOML file; tables only group, so a field may stand in any or none.

    Raises:
        ConfigError: the file is missing, no TOML, or names an unknown field.
    """
    values = read_settings(path, failure=ConfigError)
    for old, new in RENAMED.items():
        if old in values and new in values:
            raise ConfigError(f"{path}: {old} and {new} are two names of one field: leave one of them out.")
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

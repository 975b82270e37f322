"""Settings of the data."""

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from hocket.errors import ConfigError

Pairing: TypeAlias = Literal["random", "suitable", "next_segment"]


@dataclass(frozen=True)
class DataConfig:
    """Excerpts, batches and the split; `cache_megabytes` is how much decoded music may stay in memory.

    `pairing` is how an input finds its target: two songs at random; rhythmic songs rather as inputs and tonal ones
    rather as targets (`suitable`); or the next segment of the same song. `music` is a folder, a file of pairs or
    prepared data.
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
        if not 1.0 <= self.excerpt_seconds <= 60.0:
            raise ConfigError(f"excerpt_seconds is {self.excerpt_seconds}: give 1 to 60 s")
        for name in ("batch_size", "num_validation_examples"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}: give at least 1")
        for name in ("num_workers", "cache_megabytes"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} is {getattr(self, name)}: give 0 or more")
        if not 0.0 <= self.validation_fraction <= 0.5:
            raise ConfigError(f"validation_fraction is {self.validation_fraction}: give 0 to 0.5")
        if not 0.0 <= self.max_speed_change <= 0.5:
            raise ConfigError(f"max_speed_change is {self.max_speed_change}: give 0 to 0.5")
        if self.pairing not in get_args(Pairing):
            raise ConfigError(f"pairing is {self.pairing!r}: give {', '.join(get_args(Pairing))}")

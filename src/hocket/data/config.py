"""Settings of the data."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from hocket.typed import check_range, check_types

MAX_BATCH, MAX_EXCERPT_SECONDS = 2**16, 60

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
        check_types(self)
        check_range(self, 1, MAX_EXCERPT_SECONDS, "excerpt_seconds")
        check_range(self, 1, MAX_BATCH, "batch_size", "num_validation_examples")
        check_range(self, 0, 1024, "num_workers")
        check_range(self, 0, 10**9, "cache_megabytes")
        check_range(self, 0, 0.5, "validation_fraction", "max_speed_change")

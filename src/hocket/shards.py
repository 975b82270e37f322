"""Shares of a list that several machines work through, each with the same command but for its `--shard 3/16`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from hocket.errors import ConfigError

T = TypeVar("T")
HELP = "do the 3rd of 16 shares only, so that 16 processes or machines can work at the same time"


@dataclass(frozen=True)
class Shard:
    """One of `count` equal shares, counted from 1: each `count`-th item, so that neighbours go to different shares."""

    number: int
    count: int

    def of(self, items: Sequence[T]) -> list[T]:
        """Returns the items of this share, in their order; none where there are fewer items than shares."""
        return list(items[self.number - 1 :: self.count])

    def part(self, name: str | Path) -> Path:
        """The file of this share's part of a result: `results.json` becomes `results.shard-3-of-16.json`."""
        path = Path(name)
        return path.with_name(f"{path.stem}.shard-{self.number}-of-{self.count}{path.suffix}")

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


def parts(path: Path) -> dict[Shard, Path]:
    """The parts of a result that are there, of any number of shares."""
    form = re.compile(rf"{re.escape(path.stem)}\.shard-(\d{{1,6}})-of-(\d{{1,6}}){re.escape(path.suffix)}")
    names = (
        (form.fullmatch(found.name), found) for found in sorted(path.parent.glob(f"{path.stem}.shard-*"))
    )
    return {Shard(*map(int, name.groups())): found for name, found in names if name}


def parse_shard(text: str) -> Shard:
    """Reads `3/16`.

    Raises:
        ConfigError: it is no share of a whole.
    """
    found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    number, count = map(int, found.groups()) if found else (0, 0)
    if not 1 <= number <= count:
        raise ConfigError(
            f"--shard is {text!r}: give NUMBER/COUNT, such as 3/16, with a number from 1 to the count."
        )
    return Shard(number, count)

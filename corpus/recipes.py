"""Recipes: which parts make up a song of each style, read from `recipes.toml`."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Slot:
    """One part: its figure, the groups of instruments that it is drawn from, level and probability."""

    figure: str
    groups: tuple[str, ...]
    level_db: float = 0.0
    probability: float = 1.0


@dataclass(frozen=True)
class Recipe:
    """A style; `use` is rhythm (like an input), harmony (like a target) or mix. The shares are of 1."""

    weight: float
    use: str
    slots: tuple[Slot, ...]
    with_drums: bool = True
    rhythms: tuple[str, ...] = ()
    chord_beats: tuple[int, ...] = (2, 4, 4, 8)
    loops: float = 0.2
    drive: float = 0.1
    compressed: float = 0.3
    pumping: float = 0.0


def _read(path: Path) -> dict[str, Recipe]:
    recipes = {}
    for name, entry in tomllib.loads(path.read_text(encoding="utf-8")).items():
        slots = tuple(Slot(figure, tuple(groups), *rest) for figure, groups, *rest in entry["parts"])
        style: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in entry["style"].items()
        }
        recipes[name] = Recipe(slots=slots, **style)
    return recipes


RECIPES = _read(Path(__file__).with_suffix(".toml"))

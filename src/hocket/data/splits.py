"""Which side of the split a group of recordings is on: by hash, so that new files do not move old ones."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from hocket.data.manifest import Settings, Split

MIN_GROUPS, MIN_TRAINING, MIN_HELD_OUT = 6, 4, 2


@dataclass(frozen=True)
class Division:
    """The side of each group, and the groups whose members had been on different sides until now."""

    sides: dict[str, Split]
    merged: tuple[str, ...]


def divide(
    groups: Mapping[str, frozenset[str]], earlier: Mapping[str, Split], settings: Settings
) -> Division:
    """Gives each group (its name and its members' content hashes) a side.

    A group of which a member was on a side stays there. Where its members were on several, because a new file showed
    them to be the same music, training wins, then validation: what was trained on is never validated on. A new group
    goes by a hash of the seed and of its smallest member, so that it does not matter what else there is. Only where
    that leaves fewer than two to validate (or to test) on do new groups go there, those of the smallest hash first,
    while at least four stay to train on.
    """
    sides: dict[str, Split] = {}
    merged: list[str] = []
    fresh: list[str] = []
    for name, members in groups.items():
        before = {earlier[member] for member in members if member in earlier}
        if not before:
            fresh.append(name)
            sides[name] = _by_hash(_place(groups[name], settings.seed), settings)
            continue
        for side in ("training", "validation", "test"):
            if side in before:
                sides[name] = side
                break
        if len(before) > 1:
            merged.append(name)
    _fill("validation", settings.validation_fraction, groups, fresh, sides, settings.seed)
    _fill("test", settings.test_fraction, groups, fresh, sides, settings.seed)
    return Division(sides, tuple(merged))


def _by_hash(place: float, settings: Settings) -> Split:
    if place < settings.validation_fraction:
        return "validation"
    return "test" if place < settings.validation_fraction + settings.test_fraction else "training"


def _place(members: frozenset[str], seed: int) -> float:
    """A number in [0, 1) that only the seed and the smallest member decide."""
    digest = hashlib.sha256(f"{seed} {min(members)}".encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def _fill(
    side: Split,
    fraction: float,
    groups: Mapping[str, frozenset[str]],
    fresh: list[str],
    sides: dict[str, Split],
    seed: int,
) -> None:
    if fraction <= 0 or len(groups) < MIN_GROUPS:
        return
    spare = sorted(
        (name for name in fresh if sides[name] == "training"), key=lambda name: _place(groups[name], seed)
    )
    for name in spare:
        counts = list(sides.values())
        if counts.count(side) >= MIN_HELD_OUT or counts.count("training") <= MIN_TRAINING:
            return
        sides[name] = side

"""The split: by group, by hash, and for ever."""

import hashlib
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.data.manifest import Settings, Split
from hocket.data.splits import divide

FRACTIONS = st.floats(0.0, 0.5)


def content(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def groups_of(*members: set[int]) -> dict[str, frozenset[str]]:
    made = [frozenset(map(content, group)) for group in members]
    return {min(group)[:12]: group for group in made}


def sides_of_contents(groups: Mapping[str, frozenset[str]], sides: Mapping[str, Split]) -> dict[str, Split]:
    return {member: sides[name] for name, members in groups.items() for member in members}


@st.composite
def partitions(draw: st.DrawFn) -> list[set[int]]:
    """Recordings 0 to n in groups."""
    labels = draw(st.lists(st.integers(0, 12), min_size=1, max_size=40))
    return [
        {index for index, label in enumerate(labels) if label == wanted} for wanted in sorted(set(labels))
    ]


@given(partitions(), FRACTIONS, FRACTIONS, st.integers(0, 5))
def test_every_group_has_one_side_and_the_same_one_each_time(
    partition: list[set[int]], validation: float, test: float, seed: int
) -> None:
    settings = Settings(validation, test, seed)
    groups = groups_of(*partition)
    division = divide(groups, {}, settings)
    assert division.sides.keys() == groups.keys() and not division.merged
    assert divide(dict(reversed(groups.items())), {}, settings) == division
    if validation == 0:
        assert "validation" not in division.sides.values()
    if test == 0:
        assert "test" not in division.sides.values()


@given(partitions(), st.integers(1, 39), FRACTIONS, st.integers(0, 5))
def test_what_was_trained_on_stays_there_whatever_is_added(
    partition: list[set[int]], num_first: int, fraction: float, seed: int
) -> None:
    settings = Settings(fraction, 0.1, seed)
    first = groups_of(*(part for group in partition if (part := {i for i in group if i < num_first})))
    before = sides_of_contents(first, divide(first, {}, settings).sides)
    groups = groups_of(*partition)
    division = divide(groups, before, settings)
    after = sides_of_contents(groups, division.sides)
    for member, side in before.items():
        # One side only, and training never gives anything away.
        group = next(members for members in groups.values() if member in members)
        known = {before[other] for other in group if other in before}
        assert after[member] in known
        assert after[member] == "training" or "training" not in known
        if known == {side}:
            assert after[member] == side
    assert set(division.merged) == {
        name for name, members in groups.items() if len({before[m] for m in members if m in before}) > 1
    }


def test_a_song_that_is_added_does_not_move_others_even_without_a_memory() -> None:
    settings = Settings(validation_fraction=0.2, test_fraction=0.1)
    few = groups_of(*({number} for number in range(300)))
    many = groups_of(*({number} for number in range(330)))
    before, after = divide(few, {}, settings).sides, divide(many, {}, settings).sides
    assert all(after[name] == side for name, side in before.items())


@pytest.mark.parametrize("fraction", [0.05, 0.1, 0.3])
def test_the_share_held_out_is_the_one_asked_for(fraction: float) -> None:
    number = 3000
    sides = divide(
        groups_of(*({index} for index in range(number))), {}, Settings(fraction, fraction / 2)
    ).sides.values()
    deviation = (fraction * (1 - fraction) / number) ** 0.5
    assert list(sides).count("validation") / number == pytest.approx(fraction, abs=4 * deviation)
    assert list(sides).count("test") / number == pytest.approx(fraction / 2, abs=4 * deviation)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("number", [6, 8, 12])
def test_a_small_collection_has_two_songs_to_validate_on(number: int, seed: int) -> None:
    sides = list(
        divide(groups_of(*({i} for i in range(number))), {}, Settings(0.1, 0.0, seed)).sides.values()
    )
    assert sides.count("validation") >= 2 and sides.count("training") >= 4


def test_fewer_than_six_are_not_forced_apart_beyond_what_the_hash_says() -> None:
    none = Settings(validation_fraction=1e-9)
    assert set(divide(groups_of(*({i} for i in range(5))), {}, none).sides.values()) == {"training"}
    assert "validation" in divide(groups_of(*({i} for i in range(6))), {}, none).sides.values()


def test_songs_already_trained_on_are_not_taken_to_make_up_the_numbers() -> None:
    groups = groups_of(*({number} for number in range(9)))
    before: dict[str, Split] = {content(number): "training" for number in range(8)}
    sides = divide(groups, before, Settings(validation_fraction=1e-9)).sides
    assert sides_of_contents(groups, sides)[content(8)] == "validation"
    assert list(sides.values()).count("training") == 8


def test_seeds_hold_out_other_songs() -> None:
    groups = groups_of(*({number} for number in range(40)))
    held = {
        frozenset(
            name
            for name, side in divide(groups, {}, Settings(0.1, 0.0, seed)).sides.items()
            if side != "training"
        )
        for seed in range(5)
    }
    assert len(held) == 5

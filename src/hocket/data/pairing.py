"""How an input finds its target: given pairs, two songs at random, by suitability, or the same song for both."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from hocket.data.roles import role_weights
from hocket.data.song import Song
from hocket.errors import DataError
from hocket.settings import Pairing

Chooser: TypeAlias = Callable[[np.random.Generator], list[Song]]
"""Draws the two songs of an example from its generator."""


def chooser(
    pairing: Pairing,
    songs: Sequence[Song],
    pairs: Sequence[tuple[Song, Song]],
    *,
    least_seconds: float,
) -> Chooser:
    """The chooser that `pairing` names; given pairs are drawn evenly, and only `random` goes with them.

    For `next_segment` both songs are one, of at least `least_seconds`.

    Raises:
        DataError: the songs or pairs do not fit the pairing.
    """
    if pairs and pairing != "random":
        raise DataError(
            f"pairing is {pairing}, but the pairs are given: set it to random, or give music instead of pairs."
        )
    if pairs:
        return lambda random: list(pairs[int(random.integers(len(pairs)))])
    if pairing == "next_segment":
        return _same_song(songs, least_seconds)
    if len({song.music for song in songs}) < 2:
        raise DataError(
            f"a pair needs two different songs, and there are {len({song.music for song in songs})}: add songs, or set "
            "pairing to next_segment."
        )
    return _at_random(songs) if pairing == "random" else _by_suitability(songs)


def _at_random(songs: Sequence[Song]) -> Chooser:
    def choose(random: np.random.Generator) -> list[Song]:
        while True:
            first, second = (songs[index] for index in random.choice(len(songs), 2, replace=False))
            # Where nothing is known of groups, all songs differ and the first draw counts.
            if first.music != second.music:
                return [first, second]

    return choose


def _by_suitability(songs: Sequence[Song]) -> Chooser:
    inputs = role_weights([song.percussiveness for song in songs], role="input")
    targets = role_weights([song.tonality for song in songs], role="target")
    music = np.array([song.music for song in songs])

    def choose(random: np.random.Generator) -> list[Song]:
        first = int(random.choice(len(songs), p=inputs))
        others = np.where(music == music[first], 0.0, targets)
        second = int(random.choice(len(songs), p=others / others.sum()))
        return [songs[first], songs[second]]

    return choose


def _same_song(songs: Sequence[Song], least_seconds: float) -> Chooser:
    long_enough = [song for song in songs if song.duration_seconds >= least_seconds]
    if not long_enough:
        raise DataError(
            f"no song is long enough for two segments ({least_seconds:g} s): give longer songs, a smaller "
            "excerpt_seconds, or set pairing to random."
        )

    def choose(random: np.random.Generator) -> list[Song]:
        song = long_enough[int(random.integers(len(long_enough)))]
        return [song, song]

    return choose

"""Which songs of a corpus are paired: a rhythm's owner with a harmony's owner."""

from collections.abc import Sequence

import numpy as np

from hocket.data.synthetic.songs import Song

SAME_NOTES_COST = 3.0
SIMILAR_TEMPO_COST = 1.0
SIMILAR_TEMPO_OCTAVES = 0.05
USE_COST = 1.0  # for each pair that a song is in already
DRAW_COST = 0.5  # the most that chance adds


def num_possible_pairs(songs: Sequence[Song]) -> int:
    """How many distinct pairs of different songs have an input with drums and a target with chords."""
    return int(np.isfinite(_costs(songs)).sum())


def choose_pairs(songs: Sequence[Song], num_pairs: int, seed: int) -> list[tuple[int, int]]:
    """(input, target) as positions in `songs`, distinct and deterministic.

    An input has drums, a target chords. Pairs with the same notes in both keys, or with nearly the same tempo
    (where one rhythm could pass for the other), are taken last, and all songs are used about equally often.

    Args:
        songs: the corpus.
        num_pairs: at most `num_possible_pairs(songs)`.
        seed: the corpus's seed.
    """
    costs = _costs(songs)
    # The stream is named by a number of songs that no corpus has, so that it is not a song's own.
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2**32 - 1,)))
    costs = costs + DRAW_COST * rng.random(costs.shape)
    pairs = []
    for _ in range(num_pairs):
        row, column = divmod(int(np.argmin(costs)), len(songs))
        pairs.append((row, column))
        for used in (row, column):
            costs[used, :] += USE_COST
            costs[:, used] += USE_COST
        costs[row, column] = np.inf
    return pairs


def _costs(songs: Sequence[Song]) -> np.ndarray:
    """`[input, target]`: infinite where the two cannot be a pair."""
    has_drums = np.array([song.kit is not None for song in songs])
    has_chords = np.array([song.harmony is not None for song in songs])
    possible = has_drums[:, None] & has_chords[None, :] & ~np.eye(len(songs), dtype=bool)
    octaves = np.log2([song.rhythm.tempo_bpm for song in songs])
    similar_tempo = np.abs(octaves[:, None] - octaves[None, :]) < SIMILAR_TEMPO_OCTAVES
    notes = [song.harmony.scale if song.harmony else None for song in songs]
    same_notes = np.array([[a is not None and a == b for b in notes] for a in notes])
    costs = SAME_NOTES_COST * same_notes + SIMILAR_TEMPO_COST * similar_tempo
    return np.where(possible, costs, np.inf)

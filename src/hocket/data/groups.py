"""Near-duplicates: which recordings are the same music in another file, so that a split never parts them.

Found are other encodings, rates, gains and channel counts, a trimmed beginning or end, and an excerpt beside its whole.
Not found are another speed or pitch, another mix, and places of one piece that do not overlap.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from hocket.data.fingerprints import FRAMES_A_SECOND, NUM_WEAK, Fingerprint

# Share of differing bits where two recordings overlap; `same_music` says what was measured on either side of it.
MOST_DIFFERENT = 0.33
LEAST_OVERLAP_SECONDS = 5.0
# Fewer bits agree by chance more easily.
MOST_DIFFERENT_SHORT = 0.25
LEAST_SHORT_SECONDS = 2.0
SHORT_SHARE = 0.8

NUM_NEIGHBOURS = 8
NUM_SLICES = 8


def group_by_music(fingerprints: Sequence[Fingerprint]) -> list[int]:
    """The group's number for each recording: equal numbers for the same music, each the first member's place.

    Words that two recordings have in common, a weak bit flipped in either, propose a place of one in the other; the
    bits of everything that overlaps then decide.
    """
    leaders = list(range(len(fingerprints)))
    seen: set[tuple[int, int, int]] = set()
    for first, second, offset in _proposals(fingerprints):
        if (first, second, offset) in seen or _find(leaders, first) == _find(leaders, second):
            continue
        seen.add((first, second, offset))
        if same_music(fingerprints[first], fingerprints[second], offset):
            low, high = sorted((_find(leaders, first), _find(leaders, second)))
            leaders[high] = low
    return [_find(leaders, index) for index in range(len(fingerprints))]


def same_music(first: Fingerprint, second: Fingerprint, offset: int) -> bool:
    """Whether frame `offset` of the first is where the second begins, give or take a frame.

    Of 92 development recordings, 8 of them stereo originals of others, 4,178 unrelated pairs differed in 0.37 of their
    bits or more at their best offset (0.41 but for two loops of one library); originals in 0.02 at the most, copies
    in MP3 and Ogg at the lowest quality with half a frame cut off in 0.29.
    """
    return any(_is_same(first, second, offset + shift) for shift in (0, -1, 1))


def difference(first: Fingerprint, second: Fingerprint, offset: int) -> tuple[float, int]:
    """Share of differing bits where the second lies from frame `offset` of the first on, and the frames compared."""
    start, skip = max(0, offset), max(0, -offset)
    length = max(0, min(len(first.words) - start, len(second.words) - skip))
    here, there = slice(start, start + length), slice(skip, skip + length)
    heard = (first.weak[here] != 0) & (second.weak[there] != 0)
    num_frames = int(heard.sum())
    differing = np.bitwise_count(first.words[here] ^ second.words[there])[heard]
    return (float(differing.mean()) / 32 if num_frames else 1.0), num_frames


def _is_same(first: Fingerprint, second: Fingerprint, offset: int) -> bool:
    share, num_frames = difference(first, second, offset)
    if num_frames >= LEAST_OVERLAP_SECONDS * FRAMES_A_SECOND:
        return share <= MOST_DIFFERENT
    shorter = min(int((print_.weak != 0).sum()) for print_ in (first, second))
    least = max(LEAST_SHORT_SECONDS * FRAMES_A_SECOND, SHORT_SHARE * shorter)
    return num_frames >= least and share <= MOST_DIFFERENT_SHORT


def _proposals(fingerprints: Sequence[Fingerprint]) -> Iterator[tuple[int, int, int]]:
    """Pairs of recordings (the lower number first) with an offset at which they share a word."""
    for part in range(NUM_SLICES):  # a slice of all words at a time, for a large library's sake
        words, owners, frames = _entries(fingerprints, part)
        order = np.lexsort((owners, words))
        words, owners, frames = words[order], owners[order], frames[order]
        for distance in range(1, NUM_NEIGHBOURS + 1):
            alike = (words[distance:] == words[:-distance]) & (owners[distance:] != owners[:-distance])
            (places,) = np.nonzero(alike)
            found = np.stack(
                [owners[places], owners[places + distance], frames[places] - frames[places + distance]],
                axis=1,
            )
            for row in np.unique(found, axis=0).tolist():
                yield row[0], row[1], row[2]


def _entries(fingerprints: Sequence[Fingerprint], part: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Words of one slice with their recording and frame; each recording has a word once, however often it recurs."""
    kept: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for owner, print_ in enumerate(fingerprints):
        words, frames = _variants(print_)
        mine = words >> np.uint32(29) == part
        words, firsts = np.unique(words[mine], return_index=True)
        kept.append((words, np.full(len(words), owner, np.int32), frames[mine][firsts]))
    if not kept:
        return np.zeros(0, np.uint32), np.zeros(0, np.int32), np.zeros(0, np.int32)
    words, owners, frames = (np.concatenate(column) for column in zip(*kept, strict=True))
    return words, owners, frames


def _variants(print_: Fingerprint) -> tuple[np.ndarray, np.ndarray]:
    """All words with their weak bits as they are or flipped, eight for each frame, and their frames."""
    (heard,) = np.nonzero(print_.weak)
    variants, weak = print_.words[heard][None], print_.weak[heard]
    for _ in range(NUM_WEAK):
        lowest = weak & (~weak + np.uint32(1))
        variants = np.concatenate([variants, variants ^ lowest])
        weak = weak ^ lowest
    return variants.ravel(), np.tile(heard.astype(np.int32), len(variants))


def _find(leaders: list[int], index: int) -> int:
    while leaders[index] != index:
        leaders[index] = leaders[leaders[index]]
        index = leaders[index]
    return index

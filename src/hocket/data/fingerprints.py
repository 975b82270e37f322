"""Fingerprints of recordings, which find near-duplicates: the same music in another file, which a split keeps together.

A fingerprint has 32 bits a moment. Each bit is the sign of a change over time of the difference of two neighbouring
bands (Haitsma and Kalker 2002: "A highly robust audio fingerprinting system"); gain, encoders and resampling leave most
of them as they are.

They find other encodings, rates, gains and channel counts, a trimmed beginning or end, and an excerpt of a recording.
They do not find another speed or pitch, another mix, or parts of one piece that do not overlap.
"""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from hocket.data.measures import RATE_HZ
from hocket.data.spectra import LONG_HOP, LONG_WINDOW, log_bands, log_edges, power_spectra

NUM_BITS = 32
LOWEST_HZ, HIGHEST_HZ = 250.0, 2_800.0  # what a telephone's 8 kHz still hold
STEP_FRAMES = 3  # changes over half a second are far above an encoder's noise
NUM_WEAK = 3
FRAMES_A_SECOND = RATE_HZ / LONG_HOP
_FLOOR = 1e-3
_HEARD = 1e-1  # the power of a sine at about -80 dBFS in these windows


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """`words` uint32 `[frames]`, 5.9 a second; `weak` uint32 `[frames]` marks the three bits likeliest to flip.

    `weak` is 0 for a moment of silence, whose word says nothing.
    """

    words: np.ndarray
    weak: np.ndarray

    def encode(self) -> str:
        """Both arrays as base64, for a line of text."""
        return base64.b64encode(np.stack([self.words, self.weak]).astype("<u4").tobytes()).decode("ascii")

    @classmethod
    def decode(cls, text: str) -> "Fingerprint":
        """The inverse of `encode`; raises ValueError where the text is none of its."""
        values = np.frombuffer(base64.b64decode(text, validate=True), dtype="<u4")
        words, weak = values.reshape(2, -1)
        return cls(words, weak)


@dataclass
class Fingerprinter:
    """Makes the fingerprint of a recording that comes in blocks, as if it came in one."""

    _rest: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    _levels: list[np.ndarray] = field(default_factory=list)

    def add(self, block: np.ndarray) -> None:
        """Takes the next `[samples]`, mono at 24 kHz."""
        waveform = np.concatenate([self._rest, block])
        edges = log_edges(LOWEST_HZ, HIGHEST_HZ, NUM_BITS + 2, LONG_WINDOW, RATE_HZ)
        power = power_spectra(waveform, window=LONG_WINDOW, hop=LONG_HOP)
        self._levels.append(log_bands(power, edges))
        self._rest = waveform[power.shape[1] * LONG_HOP :]

    def fingerprint(self) -> Fingerprint:
        """That of all that was added; without frames where it was shorter than a second and a quarter."""
        power = np.concatenate(self._levels, axis=1)
        level = np.log(power + _FLOOR)
        contrast = level[1:] - level[:-1]
        change = (contrast[:, STEP_FRAMES:] - contrast[:, :-STEP_FRAMES]).T
        bits = np.uint32(1) << np.arange(NUM_BITS, dtype=np.uint32)
        words = ((change > 0) * bits).sum(axis=1, dtype=np.uint32)
        weakest = np.argsort(np.abs(change), axis=1, kind="stable")[:, :NUM_WEAK]
        weak = bits[weakest].sum(axis=1, dtype=np.uint32)
        heard = power.max(axis=0) > _HEARD
        heard = heard[STEP_FRAMES:] & heard[: max(0, len(heard) - STEP_FRAMES)]
        return Fingerprint(words, np.where(heard, weak, 0).astype(np.uint32))


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
    """True if frame `offset` of the first is where the second begins, give or take a frame.

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

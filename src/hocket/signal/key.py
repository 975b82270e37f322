"""The key of a recording, and how clear it is: from chroma that is gathered part by part."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hocket.keys import RELATIVE_MAJOR, key_name, major_of
from hocket.signal.harmony import heard_frames, spread_of, tonality_of

SCALE = (0, 2, 4, 5, 7, 9, 11)
# How often each step above the tonic occurs (Albrecht and Shanahan 2013): of two keys that share their notes this
# finds the right one more often than Krumhansl's ratings, Temperley's and equal weights do. The scale itself is found
# best by equal weights: 115 of 120 rendered songs, against 98 to 107 by those three, which weigh the tonic's chord.
MODES = {
    "major": (0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081),
    "minor": (0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052),
}
# Least values of what makes a key clear. Of rendered songs with chords none is below this fit (0.31), while drums reach
# 0.31 at a tonality of 0.03, brown noise 0.24, chords and notes drawn at random 0.24.
LEAST_FIT, LEAST_MARGIN, LEAST_TONALITY = 0.28, 0.02, 0.23
CLEAR = 0.5


@dataclass(frozen=True)
class Key:
    """A key: its tonic (0 to 11, C is 0), `major` or `minor`, and a confidence in [0, 1]."""

    tonic: int
    mode: str
    confidence: float

    @property
    def name(self) -> str:
        """Like `A minor`."""
        return key_name(self.tonic, self.mode)

    @property
    def is_clear(self) -> bool:
        """Whether this is a key, rather than the best that can be found in drums, noise or atonal music."""
        return self.confidence >= CLEAR

    @property
    def major(self) -> int:
        """The tonic of the major key that has its notes."""
        return major_of(self.tonic, self.mode)


@torch.no_grad()
def find_key(parts: Sequence[tuple[Tensor, Tensor]], *, sample_rate: int) -> Key | None:
    """The most likely key from the `levelled_chroma` of all parts of a recording; None where no pitch sounds.

    First the scale whose seven notes stand out most, then which of its two keys. The confidence is the least of three
    shares: how far the scale's notes stand out of the mean chroma, against how far notes stand out at each moment (in
    atonal music every note has its turn), how far they are ahead of those of the next best scale, and the tonality.
    """
    classes = torch.cat([chroma for chroma, _ in parts], dim=1)
    heard = classes[:, heard_frames(torch.cat([level for _, level in parts]))].double().numpy()
    mean = heard.mean(axis=1) if heard.size else np.zeros(12)
    if np.ptp(mean) < 1e-6:
        return None
    scale = np.isin(np.arange(12), SCALE).astype(float)
    fits = np.array([_correlation(np.roll(scale, tonic), mean) for tonic in range(12)])
    major = int(np.argmax(fits))
    second, best = np.sort(fits)[-2:]
    steadiness = mean.std() / max(float(heard.std(axis=0).mean()), 1e-6)
    tonality = tonality_of([(spread_of(c, sample_rate=sample_rate), level) for c, level in parts])
    shares = (
        best * steadiness / LEAST_FIT,
        (best - second) * steadiness / LEAST_MARGIN,
        tonality / LEAST_TONALITY,
    )
    return Key(*_of_scale(major, mean), float(np.clip(CLEAR * min(shares), 0.0, 1.0)))


def _of_scale(major: int, mean: np.ndarray) -> tuple[int, str]:
    """Which of the two keys of a scale the mean chroma `[12]` fits better."""
    keys = ((major, "major"), ((major - RELATIVE_MAJOR) % 12, "minor"))
    return max(keys, key=lambda key: _correlation(np.roll(MODES[key[1]], key[0]), mean))


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(first, second)[0, 1])

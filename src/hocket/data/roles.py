"""Roles of songs: rhythmic ones rather as inputs, tonal ones rather as targets."""

from collections.abc import Sequence

import numpy as np

from hocket.errors import DataError

FLOOR = 0.25
"""The share of all draws that suitability does not touch, so that each of n songs keeps a chance of 0.25 / n."""

SHARPNESS = 2.0


def role_weights(suitabilities: Sequence[float | None], *, role: str) -> np.ndarray:
    """Chances `[songs]`, sum 1, of being drawn for a role, from percussiveness or tonality in [0, 1].

    A quarter is spread evenly; the rest goes by the square of the suitability, so that a drum loop at 0.9 is drawn as
    an input nine times as often as a ballad at 0.3, before the even share.

    Raises:
        DataError: a song's suitability is not known.
    """
    if any(value is None for value in suitabilities):
        raise DataError(
            f"it is not known how suitable the songs are as {role}s: run `hocket prepare` on the music and "
            "train on its output, or set pairing to random."
        )
    values = np.array(suitabilities, dtype=np.float64) ** SHARPNESS
    even = np.full(len(values), 1.0 / len(values))
    suited = values / values.sum() if values.sum() > 0 else even
    return np.asarray(FLOOR * even + (1.0 - FLOOR) * suited)

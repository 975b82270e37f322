"""Which delays are clear enough to be taken out of a comparison, and how a recording is read without one."""

import math

import numpy as np
import torch

from hocket.audio.streams import Recording
from hocket.diagnostics.alignment import MAX_LAG_SECONDS, delayed, find_lag
from hocket.signal.similarity import overlay_fit

R2_RISE = 0.1
SAME_LAG_SAMPLES = 2.0

# How far around a stretch samples count where it is delayed by a fraction of one. What lies beyond is -40 dB of white
# noise, right below half the rate, and -100 dB of what has nothing there.
_MARGIN_SAMPLES = 24_000


def clear_lags(
    output: np.ndarray, input: np.ndarray, target: np.ndarray, *, sample_rate: int
) -> tuple[float, float]:
    """How many samples the output is late against the input and against the target; (0, 0) unless that is clear.

    A source whose own delay does not stand out shares the other's: one encoder delays everything.
    """
    limit = min(round(MAX_LAG_SECONDS * sample_rate), len(output) // 8)
    found = [find_lag(output=output, source=source, max_lag_samples=limit) for source in (input, target)]
    known = [lag for lag in found if lag is not None]
    if not any(known):
        return 0.0, 0.0
    own, theirs = (known[0] if lag is None else lag for lag in found)
    if abs(own - theirs) <= SAME_LAG_SAMPLES and len(known) == 2:
        own = theirs = max(own, theirs, key=lambda lag: _r2(output, input, target, lag, lag))
    rise = _r2(output, input, target, own, theirs) - _r2(output, input, target, 0.0, 0.0)
    return (own, theirs) if rise >= R2_RISE else (0.0, 0.0)


def read_delayed(voice: Recording, start: int, stop: int, *, lag_samples: float) -> np.ndarray:
    """Samples `start` to `stop` of a recording that comes `lag_samples` later, `[channels, samples]`.

    They have to lie within it: at least `ceil(lag)` from its beginning, or `floor(lag)` before its end.
    """
    whole = math.floor(lag_samples)
    start, stop = start - whole, stop - whole
    if lag_samples == whole:
        return voice.read(start, stop)
    first, last = max(0, start - _MARGIN_SAMPLES), min(voice.num_samples, stop + _MARGIN_SAMPLES)
    later = [delayed(channel, lag_samples - whole) for channel in voice.read(first, last)]
    return np.stack(later)[:, start - first : stop - first]


def _r2(
    output: np.ndarray, input: np.ndarray, target: np.ndarray, input_lag: float, target_lag: float
) -> float:
    voices = [torch.from_numpy(a) for a in (output, delayed(input, input_lag), delayed(target, target_lag))]
    r2, _, _ = overlay_fit(output=voices[0], input=voices[1], target=voices[2])
    return float(r2)

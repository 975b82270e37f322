"""A constant delay between an output and its sources, which encoders and sound cards add and nobody hears.

It is measured, and removed before a comparison if it is clear enough.
"""

import math

import numpy as np
import torch
from scipy import fft

from hocket.audio.streams import Recording
from hocket.signal.similarity import overlay_fit

MAX_LAG_SECONDS = 0.25
# Partial whitening (Knapp and Carter 1976 whiten wholly): of 0.5 to 0.9, the power that best told 194 related from
# 108 unrelated recordings of 12 s. Prominences were 9.4 and more for related ones, 5.8 at the most for others; in
# excerpts of 4 s others reached 9.2.
WHITENING = 0.6
PROMINENCE = 9.0

R2_RISE = 0.1
SAME_LAG_SAMPLES = 2.0

# How far around a stretch samples count where it is delayed by a fraction of one. What lies beyond is -40 dB of white
# noise, right below half the rate, and -100 dB of what has nothing there.
_MARGIN_SAMPLES = 24_000


def clear_lags(
    output: np.ndarray, input: np.ndarray, target: np.ndarray, *, sample_rate: int
) -> tuple[float, float]:
    """Samples by which the output is late against the input and against the target; (0, 0) unless that is clear.

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


def find_lag(*, output: np.ndarray, source: np.ndarray, max_lag_samples: int) -> float | None:
    """Samples by which the output is later than the source; None if no delay stands out.

    The place of the largest magnitude of the partially whitened cross-correlation of two `[samples]`, to a fraction
    of a sample, within ± `max_lag_samples`. Repeated beats and steady tones give broad or many peaks, a common
    recording gives one sharp one.
    """
    size = fft.next_fast_len(len(output) + max_lag_samples + 1, real=True)
    cross = fft.rfft(output.astype(np.float64), size) * np.conj(fft.rfft(source.astype(np.float64), size))
    magnitude = np.abs(cross)
    cross /= (magnitude + 1e-6 * magnitude.max() + 1e-30) ** WHITENING
    correlation = fft.irfft(cross, size)
    near = np.concatenate([correlation[-max_lag_samples:], correlation[: max_lag_samples + 1]])
    place = int(np.argmax(np.abs(near)))
    if not np.abs(near[place]) > PROMINENCE * np.sqrt(np.mean(near**2)):
        return None
    return place - max_lag_samples + _peak_offset(np.abs(near), place)


def delayed(signal: np.ndarray, lag_samples: float) -> np.ndarray:
    """`[samples]` later by any number of samples, also a negative or fractional one; zeros come in at the end."""
    if lag_samples == 0:
        return signal
    size = fft.next_fast_len(len(signal) + int(abs(lag_samples)) + 64, real=True)
    turn = np.exp(-2j * np.pi * fft.rfftfreq(size) * lag_samples)
    shifted: np.ndarray = fft.irfft(fft.rfft(signal.astype(np.float64), size) * turn, size)
    return shifted[: len(signal)].astype(signal.dtype)


def _peak_offset(values: np.ndarray, place: int) -> float:
    """Offset from a maximum, -0.5 to 0.5, of the top of the parabola through it and its neighbours."""
    if not 0 < place < len(values) - 1:
        return 0.0
    before, peak, after = values[place - 1 : place + 2]
    curvature = before - 2 * peak + after
    offset = 0.5 * (before - after) / curvature if curvature < 0 else 0.0
    # A delay of whole samples is far more likely than one of a twentieth, and needs no interpolation.
    return float(offset) if abs(offset) > 0.05 else 0.0

"""Loudness and true peak (ITU-R BS.1770-5), and the one gain with which an output is handed out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.signal import sosfilt

from hocket.audio import Audio
from hocket.audio.sound import peak
from hocket.audio.streams import Recording
from hocket.audio.streams import recording as as_recording
from hocket.audio.views import Resampled

QUIETEST_LUFS, LOUDEST_LUFS = -24.0, -14.0
CEILING_DB = -1.0
TOLERANCE_LU = 0.05
# Room for the rounding of the gain and of 16 bits.
CEILING_MARGIN_DB = 0.02

SUBBLOCK_SECONDS = 0.1
SUBBLOCKS = 4
ABSOLUTE_GATE_LUFS, RELATIVE_GATE_LU = -70.0, -10.0
OFFSET_DB = -0.691
SURROUND_WEIGHT = 1.41
LEAST_RATE_HZ = 8_000

PART_SAMPLES = 2**18
"""Samples over all channels that are worked on at once: they stay in the cache."""

OVERSAMPLING = 4
REACH = 24
"""Samples on either side from which a value between two samples is interpolated."""
KAISER_BETA = 5.65


@dataclass(frozen=True)
class Finish:
    """One gain for all of an output, the loudness that it has with it, and the one that was aimed at."""

    gain: float
    lufs: float
    wanted_lufs: float

    @property
    def note(self) -> str:
        """A sentence for an output that is quieter than promised; empty for others."""
        if not -math.inf < self.lufs < QUIETEST_LUFS - TOLERANCE_LU:
            return ""
        return (
            f"the output is quieter than usual ({self.lufs:.1f} LUFS instead of {QUIETEST_LUFS:g}): its "
            f"highest peak is at {CEILING_DB:g} dBTP already, and Hocket applies no limiter."
        )


def finishing(output: Audio | Recording, *, sources: Sequence[Audio | Recording]) -> Finish:
    """Finds the gain to the loudness of the louder source, but within -24 to -14 LUFS, and under -1 dBTP.

    One gain for everything: nothing is limited, so a spiky output may end up quieter. A silent output's is 1.
    """
    return finishing_at(output, max((loudness_lufs(source) for source in sources), default=-math.inf))


def finishing_at(output: Audio | Recording, wanted_lufs: float) -> Finish:
    """Finds the gain to a loudness that is known, in LUFS; see `finishing`."""
    own = loudness_lufs(output)
    if own == -math.inf:
        return Finish(1.0, own, wanted_lufs)
    gain_db = min(max(wanted_lufs, QUIETEST_LUFS), LOUDEST_LUFS) - own
    gain_db = min(gain_db, CEILING_DB - CEILING_MARGIN_DB - true_peak_db(output))
    return Finish(float(10 ** (gain_db / 20)), own + gain_db, wanted_lufs)


def loudness_lufs(sound: Audio | Recording) -> float:
    """Integrated loudness by ITU-R BS.1770-5 in LUFS; minus infinity for silence.

    Under 0.4 s, or where all of it is under the gate of -70 LUFS, everything counts, without gates. Four and five
    channels are L, R, C, Ls, Rs; more have no agreed order, and their mean power counts.
    """
    powers = _subblock_powers(as_recording(sound))
    if len(powers) == 0:
        return -math.inf
    if len(powers) < SUBBLOCKS:
        return _lufs(float(powers.mean()))
    blocks = np.convolve(powers, np.full(SUBBLOCKS, 1.0 / SUBBLOCKS), mode="valid")
    loud = blocks[blocks > _power(ABSOLUTE_GATE_LUFS)]
    if len(loud) == 0:
        return _lufs(float(powers.mean()))
    loud = loud[loud > loud.mean() * 10 ** (RELATIVE_GATE_LU / 10)]
    return _lufs(float(loud.mean()))


def _lufs(power: float) -> float:
    return OFFSET_DB + 10 * math.log10(power) if power > 0 else -math.inf


def _power(lufs: float) -> float:
    return float(10 ** ((lufs - OFFSET_DB) / 10))


def _subblock_powers(recording: Recording) -> np.ndarray:
    """The weighted power of each whole tenth of a second; one of everything, where there are fewer than four."""
    rate, num_channels = recording.sample_rate, recording.num_channels
    if rate < LEAST_RATE_HZ:
        # The head filter is at 1.7 kHz, and has no form below twice that.
        return _subblock_powers(Resampled(recording, LEAST_RATE_HZ))
    whole_tenths = int(recording.num_samples / (SUBBLOCK_SECONDS * rate))
    edges = (np.arange(whole_tenths + 1) * SUBBLOCK_SECONDS * rate).astype(int)
    if whole_tenths < SUBBLOCKS:
        edges = np.unique([0, recording.num_samples])
    weights, filters = _channel_weights(num_channels), k_weighting(rate)
    state = np.zeros((len(filters), num_channels, 2))
    at_once = max(1, int(PART_SAMPLES / (SUBBLOCK_SECONDS * rate * num_channels)))
    powers = np.zeros(len(edges) - 1)
    for first in range(0, len(powers), at_once):
        inside = edges[first : first + at_once + 1]
        filtered, state = sosfilt(filters, recording.read(inside[0], inside[-1]), axis=1, zi=state)
        energies = np.add.reduceat(np.square(filtered), inside[:-1] - inside[0], axis=1)
        powers[first : first + at_once] = weights @ energies / np.diff(inside)
    return powers


def _channel_weights(num_channels: int) -> np.ndarray:
    if num_channels > 5:
        return np.full(num_channels, 1.0 / num_channels)
    return np.array([1.0, 1.0, 1.0, SURROUND_WEIGHT, SURROUND_WEIGHT])[:num_channels]


def k_weighting(sample_rate: int) -> np.ndarray:
    """Head shelf and high pass for any rate, as second-order sections `[2, 6]`.

    The standard tabulates them for 48 kHz; these are the analogue filters behind the table (De Man 2014), brought to
    other rates by the bilinear transform.
    """
    k, q = math.tan(math.pi * 1681.974450955533 / sample_rate), 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    scale = 1 + k / q + k * k
    shelf = [high + band * k / q + k * k, 2 * (k * k - high), high - band * k / q + k * k]
    first = np.array([*shelf, scale, 2 * (k * k - 1), 1 - k / q + k * k]) / scale
    k, q = math.tan(math.pi * 38.13547087602444 / sample_rate), 0.5003270373238773
    scale = 1 + k / q + k * k
    # The standard leaves the high pass's numerator at 1, -2, 1 whatever its gain.
    second = np.array([1, -2, 1, 1, 2 * (k * k - 1) / scale, (1 - k / q + k * k) / scale])
    return np.stack([first, second])


def true_peak_db(sound: Audio | Recording) -> float:
    """The largest magnitude of the waveform between its samples as well, in dBTP; minus infinity for silence.

    Measured on four times the rate (annex 2, which asks for 12 samples around each place; with 48 it is true to 0.01 dB
    up to 0.92 of half the rate). Runs that cannot reach the highest found so far, however the samples around their
    places add up, are left out: that changes nothing.
    """
    recording, highest, run = as_recording(sound), 0.0, 2 * REACH
    matrix, most = _interpolator()
    size = max(1, PART_SAMPLES // (recording.num_channels * run)) * run
    for start in range(0, recording.num_samples, size):
        stop = min(start + size, recording.num_samples)
        first, last = max(0, start - REACH), min(stop + REACH, recording.num_samples)
        part = recording.read(first, last)
        highest = max(highest, peak(part))
        # From `REACH` before the part up to the first whole run that is as far behind it.
        missing = REACH - (start - first), REACH - (last - stop) + (start - stop) % run
        runs = np.pad(part, ((0, 0), missing)).reshape(len(part), -1, run)
        loudest = np.abs(runs).max(axis=2)
        near = np.maximum(loudest[:, :-1], loudest[:, 1:]) * most > highest
        if near.any():
            around = np.concatenate([runs[:, :-1][near], runs[:, 1:][near]], axis=1)
            highest = max(highest, peak(around @ matrix))
    return 20 * math.log10(highest) if highest > 0 else -math.inf


@lru_cache(maxsize=1)
def _interpolator() -> tuple[np.ndarray, float]:
    """Reads the values between samples off two runs; and the most by which one exceeds the largest sample.

    A matrix `[samples, values]` of sincs under a Kaiser window: three values each, `REACH` samples from either end.
    """
    taps, places = np.arange(1 - REACH, REACH + 1), np.arange(1, OVERSAMPLING)[:, None] / OVERSAMPLING
    window = np.i0(KAISER_BETA * np.sqrt(1.0 - np.square((taps - places) / REACH)))
    kernels = np.sinc(taps - places) * window
    kernels /= kernels.sum(axis=1, keepdims=True)
    run = len(taps)
    matrix = np.zeros((2 * run, run, len(kernels)), dtype=np.float32)
    for first in range(run):
        matrix[first : first + run, first] = kernels.T
    return matrix.reshape(2 * run, -1), float(np.abs(kernels).sum(axis=1).max())

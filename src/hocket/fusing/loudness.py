"""How loud a result is handed out: as loud as its sources, within what is usual, and never clipped."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from hocket.audio import Audio
from hocket.audio.streams import Recording
from hocket.audio.streams import recording as as_recording
from hocket.audio.views import Resampled
from hocket.fusing.true_peak import true_peak_db

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

RUN_SAMPLES = 64
PART_SAMPLES = 2**18
"""What is filtered at once, in samples over all channels: it stays in the cache."""

FORGOTTEN = 1e-12


@dataclass(frozen=True)
class Finish:
    """One gain for all of an output, and the loudness that it has with it."""

    gain: float
    lufs: float

    @property
    def note(self) -> str:
        """A sentence for an output that is quieter than promised; empty for others."""
        if not -math.inf < self.lufs < QUIETEST_LUFS - TOLERANCE_LU:
            return ""
        return (
            f"the output is quieter than usual ({self.lufs:.1f} LUFS instead of {QUIETEST_LUFS:g}): "
            f"its highest peak is at {CEILING_DB:g} dBTP already, and nothing is limited."
        )


def finishing(output: Audio | Recording, *, sources: Sequence[Audio | Recording]) -> Finish:
    """What brings the output to the loudness of its louder source, but to -24 to -14 LUFS, and under -1 dBTP.

    One gain for everything: nothing is limited, so a spiky output may end up quieter. A silent output's is 1.
    """
    own = loudness_lufs(output)
    if own == -math.inf:
        return Finish(1.0, own)
    wanted = max((loudness_lufs(source) for source in sources), default=-math.inf)
    gain_db = min(max(wanted, QUIETEST_LUFS), LOUDEST_LUFS) - own
    gain_db = min(gain_db, CEILING_DB - CEILING_MARGIN_DB - true_peak_db(output))
    return Finish(float(10 ** (gain_db / 20)), own + gain_db)


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
    rate = recording.sample_rate
    if rate < LEAST_RATE_HZ:
        # The head filter is at 1.7 kHz, and has no form below twice that.
        return _subblock_powers(Resampled(recording, LEAST_RATE_HZ))
    whole_tenths = int(recording.num_samples / (SUBBLOCK_SECONDS * rate))
    edges = (np.arange(whole_tenths + 1) * SUBBLOCK_SECONDS * rate).astype(int)
    if whole_tenths < SUBBLOCKS:
        edges = np.unique([0, recording.num_samples])
    weights = _channel_weights(recording.num_channels)
    energy, done, parts = 0.0, 0, [0.0]
    for block in _filtered(recording):
        num_samples = block.shape[1]
        inside = edges[(edges > done) & (edges <= done + num_samples)] - done
        starts = np.concatenate([[0], inside[inside < num_samples]])
        running = energy + np.cumsum(weights @ np.add.reduceat(np.square(block), starts, axis=1))
        parts.extend(running[: len(inside)])
        energy, done = float(running[-1]), done + num_samples
    return np.asarray(np.diff(parts) / np.diff(edges))


def _channel_weights(num_channels: int) -> np.ndarray:
    if num_channels > 5:
        return np.full(num_channels, 1.0 / num_channels)
    return np.array([1.0, 1.0, 1.0, SURROUND_WEIGHT, SURROUND_WEIGHT])[:num_channels]


def _filtered(recording: Recording) -> Iterator[np.ndarray]:
    """The K-weighted samples, part by part, with the filters' state carried on."""
    runs = _Runs.of(recording.sample_rate)
    state = np.zeros((recording.num_channels, 1, runs.step.shape[0]))
    size = max(1, PART_SAMPLES // recording.num_channels // RUN_SAMPLES) * RUN_SAMPLES
    for start in range(0, recording.num_samples, size):
        samples = recording.read(start, min(start + size, recording.num_samples))
        filtered, state = runs.filter(samples, state)
        yield filtered


@dataclass(frozen=True)
class _Runs:
    """The K-weighting of `RUN_SAMPLES` samples at a time, as products with matrices: three times as fast as one by one.

    A run's output is `samples @ response + state @ ringing`, the state after it `samples @ excitation + state @ step`.
    """

    response: np.ndarray
    ringing: np.ndarray
    excitation: np.ndarray
    step: np.ndarray

    @classmethod
    @lru_cache(maxsize=8)
    def of(cls, sample_rate: int) -> "_Runs":
        """What the filters make of each single sample and of each single state."""
        filters = k_weighting(sample_rate)
        order = 2 * len(filters)

        def run(samples: np.ndarray, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            after = np.empty_like(states)
            for index, (numerator, denominator) in enumerate(filters):
                own = slice(2 * index, 2 * index + 2)
                samples, after[:, own] = _biquad(numerator, denominator, samples, states[:, own])
            return samples, after

        response, excitation = run(np.eye(RUN_SAMPLES), np.zeros((RUN_SAMPLES, order)))
        ringing, step = run(np.zeros((order, RUN_SAMPLES)), np.eye(order))
        # States of unit length that ring each in its own way: nothing cancels out, and single precision is enough.
        ringing, mix = np.linalg.qr(ringing.T)
        ringing, excitation = ringing.T, excitation @ mix.T
        step = np.linalg.solve(mix.T, step) @ mix.T
        response, ringing, excitation = (part.astype(np.float32) for part in (response, ringing, excitation))
        return cls(response, ringing, excitation, step)

    def filter(self, samples: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Filters float32 `[channels, samples]` from a state `[channels, 1, n]`; whole runs, unless it is the end."""
        num_samples = samples.shape[1]
        if num_samples % RUN_SAMPLES:
            samples = np.pad(samples, ((0, 0), (0, -num_samples % RUN_SAMPLES)))
        samples = samples.reshape(len(samples), -1, RUN_SAMPLES)
        states = np.concatenate([state, samples @ self.excitation], axis=1)
        # Each state is heard in all later ones: by doubling, until it is forgotten.
        step, reach = self.step, 1
        while reach < states.shape[1] and np.abs(step).max() > FORGOTTEN:
            states[:, reach:] += states[:, :-reach] @ step
            step, reach = step @ step, 2 * reach
        filtered = samples @ self.response
        filtered += states[:, :-1].astype(np.float32) @ self.ringing
        return filtered.reshape(len(filtered), -1)[:, :num_samples], states[:, -1:]


def k_weighting(sample_rate: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Head shelf and high pass as (numerator, denominator), for any rate.

    The standard tabulates them for 48 kHz; these are the analogue filters behind the table (De Man 2014), brought to
    other rates by the bilinear transform.
    """
    k, q = math.tan(math.pi * 1681.974450955533 / sample_rate), 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    shelf = [high + band * k / q + k * k, 2 * (k * k - high), high - band * k / q + k * k]
    first = (np.array(shelf), np.array([1 + k / q + k * k, 2 * (k * k - 1), 1 - k / q + k * k]))
    k, q = math.tan(math.pi * 38.13547087602444 / sample_rate), 0.5003270373238773
    # The standard leaves the high pass's numerator at 1, -2, 1 whatever its gain.
    scale = 1 + k / q + k * k
    second = (
        np.array([1.0, -2.0, 1.0]) * scale,
        np.array([scale, 2 * (k * k - 1), 1 - k / q + k * k]),
    )
    return [first, second]


def _biquad(
    numerator: np.ndarray, denominator: np.ndarray, samples: np.ndarray, states: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """`[rows, samples]` through a biquad (transposed direct form II) and its states `[rows, 2]` at the end.

    For short runs: `scipy.signal`, which has this too, takes a second to load.
    """
    (b0, b1, b2), (_, a1, a2) = numerator / denominator[0], denominator / denominator[0]
    first, second = states.T
    filtered = np.empty_like(samples)
    for place, sample in enumerate(samples.T):
        filtered[:, place] = output = b0 * sample + first
        first, second = b1 * sample - a1 * output + second, b2 * sample - a2 * output
    return filtered, np.stack([first, second], axis=1)

"""How loud a result is handed out: as loud as its sources, within what is usual, and never clipped."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from scipy.signal import lfilter

from hocket import audio
from hocket.audio import Audio
from hocket.audio.streams import Recording
from hocket.audio.streams import recording as as_recording
from hocket.inference.views import Resampled

QUIETEST_LUFS, LOUDEST_LUFS = -24.0, -14.0
CEILING_DB = -1.0
# Room for the rounding of the gain and of 16 bits.
CEILING_MARGIN_DB = 0.02

SUBBLOCK_SECONDS = 0.1
SUBBLOCKS = 4
ABSOLUTE_GATE_LUFS, RELATIVE_GATE_LU = -70.0, -10.0
OFFSET_DB = -0.691
SURROUND_WEIGHT = 1.41
LEAST_RATE_HZ = 8_000

OVERSAMPLING = 4
OVERLAP_SAMPLES = 512


def finish(output: Audio, *, sources: Sequence[Audio]) -> Audio:
    """The output with its `finishing_gain`; a silent one stays as it is."""
    gain = finishing_gain(output, sources=sources)
    return output if gain == 1.0 else Audio(output.samples * np.float32(gain), output.sample_rate)


def finishing_gain(output: Audio | Recording, *, sources: Sequence[Audio | Recording]) -> float:
    """What brings the output to the loudness of its louder source, but to -24 to -14 LUFS, and under -1 dBTP.

    One gain for everything: nothing is limited, so a spiky output may end up quieter. A silent output's is 1.
    """
    own = loudness_lufs(output)
    if own == -math.inf:
        return 1.0
    wanted = max((loudness_lufs(source) for source in sources), default=-math.inf)
    gain_db = min(max(wanted, QUIETEST_LUFS), LOUDEST_LUFS) - own
    return float(10 ** (min(gain_db, CEILING_DB - CEILING_MARGIN_DB - true_peak_db(output)) / 20))


def true_peak_db(sound: Audio | Recording) -> float:
    """The largest magnitude of the waveform between its samples as well, in dBTP; minus infinity for silence.

    Measured on four times the rate (ITU-R BS.1770-5, annex 2), in parts of 10 s, so that an hour needs little memory.
    """
    recording, highest = as_recording(sound), 0.0
    for start, stop in recording.spans():
        first = max(0, start - OVERLAP_SAMPLES)
        part = recording.read(first, min(stop + OVERLAP_SAMPLES, recording.num_samples))
        # Only the ratio counts, and these two rates are always allowed.
        finer = audio.resample(part, from_hz=48_000, to_hz=48_000 * OVERSAMPLING)
        finer = finer[:, (start - first) * OVERSAMPLING : (stop - first) * OVERSAMPLING]
        highest = max(highest, float(finer.max()), -float(finer.min()))
    return 20 * math.log10(highest) if highest > 0 else -math.inf


def loudness_lufs(sound: Audio | Recording) -> float:
    """Integrated loudness by ITU-R BS.1770-5 in LUFS; minus infinity for silence.

    Under 0.4 s, or where all of it is under the gate of -70 LUFS, everything counts, without gates. Four and five
    channels are L, R, C, Ls, Rs; more have no agreed order, and their mean power counts. Works in parts of 10 s.
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
    energy, done, parts = 0.0, 0, [0.0]
    for block in _filtered(recording):
        running = energy + np.cumsum(_channel_weights(recording.num_channels) @ block**2)
        inside = edges[(edges > done) & (edges <= done + len(running))]
        parts.extend(running[inside - done - 1])
        energy, done = float(running[-1]), done + len(running)
    return np.asarray(np.diff(parts) / np.diff(edges))


def _channel_weights(num_channels: int) -> np.ndarray:
    if num_channels > 5:
        return np.full(num_channels, 1.0 / num_channels)
    return np.array([1.0, 1.0, 1.0, SURROUND_WEIGHT, SURROUND_WEIGHT])[:num_channels]


def _filtered(recording: Recording) -> Iterator[np.ndarray]:
    """The K-weighted samples, part by part, with the filters' state carried on."""
    filters = k_weighting(recording.sample_rate)
    states = [np.zeros((recording.num_channels, 2)) for _ in filters]
    for samples in recording.blocks():
        block = samples.astype(np.float64)
        for index, (numerator, denominator) in enumerate(filters):
            block, states[index] = lfilter(numerator, denominator, block, zi=states[index])
        yield block


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

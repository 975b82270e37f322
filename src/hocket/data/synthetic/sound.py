"""Building blocks of sound: oscillators, envelopes, filters, room and level, on mono numpy arrays.

Lengths are samples, rates and frequencies Hz, times seconds; every function is pure.
"""

import numpy as np
from scipy.signal import butter, oaconvolve, sosfilt

TABLE_SIZE = 2048
HIGHEST_SHARE_OF_RATE = (
    0.45  # partials above this share of the sample rate are left out, so that nothing aliases
)


def time_axis(num_samples: int, sample_rate: int) -> np.ndarray:
    """Seconds of each sample, `[num_samples]`."""
    return np.arange(num_samples) / sample_rate


def exponential(num_samples: int, sample_rate: int, time_constant_seconds: float) -> np.ndarray:
    """A decay from 1 with the given time constant; an infinite one stays at 1."""
    return np.exp(-time_axis(num_samples, sample_rate) / time_constant_seconds)


def rise(num_samples: int, num_rise: int) -> np.ndarray:
    """A raised-cosine way from 0 to 1 over `num_rise` samples, then 1."""
    envelope = np.ones(num_samples)
    length = min(num_rise, num_samples)
    envelope[:length] = 0.5 - 0.5 * np.cos(np.pi * np.arange(length) / max(num_rise, 1))
    return envelope


def fall(num_samples: int, num_fall: int) -> np.ndarray:
    """1, then a raised-cosine way to 0 over the last `num_fall` samples."""
    return rise(num_samples, num_fall)[::-1]


def num_partials(fundamental_hz: float, sample_rate: int) -> int:
    """Number of harmonics of a tone below the highest frequency that is rendered (at least 1)."""
    return max(1, int(HIGHEST_SHARE_OF_RATE * sample_rate / fundamental_hz))


def one_cycle(amplitudes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Wave tables for harmonic spectra.

    Args:
        amplitudes: `[tables, harmonics]`, harmonic 1 first.
        rng: draws one set of phases for all tables, so that they can be cross-faded; random phases keep the
            crest factor low.

    Returns:
        `[tables, TABLE_SIZE + 1]`; the last column repeats the first, for interpolation.
    """
    most = TABLE_SIZE // 2 - 1
    kept = min(amplitudes.shape[1], most)
    # As many phases for any spectrum: another sample rate, with other partials, gives the same tone.
    phases = rng.random(most)[:kept]
    spectrum = np.zeros((amplitudes.shape[0], TABLE_SIZE // 2 + 1), dtype=complex)
    spectrum[:, 1 : kept + 1] = amplitudes[:, :kept] * np.exp(2j * np.pi * phases)
    cycle = np.fft.irfft(spectrum, axis=1) * TABLE_SIZE / 2
    return np.concatenate([cycle, cycle[:, :1]], axis=1)


def read_tables(tables: np.ndarray, phase_cycles: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Reads wave tables `[tables, TABLE_SIZE + 1]` with linear interpolation, and mixes them.

    Args:
        tables: as `one_cycle` gives them.
        phase_cycles: `[samples]`, any real numbers.
        weights: `[tables, samples]` or `[tables, 1]`.

    Returns:
        `[samples]`.
    """
    position = (phase_cycles % 1.0) * TABLE_SIZE
    # A phase just below a whole cycle can round up to TABLE_SIZE.
    index = np.minimum(position.astype(np.int64), TABLE_SIZE - 1)
    share, mixed = position - index, np.zeros(len(position))
    for table, weight in zip(tables, weights, strict=True):
        left = np.take(table, index)
        mixed += weight * (left + share * (np.take(table, index + 1) - left))
    return mixed


def sine(phase_cycles: np.ndarray) -> np.ndarray:
    """The sine of a phase in cycles."""
    return np.sin(2 * np.pi * phase_cycles)


def low_pass(signal: np.ndarray, cutoff_hz: float, sample_rate: int, order: int = 2) -> np.ndarray:
    """Butterworth low pass; a cutoff out of the rate's reach leaves the signal as it is."""
    if cutoff_hz >= HIGHEST_SHARE_OF_RATE * sample_rate:
        return signal
    return sosfilt(butter(order, cutoff_hz, "lowpass", fs=sample_rate, output="sos"), signal)


def high_pass(signal: np.ndarray, cutoff_hz: float, sample_rate: int, order: int = 2) -> np.ndarray:
    """Butterworth high pass; the cutoff is held within the rate's reach."""
    corner = min(cutoff_hz, 0.9 * HIGHEST_SHARE_OF_RATE * sample_rate)
    return sosfilt(butter(order, corner, "highpass", fs=sample_rate, output="sos"), signal)


def band_pass(signal: np.ndarray, low_hz: float, high_hz: float, sample_rate: int) -> np.ndarray:
    """A high pass at the lower corner, then a low pass at the upper one."""
    return low_pass(high_pass(signal, low_hz, sample_rate), high_hz, sample_rate)


def saturate(signal: np.ndarray, drive: float) -> np.ndarray:
    """Soft saturation: transparent for small signals, bounded by `1 / drive`."""
    return np.tanh(drive * signal) / drive


def with_room(
    signal: np.ndarray, *, decay_seconds: float, amount: float, sample_rate: int, seed: int
) -> np.ndarray:
    """Adds a reverberant tail: the signal through decaying, darkening noise, at `amount` times its level.

    `decay_seconds` is the time in which the tail falls by 60 dB. The result has the signal's length.
    """
    rng = np.random.default_rng(seed)
    num_tail = max(8, int(decay_seconds * sample_rate))
    envelope = exponential(num_tail, sample_rate, decay_seconds / np.log(1000.0))
    noise = rng.standard_normal(num_tail) * envelope
    # Air and walls swallow high frequencies first: the later part of the tail is the darker one.
    darkening = np.linspace(0.0, 1.0, num_tail)
    tail = (1 - darkening) * low_pass(noise, 6000.0, sample_rate) + darkening * low_pass(
        noise, 1800.0, sample_rate
    )
    tail = high_pass(tail, 180.0, sample_rate)
    pre_delay = np.zeros(int(rng.uniform(0.008, 0.02) * sample_rate))
    response = np.concatenate([pre_delay, tail / np.sqrt(np.sum(tail**2))])
    return signal + amount * oaconvolve(signal, response)[: len(signal)]


def root_mean_square(signal: np.ndarray) -> float:
    """The RMS level of a signal."""
    return float(np.sqrt(np.mean(np.square(signal, dtype=np.float64))))


def at_level(signal: np.ndarray, *, level_db: float, ceiling: float = 0.97, knee: float = 0.6) -> np.ndarray:
    """The signal at an RMS level in dBFS, its peaks bent softly under `ceiling`.

    Bending takes a little level away, so the two are repeated until both hold. Where they cannot both hold (a
    single click in silence) the ceiling wins.
    """
    goal = 10 ** (level_db / 20)
    signal = signal * (goal / root_mean_square(signal))
    for _ in range(20):
        if np.max(np.abs(signal)) <= ceiling:
            return signal
        over = np.maximum(np.abs(signal) - knee, 0.0)
        bent = knee + (ceiling - knee) * np.tanh(over / (ceiling - knee))
        signal = np.where(over > 0, np.sign(signal) * bent, signal)
        signal = signal * (goal / root_mean_square(signal))
    return signal * min(1.0, ceiling / float(np.max(np.abs(signal))))

"""Attack times: a held chord is the target, bursts of noise are the input, and the target's voice is heard alone."""

import numpy as np
from scipy.ndimage import uniform_filter1d

RATE_HZ = 44_100
BURST_SECONDS, BURST_DECAY_SECONDS = 0.1, 0.02
FIRST_ONSET_SECONDS, ONSET_INTERVAL_SECONDS, NUM_ONSETS = 0.75, 1.0, 9
PROBE_SECONDS = 10.0
CHORD_HZ = (261.63, 329.63, 392.0)
NUM_HARMONICS = 4
LEVEL_RMS = 0.1

ENVELOPE_SECONDS = 0.010
BEFORE_SECONDS, AFTER_SECONDS = 0.1, 0.25
SHARES = {"attack_10_ms": 0.1, "attack_50_ms": 0.5, "attack_90_ms": 0.9}


def onset_seconds() -> np.ndarray:
    """Times of the bursts, `[9]`."""
    return FIRST_ONSET_SECONDS + ONSET_INTERVAL_SECONDS * np.arange(NUM_ONSETS)


def probe() -> tuple[np.ndarray, np.ndarray]:
    """Input and target `[samples]` at 44.1 kHz: nine bursts of noise, and a chord that is held throughout."""
    times = np.arange(round(PROBE_SECONDS * RATE_HZ)) / RATE_HZ
    bursts = np.zeros_like(times)
    burst_times = np.arange(round(BURST_SECONDS * RATE_HZ)) / RATE_HZ
    noise = np.random.default_rng(0).standard_normal((NUM_ONSETS, len(burst_times)))
    for onset, burst in zip(onset_seconds(), noise, strict=True):
        start = round(onset * RATE_HZ)
        bursts[start : start + len(burst)] = burst * np.exp(-burst_times / BURST_DECAY_SECONDS)
    chord = sum(
        np.sin(2 * np.pi * number * pitch * times) / number
        for pitch in CHORD_HZ
        for number in range(1, NUM_HARMONICS + 1)
    )
    return _levelled(bursts), _levelled(np.asarray(chord))


def rise_times(voice: np.ndarray) -> dict[str, float]:
    """Milliseconds from the onsets to 10, 50 and 90 % of the peak of the target's voice `[samples]` at 44.1 kHz.

    Of its RMS over 10 ms, averaged over the nine onsets; the peak is the largest in the 250 ms after an onset. Counted
    is when the envelope last passes a share on its way up. A negative time is before the onset; a voice that does not
    sound has no rise, which is NaN.
    """
    power = uniform_filter1d(voice.astype(np.float64) ** 2, round(ENVELOPE_SECONDS * RATE_HZ))
    envelope = np.sqrt(np.maximum(power, 0.0))
    before, after = (round(seconds * RATE_HZ) for seconds in (BEFORE_SECONDS, AFTER_SECONDS))
    onsets = [round(onset * RATE_HZ) for onset in onset_seconds()]
    mean = np.mean([envelope[onset - before : onset + after] for onset in onsets], axis=0)
    top = before + int(np.argmax(mean[before:]))
    return {name: _passed(mean[:top], share * mean[top], before) for name, share in SHARES.items()}


def _passed(rising: np.ndarray, height: float, onset: int) -> float:
    """Milliseconds from the onset to where a rise is last below a height."""
    if height == 0:
        return float("nan")
    below = np.flatnonzero(rising < height)
    last = below[-1] + 1 if len(below) else 0
    return 1000 * float(last - onset) / RATE_HZ


def _levelled(waveform: np.ndarray) -> np.ndarray:
    return (waveform * LEVEL_RMS / np.sqrt(np.mean(waveform**2))).astype(np.float32)

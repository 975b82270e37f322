"""Small signals whose rhythm and harmony are known, at 24 kHz."""

import numpy as np

RATE_HZ = 24_000
SECONDS = 4.0
EVEN = (0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3.25, 3.75)
ODD = (0.1, 0.58, 0.93, 1.6, 1.98, 2.47, 3.06, 3.42)
C_MAJOR_TO_A_MINOR = ((60, 64, 67), (57, 60, 64))
F_SHARP_TO_E_FLAT = ((66, 70, 73), (63, 66, 70))


def noise(seed: int, seconds: float = SECONDS) -> np.ndarray:
    """White noise of RMS 0.1."""
    samples = np.random.default_rng(seed).normal(scale=0.1, size=round(seconds * RATE_HZ))
    return samples.astype(np.float32)


def sine(frequency_hz: float, seconds: float = SECONDS) -> np.ndarray:
    times = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return (0.2 * np.sin(2 * np.pi * frequency_hz * times)).astype(np.float32)


def clicks(times_seconds: tuple[float, ...], seconds: float = SECONDS, seed: int = 0) -> np.ndarray:
    """Noise bursts that die away in some 20 ms, one at each time."""
    samples = np.zeros(round(seconds * RATE_HZ), dtype=np.float32)
    burst = noise(seed, 0.1) * 5 * np.exp(-np.arange(2400) / 240).astype(np.float32)
    for start in (round(time * RATE_HZ) for time in times_seconds if time < seconds):
        samples[start : start + 2400] += burst[: len(samples) - start]
    return samples


def chords(midi: tuple[tuple[int, ...], ...], seconds: float = SECONDS, num_partials: int = 4) -> np.ndarray:
    """Held chords of equal length, each note with some partials, joined without clicks."""
    times = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    samples = np.zeros(len(times))
    for index, notes in enumerate(midi):
        centre = (index + 0.5) * seconds / len(midi)
        window = np.clip((seconds / len(midi) / 2 - np.abs(times - centre)) / 0.05 + 0.5, 0, 1)
        for note in notes:
            for partial in range(1, num_partials + 1):
                pitch_hz = 440 * 2 ** ((note - 69) / 12) * partial
                samples += window * np.sin(2 * np.pi * pitch_hz * times + note) / partial
    return (0.05 * samples).astype(np.float32)


def struck(waveform: np.ndarray, times_seconds: tuple[float, ...]) -> np.ndarray:
    """The waveform, sounding anew at each time and dying away until the next."""
    times = np.arange(len(waveform)) / RATE_HZ
    since = np.min([np.where(times >= time, times - time, np.inf) for time in times_seconds], axis=0)
    return (waveform * np.exp(-since / 0.1)).astype(np.float32)

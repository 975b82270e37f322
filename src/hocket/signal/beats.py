"""The tempo of a recording, its beats, and whether it has any: from onset strength, for `prepare` and `fuse` alike."""

from dataclasses import dataclass

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.ndimage import gaussian_filter1d

from hocket.signal.rhythm import onset_depth_db

MIN_SECONDS = 3.0
SLOWEST_BPM, FASTEST_BPM = 45.0, 220.0
USUAL_BPM, SPREAD_OCTAVES = 115.0, 0.8
NUM_PERIODS = 400
NUM_MULTIPLES = 4
TIGHTNESS = 100.0
# How far attacks may lie from where the tempo wants them and still count as alike: people play.
PLAY_SECONDS = 0.021
# Beats are smoothed over this many to either side, as what a drummer is early or late by is not the tempo.
SMOOTHING_BEATS = 2.5
OUTLIER_FRAMES = 2.0

# The clarity of noise and of hits at random times was 0.16 at the most in 12 s, 0.29 in 6 s and 0.68 in 3 s; that of
# the development pairs' inputs, in 12 s, 0.31 to 0.91. Depth was 0.1 dB for drones, 0.24 at the most for noise, 0.2 to
# 0.9 for orchestras.
CLARITY = 0.2
CLARITY_SECONDS = 8.0
DEPTH_DB = 0.6
# A steady tone's onset strength repeats as well: drones and chords with their beats have 0.09 dB at the most.
SILENT_DEPTH_DB = 0.1
MIN_BEATS = 4

# The strength rises when an attack enters the window, which clicks and noise bursts did 31 to 36 ms before it came.
EARLY_SECONDS = 0.0335


@dataclass(frozen=True, eq=False)
class Pulse:
    """Beats of a recording: `beats_seconds` ascending, `bpm` by a line through them.

    `clarity`, at most 1, is how alike the attacks are one, two, three and four beats apart; `depth_db` is how far the
    strongest onsets stand above the ordinary moment; `duration_seconds` is the recording's.
    """

    bpm: float
    beats_seconds: np.ndarray
    clarity: float
    depth_db: float
    duration_seconds: float

    @property
    def is_clear(self) -> bool:
        """True if this is a beat, rather than the best that can be found in a drone or in noise."""
        least = CLARITY * max(1.0, CLARITY_SECONDS / self.duration_seconds)
        enough = len(self.beats_seconds) >= MIN_BEATS
        return enough and self.clarity >= least and self.depth_db >= DEPTH_DB

    @property
    def period_seconds(self) -> float:
        """The mean time from beat to beat."""
        return 60.0 / self.bpm


def find_pulse(strength: np.ndarray, *, frames_a_second: float, duration_seconds: float) -> Pulse | None:
    """The most likely beats from onset strength `[frames]`; None for silence, steady tones and under 3 s.

    Beats by dynamic programming (Ellis 2007), with one tempo for the whole recording, which they may leave by a little
    each.
    """
    depth = onset_depth_db(strength)
    if duration_seconds < MIN_SECONDS or depth < SILENT_DEPTH_DB:
        return None
    bpm, clarity = find_tempo(strength, frames_a_second=frames_a_second)
    beats = _trimmed(_track(strength, 60.0 * frames_a_second / bpm), strength)
    if len(beats) >= MIN_BEATS:
        places, weights = _refined(beats, strength)
        beats = _smoothed(places, weights)
        bpm = 60.0 * frames_a_second / float(np.polyfit(np.arange(len(beats)), beats, 1)[0])
    beats = beats / frames_a_second + EARLY_SECONDS
    return Pulse(bpm, beats, clarity, depth, duration_seconds)


def find_tempo(strength: np.ndarray, *, frames_a_second: float) -> tuple[float, float]:
    """Beats a minute and their clarity, at most 1, by a comb on the autocorrelation of onset strength `[frames]`.

    Clarity is how alike the strength is one, two, three and four beats apart. Which multiple of the beat is counted is
    a matter of taste; a Gaussian around 115 beats a minute, 0.8 octaves wide, decides.
    """
    likeness = _autocorrelation(gaussian_filter1d(strength, PLAY_SECONDS * frames_a_second))
    bpm = np.geomspace(SLOWEST_BPM, FASTEST_BPM, NUM_PERIODS)
    lags = 60.0 * frames_a_second / bpm * np.arange(1, NUM_MULTIPLES + 1)[:, None]
    heard = lags < 0.7 * len(strength)
    found = np.where(heard, np.interp(lags, np.arange(len(likeness)), likeness), 0.0)
    clarity = np.where(heard.any(axis=0), found.sum(axis=0) / np.maximum(heard.sum(axis=0), 1), -1.0)
    usual = np.exp(-0.5 * (np.log2(bpm / USUAL_BPM) / SPREAD_OCTAVES) ** 2)
    best = int(np.argmax(np.maximum(clarity, 0.0) * usual))
    return float(bpm[best]), float(clarity[best])


def _autocorrelation(strength: np.ndarray) -> np.ndarray:
    """Correlation of the strength with itself `[lags]`, each lag over the frames that overlap, in [-1, 1]."""
    centred = strength - strength.mean()
    size = next_fast_len(2 * len(centred), real=True)
    product = irfft(np.abs(rfft(centred, size)) ** 2, size)[: len(centred)]
    energy = np.cumsum(centred**2)
    late = energy[-1] - np.concatenate([[0.0], energy[:-1]])
    norm = np.sqrt(energy[::-1] * late)
    return np.asarray(product / np.maximum(norm, 1e-12 * energy[-1] + 1e-30))


def _track(strength: np.ndarray, period: float) -> np.ndarray:
    """Frames of the beats: those that together are strongest while their distances stay near the period."""
    width = np.arange(-round(period), round(period) + 1) * 32.0 / period
    local = np.convolve(strength / strength.std(), np.exp(-0.5 * width**2), mode="same")
    near, far = max(1, round(period / 2)), round(2 * period)
    cost = TIGHTNESS * np.log(np.arange(far, near - 1, -1) / period) ** 2
    score, before = local.copy(), np.full(len(local), -1)
    for frame in range(far, len(local)):
        candidates = score[frame - far : frame - near + 1] - cost
        best = int(candidates.argmax())
        score[frame] += candidates[best]
        before[frame] = frame - far + best
    end = max(0, len(score) - round(period))
    beats = [end + int(np.argmax(score[end:]))]
    while before[beats[-1]] >= 0:
        beats.append(int(before[beats[-1]]))
    return np.array(beats[::-1])


def _trimmed(beats: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """Without the beats in silence before and after the music, which only the period put there."""
    heard = np.array([strength[max(0, beat - 2) : beat + 3].max() for beat in beats])
    loud = np.flatnonzero(heard > 0.5 * np.sqrt(np.mean(heard**2)))
    return beats[loud[0] : loud[-1] + 1] if len(loud) else beats[:0]


def _refined(beats: np.ndarray, strength: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Frames of the strongest onset within two frames of each beat, to a fraction by a parabola; and its strength."""
    refined, weights = beats.astype(np.float64), np.zeros(len(beats))
    for index, beat in enumerate(beats):
        first = max(1, beat - 2)
        peak = first + int(np.argmax(strength[first : beat + 3]))
        if peak >= len(strength) - 1:
            continue
        left, top, right = strength[peak - 1 : peak + 2]
        bend = left - 2 * top + right
        refined[index] = peak + (0.5 * (left - right) / bend if bend < 0 and top >= max(left, right) else 0.0)
        weights[index] = top
    return refined, weights


def _smoothed(beats: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Each beat on a line through its neighbours, the stronger ones counting more; twice, the second time robustly."""
    weights = weights**2 + 1e-6 * np.max(weights**2) + 1e-12
    line = _local_line(beats, weights)
    trust = 1.0 / (1.0 + ((beats - line) / OUTLIER_FRAMES) ** 2)
    return _local_line(beats, weights * trust)


def _local_line(beats: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """At each beat, the weighted least-squares line `[beats]` through those around it."""
    index = np.arange(len(beats), dtype=np.float64)

    def around(values: np.ndarray) -> np.ndarray:
        return gaussian_filter1d(weights * values, SMOOTHING_BEATS, mode="constant")

    total = around(np.ones(len(beats)))
    mean_x, mean_y = around(index) / total, around(beats) / total
    spread = around(index**2) / total - mean_x**2
    slope = (around(index * beats) / total - mean_x * mean_y) / np.maximum(spread, 1e-9)
    return np.asarray(mean_y + slope * (index - mean_x))

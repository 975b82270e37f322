"""Where the beats of a recording are, and whether it has any."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.fft import irfft, next_fast_len, rfft
from scipy.ndimage import gaussian_filter1d

from hocket.audio import Audio
from hocket.audio.streams import Recording
from hocket.audio.streams import recording as as_recording
from hocket.audio.views import Resampled, folded
from hocket.signal.spectrum import mel_filterbank, power, stft

RATE_HZ = 24_000
HOP = 256
WINDOW = 1_024
NUM_BANDS = 64
FLOOR_DB = 60.0
BLOCK_SECONDS = 60.0

MIN_SECONDS = 3.0
SLOWEST_BPM, FASTEST_BPM = 45.0, 220.0
USUAL_BPM, SPREAD_OCTAVES = 115.0, 0.8
NUM_MULTIPLES = 4
TIGHTNESS = 100.0
# How far attacks may lie from where the tempo wants them and still count as alike: people play.
PLAY_FRAMES = 2.0
# Beats are smoothed over this many to either side, as what a drummer is early or late by is not the tempo.
SMOOTHING_BEATS = 2.5
OUTLIER_FRAMES = 2.0

# The clarity of noise and of hits at random times was 0.16 at the most in 12 s, 0.29 in 6 s and 0.68 in 3 s; that of
# the development pairs' inputs, in 12 s, 0.35 to 0.92. Depth was 0.1 dB for drones, 0.57 at the most for noise.
CLARITY = 0.2
CLARITY_SECONDS = 8.0
DEPTH_DB = 0.6
MIN_BEATS = 4

# The strength rises when an attack enters the window, which clicks and noise bursts did 9 to 14 ms before it came.
EARLY_SECONDS = 0.0115


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
        """Whether this is a beat, rather than the best that can be found in a drone or in noise."""
        least = CLARITY * max(1.0, CLARITY_SECONDS / self.duration_seconds)
        enough = len(self.beats_seconds) >= MIN_BEATS
        return enough and self.clarity >= least and self.depth_db >= DEPTH_DB

    @property
    def period_seconds(self) -> float:
        """The mean time from beat to beat."""
        return 60.0 / self.bpm


def find_pulse(recording: Audio | Recording) -> Pulse | None:
    """The most likely beats of a recording of any rate and channels; None if it is silent or under 3 s long.

    Tempo by a comb on the autocorrelation of the onset strength, weighted toward 115 beats a minute; beats by dynamic
    programming (Ellis 2007), with one tempo for the whole recording, which they may leave by a little each.
    """
    if recording.duration_seconds < MIN_SECONDS:
        return None
    strength = onsets(recording)
    if strength.std() < 1e-6:
        return None
    frames_a_second = RATE_HZ / HOP
    period, clarity = _tempo(strength, frames_a_second)
    beats = _trimmed(_track(strength, period), strength)
    bpm = 60.0 * frames_a_second / period
    if len(beats) >= MIN_BEATS:
        places, weights = _refined(beats, strength)
        beats = _smoothed(places, weights)
        bpm = 60.0 * frames_a_second / float(np.polyfit(np.arange(len(beats)), beats, 1)[0])
    beats = beats / frames_a_second + EARLY_SECONDS
    depth = float(np.percentile(strength, 98) - np.median(strength))
    return Pulse(bpm, beats, clarity, depth, recording.duration_seconds)


@torch.no_grad()
def onsets(recording: Audio | Recording) -> np.ndarray:
    """Onset strength `[frames]` in dB, a frame each 10.7 ms; windows of 43 ms tell attacks apart more finely than 85.

    Worked out in parts, so that an hour needs little memory; the floor is 60 dB under the loudest place of all.
    """
    mono = Resampled(folded(as_recording(recording)), RATE_HZ)
    bank = mel_filterbank(NUM_BANDS, WINDOW, RATE_HZ)
    block = round(BLOCK_SECONDS * RATE_HZ / HOP) * HOP
    parts = []
    for start in range(0, mono.num_samples, block):
        # Two hops more to either side, and their frames dropped, so that a part sees its neighbours.
        first = max(0, start - 2 * HOP)
        samples = mono.read(first, min(start + block + 2 * HOP, mono.num_samples))[0]
        mel = bank @ power(stft(torch.tensor(samples), fft_size=WINDOW, hop=HOP))
        skip = (start - first) // HOP
        parts.append(mel[:, skip : skip + block // HOP])
    floor = max(1e-10, max(float(part.max()) for part in parts) * 10 ** (-FLOOR_DB / 10))
    rises, last = [], None
    for part in parts:
        level = part.clamp_min_(floor).log10_().mul_(10.0).numpy()
        before = level[:, :1] if last is None else last
        rises.append(np.maximum(np.diff(level, axis=1, prepend=before), 0.0).mean(axis=0))
        last = level[:, -1:].copy()
    return np.concatenate(rises).astype(np.float64)


def _tempo(strength: np.ndarray, frames_a_second: float) -> tuple[float, float]:
    """The beat's period in frames, and how alike the strength is at multiples of it."""
    likeness = _autocorrelation(gaussian_filter1d(strength, PLAY_FRAMES))
    longest = 0.7 * len(strength)
    periods = 60.0 * frames_a_second / np.geomspace(SLOWEST_BPM, FASTEST_BPM, 400)
    usual = np.exp(-0.5 * (np.log2(60.0 * frames_a_second / periods / USUAL_BPM) / SPREAD_OCTAVES) ** 2)
    clarity = np.full(len(periods), -1.0)
    for index, period in enumerate(periods):
        lags = period * np.arange(1, NUM_MULTIPLES + 1)
        lags = lags[lags < longest]
        clarity[index] = np.interp(lags, np.arange(len(likeness)), likeness).mean() if len(lags) else -1.0
    best = int(np.argmax(np.maximum(clarity, 0.0) * usual))
    return float(periods[best]), float(clarity[best])


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

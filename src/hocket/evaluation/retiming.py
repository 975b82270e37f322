"""One recording moved segment by segment to another's beats and onsets (Hockman, Bello, Davies and Plumbley, DAFx-08).

The original also finds downbeats and keeps the salient onsets of each bar; here each beat of the one is laid on a beat
of the other, in order, and its strongest onsets on that beat's onsets. Nothing of the input is heard but its timing.
"""

from itertools import pairwise

import librosa
import numpy as np

from hocket.evaluation.conventions import at_level
from hocket.evaluation.rhythm import ONSET_HOP_SAMPLES, beat_times, onset_envelope, onset_times

FFT_SAMPLES, HOP_SAMPLES = 1024, 128
LEVEL_RMS = 0.1
LEAST_SEGMENT_SECONDS = 0.04
MOST_STRETCH = 4.0

Span = tuple[float, float]


def retime(input: np.ndarray, target: np.ndarray, sample_rate: int) -> np.ndarray:
    """The target at the input's beats and onsets, pitch kept, by a phase vocoder that starts afresh at each of them.

    Shapes: `[samples]` each, equal lengths, like the output, at 24 kHz.
    """
    anchors = _anchors(_Timing(input, sample_rate), _Timing(target, sample_rate))
    spectrum = librosa.stft(target, n_fft=FFT_SAMPLES, hop_length=HOP_SAMPLES)
    frame_rate = sample_rate / HOP_SAMPLES
    wanted = np.arange(1 + len(input) // HOP_SAMPLES) / frame_rate
    segments = np.searchsorted([there for there, _ in anchors], wanted, side="right") - 1
    places = np.array([_read(anchors, segment, time) for segment, time in zip(segments, wanted, strict=True)])
    moved = _vocoded(spectrum, places * frame_rate, np.flatnonzero(np.diff(segments, prepend=-1)))
    return at_level(librosa.istft(moved, hop_length=HOP_SAMPLES, length=len(input)), rms=LEVEL_RMS)


class _Timing:
    """Beats of a recording as spans in seconds, and its onsets with their strengths."""

    def __init__(self, waveform: np.ndarray, sample_rate: int) -> None:
        envelope, seconds = onset_envelope(waveform), len(waveform) / sample_rate
        self.onsets = onset_times(envelope)
        frames = np.round(self.onsets * sample_rate / ONSET_HOP_SAMPLES).astype(int)
        self.strengths = envelope[frames.clip(max=len(envelope) - 1)]
        inner = beat_times(envelope)
        edges = [
            0.0,
            *inner[(inner > LEAST_SEGMENT_SECONDS) & (inner < seconds - LEAST_SEGMENT_SECONDS)],
            seconds,
        ]
        self.beats: list[Span] = list(pairwise(edges))

    def strongest(self, beat: Span, count: int) -> list[float]:
        """At most `count` onsets within a beat, in order of time; those too close to its ends are the beat's own."""
        begin, end = beat
        within = (self.onsets > begin + LEAST_SEGMENT_SECONDS) & (self.onsets < end - LEAST_SEGMENT_SECONDS)
        indices = np.flatnonzero(within)
        chosen = indices[np.argsort(-self.strengths[indices], kind="stable")[:count]]
        return sorted(self.onsets[chosen].tolist())

    def num_onsets(self, beat: Span) -> int:
        return len(self.strongest(beat, len(self.onsets)))


def _anchors(input: _Timing, target: _Timing) -> list[tuple[float, Span]]:
    """Segments of the output: when each begins, and the span of the target that it plays; they cover the output."""
    anchors: list[tuple[float, Span]] = []
    for index, beat in enumerate(input.beats):
        own = target.beats[index % len(target.beats)]
        count = min(input.num_onsets(beat), target.num_onsets(own))
        starts = [beat[0], *input.strongest(beat, count)]
        edges = [own[0], *target.strongest(own, count), own[1]]
        anchors += zip(starts, pairwise(edges), strict=True)
    return [*anchors, (input.beats[-1][1], (edges[-1], edges[-1]))]


def _read(anchors: list[tuple[float, Span]], segment: int, time: float) -> float:
    """The moment of the target that is played at a moment of the output."""
    segment = min(segment, len(anchors) - 2)
    begin, (first, last) = anchors[segment]
    rate = (last - first) / max(anchors[segment + 1][0] - begin, 1e-6)
    # What is stretched beyond recognition is cut or held instead.
    rate = float(np.clip(rate, 1 / MOST_STRETCH, MOST_STRETCH))
    return min(first + (time - begin) * rate, last)


def _vocoded(spectrum: np.ndarray, places: np.ndarray, fresh: np.ndarray) -> np.ndarray:
    """The spectrum `[bins, frames]` read at fractional frames; at `fresh` indices phases are the recording's."""
    num_frames = spectrum.shape[1]
    lower = np.clip(places.astype(int), 0, num_frames - 2)
    weights = np.clip(places - lower, 0.0, 1.0)
    magnitudes = np.abs(spectrum)
    read = magnitudes[:, lower] * (1 - weights) + magnitudes[:, lower + 1] * weights
    phases = np.angle(spectrum)
    advances = phases[:, lower + 1] - phases[:, lower]
    moved = np.empty_like(spectrum)
    starts, phase = set(fresh.tolist()) | {0}, phases[:, 0]
    for index, frame in enumerate(lower):
        phase = phases[:, frame] if index in starts else phase + advances[:, index - 1]
        moved[:, index] = read[:, index] * np.exp(1j * phase)
    return moved

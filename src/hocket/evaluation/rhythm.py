"""Rhythm by librosa's onset strength and beat tracking, and mir_eval's matching of onsets and beats."""

import librosa
import mir_eval
import numpy as np

from hocket.evaluation.conventions import SAMPLE_RATE_HZ

ONSET_HOP_SAMPLES = 256
ONSET_WINDOW_SECONDS = 0.05
BEAT_WINDOW_SECONDS = 0.07


def onset_envelope(waveform: np.ndarray) -> np.ndarray:
    """Onset strength `[frames]` of a waveform `[samples]` at 24 kHz: librosa's mel-flux, hop 256."""
    return librosa.onset.onset_strength(y=waveform, sr=SAMPLE_RATE_HZ, hop_length=ONSET_HOP_SAMPLES)


def onset_times(envelope: np.ndarray) -> np.ndarray:
    """Times of the onsets in seconds: the peaks that librosa picks from an onset envelope; may be empty."""
    return librosa.onset.onset_detect(
        onset_envelope=envelope, sr=SAMPLE_RATE_HZ, hop_length=ONSET_HOP_SAMPLES, units="time"
    )


def beat_times(envelope: np.ndarray) -> np.ndarray:
    """Times of the beats in seconds: what librosa's tracker finds in an onset envelope; may be empty.

    Dynamic programming (Ellis 2007) around one tempo, which is estimated with a preference for 120 bpm.
    """
    return librosa.beat.beat_track(
        onset_envelope=envelope, sr=SAMPLE_RATE_HZ, hop_length=ONSET_HOP_SAMPLES, units="time"
    )[1]


def onset_f_measure(*, output: np.ndarray, reference: np.ndarray) -> float:
    """F-measure in [0, 1] of onset times matched one to one within 50 ms (mir_eval, the MIREX convention).

    0 when either has no onsets: nothing was matched.
    """
    if len(output) == 0 or len(reference) == 0:
        return 0.0
    return float(mir_eval.onset.f_measure(reference, output, window=ONSET_WINDOW_SECONDS)[0])


def beat_f_measure(*, output: np.ndarray, reference: np.ndarray) -> float:
    """F-measure in [0, 1] of beat times matched one to one within 70 ms (mir_eval, the MIREX convention).

    The excerpts are short, so the first five seconds count as well. 0 when either has no beats.
    """
    if len(output) == 0 or len(reference) == 0:
        return 0.0
    return float(mir_eval.beat.f_measure(reference, output, f_measure_threshold=BEAT_WINDOW_SECONDS))

"""Fusions that need no training: the bars that a trained model has to clear."""

from collections.abc import Callable
from functools import partial

import librosa
import numpy as np
from librosa.decompose import hpss  # librosa loads its parts when first used; a timing should not hold that
from scipy.ndimage import gaussian_filter1d

from hocket.evaluation.conventions import at_level
from hocket.evaluation.mosaicing import nmf_mosaicing
from hocket.evaluation.retiming import retime

FFT_SAMPLES = 2048
HOP_SAMPLES = 512
MARGIN = 3.0
LEVEL_RMS = 0.1  # of each part; any equal level scores alike
SMOOTHING_BINS = 40  # standard deviation: wide enough to pass over the partials, about 470 Hz at 24 kHz
GATE_PERCENTILE = 95
GATE_CEILING = 1.5
LOUDNESS_FFT_SAMPLES = 1024
LOUDNESS_HOP_SAMPLES = 256

Baseline = Callable[[np.ndarray, np.ndarray, int], np.ndarray]


def overlay(input: np.ndarray, target: np.ndarray, sample_rate: int) -> np.ndarray:
    """Both recordings at once, at equal RMS: the output of a model that has learned nothing.

    Shapes: `[samples]` each, equal lengths, like the output. The sample rate does not matter here.
    """
    return _sum_at_equal_level(input, target)


def layering(
    input: np.ndarray, target: np.ndarray, sample_rate: int, *, margin: float = MARGIN
) -> np.ndarray:
    """Percussive part of the input plus harmonic part of the target (HPSS), at equal RMS.

    With a margin above 1 what is neither clearly struck nor clearly held is left out of both parts. Shapes:
    `[samples]` each, equal lengths, like the output. The FFT of 2048 is meant for about 24 kHz.
    """
    struck, held = _percussive(_stft(input), margin), _harmonic(_stft(target), margin)
    return _sum_at_equal_level(_istft(struck, len(input)), _istft(held, len(input)))


def gated_layering(input: np.ndarray, target: np.ndarray, sample_rate: int) -> np.ndarray:
    """Layering (margin 3) in which the target's part sounds, band by band, only where the input is loud.

    The gate is the input's spectral envelope over its own 95th percentile in each bin, capped at 1.5. Shapes
    and rate as in `layering`.
    """
    spectrum = _stft(input)
    held = _harmonic(_stft(target), MARGIN) * _gate(_envelope(spectrum))
    return _sum_at_equal_level(_istft(_percussive(spectrum, MARGIN), len(input)), _istft(held, len(input)))


def cross_synthesis(input: np.ndarray, target: np.ndarray, sample_rate: int) -> np.ndarray:
    """The target's fine structure under the input's spectral envelope, as in a channel vocoder.

    The target's whole spectrum times the input's envelope over the target's own, both at equal RMS. Where the
    target has nothing to be shaped, nothing sounds. Shapes and rate as in `layering`.
    """
    levelled = [_stft(at_level(waveform, rms=LEVEL_RMS)) for waveform in (input, target)]
    wanted, own = (_envelope(spectrum) for spectrum in levelled)
    gain = np.divide(wanted, own, out=np.zeros_like(own), where=own > 0)
    return at_level(_istft(levelled[1] * gain, len(input)), rms=LEVEL_RMS)


def envelope_gating(input: np.ndarray, target: np.ndarray, sample_rate: int) -> np.ndarray:
    """The target, heard through a gate that the input's loudness opens: a side-chained noise gate.

    The loudness is the mean magnitude over all bins in windows of 43 ms. The RMS would follow the
    bass alone: on four development pairs its output kept more of the target's rhythm than it took of the
    input's. The gain is the loudness over its own 95th percentile, capped at 1.5. Shapes as in `layering`.
    """
    spectrum = librosa.stft(input, n_fft=LOUDNESS_FFT_SAMPLES, hop_length=LOUDNESS_HOP_SAMPLES)
    gain = _gate(np.abs(spectrum).mean(axis=0, keepdims=True))[0]
    moments = np.arange(len(gain)) * LOUDNESS_HOP_SAMPLES
    opened = np.interp(np.arange(len(target)), moments, gain).astype(np.float32)
    return at_level(target * opened, rms=LEVEL_RMS)


BASELINES: dict[str, Baseline] = {
    "overlay": overlay,
    "layering": layering,
    "layering_margin_1": partial(layering, margin=1.0),
    "gated_layering": gated_layering,
    "cross_synthesis": cross_synthesis,
    "envelope_gating": envelope_gating,
    "nmf_mosaicing": nmf_mosaicing,
    "retiming": retime,
}


def _envelope(spectrum: np.ndarray) -> np.ndarray:
    """Magnitude `[bins, frames]`, smoothed over frequency."""
    return gaussian_filter1d(np.abs(spectrum), SMOOTHING_BINS, axis=0)


def _gate(envelope: np.ndarray) -> np.ndarray:
    """Gains `[bins, frames]` in [0, 1.5]; a bin that is nearly always empty stays shut."""
    loud = np.broadcast_to(np.percentile(envelope, GATE_PERCENTILE, axis=1, keepdims=True), envelope.shape)
    gain = np.divide(envelope, loud, out=np.zeros_like(envelope), where=loud > 0)
    return np.minimum(gain, GATE_CEILING)


def _percussive(spectrum: np.ndarray, margin: float) -> np.ndarray:
    return hpss(spectrum, margin=(1.0, margin))[1]


def _harmonic(spectrum: np.ndarray, margin: float) -> np.ndarray:
    return hpss(spectrum, margin=(margin, 1.0))[0]


def _stft(waveform: np.ndarray) -> np.ndarray:
    return librosa.stft(waveform, n_fft=FFT_SAMPLES, hop_length=HOP_SAMPLES)


def _istft(spectrum: np.ndarray, num_samples: int) -> np.ndarray:
    return librosa.istft(spectrum, hop_length=HOP_SAMPLES, length=num_samples)


def _sum_at_equal_level(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return at_level(first, rms=LEVEL_RMS) + at_level(second, rms=LEVEL_RMS)

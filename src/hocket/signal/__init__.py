"""Differentiable descriptions of music that losses, diagnosis and validation share: one definition of each thing."""

from hocket.signal.filterbanks import mel_filterbank
from hocket.signal.harmony import centred_cosine, chroma, chroma_similarity
from hocket.signal.loudness import match_rms, rms
from hocket.signal.rhythm import harmonic_part, onset_strength
from hocket.signal.similarity import overlay_fit, pearson
from hocket.signal.spectrum import istft, power, stft

__all__ = [
    "centred_cosine",
    "chroma",
    "chroma_similarity",
    "harmonic_part",
    "istft",
    "match_rms",
    "mel_filterbank",
    "onset_strength",
    "overlay_fit",
    "pearson",
    "power",
    "rms",
    "stft",
]

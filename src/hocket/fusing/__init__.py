"""Fusing with trained weights: latents to audio to files, each step usable by itself."""

from hocket.fusing.batch import SourcePair, from_pairs, fusing_pair, validation_samples
from hocket.fusing.fuser import FusedFacts, FusedFile, Fuser
from hocket.fusing.fusion import Fusion
from hocket.fusing.options import FuseOptions

__all__ = [
    "FuseOptions",
    "FusedFacts",
    "FusedFile",
    "Fuser",
    "Fusion",
    "SourcePair",
    "from_pairs",
    "fusing_pair",
    "validation_samples",
]

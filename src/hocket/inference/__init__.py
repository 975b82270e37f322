"""Fusing with trained weights: latents to audio to files, each step usable by itself."""

from hocket.inference.batch import SourcePair, from_pairs, fusing_pair, validation_samples
from hocket.inference.fuser import FusedFacts, FusedFile, Fuser
from hocket.inference.fusion import Fusion
from hocket.inference.options import FuseOptions

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

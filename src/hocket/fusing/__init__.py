"""Fusing with trained weights: latents to audio to files, each step usable by itself."""

from hocket.fusing.fuser import FusedFile, Fuser, SourcePair, from_pairs, validation_samples
from hocket.fusing.ladder import FusedFacts, Fusion
from hocket.options import FuseOptions
from hocket.score.chords import Progression

__all__ = [
    "FuseOptions",
    "FusedFacts",
    "FusedFile",
    "Fuser",
    "Fusion",
    "Progression",
    "SourcePair",
    "from_pairs",
    "validation_samples",
]

"""Fusing with trained weights: latents to audio to files, each step usable by itself."""

from hocket.inference.batch import SourcePair, from_pairs, fuse_batch, validation_samples
from hocket.inference.fuser import FusedFile, Fuser
from hocket.inference.options import FuseOptions

__all__ = [
    "FuseOptions",
    "FusedFile",
    "Fuser",
    "SourcePair",
    "from_pairs",
    "fuse_batch",
    "validation_samples",
]

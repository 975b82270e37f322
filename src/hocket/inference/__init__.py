"""Fusing with trained weights: latents to audio to files, each step usable by itself."""

from hocket.inference.batch import SourcePair, from_pairs, fuse_batch, validation_samples
from hocket.inference.fuser import FusedFile, Fuser

__all__ = ["FusedFile", "Fuser", "SourcePair", "from_pairs", "fuse_batch", "validation_samples"]

"""Codecs turn audio into a latent and back; they are frozen while the agent learns."""

from hocket.codec.base import Codec
from hocket.codec.spectral import SpectralCodec
from hocket.settings import SpectralConfig

__all__ = ["Codec", "SpectralCodec", "SpectralConfig"]

"""Codecs turn audio into a latent and back; they are frozen while the agent learns."""

from hocket.codec.base import Codec, Spectrum
from hocket.codec.latent import LatentCodec
from hocket.codec.neural import DacCodec, EncodecCodec
from hocket.codec.spectral import SpectralCodec
from hocket.errors import ConfigError
from hocket.settings import SpectralConfig
from hocket.typed import one_of

CODECS: dict[str, type[Codec]] = {
    "spectral": SpectralCodec,
    "encodec": EncodecCodec,
    "dac": DacCodec,
}
"""Every codec by its name in the settings; a new one is a file in this folder and a line here."""


def open_codec(config: SpectralConfig, *, any_rate: bool = False) -> Codec:
    """The codec that a configuration names, with its weights; at `any_rate`, or else at the configuration's.

    Raises:
        ConfigError: there is none of that name, its weights are not there, or it works at another rate.
    """
    if config.codec not in CODECS:
        raise ConfigError(f"there is no codec {config.codec[:80]!r}: {one_of(config.codec, CODECS)}.")
    codec = CODECS[config.codec](config)
    if codec.sample_rate != config.sample_rate and not any_rate:
        raise ConfigError(
            f"sample_rate is {config.sample_rate}, but {config.codec} in {config.codec_weights} works at "
            f"{codec.sample_rate} Hz: leave --sample-rate out."
        )
    return codec


__all__ = [
    "CODECS",
    "Codec",
    "LatentCodec",
    "SpectralCodec",
    "SpectralConfig",
    "Spectrum",
    "open_codec",
]

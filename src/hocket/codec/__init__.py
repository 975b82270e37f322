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


def open_codec(config: SpectralConfig) -> Codec:
    """The codec that a configuration names, with its weights.

    Raises:
        ConfigError: there is none of that name, its weights are not there, or it works at another rate.
    """
    codec = _kind(config)(config)
    require_rate(config, codec.sample_rate)
    return codec


def rate_of(config: SpectralConfig) -> int:
    """The rate in Hz at which the codec of a configuration works, whatever the configuration says.

    Raises:
        ConfigError: see `open_codec`.
    """
    return _kind(config).rate_of(config)


def require_rate(config: SpectralConfig, rate_hz: int) -> None:
    """Raises ConfigError where a configuration has another rate than the codec that it names."""
    if config.sample_rate != rate_hz:
        raise ConfigError(
            f"sample_rate is {config.sample_rate}, but {config.codec} in {config.codec_weights} works at {rate_hz} Hz: "
            "leave --sample-rate out."
        )


def _kind(config: SpectralConfig) -> type[Codec]:
    if config.codec not in CODECS:
        raise ConfigError(f"there is no codec {config.codec[:80]!r}: {one_of(config.codec, CODECS)}.")
    return CODECS[config.codec]


__all__ = [
    "CODECS",
    "Codec",
    "LatentCodec",
    "SpectralCodec",
    "SpectralConfig",
    "Spectrum",
    "open_codec",
    "rate_of",
    "require_rate",
]

"""What a fusion of two files may be asked for."""

from dataclasses import dataclass, field

from hocket.errors import ConfigError
from hocket.fusing.alignment import Align
from hocket.fusing.lengths import Fit, Length
from hocket.model.mixing import Controls

MIN_RATE_HZ, MAX_RATE_HZ = 8_000, 384_000
MAX_CHANNELS = 24


@dataclass(frozen=True)
class FuseOptions:
    """How two recordings are brought together, mixed and written.

    Args:
        controls: amounts of both voices and re-attack.
        align: whether the target is stretched so that its tempo or its beats are the input's.
        length: whose length the output has; a longer partner is cut.
        fit: what becomes of a shorter partner.
        sample_rate: of the output in Hz; None is the input's.
        num_channels: of the output; None is the input's.

    Raises:
        ConfigError: a rate or a number of channels that no file has.
    """

    controls: Controls = field(default_factory=Controls)
    align: Align = "none"
    length: Length = "input"
    fit: Fit = "loop"
    sample_rate: int | None = None
    num_channels: int | None = None

    def __post_init__(self) -> None:
        if self.sample_rate is not None and not MIN_RATE_HZ <= self.sample_rate <= MAX_RATE_HZ:
            raise ConfigError(f"sample_rate is {self.sample_rate}: give {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz")
        if self.num_channels is not None and not 1 <= self.num_channels <= MAX_CHANNELS:
            raise ConfigError(f"num_channels is {self.num_channels}: give 1 to {MAX_CHANNELS}")

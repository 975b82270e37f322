"""Level: the definition of "equally loud" for the whole program."""

from torch import Tensor

TARGET_RMS = 0.1
"""Root mean square to which sources are brought before they are fused: -20 dBFS."""


def rms(waveform: Tensor) -> Tensor:
    """Root mean square over channels and samples: `[b, c, s]` to `[b, 1, 1]`."""
    # The root has no gradient at zero; 1e-14 is 60 dB under what counts as silence anywhere.
    return (waveform.square().mean(dim=(-2, -1), keepdim=True) + 1e-14).sqrt()


def match_rms(waveform: Tensor, level: float = TARGET_RMS) -> Tensor:
    """Scales each example `[b, c, s]` to the given RMS; silence stays silence."""
    return waveform * (level / rms(waveform))

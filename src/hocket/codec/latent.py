"""Codecs with real latents whose channels are no frequencies: all of them but encoding and decoding."""

import torch
from torch import Tensor

from hocket.codec.base import Codec
from hocket.settings import SpectralConfig
from hocket.signal.grouping import Grouping, Segment
from hocket.signal.loudness import match_rms

FLOOR = 1e-2
"""Power under which a channel counts as empty, against what it usually has."""
PROBE_SECONDS = 1.0


class LatentCodec(Codec):
    """A codec whose masks hold for its own latents: fusing encodes, masks and decodes at the codec's rate.

    Whoever derives from it gives `encode` and `decode`; a frame is `hop` samples, and the last one may be cut.
    """

    is_linear = False

    def __init__(self, config: SpectralConfig, *, sample_rate: int, hop: int, dim: int) -> None:
        super().__init__()
        self.config, self.sample_rate, self.hop, self.dim = config, sample_rate, hop, dim
        # Channels have no order: each stands alone, and is compared with the mean of all.
        self.grouping, self.tonal_bins = Grouping((Segment(0, 1, dim),)), 2 * dim + 1
        self._usual_power: Tensor | None = None

    def num_frames(self, length: int) -> int:
        """Frames follow each other without a gap, the first from the first sample on."""
        return -(-length // self.hop)

    def level(self, power: Tensor) -> Tensor:
        """Log power of each channel against what it has for noise that is as loud as all that is fused."""
        if self._usual_power is None:
            self._usual_power = self._probe(power.device)
        return (torch.log(power / self._usual_power.to(power) + FLOOR) + 1.0) / 2.0

    @torch.inference_mode(False)
    @torch.no_grad()
    def _probe(self, device: torch.device) -> Tensor:
        """Mean power `[dim]` of the latent of a second of pink noise, the same every time."""
        count = round(PROBE_SECONDS * self.sample_rate)
        spectrum = torch.fft.rfft(torch.randn(1, count, generator=torch.Generator().manual_seed(0)))
        spectrum /= torch.arange(spectrum.shape[-1]).clamp(min=1).sqrt()
        noise = match_rms(torch.fft.irfft(spectrum, n=count)[:, None])[:, 0]
        power: Tensor = self.encode(noise.to(device)).square().mean(dim=(0, 2))
        return power + 1e-3 * power.mean()

    def band_centres(self, num_bands: int) -> Tensor:
        """Neighbouring channels share a band, all bands equally wide."""
        return torch.linspace(0.0, self.dim - 1.0, num_bands)

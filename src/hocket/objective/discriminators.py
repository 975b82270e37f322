"""Multi-resolution discriminators: is this spectrum that of real music?"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from hocket.signal.spectrum import power, stft


class SpectrumDiscriminator(nn.Module):
    """Judges log magnitudes at one resolution (after Jang et al. 2021); its scores are per time-frequency patch."""

    def __init__(self, fft_size: int, num_channels: int) -> None:
        super().__init__()
        self.fft_size = fft_size
        sizes = [(1, num_channels), (num_channels, 2 * num_channels), (2 * num_channels, 2 * num_channels)]
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv2d(fan_in, fan_out, (7, 5), stride=(3, 2), padding=(3, 2)))
            for fan_in, fan_out in sizes
        )
        self.score = weight_norm(nn.Conv2d(2 * num_channels, 1, 3, padding=1))

    def forward(self, waveform: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Scores `[b, patches]` of `[b, samples]`, and the features of each layer."""
        spectrum = stft(waveform, fft_size=self.fft_size, hop=self.fft_size // 4)
        x = 10.0 * torch.log10(power(spectrum)[:, None] + 1e-5) / 20.0
        features = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.1)
            features.append(x)
        return self.score(x).flatten(1), features


class MultiResolutionDiscriminator(nn.Module):
    """Several resolutions side by side, since no single window sees both clicks and smeared partials."""

    def __init__(self, fft_sizes: tuple[int, ...], num_channels: int) -> None:
        super().__init__()
        self.parts = nn.ModuleList(SpectrumDiscriminator(size, num_channels) for size in fft_sizes)

    def forward(self, waveform: Tensor) -> list[tuple[Tensor, list[Tensor]]]:
        """Scores and features of each resolution."""
        return [part(waveform) for part in self.parts]

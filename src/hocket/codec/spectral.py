"""The embedded codec: a complex short-time Fourier transform, so that a mask is a filter on the recording itself."""

import math
from dataclasses import replace

import torch
from scipy.fft import next_fast_len
from torch import Tensor

from hocket.codec.base import Codec
from hocket.settings import SpectralConfig
from hocket.signal.grouping import Grouping
from hocket.signal.spectrum import istft, stft

FLOOR_DB = -80.0
DECIBELS_PER_UNIT = 20.0


class SpectralCodec(Codec):
    """Complex STFT with a Hann window; the round trip is exact to float precision (below -100 dB)."""

    is_linear = True

    def __init__(self, config: SpectralConfig | None = None) -> None:
        super().__init__()
        self.config = config or SpectralConfig()
        self.sample_rate = self.config.sample_rate
        self.fft_size, self.hop = self.config.fft_size, self.config.hop
        self.dim = self.fft_size // 2 + 1
        self.tonal_bins = self.config.tonal_bins
        self.grouping = Grouping.finer_than(self.config.place_width, self.dim)

    def at_rate(self, sample_rate: int) -> "SpectralCodec":
        """A codec of about the same window and hop in seconds for recordings of another rate, with a fast FFT."""
        if sample_rate == self.sample_rate:
            return self
        ratio = sample_rate / self.sample_rate
        fft_size = 2 * next_fast_len(math.ceil(self.fft_size * ratio / 2), real=True)
        hop = min(next_fast_len(math.ceil(self.hop * ratio), real=True), fft_size // 4)
        return SpectralCodec(replace(self.config, sample_rate=sample_rate, fft_size=fft_size, hop=hop))

    def num_frames(self, length: int) -> int:
        """Frames are centred on multiples of the hop, the first on the first sample."""
        return 1 + length // self.hop

    def encode(self, waveform: Tensor) -> Tensor:
        """The complex spectrum `[b, dim, t]` of `[b, samples]`; any length works."""
        return stft(waveform, fft_size=self.fft_size, hop=self.hop)

    def decode(self, latent: Tensor, length: int) -> Tensor:
        """The waveform `[b, length]` by overlap-add."""
        return istft(latent, fft_size=self.fft_size, hop=self.hop, length=length)

    def level(self, power: Tensor) -> Tensor:
        """Level in units of 20 dB about -40 dBFS, from -80 dBFS on."""
        full_scale = (self.fft_size / 4) ** 2
        floor = 10 ** (FLOOR_DB / 10) * full_scale
        unit = 10.0 / math.log(10.0) / DECIBELS_PER_UNIT
        return torch.log(power + floor) * unit + (2.0 - unit * math.log(full_scale))

    @property
    def context_frames(self) -> int:
        """Half a window of the transform."""
        return -(-self.fft_size // (2 * self.hop))

    @property
    def bin_hz(self) -> Tensor:
        """Frequency in Hz of each bin, from 0 to half the sample rate."""
        return torch.linspace(0.0, self.sample_rate / 2, self.dim)

    def band_centres(self, num_bands: int) -> Tensor:
        """Band centres evenly spaced in mel, from the lowest bin to the highest."""
        top_mel = 2595.0 * torch.log10(torch.tensor(1.0 + self.sample_rate / 2 / 700.0))
        mels = torch.linspace(0.0, float(top_mel), num_bands)
        hertz = 700.0 * (10.0 ** (mels / 2595.0) - 1.0)
        return hertz * (self.fft_size / self.sample_rate)

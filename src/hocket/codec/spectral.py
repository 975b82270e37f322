"""The embedded codec: a complex short-time Fourier transform, so that a mask is a filter on the recording itself."""

import math
from dataclasses import replace

import torch
from scipy.fft import next_fast_len
from torch import Tensor

from hocket.codec.base import Codec
from hocket.settings import SpectralConfig
from hocket.signal.grouping import Grouping, local_mean
from hocket.signal.spectrum import istft, stft

FLOOR_DB = -80.0
DECIBELS_PER_UNIT = 20.0


class SpectralCodec(Codec):
    """Complex STFT with a Hann window; the round trip is exact to float precision (below -100 dB)."""

    def __init__(self, config: SpectralConfig | None = None) -> None:
        super().__init__()
        self.config = config or SpectralConfig()
        self.sample_rate = self.config.sample_rate
        self.hop = self.config.hop
        self.dim = self.config.fft_size // 2 + 1
        self.num_features = len(self.config.features)
        self.described_frames = self._described_frames()
        self._grouping = Grouping.finer_than(self.config.place_width, self.dim)

    def at_rate(self, sample_rate: int) -> "SpectralCodec":
        """A codec of about the same window and hop in seconds for recordings of another rate, with a fast FFT."""
        if sample_rate == self.sample_rate:
            return self
        ratio = sample_rate / self.sample_rate
        fft_size = 2 * next_fast_len(math.ceil(self.config.fft_size * ratio / 2), real=True)
        hop = min(next_fast_len(math.ceil(self.hop * ratio), real=True), fft_size // 4)
        return SpectralCodec(replace(self.config, sample_rate=sample_rate, fft_size=fft_size, hop=hop))

    def encode(self, waveform: Tensor) -> Tensor:
        """The complex spectrum `[b, dim, t]` of `[b, samples]`; t is `1 + samples // hop`, any length works."""
        return stft(waveform, fft_size=self.config.fft_size, hop=self.hop)

    def decode(self, latent: Tensor, length: int) -> Tensor:
        """The waveform `[b, length]` by overlap-add."""
        return istft(latent, fft_size=self.config.fft_size, hop=self.hop, length=length)

    @property
    def grouping(self) -> Grouping:
        """Groups of bins that are never wider than `place_width` times their frequency."""
        return self._grouping

    def describe(self, power: Tensor) -> tuple[Tensor, ...]:
        """The configured features of each bin group, planes `[b, t, groups]` from its power `[b, t, groups]`.

        Level is in units of 20 dB about -40 dBFS. *Transient* is the level against its mean along time (high at
        attacks), *tonal* against its mean along frequency (high at partials), *held* the mean of that along time (high
        at notes that last).
        """
        full_scale = (self.config.fft_size / 4) ** 2
        floor = 10 ** (FLOOR_DB / 10) * full_scale
        unit = 10.0 / math.log(10.0) / DECIBELS_PER_UNIT
        level = torch.log(power + floor) * unit + (2.0 - unit * math.log(full_scale))
        return tuple(self._feature(name, level) for name in self.config.features)

    def _feature(self, name: str, level: Tensor) -> Tensor:
        if name == "transient":
            return level - local_mean(level, self.config.transient_frames, -2)
        if name == "tonal":
            return level - local_mean(level, self.config.tonal_bins, -1)
        if name == "held":
            return local_mean(self._feature("tonal", level), self.config.held_frames, -2)
        return level

    def _described_frames(self) -> int:
        """Half the longest average along time, and half a window of the transform."""
        averages = {"transient": self.config.transient_frames, "held": self.config.held_frames}
        longest = max(averages.get(name, 1) for name in self.config.features)
        return longest // 2 + -(-self.config.fft_size // (2 * self.config.hop))

    @property
    def bin_hz(self) -> Tensor:
        """Frequency in Hz of each bin, from 0 to half the sample rate."""
        return torch.linspace(0.0, self.sample_rate / 2, self.dim)

    def band_centres(self, num_bands: int) -> Tensor:
        """Band centres evenly spaced in mel, from the lowest bin to the highest."""
        top_mel = 2595.0 * torch.log10(torch.tensor(1.0 + self.sample_rate / 2 / 700.0))
        mels = torch.linspace(0.0, float(top_mel), num_bands)
        hertz = 700.0 * (10.0 ** (mels / 2595.0) - 1.0)
        return hertz * (self.config.fft_size / self.sample_rate)

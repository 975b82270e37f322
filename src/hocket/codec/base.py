"""The interface between audio and latents: all that the rest of the program knows of a codec."""

from abc import ABC, abstractmethod
from typing import Protocol

from torch import Tensor, nn

from hocket.settings import SpectralConfig
from hocket.signal.grouping import Grouping, local_mean
from hocket.signal.harmony import pitch_class_shares

CHROMA_FLOOR = 0.1
"""Added where tones are divided by their mean, so that nothing stands out of near silence."""

LASTING, LACKING = (0.1, 0.4), (0.0, 0.3)
"""From where to where a tone counts as lasting, in units of 20 dB over its neighbours, and a pitch class as lacking."""


class Spectrum(Protocol):
    """A short-time spectrum of recordings of one rate, over which masks can be laid bin by bin."""

    sample_rate: int
    fft_size: int
    hop: int

    @property
    def frame_rate(self) -> float:
        """Frames per second."""

    @property
    def bin_hz(self) -> Tensor:
        """Frequency in Hz of each bin, increasing evenly from 0."""


class Codec(nn.Module, ABC):
    """Audio to latent and back, without parameters that learn.

    A latent is `[b, dim, t]`, real or complex; decoding is differentiable, so that losses can be stated on waveforms.
    """

    config: SpectralConfig
    sample_rate: int
    """Rate in Hz of the waveforms that go in and come out."""
    hop: int
    """Samples between two latent frames."""
    dim: int
    """Latent channels; frequency bins for the spectral codec."""
    grouping: Grouping
    """Groups of latent channels that are one bin to the agent."""
    tonal_bins: int
    """Bin groups that the feature `tonal` compares each group with, an odd number."""

    is_linear: bool
    """True if sums and inner products of latents are those of their waveforms, so that levels can be read off latents.

    Otherwise each voice is decoded apart to set its level.
    """
    fingerprint: str = ""
    """A word for the codec's own weights, equal for equal weights; empty where there are none."""

    @property
    def frame_rate(self) -> float:
        """Latent frames per second."""
        return self.sample_rate / self.hop

    @abstractmethod
    def num_frames(self, length: int) -> int:
        """Latent frames of so many samples."""

    @abstractmethod
    def encode(self, waveform: Tensor) -> Tensor:
        """The latent `[b, dim, t]` of a waveform `[b, samples]` in [-1, 1]."""

    @abstractmethod
    def decode(self, latent: Tensor, length: int) -> Tensor:
        """The waveform `[b, length]` of a latent `[b, dim, t]`."""

    def at_rate(self, sample_rate: int) -> Spectrum | None:
        """The spectrum of recordings of a rate that the masks can be laid over; None if they hold for latents only."""
        return None

    @property
    def fixed_rate(self) -> int | None:
        """Rate in Hz of all outputs; None where masks can be laid over recordings of any rate."""
        return self.sample_rate if self.at_rate(self.sample_rate) is None else None

    @property
    def bin_hz(self) -> Tensor | None:
        """Frequency in Hz of each latent channel `[dim]`, or None where channels are no frequencies."""
        return None

    @abstractmethod
    def band_centres(self, num_bands: int) -> Tensor:
        """Centres, in latent channels, of the bands in which the agent thinks: increasing floats `[num_bands]`."""

    @abstractmethod
    def level(self, power: Tensor) -> Tensor:
        """Level of bin groups from their mean squared magnitudes `[b, t, groups]`, of about unit size."""

    @property
    def num_features(self) -> int:
        """Features of each bin group that `describe` gives."""
        return len(self.config.features)

    def describe(self, power: Tensor) -> tuple[Tensor, ...]:
        """The configured features of each bin group, planes `[b, t, groups]` from its power `[b, t, groups]`.

        *Transient* is the level against its mean along time (high at attacks), *tonal* against its mean over
        neighbouring groups (high at partials), *held* the mean of that along time (high at notes that last), *chroma*
        how far the tones of the group's pitch class stand out of all around that moment, in any octave.
        """
        level, config = self.level(power), self.config
        tonal = level - local_mean(level, self.tonal_bins, -1)
        planes = {
            "level": lambda: level,
            "transient": lambda: level - local_mean(level, config.transient_frames, -2),
            "tonal": lambda: tonal,
            "held": lambda: local_mean(tonal, config.held_frames, -2),
            "chroma": lambda: self._chroma(tonal.relu()),
        }
        return tuple(planes[name]() for name in config.features)

    def foreign_tones(self, input: tuple[Tensor, ...], target: tuple[Tensor, ...]) -> Tensor:
        """Tones of the input that last and whose pitch class the target lacks just then: `[b, t, groups]`, 0 to 1.

        From what `describe` gives of both, with *tonal* and *chroma*. Hits that ring briefly are no tones, and a target
        without clear pitch lacks little.
        """
        own, other = (dict(zip(self.config.features, planes, strict=True)) for planes in (input, target))
        lasting = local_mean(own["tonal"], self.config.transient_frames, -2)
        return _ramp(lasting, *LASTING) * _ramp(-other["chroma"], *LACKING)

    def _chroma(self, tones: Tensor) -> Tensor:
        """From how high tones stand, `[b, t, groups]`; where channels are no frequencies, each is a class."""
        if self.bin_hz is None:
            return self._standing_out(tones)
        heard, told = pitch_class_shares(self.grouping, float(self.bin_hz[1]), tones.device)
        return self._standing_out(tones @ heard) @ told

    def _standing_out(self, tones: Tensor) -> Tensor:
        """Of the tones of each class, `[b, t, classes]`, around each moment: 0 where all have as much."""
        classes = local_mean(tones, self.config.held_frames, -2)
        mean = classes.mean(dim=-1, keepdim=True)
        return (classes - mean) / (2.0 * mean + CHROMA_FLOOR)

    @property
    def context_frames(self) -> int:
        """Frames before and after a frame that its latent depends on, about."""
        return 0

    @property
    def described_frames(self) -> int:
        """Frames before and after a frame that its features depend on: half the longest average, and the latent's."""
        config = self.config
        averages = {
            "transient": config.transient_frames,
            "held": config.held_frames,
            "chroma": config.held_frames,
        }
        longest = max(averages.get(name, 1) for name in config.features)
        return longest // 2 + self.context_frames


def _ramp(values: Tensor, low: float, high: float) -> Tensor:
    """0 up to `low`, 1 from `high` on, and a straight line between them."""
    return ((values - low) / (high - low)).clamp(0.0, 1.0)

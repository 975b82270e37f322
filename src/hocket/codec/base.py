"""The interface between audio and latents."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from hocket.signal.grouping import Grouping, Segment


class Codec(nn.Module, ABC):
    """Audio to latent and back, without parameters that learn.

    A latent is `[b, dim, t]`, real or complex; decoding is differentiable, so that losses can be stated on waveforms.
    """

    sample_rate: int
    """Rate in Hz of the waveforms that go in and come out."""
    hop: int
    """Samples between two latent frames."""
    dim: int
    """Latent channels; frequency bins for the spectral codec."""
    num_features: int
    """Features of each latent bin group that `describe` gives."""

    described_frames: int = 0
    """Frames before and after a frame that its features depend on."""

    @property
    def frame_rate(self) -> float:
        """Latent frames per second."""
        return self.sample_rate / self.hop

    @abstractmethod
    def encode(self, waveform: Tensor) -> Tensor:
        """The latent `[b, dim, t]` of a waveform `[b, samples]` in [-1, 1]."""

    @abstractmethod
    def decode(self, latent: Tensor, length: int) -> Tensor:
        """The waveform `[b, length]` of a latent `[b, dim, t]`."""

    @property
    def grouping(self) -> Grouping:
        """Groups of latent channels that are one bin to the agent: each alone, unless a codec knows better."""
        return Grouping((Segment(0, 1, self.dim),))

    @abstractmethod
    def describe(self, power: Tensor) -> tuple[Tensor, ...]:
        """Features that the agent receives of groups whose mean squared magnitudes are `[b, t, groups]`.

        Gives `num_features` planes `[b, t, groups]`, each about unit size.
        """

    @property
    def bin_hz(self) -> Tensor | None:
        """Frequency in Hz of each latent channel `[dim]`, or None where channels are no frequencies."""
        return None

    @abstractmethod
    def band_centres(self, num_bands: int) -> Tensor:
        """Centres, in latent channels, of the bands in which the agent thinks: increasing floats `[num_bands]`."""

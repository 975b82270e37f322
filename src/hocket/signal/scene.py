"""A fusion as a listener meets it: the output beside its sources, each described once however often it is asked."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from hocket.signal.harmony import chroma
from hocket.signal.rhythm import flux, harmonic_part, onset_strength
from hocket.signal.timbre import log_mel, onset_and_timbre_energies


@dataclass(frozen=True)
class Voice:
    """One waveform `[b, samples]` with its onset strength, timbre and chroma, computed when first asked for."""

    waveform: Tensor
    sample_rate: int

    @cached_property
    def onsets(self) -> Tensor:
        """Onset strength, `[b, frames]`."""
        return flux(self._energies[0])

    @cached_property
    def timbre(self) -> Tensor:
        """Log mel power at one level, `[b, frames, 32]`."""
        return log_mel(self._energies[1], self.waveform)

    @cached_property
    def chroma(self) -> Tensor:
        """Chroma, `[b, 12, frames]`."""
        return chroma(self.waveform, sample_rate=self.sample_rate)

    @cached_property
    def harmonic_onsets(self) -> Tensor:
        """Onset strength of the harmonic part, `[b, frames]`, without a gradient."""
        with torch.no_grad():
            steady = harmonic_part(self.waveform, sample_rate=self.sample_rate)
            return onset_strength(steady, sample_rate=self.sample_rate)

    @cached_property
    def _energies(self) -> tuple[Tensor, Tensor]:
        """What onset strength and timbre are made of."""
        return onset_and_timbre_energies(self.waveform, sample_rate=self.sample_rate)


@dataclass(frozen=True)
class ChannelsVoice(Voice):
    """All channels of one recording, one after another along time: `waveform` is `[1, channels * samples]`.

    Features are those of each channel, and lie one after another too, so that nothing happens where two channels meet.
    """

    num_channels: int = 1

    @cached_property
    def onsets(self) -> Tensor:
        """Onset strength, `[1, channels * frames]`."""
        return self._each.onsets.reshape(1, -1)

    @cached_property
    def timbre(self) -> Tensor:
        """Log mel power at one level, `[1, channels * frames, 32]`."""
        return self._each.timbre.flatten(0, 1)[None]

    @cached_property
    def chroma(self) -> Tensor:
        """Chroma, `[1, 12, channels * frames]`."""
        return self._each.chroma.transpose(0, 1).flatten(1)[None]

    @cached_property
    def harmonic_onsets(self) -> Tensor:
        """Onset strength of the harmonic part, `[1, channels * frames]`, without a gradient."""
        return self._each.harmonic_onsets.reshape(1, -1)

    @cached_property
    def _each(self) -> Voice:
        return Voice(self.waveform.reshape(self.num_channels, -1), self.sample_rate)


@dataclass(frozen=True)
class Scene:
    """The output, its input and its target, equally long; in training also the target's share of the output."""

    output: Voice
    input: Voice
    target: Voice
    target_share: Voice | None = None

    @property
    def sample_rate(self) -> int:
        """Rate in Hz of all waveforms."""
        return self.output.sample_rate

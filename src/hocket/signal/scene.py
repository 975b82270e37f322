"""A fusion as a listener hears it: the output next to its sources, with features that are computed only once."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from hocket.signal.filterbanks import band_energies
from hocket.signal.harmony import PitchEnergies
from hocket.signal.loudness import TARGET_RMS, rms
from hocket.signal.rhythm import HOP, NUM_BANDS, WINDOW, flux, harmonic_part, mel_bank, onset_strength
from hocket.signal.spectrum import window_length

NUM_TIMBRE_BANDS = 32
TIMBRE_HOP = 512
POWER_FLOOR = 1e-4


@dataclass(frozen=True)
class Voice:
    """One waveform `[b, samples]` with its onset strength, timbre, chroma and notes, computed when first asked for."""

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
        return self._pitches.chroma()

    @cached_property
    def salience(self) -> Tensor:
        """Height of each note from C1 to B7 above its neighbours, `[b, frames, 84]`, in [0, 1]."""
        return self._pitches.salience(self.waveform.square().mean(dim=-1))

    @cached_property
    def harmonic_onsets(self) -> Tensor:
        """Onset strength of the harmonic part, `[b, frames]`, without a gradient."""
        with torch.no_grad():
            steady = harmonic_part(self.waveform, sample_rate=self.sample_rate)
            return onset_strength(steady, sample_rate=self.sample_rate)

    @cached_property
    def _pitches(self) -> PitchEnergies:
        return PitchEnergies.of(self.waveform, sample_rate=self.sample_rate)

    @cached_property
    def _energies(self) -> tuple[Tensor, Tensor]:
        """Energies that onset strength and timbre are made of."""
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


def onset_and_timbre_energies(waveform: Tensor, *, sample_rate: int) -> tuple[Tensor, Tensor]:
    """Mel energies for onset strength, `[b, frames, 128]`, and for timbre, `[b, frames, 32]`, of `[b, samples]`.

    Both have windows of 2048 samples at 24 kHz, with hops of 256 and 512: the second looks at every other frame of the
    first, so that one spectrum is enough. Where the hops are no such pair (at 22.05 kHz), there are two.
    """
    fft_size, hop = window_length(WINDOW, sample_rate), window_length(HOP, sample_rate)
    timbre_hop = window_length(TIMBRE_HOP, sample_rate)
    step = 2 if timbre_hop == 2 * hop else 1
    many = mel_bank(NUM_BANDS, fft_size, sample_rate, device=waveform.device)
    few = mel_bank(NUM_TIMBRE_BANDS, fft_size, sample_rate, device=waveform.device, step=step)
    if step == 2:
        onset, timbre = band_energies(waveform, [many, few], fft_size=fft_size, hop=hop)
        return onset, timbre
    (onset,) = band_energies(waveform, [many], fft_size=fft_size, hop=hop)
    (timbre,) = band_energies(waveform, [few], fft_size=fft_size, hop=timbre_hop)
    return onset, timbre


def log_mel(energies: Tensor, waveform: Tensor) -> Tensor:
    """Natural log of timbre energies `[b, frames, 32]`, as they were if their waveform `[b, samples]` had RMS 0.1."""
    gain = TARGET_RMS / rms(waveform[:, None])
    return torch.log(gain.square() * energies + POWER_FLOOR)

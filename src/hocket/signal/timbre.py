"""Which frequencies a sound is made of, coarsely: the colour that is left when rhythm and harmony are taken away."""

import torch
from torch import Tensor

from hocket.signal.bands import band_energies
from hocket.signal.loudness import TARGET_RMS, rms
from hocket.signal.rhythm import HOP as ONSET_HOP
from hocket.signal.rhythm import NUM_BANDS as NUM_ONSET_BANDS
from hocket.signal.rhythm import WINDOW, mel_bank
from hocket.signal.spectrum import window_length

NUM_BANDS = 32
HOP = 512
POWER_FLOOR = 1e-4


def onset_and_timbre_energies(waveform: Tensor, *, sample_rate: int) -> tuple[Tensor, Tensor]:
    """Mel energies for onset strength, `[b, frames, 128]`, and for timbre, `[b, frames, 32]`, of `[b, samples]`.

    Both have windows of 2048 samples at 24 kHz, with hops of 256 and 512: the second looks at every other frame of the
    first, so that one spectrum is enough. Where the hops are no such pair (at 22.05 kHz), there are two.
    """
    fft_size, hop = window_length(WINDOW, sample_rate), window_length(ONSET_HOP, sample_rate)
    timbre_hop = window_length(HOP, sample_rate)
    step = 2 if timbre_hop == 2 * hop else 1
    many = mel_bank(NUM_ONSET_BANDS, fft_size, sample_rate, device=waveform.device)
    few = mel_bank(NUM_BANDS, fft_size, sample_rate, device=waveform.device, step=step)
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

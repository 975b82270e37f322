"""Rhythm: onset strength (whole and streamed), attacks, and how percussive a recording is.

Onset strength is how much new energy appears at each moment.
"""

from collections.abc import Iterable
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import median_filter
from torch import Tensor

from hocket.signal.filterbanks import Bank, band_energies, mel_filterbank
from hocket.signal.spectrum import istft, stft, window_length

NUM_BANDS = 128
WINDOW = 2048
HOP = 256
FLOOR_DB = 80.0

KEPT_FRAMES = 120_000
"""For how many frames a stream waits for the loudest place of all: 20 minutes, in 61 MB."""

MEDIAN_FRAMES = 31
MEDIAN_BINS = 31

ATTACK_DB = 1.0
"""Noise alone rises 0.2 dB above its middle, so this is an attack."""

APART_SECONDS = 0.05

# Neighbours in the mel bands of every other frame: 0.36 s, and a ninth of the bands.
MEL_FRAMES, MEL_BANDS = 17, 15


def onset_strength(waveform: Tensor, *, sample_rate: int) -> Tensor:
    """Half-wave rectified flux of the log mel spectrum, mean over bands: `[b, samples]` to `[b, frames]`, in dB >= 0.

    Window 2048 and hop 256 at 24 kHz, scaled to other rates; the floor is 80 dB under each example's loudest place.
    (Böck and Widmer 2013; the quantity is librosa's `onset_strength`, the code is not.)
    """
    return flux(mel_energies(waveform, sample_rate=sample_rate))


def mel_energies(waveform: Tensor, *, sample_rate: int, centred: bool = True) -> Tensor:
    """Mel energies for onset strength: `[b, samples]` to `[b, frames, 128]`; see `band_energies` for `centred`."""
    fft_size, hop = window_length(WINDOW, sample_rate), window_length(HOP, sample_rate)
    bank = mel_bank(NUM_BANDS, fft_size, sample_rate, device=waveform.device)
    (mel,) = band_energies(waveform, [bank], fft_size=fft_size, hop=hop, centred=centred)
    return mel


@lru_cache(maxsize=16)
@torch.inference_mode(False)
def mel_bank(num_bands: int, fft_size: int, sample_rate: int, *, device: torch.device, step: int = 1) -> Bank:
    """`mel_filterbank`, to be applied to every `step`-th frame."""
    weights = mel_filterbank(num_bands, fft_size, sample_rate, device=device)
    return Bank(weights, fft_size=fft_size, step=step)


def flux(mel: Tensor, peak: Tensor | None = None) -> Tensor:
    """Onset strength `[b, frames]` of mel energies `[b, frames, bands]`.

    `peak` `[b, 1, 1]` is the loudest place of the whole recording, where `mel` is a part of it.
    """
    peak = _peak(mel) if peak is None else peak
    floor = (peak * 10 ** (-FLOOR_DB / 10)).clamp_min(1e-10)
    level_db = 10.0 * torch.log10(torch.maximum(mel, floor))
    rise = F.relu(level_db[..., 1:, :] - level_db[..., :-1, :]).mean(dim=-1)
    return F.pad(rise, (1, 0))


def _peak(mel: Tensor) -> Tensor:
    return mel.amax(dim=(-2, -1), keepdim=True).detach()


class OnsetStream:
    """`onset_strength` of a recording that comes in blocks `[b, samples]`, however long it is.

    The floor depends on the loudest place of all, so mel energies are kept until the end. Of more than 20 minutes the
    earlier ones have the floor that was known after 20 minutes, then after 40, and so on.
    """

    def __init__(self, sample_rate: int) -> None:
        self.frames_a_second = frames_a_second(sample_rate)
        self._sample_rate = sample_rate
        self._fft_size, self._hop = window_length(WINDOW, sample_rate), window_length(HOP, sample_rate)
        self._rest: Tensor | None = None
        self._peak: Tensor | None = None
        self._kept: list[Tensor] = []
        self._last: Tensor | None = None
        self._strengths: list[Tensor] = []

    @torch.no_grad()
    def add(self, block: Tensor) -> Tensor:
        """Takes the next samples; gives the mel energies `[b, frames, 128]` of the frames that they complete."""
        before = block.new_zeros(len(block), self._fft_size // 2) if self._rest is None else self._rest
        waveform = torch.cat([before, block], dim=-1)
        num_frames = max(0, 1 + (waveform.shape[-1] - self._fft_size) // self._hop)
        self._rest = waveform[:, num_frames * self._hop :].clone()
        if num_frames == 0:
            return block.new_zeros(len(block), 0, NUM_BANDS)
        mel = mel_energies(waveform, sample_rate=self._sample_rate, centred=False)
        self._peak = _peak(mel) if self._peak is None else torch.maximum(self._peak, _peak(mel))
        self._kept.append(mel)
        if sum(part.shape[1] for part in self._kept) > KEPT_FRAMES:
            self._settle()
        return mel

    def strength(self) -> Tensor:
        """Onset strength of everything that was added, at least one sample: `[b, frames]`. Nothing can be added after.

        Raises:
            ValueError: nothing was added.
        """
        if self._rest is None:
            raise ValueError("an onset stream needs at least one block")
        self.add(self._rest.new_zeros(len(self._rest), self._fft_size // 2))
        self._settle()
        return torch.cat(self._strengths, dim=-1)

    def _settle(self) -> None:
        """Turns the mel energies that are kept into onset strength, each part joined to the last frame before it."""
        for mel in self._kept:
            joined = mel if self._last is None else torch.cat([self._last, mel], dim=1)
            self._strengths.append(flux(joined, self._peak)[:, joined.shape[1] - mel.shape[1] :])
            self._last = mel[:, -1:].clone()
        self._kept = []


def streamed_onset_strength(blocks: Iterable[Tensor], *, sample_rate: int) -> Tensor:
    """`onset_strength` of blocks `[b, samples]` that follow each other, at least one: `[b, frames]`."""
    stream = OnsetStream(sample_rate)
    for block in blocks:
        stream.add(block)
    return stream.strength()


def frames_a_second(sample_rate: int) -> float:
    """Frames of the onset strength a second."""
    return sample_rate / window_length(HOP, sample_rate)


def find_attacks(
    strength: np.ndarray, *, frames_a_second: float, prominence: float = ATTACK_DB
) -> np.ndarray:
    """The frames of onset strength `[frames]` that are attacks, at least 50 ms apart.

    These are peaks that rise by `prominence` and stand as far above the median; other than 1 dB for a strength that
    was scaled.
    """
    # A second to load: not for whoever only fuses.
    from scipy.signal import find_peaks

    peaks, _ = find_peaks(
        strength,
        height=np.median(strength) + prominence,
        prominence=prominence,
        distance=max(1, round(APART_SECONDS * frames_a_second)),
    )
    return np.asarray(peaks)


def onset_depth_db(strength: np.ndarray) -> float:
    """Height of the strongest onsets of `[frames]` above the ordinary moment, in dB."""
    return float(np.percentile(strength, 98) - np.median(strength))


@torch.no_grad()
def percussive_share(mel: Tensor) -> tuple[float, float]:
    """Sums over mel energies `[1, frames, bands]`: of the magnitude that is broad rather than steady, and of all."""
    magnitude = mel[:, ::2].sqrt().transpose(1, 2)
    if magnitude.shape[-1] == 0:
        return 0.0, 0.0
    steady = harmonic_mask(magnitude, num_frames=MEL_FRAMES, num_bins=MEL_BANDS)
    return float(((1.0 - steady) * magnitude).sum()), float(magnitude.sum())


@torch.no_grad()
def harmonic_part(waveform: Tensor, *, sample_rate: int) -> Tensor:
    """Part of `[b, samples]` that is steady along time rather than broad along frequency, as `[b, samples]`.

    Median-filter separation with a soft mask (Fitzgerald 2010), for diagnosis: it has no gradient. The way back to a
    waveform matters: the flux of a masked spectrum itself is mostly that of the mask's holes.
    """
    fft_size, hop = window_length(WINDOW, sample_rate), window_length(2 * HOP, sample_rate)
    spectrum = stft(waveform, fft_size=fft_size, hop=hop)
    return istft(
        spectrum * harmonic_mask(spectrum.abs()), fft_size=fft_size, hop=hop, length=waveform.shape[-1]
    )


def harmonic_mask(
    magnitude: Tensor, *, num_frames: int = MEDIAN_FRAMES, num_bins: int = MEDIAN_BINS
) -> Tensor:
    """Soft mask `[b, bins, frames]` in [0, 1] of what is steady along time rather than broad along frequency.

    Medians are over `num_frames` neighbours along time and `num_bins` along frequency, both odd.
    """
    array = magnitude.cpu().numpy()
    steady = torch.from_numpy(running_median(array, num_frames))
    broad = torch.from_numpy(running_median(array.swapaxes(1, 2), num_bins)).transpose(1, 2)
    mask = steady.square() / (steady.square() + broad.square()).clamp_min(1e-20)
    return mask.to(magnitude.device)


def running_median(values: np.ndarray, length: int) -> np.ndarray:
    """Median of `length` neighbours along the last axis of `[b, n, k]`, mirrored at the ends; `length` is odd.

    All rows of an example as one: scipy's filter for a single axis takes a tenth of the time of its other one, and of
    torch's median.
    """
    reach = length // 2
    padded = np.pad(values, ((0, 0), (0, 0), (reach, reach)), mode="symmetric")
    medians = [median_filter(example.ravel(), size=length).reshape(example.shape) for example in padded]
    return np.stack(medians)[..., reach:-reach]

"""Onset emphasis: onsets to within a few milliseconds, and a gain that strikes the target where the input is struck.

A mask rises and falls with the window of the transform, which takes tens of milliseconds. This gain is applied to the
target's waveform and rises in four. Where the target is struck by itself, it softens that.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hocket.audio.streams import Recording
from hocket.signal.filterbanks import band_energies
from hocket.signal.grouping import local_mean
from hocket.signal.loudness import TARGET_RMS
from hocket.signal.rhythm import mel_bank
from hocket.signal.spectrum import window_length

WINDOW, HOP, NUM_BANDS = 256, 64, 20
FLOOR_DB = 30.0
"""Under a source's loudness, over its whole spectrum: what rises below it does not strike."""
FRAMES_AFTER, FRAMES_BEFORE, FRAMES_BETWEEN = 3, 5, 2
CONTEXT_FRAMES = 16
APART_SECONDS = 0.04
LEAST_DB = 2.0
"""By how much bands rise in the mean where there is a strike; steady noise rises by half a decibel."""
HARD = 0.75

HALVING_SECONDS = 0.06
RISE_SECONDS, FALL_SECONDS = 0.004, 0.03
DIP = 0.3
"""Depth of the target's dip before the hardest strikes, for a re-attack of 1 or more."""
SOFTENING, SOFTENING_LEAD_SECONDS, SOFTENING_HALVING_SECONDS = 0.6, 0.008, 0.1
"""Share of the gain that is taken off where the target is struck by itself; when that begins; when half is back."""
TOGETHER_SECONDS = 0.05
GRID_RATE_HZ = 2000


@dataclass(frozen=True)
class Strikes:
    """The onsets of a recording: `seconds` `[n]`, in order, and how hard they are, `strengths` `[n]` in (0, 1].

    1 is as hard as the hardest quarter of them.
    """

    seconds: Tensor
    strengths: Tensor

    def apart_from(self, others: "Strikes") -> "Strikes":
        """Those that have none of the others within 50 ms."""
        first, last = (
            torch.searchsorted(others.seconds, self.seconds + reach)
            for reach in (-TOGETHER_SECONDS, TOGETHER_SECONDS)
        )
        return Strikes(self.seconds[first == last], self.strengths[first == last])

    def ringing(self, seconds: Tensor, halving_seconds: float) -> Tensor:
        """The hardest of all strikes up to each moment, if each halves in this time: `[n]`, in [0, 1]."""
        # In halvings since the beginning, where each strike dies away equally fast, so that the hardest stays so.
        levels = torch.log2(self.strengths) + self.seconds / halving_seconds
        never = levels.new_full((1,), -torch.inf)
        hardest = torch.cat([never, levels.cummax(dim=0).values])
        since = torch.searchsorted(self.seconds, seconds, right=True)
        return torch.exp2(hardest[since] - seconds / halving_seconds)


def find_strikes(mono: Recording) -> Strikes:
    """The strikes of one channel that has the usual loudness, read part by part."""
    hop = window_length(HOP, mono.sample_rate)
    rising = torch.cat([_rising_between(mono, start, stop, hop) for start, stop in _spans(mono, hop)])
    # A window that reaches beyond the end hears the sound break off there.
    rising[-(WINDOW // (2 * HOP) + FRAMES_AFTER) :] = 0.0
    reach = round(APART_SECONDS * mono.sample_rate / hop)
    largest = F.max_pool1d(rising[None], 2 * reach + 1, 1, reach)[0]
    frames = ((rising == largest) & (rising > LEAST_DB)).nonzero().flatten()
    rises = rising[frames]
    hard = rises.quantile(HARD) if len(rises) else 1.0
    return Strikes(frames.double() * hop / mono.sample_rate, (rises / hard).clamp(max=1.0).double())


def _spans(mono: Recording, hop: int) -> list[tuple[int, int]]:
    """Parts of about 10 s that begin with a frame."""
    step = hop * round(10.0 * mono.sample_rate / hop)
    return [(start, min(start + step, mono.num_samples)) for start in range(0, mono.num_samples, step)]


def _rising_between(mono: Recording, start: int, stop: int, hop: int) -> Tensor:
    """Mean rise of the bands in decibels, at each frame from `start` up to `stop`: `[frames]`."""
    margin = CONTEXT_FRAMES * hop
    begin, end = max(0, start - margin), min(stop + margin, mono.num_samples)
    samples = torch.tensor(mono.read(begin, end)[:1])
    fft_size = window_length(WINDOW, mono.sample_rate)
    bank = mel_bank(NUM_BANDS, fft_size, mono.sample_rate, device=samples.device)
    (mel,) = band_energies(samples, [bank], fft_size=fft_size, hop=hop)
    # What white noise of the usual loudness has in each bin under a Hann window.
    usual = 3 / 8 * fft_size * TARGET_RMS**2
    level = 10.0 * torch.log10(mel[0].T + usual * 10 ** (-FLOOR_DB / 10))
    # A window that is centred on the onset holds some of it already, so the neighbours on either side do not count.
    around = F.pad(level, (FRAMES_BETWEEN + FRAMES_BEFORE, FRAMES_AFTER), mode="replicate")
    before = F.max_pool1d(around, FRAMES_BEFORE, 1)[:, : level.shape[1]]
    after = F.avg_pool1d(around[:, FRAMES_BETWEEN + FRAMES_BEFORE + 1 :], FRAMES_AFTER, 1)
    rising = F.relu(after - before).mean(dim=0)
    first = (start - begin) // hop
    return rising[first : first + -(-(stop - start) // hop)]


@dataclass(frozen=True)
class StrikeGain:
    """The gain of the target's voice at each moment, which strikes it where the input is struck.

    Before a strike it falls, at the strike it rises to 1 + `amount` times its strength, and that halves every 60 ms. At
    the target's `own` strikes it falls too, and rises slowly. All of it is times `scale`, so that its mean over the
    recording is 1: the output correlates with the target about as much as before.
    """

    strikes: Strikes
    own: Strikes
    amount: float
    scale: float = 1.0

    @classmethod
    def over(cls, strikes: Strikes, own: Strikes, amount: float, *, seconds: float) -> "StrikeGain":
        """The gain for a recording of so many seconds; what both are struck at is left to the input."""
        unscaled = cls(strikes, own.apart_from(strikes), amount)
        whole = unscaled.between(0, max(1, round(seconds * GRID_RATE_HZ)), GRID_RATE_HZ)
        return replace(unscaled, scale=float(1.0 / whole.mean()))

    def between(self, start: int, stop: int, sample_rate: int) -> Tensor:
        """The gain of the samples `start` up to `stop`: `[stop - start]`; read between points of a grid of 0.5 ms."""
        points = np.arange(start, stop) * (GRID_RATE_HZ / sample_rate)
        first, last = int(points[0]), int(points[-1]) + 2
        reach = round(RISE_SECONDS / 2 * GRID_RATE_HZ)
        seconds = torch.arange(first - reach, last + reach, dtype=torch.float64) / GRID_RATE_HZ
        gain = 1.0 + self.amount * self.strikes.ringing(seconds, HALVING_SECONDS)
        gain *= (1.0 - self._dip(seconds)) * (1.0 - self._softening(seconds))
        grid = self.scale * local_mean(gain[None], 2 * reach + 1, -1)[0, reach:-reach]
        return torch.from_numpy(np.interp(points, np.arange(first, last), grid.numpy())).float()

    def _dip(self, seconds: Tensor) -> Tensor:
        """The dip just before the next strike, as a share of the gain: `[n]`, in [0, 1]."""
        ahead, strengths = (
            torch.cat([values, values.new_full((1,), end)])
            for values, end in ((self.strikes.seconds, torch.inf), (self.strikes.strengths, 0.0))
        )
        following = torch.searchsorted(self.strikes.seconds, seconds, right=False)
        left = (ahead[following] - seconds) / FALL_SECONDS
        # Down in the first two thirds of the time, and still until the strike.
        fallen = 0.5 - 0.5 * torch.cos(torch.pi * ((1.0 - left) * 1.5).clamp(0.0, 1.0))
        return DIP * min(self.amount, 1.0) * strengths[following] * fallen

    def _softening(self, seconds: Tensor) -> Tensor:
        """Share of the gain that is taken off around the target's own strikes: `[n]`, in [0, 1]."""
        ringing = self.own.ringing(seconds + SOFTENING_LEAD_SECONDS, SOFTENING_HALVING_SECONDS)
        return SOFTENING * min(self.amount, 1.0) * ringing

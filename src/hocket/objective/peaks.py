"""Where a spectrogram has peaks that stand alone; without a gradient.

The largest of a rectangle is found along one axis after the other, as elementwise maxima of shifted views: a fraction
of the time of a pooling layer, which also remembers where each one was.
"""

from functools import lru_cache
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

RANGE_DB = 60.0
EXCESS_DB = 6.0
FRAMES, BINS = 3, 4
"""How far the ring reaches to either side; what it surrounds reaches one frame and two bins."""


@torch.no_grad()
def lone_peaks(energy: Tensor) -> tuple[Tensor, Tensor]:
    """Peaks of positive energies `[b, frames, bins]` and their rivals, as indices into the whole, `[k]` twice.

    A peak is the largest of 3 frames x 5 bins, at most 60 dB under the loudest of its example, and at least 6 dB above
    its rival, which is the largest of the ring around that, 7 frames x 9 bins.
    """
    # One after the other, because all of one example fits into a cache.
    found = [_lone_peaks(example) for example in energy]
    starts = [index * energy[0].numel() for index in range(len(energy))]
    peaks, rivals = (
        torch.cat([places + start for places, start in zip(side, starts, strict=True)])
        for side in zip(*found, strict=True)
    )
    return peaks, rivals


def _lone_peaks(energy: Tensor) -> tuple[Tensor, Tensor]:
    """The same of one example `[frames, bins]`."""
    padded = F.pad(energy, (BINS, BINS, FRAMES, FRAMES))
    inner, ring = inner_and_ring(padded[None])
    threshold = torch.maximum(inner[0], ring[0].mul_(10 ** (EXCESS_DB / 10)))
    places = (energy >= threshold).nonzero()
    # What is too soft to be heard is left out last: a few are asked, not all.
    heard = energy[places[:, 0], places[:, 1]] >= energy.amax() * 10 ** (-RANGE_DB / 10)
    frame, bin = places[heard].unbind(1)
    num_bins, columns = energy.shape[1], padded.shape[1]
    steps = _ring_steps(energy.device)
    around = (frame + FRAMES)[:, None] * columns + (bin + BINS)[:, None] + steps[0] * columns + steps[1]
    largest = padded.flatten()[around].argmax(dim=1)
    peaks = frame * num_bins + bin
    return peaks, peaks + (steps[0] * num_bins + steps[1])[largest]


def inner_and_ring(padded: Tensor) -> tuple[Tensor, Tensor]:
    """The largest of 3 frames x 5 bins around each place, and of 7 x 9 without these; `[b, frames, bins]` each.

    `padded` has three frames and four bins more on each side.
    """
    frames, bins = padded.shape[1] - 2 * FRAMES, padded.shape[2] - 2 * BINS
    # Two frames before and after over all nine bins, and two bins below and above over the middle three frames.
    two = torch.maximum(padded[:, 1:], padded[:, :-1])
    beside = _running_nine(two)
    ring = torch.maximum(beside[:, :frames], beside[:, 5 : 5 + frames])
    three = torch.maximum(two[:, 2 : 2 + frames], padded[:, 4 : 4 + frames])
    pairs = torch.maximum(three[..., 1:], three[..., :-1])
    ring = torch.maximum(ring, torch.maximum(pairs[..., :bins], pairs[..., 7 : 7 + bins]))
    inner = torch.maximum(pairs[..., 2 : 2 + bins], pairs[..., 4 : 4 + bins])
    return torch.maximum(inner, three[..., 6 : 6 + bins]), ring


def _running_nine(values: Tensor) -> Tensor:
    """The largest of each nine neighbours along the last axis, by doubling."""
    runs = values
    for shift in (1, 2, 4):
        runs = torch.maximum(runs[..., shift:], runs[..., :-shift])
    return torch.maximum(runs[..., 1:], runs[..., :-1])


@lru_cache(maxsize=4)
@torch.inference_mode(False)
def _ring_steps(device: torch.device) -> Tensor:
    """How many frames and bins away the places of a ring are, `[2, 48]`."""
    steps = product(range(-FRAMES, FRAMES + 1), range(-BINS, BINS + 1))
    outside = [(frame, bin) for frame, bin in steps if abs(frame) > 1 or abs(bin) > 2]
    return torch.tensor(outside, device=device).T

"""Masks read at other frequencies than their own: one rule for the sound and for its pictures."""

import torch
from torch import Tensor

HELD_BAND = (0.45, 0.9)
"""Share of the model's band whose mean mask stands for all that lies above it: 5.4-10.8 kHz at 24 kHz."""


class FrequencyReader:
    """Reads rows of values at `from_hz` (evenly spaced from 0 on) at `to_hz`, between the nearest two.

    With `holds`, for sounds of another rate than the model's, what lies above most of its band is the mean of its upper
    octave; without, all values are read as they are.
    """

    def __init__(self, from_hz: Tensor, to_hz: Tensor, *, holds: bool) -> None:
        top = len(from_hz) - 1
        self._band = slice(*(int(share * top) for share in HELD_BAND)) if holds else None
        self._top = self._band.stop if self._band else top
        places = to_hz.double() * (top / float(from_hz[-1]))
        self._num_bins, places = len(places), places[places < self._top]
        self._lower = places.long()
        self._upper_weights = (places - places.floor()).float()

    def to(self, device: torch.device) -> "FrequencyReader":
        """The same on another device."""
        self._lower, self._upper_weights = self._lower.to(device), self._upper_weights.to(device)
        return self

    def read(self, values: Tensor) -> Tensor:
        """Reads `[..., d]`, which it may change, as `[..., bins]`."""
        flat = values.view(-1, values.shape[-1])
        if self._band:
            flat[:, self._top] = flat[:, self._band].mean(dim=1)
        read = flat.new_empty(len(flat), self._num_bins)
        num_below = len(self._lower)
        lower, upper = flat.index_select(1, self._lower), flat.index_select(1, self._lower + 1)
        torch.lerp(lower, upper, self._upper_weights, out=read[:, :num_below])
        read[:, num_below:] = flat[:, self._top, None]
        return read.view(*values.shape[:-1], -1)

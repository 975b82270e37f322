"""Results of the model: masks, latents and the output, for anyone who wants to look or to judge."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from torch import Tensor

from hocket.model.band_powers import BandPowers, Tally
from hocket.model.masks import Masks
from hocket.model.voices import DecodedVoices
from hocket.signal.grouping import Grouping

Waveform: TypeAlias = Tensor | np.ndarray
"""Waveforms that come in from anybody and go out to them."""


@dataclass(frozen=True)
class Stage:
    """One stage of the cascade: its masks over groups `[b, groups, t]`, and what comes after them.

    `faders` sets the levels and the tone, which is done when they are first asked for: of a draft nobody asks.
    """

    group_masks: Masks
    grouping: Grouping
    faders: Callable[[], tuple[Tensor, Tensor]]

    @property
    def levels(self) -> Tensor:
        """Levels of input and target, `[b, 2]`."""
        return self._set[0]

    @property
    def group_tone(self) -> Tensor:
        """Gain of each bin group, for both voices: `[b, groups]`."""
        return self._set[1]

    @cached_property
    def _set(self) -> tuple[Tensor, Tensor]:
        return self.faders()

    @cached_property
    def masks(self) -> Masks:
        """The masks of all latent channels, `[b, d, t]`."""
        return self.group_masks.spread(self.grouping)

    @cached_property
    def tone(self) -> Tensor:
        """The gain of each latent channel, for both voices: `[b, d]`."""
        return self.grouping.spread(self.group_tone)

    @property
    def group_gains(self) -> Tensor:
        """Gains of each bin group of both voices after its mask: `[b, 2, groups]`."""
        return self.levels[..., None] * self.group_tone[:, None]

    @property
    def gains(self) -> Tensor:
        """Gains of each latent channel of both voices after its mask: `[b, 2, d]`."""
        return self.levels[..., None] * self.tone[:, None]


@dataclass(frozen=True)
class FusionResult:
    """A fusion whole: the sources' latents `[b, c, d, t]`, what they hold at each bin group, and every stage.

    What is made of them (`output`, the shares, drafts) is made when it is first asked for: masks are often enough.
    `voices` are there where decoding is not linear.
    """

    input_latent: Tensor
    target_latent: Tensor
    powers: BandPowers
    stages: tuple[Stage, ...]
    decode: Callable[[Tensor], Tensor]
    voices: DecodedVoices | None = None

    @property
    def masks(self) -> Masks:
        """The masks that made the output: the last stage's."""
        return self.stages[-1].masks

    @property
    def levels(self) -> Tensor:
        """Levels of input and target in the output, after their masks: `[b, 2]`, the last stage's."""
        return self.stages[-1].levels

    @property
    def tone(self) -> Tensor:
        """The gain of each latent channel, for both voices: `[b, d]`, the last stage's."""
        return self.stages[-1].tone

    def tally(self, masks: Masks, first: int, last: int) -> Tally:
        """The sums that levels are set by, over some frames, for their masks of bin groups `[b, groups, t]`."""
        return (self.voices or self.powers).between(first, last).tally(masks)

    @property
    def draft(self) -> Tensor:
        """Latent of stage 0, `[b, c, d, t]`."""
        return self.latent_of(self.stages[0])

    @cached_property
    def refined(self) -> Tensor:
        """Latent of the last stage, `[b, c, d, t]`, which is decoded to the output."""
        return self.input_share + self.target_share

    @cached_property
    def output(self) -> Tensor:
        """The output waveform, `[b, c, samples]`."""
        return self.decode(self.refined)

    @cached_property
    def target_voice(self) -> Tensor:
        """The part of the output waveform that came from the target, `[b, c, samples]`.

        Where decoding is not linear, the target's share decoded apart, before its level.
        """
        if self.voices is not None:
            return self.voices.decoded(1, self.stages[-1].group_masks)
        return self.decode(self.target_share)

    @cached_property
    def input_share(self) -> Tensor:
        """The part of the output's latent that came from the input, `[b, c, d, t]`."""
        return _share(self.stages[-1], 0, self.input_latent)

    @cached_property
    def target_share(self) -> Tensor:
        """The part of the output's latent that came from the target, `[b, c, d, t]`."""
        return _share(self.stages[-1], 1, self.target_latent)

    def latent_of(self, stage: Stage) -> Tensor:
        """The latent `[b, c, d, t]` that a stage makes of the sources: the only way from them to an output."""
        return _share(stage, 0, self.input_latent) + _share(stage, 1, self.target_latent)


def _share(stage: Stage, voice: int, latent: Tensor) -> Tensor:
    mask = (stage.masks.input, stage.masks.target)[voice]
    return (stage.gains[:, voice, :, None] * mask)[:, None] * latent

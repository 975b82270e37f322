"""What the model computed: masks, latents and the output, for anyone who wants to look or to judge."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Masks:
    """How much of each source goes into the output: `input` and `target`, each `[b, d, t]`, at least 0."""

    input: Tensor
    target: Tensor

    @property
    def overlap(self) -> Tensor:
        """Mean product of the two masks, per example `[b]`; flat masks of 0.5 give 0.25."""
        return (self.input * self.target).mean(dim=(1, 2))

    @property
    def complementarity(self) -> Tensor:
        """`1 - overlap`, per example `[b]`; 0.75 is nothing learned, 1 is every place given to one voice."""
        return 1.0 - self.overlap

    @property
    def coverage(self) -> Tensor:
        """Mean of both masks' sum, per example `[b]`; 1 when every place is used once."""
        return (self.input + self.target).mean(dim=(1, 2))

    @property
    def means(self) -> tuple[Tensor, Tensor]:
        """Mean input mask and mean target mask, per example `[b]` each."""
        return self.input.mean(dim=(1, 2)), self.target.mean(dim=(1, 2))

    @property
    def variance(self) -> Tensor:
        """Variance of the two masks over places, averaged, per example `[b]`; 0 is a flat mask."""
        return (self.input.var(dim=(1, 2), correction=0) + self.target.var(dim=(1, 2), correction=0)) / 2


@dataclass(frozen=True)
class Stage:
    """One stage of the cascade: its masks, and the latent `[b, c, d, t]` that they make of the sources.

    After the masks come two faders, `levels` `[b, 2]` of input and target, and a tone control, `tone` `[b, d]`.
    """

    masks: Masks
    levels: Tensor
    tone: Tensor
    latent: Tensor


@dataclass(frozen=True)
class FusionResult:
    """A fusion whole: the output waveform `[b, c, samples]`, the sources' latents `[b, c, d, t]`, and every stage."""

    output: Tensor
    input_latent: Tensor
    target_latent: Tensor
    stages: tuple[Stage, ...]

    @property
    def masks(self) -> Masks:
        """The masks that made the output: the last stage's."""
        return self.stages[-1].masks

    @property
    def levels(self) -> Tensor:
        """How loud input and target are in the output, after their masks: `[b, 2]`, the last stage's."""
        return self.stages[-1].levels

    @property
    def tone(self) -> Tensor:
        """The gain of each latent channel, for both voices: `[b, d]`, the last stage's."""
        return self.stages[-1].tone

    @property
    def draft(self) -> Tensor:
        """Latent of stage 0, `[b, c, d, t]`."""
        return self.stages[0].latent

    @property
    def refined(self) -> Tensor:
        """Latent of the last stage, `[b, c, d, t]`, which was decoded to the output."""
        return self.stages[-1].latent

    @property
    def input_share(self) -> Tensor:
        """The part of the output's latent that came from the input, `[b, c, d, t]`."""
        return self._share(0, self.masks.input) * self.input_latent

    @property
    def target_share(self) -> Tensor:
        """The part of the output's latent that came from the target, `[b, c, d, t]`."""
        return self._share(1, self.masks.target) * self.target_latent

    def _share(self, voice: int, mask: Tensor) -> Tensor:
        return (self.levels[:, voice, None, None] * self.tone[..., None] * mask)[:, None]

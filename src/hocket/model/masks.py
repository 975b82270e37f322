"""The two masks: how much of each source goes into the output."""

from dataclasses import dataclass

from torch import Tensor

from hocket.signal.grouping import Grouping


@dataclass(frozen=True)
class Masks:
    """Masks of both sources: `input` and `target`, each `[b, d, t]`, at least 0."""

    input: Tensor
    target: Tensor

    @property
    def overlap(self) -> Tensor:
        """Mean product of the two masks, per example `[b]`; flat masks of 0.5 give 0.25."""
        return (self.input * self.target).mean(dim=(1, 2))

    @property
    def complementarity(self) -> Tensor:
        """`1 - overlap`, per example `[b]`; 0.75 is nothing learned, 1 is every bin group given to one voice."""
        return 1.0 - self.overlap

    @property
    def coverage(self) -> Tensor:
        """Mean of both masks' sum, per example `[b]`; 1 when every bin group is used once."""
        return (self.input + self.target).mean(dim=(1, 2))

    @property
    def means(self) -> tuple[Tensor, Tensor]:
        """Mean input mask and mean target mask, per example `[b]` each."""
        return self.input.mean(dim=(1, 2)), self.target.mean(dim=(1, 2))

    @property
    def variance(self) -> Tensor:
        """Variance of the two masks over groups, averaged, per example `[b]`; 0 is a flat mask."""
        return (_variance(self.input) + _variance(self.target)) / 2

    def spread(self, grouping: Grouping) -> "Masks":
        """The masks of all latent channels, `[b, d, t]`, from masks of their groups."""
        both = (self.input, self.target)
        return Masks(*(grouping.spread(mask.transpose(1, 2)).transpose(1, 2) for mask in both))


def _variance(mask: Tensor) -> Tensor:
    """Over all groups, `[b]`; torch's own takes several times as long."""
    return (mask - mask.mean(dim=(1, 2), keepdim=True)).square().mean(dim=(1, 2))

"""What the masks look like. None of these figures can see a collapse: they stand beside the diagnosis, not for it."""

from dataclasses import dataclass

from hocket.model.masks import Masks


@dataclass(frozen=True)
class MaskFigures:
    """Means over a batch of what the masks do."""

    input_mask_mean: float
    target_mask_mean: float
    complementarity: float
    coverage: float
    mask_variance: float


def mask_figures(masks: Masks) -> MaskFigures:
    """Reads the very masks that made the output."""
    input_mean, target_mean = masks.means
    return MaskFigures(
        input_mask_mean=float(input_mean.detach().mean()),
        target_mask_mean=float(target_mean.detach().mean()),
        complementarity=float(masks.complementarity.detach().mean()),
        coverage=float(masks.coverage.detach().mean()),
        mask_variance=float(masks.variance.detach().mean()),
    )

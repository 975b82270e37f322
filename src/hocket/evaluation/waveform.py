"""Figures from the samples alone: correlations with the sources, the overlay's share, the verdict."""

import numpy as np

COPYING_RATIO = 2.0
OVERLAY_R2 = 0.9
UNRELATED = 0.1
BAND = (0.4, 0.6)


def correlation(*, output: np.ndarray, reference: np.ndarray) -> float:
    """Pearson correlation of two series `[n]`, in [-1, 1].

    A constant series varies with nothing, so its correlation is 0 by definition here (Pearson's own is
    undefined).
    """
    first = output.astype(np.float64) - np.mean(output, dtype=np.float64)
    second = reference.astype(np.float64) - np.mean(reference, dtype=np.float64)
    scale = np.linalg.norm(first) * np.linalg.norm(second)
    return float(np.clip(first @ second / scale, -1.0, 1.0)) if scale > 0 else 0.0


def overlay_r2(*, output: np.ndarray, input: np.ndarray, target: np.ndarray) -> float:
    """Share of the output's energy that the best `a * input + b * target` explains, in [0, 1].

    Least squares over the whole excerpt, without an offset; 0 for a silent output, of which nothing can be
    explained.
    """
    sources = np.stack([input, target], axis=1).astype(np.float64)
    wanted = output.astype(np.float64)
    energy = float(wanted @ wanted)
    if energy == 0:
        return 0.0
    weights = np.linalg.lstsq(sources, wanted, rcond=None)[0]
    residual = wanted - sources @ weights
    return float(np.clip(1.0 - residual @ residual / energy, 0.0, 1.0))


def verdict(
    *,
    output_input_correlation: float,
    output_target_correlation: float,
    overlay_r2: float,
    silent: bool = False,
) -> str:
    """Names the output `silent`, `unrelated`, `copying input`, `copying target`, `overlay` or `mixing`.

    Copying (one correlation more than twice the other, whatever their signs: polarity is not heard) is judged
    before the overlay, because a copy's R² is 1 as well. Where the sources explain nothing at all, the ratio
    of two correlations is a ratio of noise, so that is said first.
    """
    if silent:
        return "silent"
    from_input, from_target = abs(output_input_correlation), abs(output_target_correlation)
    if max(from_input, from_target, overlay_r2) < UNRELATED:
        return "unrelated"
    if from_input > COPYING_RATIO * from_target:
        return "copying input"
    if from_target > COPYING_RATIO * from_input:
        return "copying target"
    return "overlay" if overlay_r2 >= OVERLAY_R2 else "mixing"


def is_in_band(*, output_input_correlation: float, output_target_correlation: float) -> bool:
    """True if about half of each source's energy survived: both correlations' sizes lie in 0.4-0.6."""
    low, high = BAND
    return all(low <= abs(value) <= high for value in (output_input_correlation, output_target_correlation))

"""From rows to a system's figures: means, shares, the Fréchet distance and the worst pairs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hocket.evaluation.quality import FrameStatistics, frechet_distance
from hocket.evaluation.realism import Mixes

# Which end of a figure is its bad one. The correlations should be near one half: more or less is further from
# a mix.
BADNESS: dict[str, Callable[[float], float]] = {
    "rhythm_margin": lambda value: -value,
    "articulation_margin": lambda value: -value,
    "harmony_margin": lambda value: -value,
    "harmony_margin_harmonic": lambda value: -value,
    "harmony_margin_whole": lambda value: -value,
    "onset_f_measure": lambda value: -value,
    "beat_f_measure": lambda value: -value,
    "chord_agreement": lambda value: -value,
    "key_agreement": lambda value: -value,
    "note_recall": lambda value: -value,
    "note_precision": lambda value: -value,
    "note_margin": lambda value: -value,
    "foreign_notes": lambda value: value,
    "struck_margin": lambda value: -value,
    "isolated_peaks": lambda value: value,
    "spectral_kurtosis": lambda value: value,
    "truth_rhythm": lambda value: -value,
    "truth_harmony": lambda value: -value,
    "overlay_r2": lambda value: value,
    "output_input_correlation": lambda value: abs(abs(value) - 0.5),
    "output_target_correlation": lambda value: abs(abs(value) - 0.5),
}
NUM_DRAWS, NUM_SET_DRAWS = 2000, 100
NOT_AVERAGED = (
    "pair",
    "input",
    "target",
    "truth",
    "verdict",
    "in_band",
    "scored_seconds",
    "wall_seconds",
    "real_time_factor",
)


@dataclass(frozen=True)
class ScoredRow:
    """One pair's figures, with what the set's Fréchet distance needs of it."""

    row: dict[str, Any]
    output: FrameStatistics
    sources: FrameStatistics
    windows: np.ndarray  # [windows, 199]


@dataclass(frozen=True)
class SystemScores:
    """A system's rows and what they come to."""

    means: dict[str, float | None]
    worst: dict[str, dict[str, Any]]  # metric -> {"pair": its name, "value": its figure}
    verdicts: dict[str, int]
    rows: list[dict[str, Any]]
    intervals: dict[str, tuple[float, float]] = field(
        default_factory=dict
    )  # 95 %, by drawing the pairs again


def summarise(scored: Sequence[ScoredRow], mixes: Mixes | None = None) -> SystemScores:
    """Averages the rows of one system, each with equal weight, and finds the worst pair of each metric.

    `in_band_share` and `copying_share` are in [0, 1]; `real_time_factor` is all seconds of audio over all
    seconds of work, None where the work was not timed; `frechet` is between all outputs and all sources of
    the set, `mix_distance` between all outputs and real whole `mixes`.
    """
    rows = [item.row for item in scored]
    verdicts = [row["verdict"] for row in rows]
    means = {
        **{name: float(np.mean([row[name] for row in rows])) for name in _averaged(rows)},
        "in_band_share": float(np.mean([row["in_band"] for row in rows])),
        "copying_share": float(np.mean([name.startswith("copying") for name in verdicts])),
        "frechet": _frechet(scored),
        "real_time_factor": _real_time_factor(rows),
    }
    if mixes is not None:
        means["mix_distance"] = mixes.distance([item.windows for item in scored])
    worst = {name: _worst(rows, name) for name in BADNESS if name in rows[0]}
    counted = {name: verdicts.count(name) for name in sorted(set(verdicts))}
    return SystemScores(means, worst, counted, rows, _intervals(scored, mixes))


def _intervals(scored: Sequence[ScoredRow], mixes: Mixes | None) -> dict[str, tuple[float, float]]:
    """The middle 95 % of what each figure would be if the pairs were drawn again, with replacement (Efron 1979)."""
    random = np.random.default_rng(0)
    rows = [item.row for item in scored]
    drawn = random.integers(len(rows), size=(NUM_DRAWS, len(rows)))
    values = {
        name: np.array([row[name] for row in rows], dtype=float)[drawn].mean(axis=1)
        for name in [*_averaged(rows), "in_band"]
    }
    values["in_band_share"] = values.pop("in_band")
    # Over whole sets these take long, so they are drawn less often.
    sets = [[scored[index] for index in indices] for indices in drawn[:NUM_SET_DRAWS]]
    values["frechet"] = np.array([_frechet(chosen) for chosen in sets])
    if mixes is not None:
        values["mix_distance"] = np.array(
            [mixes.distance([item.windows for item in chosen]) for chosen in sets]
        )
    return {name: middle(series) for name, series in values.items()}


def middle(series: np.ndarray) -> tuple[float, float]:
    """The middle 95 % of values `[draws]`: from and to."""
    low, high = np.quantile(series, [0.025, 0.975])
    return float(low), float(high)


def _averaged(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The figures that every row has; one that some rows lack has no mean over the set."""
    return [name for name in rows[0] if name not in NOT_AVERAGED and all(name in row for row in rows)]


def _worst(rows: Sequence[dict[str, Any]], name: str) -> dict[str, Any]:
    row = max(rows, key=lambda row: BADNESS[name](row[name]))
    return {"pair": row["pair"], "value": row[name]}


def _frechet(scored: Sequence[ScoredRow]) -> float:
    outputs, sources = scored[0].output, scored[0].sources
    for item in scored[1:]:
        outputs, sources = outputs + item.output, sources + item.sources
    return frechet_distance(outputs=outputs, reference=sources)


def _real_time_factor(rows: Sequence[dict[str, Any]]) -> float | None:
    if any(row["real_time_factor"] is None for row in rows):
        return None
    audio_seconds = sum(row["real_time_factor"] * row["wall_seconds"] for row in rows)
    return float(audio_seconds / sum(row["wall_seconds"] for row in rows))

"""What a run's loss is made of: which term has which weight, and how much of the sum each one is."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from hocket.objective import ObjectiveConfig
from hocket.objective.composite import TERMS, term_weights
from hocket.report.judging import Judged
from hocket.report.run import Run, number

DEFAULTS = {field.name: field.default for field in fields(ObjectiveConfig)}

MUSICAL = ("rhythm_weight", "articulation_weight", "output_balance_weight", "reconstruction_input_weight")
"""Weights of the terms that a copy of the target cannot satisfy."""


@dataclass(frozen=True)
class Share:
    """One term at a validation: its flag and weight, its value, what it adds, and its share of all in [0, 1]."""

    term: str
    flag: str
    weight: float
    value: float
    weighted: float
    share: float


def weight_of(config: Mapping[str, Any], name: str) -> float:
    """A weight of the objective; 0 where the run knows no such term (an older version)."""
    return number(config[name]) if name in config else 0.0


def term_weight(config: Mapping[str, Any], term: str) -> float:
    """Returns what a term's value is multiplied by; NaN for a term that this version does not know."""
    return term_weights({name: weight_of(config, name) for name in DEFAULTS}).get(term, math.nan)


def shares_of(run: Run, row: Judged) -> list[Share]:
    """The terms of a validation, the largest part of the loss first; empty where the weights are not known."""
    config = run.weights_at(row.step - 1)
    values = {name: value for name, value in row.losses.items() if name in TERMS}
    weighted = {name: term_weight(config, name) * value for name, value in values.items()}
    total = sum(map(abs, weighted.values()))
    if not config or not 0 < total < math.inf:
        return []
    shares = [
        Share(
            name,
            TERMS[name].weight,
            term_weight(config, name),
            values[name],
            weighted[name],
            abs(weighted[name]) / total,
        )
        for name in values
    ]
    return sorted(shares, key=lambda share: -share.share)

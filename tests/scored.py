"""Scores of systems in one call, as tests want them; the command summarises the rows of all its shards."""

from typing import Any

from hocket.evaluation.evaluate import score_set
from hocket.evaluation.realism import Mixes
from hocket.evaluation.summary import SystemScores, summarise


def evaluate_set(*, mixes: Mixes | None = None, **what: Any) -> dict[str, SystemScores]:
    """Scores systems on pairs, see `score_set`; with `mixes`, also by their distance from real music."""
    return {name: summarise(rows, mixes) for name, rows in score_set(**what).items()}

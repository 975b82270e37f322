"""The box at the head of the page, as in a model card: intended use, data and limits."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hocket.diagnostics.wording import Tone, worded
from hocket.report.explanation import counted
from hocket.report.judging import headline, weight_of
from hocket.report.run import Run, number, short, whole

NOT_FOR = (
    "Not for passing off somebody's recording as your own: an output consists of its two sources and carries their "
    "terms."
)


@dataclass(frozen=True)
class Card:
    """Lines of the box; `data` by the names of the runs, under no name where all runs share it."""

    use: list[str]
    data: dict[str, str]
    limits: list[str]


def card_of(runs: Mapping[str, Run]) -> Card:
    """The box for runs by the names that the page gives them."""
    data = {name: _data(run) for name, run in runs.items()}
    if len(set(data.values())) == 1:
        data = {"": next(iter(data.values()))}
    return Card([_use(runs), NOT_FOR], data, [*_not_ready(runs), *_limits(list(runs.values()))])


def _use(runs: Mapping[str, Run]) -> str:
    weights = "these weights" if len(runs) == 1 else "one of these runs' weights"
    return f"Fusing the rhythm of one recording with the harmony of another, with {weights} (hocket fuse)."


def _data(run: Run) -> str:
    """The music that a run was trained on, in a sentence or two; what its log does not say is left out."""
    songs, seconds = whole(run.facts.get("num_training_songs")), number(run.facts.get("training_seconds"))
    held_out = run.facts.get("validation_songs")
    found = []
    if songs:
        found.append(
            f"{songs:,} songs{f' ({_hours(seconds)})' if 0 < seconds < math.inf else ''} to train on"
        )
    if isinstance(held_out, list) and held_out:
        found.append(f"{counted(len(held_out), 'song', 'songs')} held out for validation")
    told = ", ".join(found)
    # An example is an excerpt of an input and one of a target.
    heard = 2.0 * run.step * weight_of(run.config, "batch_size") * weight_of(run.config, "excerpt_seconds")
    if 0 < heard < math.inf:
        told += f"{'; ' * bool(told)}{run.step:,} steps used {_hours(heard)} of excerpts"
    return f"{told}." if told else "Its log does not say what it was trained on."


def _hours(seconds: float) -> str:
    hours = seconds / 3600
    return f"{short(hours)} hours" if hours >= 1 else f"{short(seconds / 60)} minutes"


def _not_ready(runs: Mapping[str, Run]) -> list[str]:
    """The runs whose outputs are no fusions, each by its verdict."""
    found = []
    for name, run in runs.items():
        row = headline(run)
        verdict = None if row is None else worded(row.figures)
        if verdict is None or verdict.tone is not Tone.GOOD:
            found.append(f"{name} is not ready to use: {verdict.line if verdict else 'it has no verdict'}.")
    return found


def _limits(runs: Sequence[Run]) -> list[str]:
    found = ["All figures are computed on validation pairs; no listening test has been done."]
    rates = [rate for run in runs if 0 < (rate := number(run.config.get("sample_rate"))) < math.inf]
    if rates:
        found.append(
            f"Masks are decided up to {min(rates) / 2000:g} kHz; above, they repeat the highest octave."
        )
    if any(weight_of(run.config, "foreign_notes_weight") > 0 for run in runs):
        found.append("A pitched input loses most of its pitch, so that the target's notes stay clear.")
    if len(runs) > 1:
        found.append("Each run is one training: small differences between them may be chance.")
    return found

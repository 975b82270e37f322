"""Computes each system's mean ratings, with intervals, and the preferences, from saved answers and the key."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from hocket import files
from hocket.errors import DataError
from hocket.evaluation.summary import NUM_DRAWS, middle
from hocket.evaluation.table import aligned
from hocket.listening import QUESTIONS

MAX_BYTES = 2**22
LEAST, MOST = 0, 100
Value = TypeVar("Value")


@dataclass(frozen=True)
class Key:
    """Whose sounds a test plays: its systems, and for each trial the system of each opaque name."""

    path: Path
    test: str
    systems: list[str]
    trials: dict[str, dict[str, str]]


@dataclass(frozen=True)
class Answers:
    """One listener's ratings `[trials, systems, questions]`, from 0 to 100."""

    listener: str
    saved: str
    comment: str
    ratings: np.ndarray


@dataclass(frozen=True)
class Results:
    """All that the listeners' answers come to; intervals are 95 %, None where there is one rating only."""

    listeners: int
    trials: int
    drawn: str  # what the intervals draw again: listeners or trials
    means: dict[str, dict[str, float]]  # system -> question -> mean
    intervals: dict[str, dict[str, tuple[float, float] | None]]
    kept_higher: dict[
        str, dict[str, float]
    ]  # system -> other system -> share of ratings in [0, 1], ties as half
    comments: list[str]


def read_key(path: Path) -> Key:
    """Reads the key that was written next to the page.

    Raises:
        DataError: it cannot be read, or is not the key of a listening test.
    """
    found = files.parse_json(files.read_bytes(path, max_bytes=MAX_BYTES), path)
    try:
        trials = {trial["trial"]: dict(trial["sounds"]) for trial in found["trials"]}
        key = Key(path, found["listening_test"], list(found["systems"]), trials)
        complete = bool(trials) and all(
            sorted(key.systems) == sorted(own.values()) for own in trials.values()
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        complete = False
    if not complete:
        raise DataError(f"{path} is not the key of a listening test: give the key.json next to the page.")
    return key


def read_answers(paths: Sequence[Path], key: Key) -> tuple[list[Answers], list[str]]:
    """Reads the listeners' answers, and notes: of a listener's several files the one saved last counts.

    Raises:
        DataError: a file cannot be read, is of another test, or a rating is missing or not from 0 to 100.
    """
    latest: dict[str, tuple[Path, Answers]] = {}
    notes = []
    for path in paths:
        answers = _read(path, key)
        other = latest.get(answers.listener)
        if other is not None:
            notes.append(f"{path} and {other[0]} are from the same listener: only the one saved last counts.")
        if other is None or answers.saved > other[1].saved:
            latest[answers.listener] = (path, answers)
    return [answers for _, answers in latest.values()], notes


def _read(path: Path, key: Key) -> Answers:
    found = files.parse_json(files.read_bytes(path, max_bytes=MAX_BYTES), path)
    texts = ("listening_test", "listener", "saved", "comment")
    try:
        test, listener, saved, comment = (found[name] for name in texts)
        trials = {trial["trial"]: trial["ratings"] for trial in found["trials"]}
        is_sound = all(isinstance(text, str) for text in (test, listener, saved, comment))
    except (KeyError, TypeError):
        is_sound = False
    if not is_sound:
        raise DataError(f"{path} contains no answers to a listening test: give a file that the page saved.")
    if test != key.test:
        raise DataError(f"{path} belongs to a different test than {key.path}: give the key of that test.")
    ratings = [
        [
            [_rating(path, trials, trial, name, question) for question in QUESTIONS]
            for name in _names(key, sounds)
        ]
        for trial, sounds in key.trials.items()
    ]
    return Answers(listener, saved, comment, np.array(ratings, dtype=float))


def _names(key: Key, sounds: Mapping[str, str]) -> list[str]:
    """A trial's opaque names in the order of the systems."""
    return sorted(sounds, key=lambda name: key.systems.index(sounds[name]))


def _rating(path: Path, trials: Mapping[str, Any], trial: str, name: str, question: str) -> float:
    place = f"'{question}' of the sound {name} in the trial {trial}"
    try:
        value = trials[trial][name][question]
    except (KeyError, TypeError) as error:
        raise DataError(f"{path} has no rating for {place}: leave the file out.") from error
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not LEAST <= value <= MOST:
        raise DataError(
            f"{path} has a rating for {place} that is not a number from {LEAST} to {MOST}: leave the file out."
        )
    return float(value)


def summarise(answers: Sequence[Answers], key: Key) -> Results:
    """Means with intervals for each system and question, and the preferences between the systems.

    The intervals are the middle 95 % of what the means would be if the listeners (of one listener: the trials) were
    drawn again, with replacement.
    """
    ratings = np.stack([one.ratings for one in answers])
    drawn = "listeners" if len(ratings) > 1 else "trials"
    units = ratings.mean(axis=1) if drawn == "listeners" else ratings[0]
    indices = np.random.default_rng(0).integers(len(units), size=(NUM_DRAWS, len(units)))
    series = units[indices].mean(axis=1)
    keep = ratings[..., list(QUESTIONS).index("keep")]
    return Results(
        listeners=len(ratings),
        trials=ratings.shape[1],
        drawn=drawn,
        means=_named(key.systems, lambda *place: float(ratings[:, :, *place].mean())),
        intervals=_named(key.systems, lambda *place: middle(series[:, *place]) if len(units) > 1 else None),
        kept_higher={
            name: {
                other: _share_above(keep[..., first], keep[..., second])
                for second, other in enumerate(key.systems)
                if other != name
            }
            for first, name in enumerate(key.systems)
        },
        comments=[one.comment for one in answers if one.comment],
    )


def _named(systems: Sequence[str], value: Callable[[int, int], Value]) -> dict[str, dict[str, Value]]:
    """Values by system and question, of their places."""
    return {
        system: {question: value(first, second) for second, question in enumerate(QUESTIONS)}
        for first, system in enumerate(systems)
    }


def _share_above(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.mean((first > second) + 0.5 * (first == second)))


def as_table(results: Results) -> str:
    """The results as text: the means from 0 to 100 with their intervals, then the preferences."""
    num_listeners, num_trials = results.listeners, results.trials
    rows = [("", *QUESTIONS)]
    for system, means in results.means.items():
        cells = [_cell(mean, results.intervals[system][name]) for name, mean in means.items()]
        rows.append((system, *cells))
    lines = [
        f"{_counted(num_listeners, 'listener')}, {_counted(num_trials, 'pair')}: "
        f"{_counted(num_listeners * num_trials, 'rating')} of each system.",
        f"Mean agreement from {LEAST} to {MOST}, with 95 % intervals over the {results.drawn}:",
        *(f"  {name}: {statement}" for name, statement in QUESTIONS.items()),
        "",
        *aligned(rows),
    ]
    if len(results.means) > 1:
        others = list(results.means)
        shares = [
            (system, *(f"{above[other]:.0%}" if other in above else "-" for other in others))
            for system, above in results.kept_higher.items()
        ]
        lines += [
            "",
            "Rated higher for 'keep', row above column (share of ratings, ties count half):",
            *aligned([("", *others), *shares]),
        ]
    return "\n".join(lines)


def _cell(mean: float, interval: tuple[float, float] | None) -> str:
    return f"{mean:.0f}" if interval is None else f"{mean:.0f} ({interval[0]:.0f}-{interval[1]:.0f})"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"

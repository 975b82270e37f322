"""A run in a few words and figures, ready for JSON, and what it was made of."""

import json
import math
import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from hocket.diagnostics import Figures
from hocket.diagnostics.wording import to_json, worded
from hocket.report.advice import advice
from hocket.report.examples import Pair, read_examples
from hocket.report.explanation import sentences, unread
from hocket.report.judging import checklist_of, headline, judged, milestones_of
from hocket.report.run import Run, read_run

STATE_WORDS = {"training": "training", "ended": "ended", "stopped": "stopped before its planned end"}
MOST_SONGS = 40
_FOLLOWS = ("verdict", "verdict_words", "is_alarm", "rung", "level")


def summarise(path: str | Path) -> dict[str, Any]:
    """Reads a run's folder as it is at this moment, as plain values.

    All that follows from a verdict is None before the first validation, and so is each figure that is not finite.

    Raises:
        CheckpointError: it is not a run's folder, or its log is empty.
    """
    run = read_run(path)
    row = headline(run)
    pairs, faults = read_examples(run.path)
    return {
        "name": run.name,
        "state": run.state,
        "state_words": state_words(run),
        "step": run.step,
        "num_steps": run.num_steps,
        "epoch": run.epoch,
        "num_epochs": run.num_epochs,
        **(to_json(row.figures) if row else dict.fromkeys(_FOLLOWS)),
        "figures": _figures(row.figures) if row else None,
        "sentences": [*sentences(run), *unread(run, faults)],
        "milestones": [
            {
                "wish": item.milestone.wish,
                "due_epoch": item.due_epoch,
                "state": item.state if item.state in ("reached", "missed") else "open",
                "found": item.found,
            }
            for item in milestones_of(run)
        ],
        "checklist": [vars(item) for item in checklist_of(row)] if row else [],
        "remedies": [" ".join(filter(None, (item.text, item.command))) for item in advice(run)],
        "advice": [vars(item) for item in advice(run)],
        "examples": [_pair(pair) for pair in pairs],
        "facts": facts_of(run),
        "validations": [
            {"epoch": item.epoch, "step": item.step, **to_json(item.figures)} for item in judged(run)
        ],
    }


def state_words(run: Run) -> str:
    """State and place of the run at this moment, as in `training, epoch 3 of 10`."""
    if not run.num_epochs:
        return f"{STATE_WORDS[run.state]}, step {run.step}"
    place = f"epoch {min(run.epoch, run.num_epochs)} of {run.num_epochs}, step {run.step} of {run.num_steps}"
    reason = run.end.get("stopped") if run.end else None
    if isinstance(reason, str):
        place += f" ({reason})"
    return f"{STATE_WORDS[run.state]}, {place}"


def facts_of(run: Run) -> list[tuple[str, str]]:
    """Name and value of what can be told in a line each, in the order in which one asks."""
    facts = run.facts
    found: list[tuple[str, str]] = []
    if preset := preset_of(run.config):
        found.append(("preset", preset))
    for name, key in (("command", "command"), ("device", "device"), ("commit", "commit")):
        if isinstance(facts.get(key), str):
            found.append((name, facts[key]))
    if isinstance(facts.get("num_processes"), int):
        found.append(("processes", str(facts["num_processes"])))
    if isinstance(facts.get("versions"), dict):
        versions = (f"{_short(name)} {_short(value)}" for name, value in facts["versions"].items())
        found.append(("versions", ", ".join(versions)))
    if isinstance(run.config.get("music"), str) and run.config["music"]:
        found.append(("music", run.config["music"]))
    if isinstance(facts.get("library"), str):
        found.append(("music fingerprint", facts["library"]))
    found += _speed(run)
    return found


def songs_of(run: Run) -> list[str]:
    """Names of the songs that are held out for validation, and of its pairs where they were given."""
    songs, pairs = run.facts.get("validation_songs"), run.facts.get("validation_pairs")
    found = [Path(name).name for name in songs if isinstance(name, str)] if isinstance(songs, list) else []
    for pair in pairs if isinstance(pairs, list) else []:
        if isinstance(pair, list) and len(pair) == 2 and all(isinstance(name, str) for name in pair):
            found.append(" → ".join(Path(name).name for name in pair))
    if len(found) > MOST_SONGS:
        found = [*found[:MOST_SONGS], f"and {len(found) - MOST_SONGS} more"]
    return found


def commands_of(run: Run) -> list[tuple[str, str]]:
    """Every command that started or continued the run, and the step where it did."""
    return [
        (f"from step {line['step']}", line["command"])
        for line in run.of("start", "resume")
        if isinstance(line.get("command"), str)
    ]


def preset_of(config: Mapping[str, Any]) -> str | None:
    """The preset that all values of the configuration agree with, the one that says most; None where there is none."""
    fitting = [
        (len(values), name)
        for name, values in presets().items()
        if all(name in config and same(config[name], value) for name, value in values.items())
    ]
    return max(fitting)[1] if fitting else None


def presets() -> dict[str, dict[str, Any]]:
    """Flat values of each preset that comes with the program."""
    folder = resources.files("hocket") / "presets"
    found: dict[str, dict[str, Any]] = {}
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.name.endswith(".toml"):
            values: dict[str, Any] = {}
            for members in tomllib.loads(item.read_text(encoding="utf-8")).values():
                values.update(members)
            found[item.name.removesuffix(".toml")] = values
    return found


def changed_settings(config: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Name, value and default of each setting that is not the default."""
    return [
        (name, as_text(value), as_text(defaults[name]))
        for name, value in config.items()
        if name in defaults and not same(value, defaults[name])
    ]


def differing_settings(configs: Iterable[Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
    """Name and values, one for each configuration, of each setting that is not the same in all."""
    configs = list(configs)
    names = dict.fromkeys(name for config in configs for name in config)
    return [
        (name, [as_text(config[name]) if name in config else "not known" for config in configs])
        for name in names
        if not all(name in config and same(config[name], configs[0].get(name)) for config in configs)
    ]


def same(first: Any, second: Any) -> bool:
    """True if two settings are equal, a tuple and a list of the same being so."""
    return as_text(first) == as_text(second)


def as_text(value: Any) -> str:
    """A setting as one types it."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        if isinstance(value, (list, tuple)):
            return ", ".join(map(as_text, value))
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return f"{value:g}" if isinstance(value, float) and math.isfinite(value) else str(value)


def _speed(run: Run) -> list[tuple[str, str]]:
    speed = run.end.get("examples_per_second") if run.end else None
    return [("speed", f"{speed:.1f} examples per second")] if isinstance(speed, float) else []


def _short(value: object) -> str:
    return str(value)[:60]


def _figures(figures: Figures) -> dict[str, Any]:
    """JSON has no word for what is not finite."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in figures.as_dict().items()
    }


def _pair(pair: Pair) -> dict[str, Any]:
    return {
        "pair": pair.name,
        "input_name": pair.input_name,
        "target_name": pair.target_name,
        "steps": [
            {
                "step": item.step,
                "epoch": item.epoch,
                "verdict": str(item.figures.verdict),
                "verdict_words": worded(item.figures).line,
                "figures": _figures(item.figures),
            }
            for item in pair.steps
        ],
    }

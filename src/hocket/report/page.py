"""The report: one HTML file that holds everything it shows."""

import base64
import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

import hocket
from hocket import files
from hocket.diagnostics.wording import gauges_of, worded
from hocket.errors import HocketError
from hocket.report.advice import advice
from hocket.report.card import card_of
from hocket.report.charts import LOOKS, curves_of
from hocket.report.explanation import incidents_of, sentences, unread
from hocket.report.judging import (
    checklist_of,
    headline,
    judged,
    judged_best,
    milestones_of,
    shares_of,
)
from hocket.report.pairs import examples_of
from hocket.report.pictures import time_ticks
from hocket.report.run import Run, known, read_run
from hocket.report.summary import (
    as_text,
    changed_settings,
    commands_of,
    differing_settings,
    facts_of,
    preset_of,
    songs_of,
    state_words,
)

ENDINGS = (".html", ".htm")
"""Of the file that is written; any other name could be that of a log or of weights."""

View = dict[str, Any]
"""All that the page shows of one run but its sounds, by the names that the template uses."""


def write_report(
    paths: Sequence[str | Path], out: str | Path, *, defaults: Mapping[str, Any] | None = None
) -> Path:
    """Writes the report of one or more runs; `defaults` are the flat settings that theirs are held against.

    The file appears whole or not at all. Works while a run trains.

    Raises:
        CheckpointError: one of the folders is not a run's, or its log is empty.
        HocketError: the file cannot be written, or its name does not have the ending of a page.
    """
    out = Path(out)
    if out.suffix.lower() not in ENDINGS:
        raise HocketError(
            f"{out} is not the name of a page: choose a name that ends in {' or '.join(ENDINGS)}."
        )
    files.write_text(out, render(paths, defaults=defaults), failure=HocketError)
    return out


def render(paths: Sequence[str | Path], *, defaults: Mapping[str, Any] | None = None) -> str:
    """The report as text; see `write_report`."""
    runs = _named([read_run(path) for path in paths])
    faults: list[list[str]] = [[] for _ in runs]
    examples = examples_of(list(runs.values()), faults)
    views = [
        {"look": look} | _view(name, run, told, defaults or {})
        for look, (name, run), told in zip(itertools.cycle(LOOKS), runs.items(), faults)
    ]
    script = "".join(map(_text, ("plots/uPlot.iife.min.js", "plots/curves.js", "templates/report.js")))
    style = "".join(map(_text, ("plots/uPlot.min.css", "plots/curves.css", "templates/report.css")))
    return (
        _environment()
        .get_template("report.html")
        .render(
            runs=views,
            title=" and ".join(runs),
            card=card_of(runs),
            examples=examples,
            curves=json.dumps(curves_of(runs), separators=(",", ":")),
            differences=_differences(list(runs.values())) if len(runs) > 1 else [],
            style=Markup(style),
            script=Markup(script),
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            drawn_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            version=hocket.__version__,
        )
    )


def _named(runs: Sequence[Run]) -> dict[str, Run]:
    """The runs by their names, with a number where two have the same."""
    found: dict[str, Run] = {}
    for run in runs:
        again = sum(other.name == run.name for other in found.values())
        found[f"{run.name} ({again + 1})" if again else run.name] = run
    return found


def _view(name: str, run: Run, faults: Sequence[str], defaults: Mapping[str, Any]) -> View:
    row = headline(run)
    return {
        "name": name,
        "run": run,
        "state_words": state_words(run),
        "row": row,
        "is_best": judged_best(run) is not None,
        "gauges": gauges_of(row.figures) if row else [],
        "verdict": worded(row.figures) if row else None,
        "sentences": [*sentences(run), *unread(run, faults)],
        "advice": advice(run),
        "checklist": checklist_of(row) if row else [],
        "milestones": milestones_of(run),
        "judged": judged(run),
        "incidents": incidents_of(run),
        "shares": shares_of(run, row) if row else [],
        "facts": facts_of(run),
        "songs": songs_of(run),
        "commands": commands_of(run),
        "changed": changed_settings(run.config, defaults),
        "settings": [(name, as_text(value)) for name, value in run.config.items()],
    }


def _differences(runs: Sequence[Run]) -> list[tuple[str, list[str]]]:
    """Settings that are not the same in all runs, headed by the presets they agree with."""
    found = differing_settings([run.config for run in runs])
    presets = [preset_of(run.config) or "none" for run in runs]
    return [("preset", presets), *found] if len(set(presets)) > 1 else found


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("hocket.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"known": known}
    environment.globals |= {"time_ticks": time_ticks, "worded": worded}
    return environment


def _text(name: str) -> str:
    return resources.files("hocket.report").joinpath(name).read_text(encoding="utf-8")

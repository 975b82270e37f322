"""The report: one HTML file that holds everything it shows."""

import base64
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

import hocket
from hocket import files, outputs
from hocket.diagnostics.wording import LADDER, Gauge, gauges_of, worded
from hocket.errors import HocketError
from hocket.report.advice import advice
from hocket.report.charts import curves_of
from hocket.report.examples import read_examples
from hocket.report.explanation import incidents_of, sentences, unread
from hocket.report.judging import (
    checklist_of,
    headline,
    judged,
    judged_best,
    milestones_of,
    shares_of,
)
from hocket.report.pairs import MOST_SOUND_SECONDS, PairView, view
from hocket.report.pictures import percent, time_ticks
from hocket.report.run import Run, fixed, read_run, short
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

MOST_PAIRS = 6
"""On one page, over all runs."""

ENDINGS = (".html", ".htm")
"""Of the file that is written; any other name could be that of a log or of weights."""

View = dict[str, Any]
"""All that the page shows of one run, by the names that the template uses."""


def write_report(
    paths: Sequence[str | Path], out: str | Path, *, defaults: Mapping[str, Any] | None = None
) -> Path:
    """Writes the report of one or more runs; `defaults` are the flat settings that theirs are held against.

    The file appears whole or not at all. Works while a run trains.

    Raises:
        CheckpointError: one of the folders is no run's, or its log is empty.
        HocketError: the file cannot be written, or has not the ending of a page.
    """
    out = Path(out)
    if out.suffix.lower() not in ENDINGS:
        raise HocketError(
            f"{out} has not the ending of a page: give a name that ends in {' or '.join(ENDINGS)}."
        )
    outputs.require_place(out, failure=HocketError)
    files.write_text(out, render(paths, defaults=defaults), failure=HocketError)
    return out


def render(paths: Sequence[str | Path], *, defaults: Mapping[str, Any] | None = None) -> str:
    """The report as text; see `write_report`."""
    runs = [read_run(path) for path in paths]
    views = [_view(run, len(runs), defaults or {}) for run in runs]
    script = "".join(map(_text, ("plots/uPlot.iife.min.js", "plots/curves.js", "templates/report.js")))
    style = "".join(map(_text, ("plots/uPlot.min.css", "plots/curves.css", "templates/report.css")))
    return (
        _environment()
        .get_template("report.html")
        .render(
            runs=views,
            title=" and ".join(dict.fromkeys(run.name for run in runs)),
            curves=json.dumps(curves_of(runs), separators=(",", ":")),
            differences=_differences(runs) if len(runs) > 1 else [],
            pair_rows=_pair_rows(views),
            style=Markup(style),
            script=Markup(script),
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            drawn_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            version=hocket.__version__,
            ladder=LADDER,
        )
    )


def _view(run: Run, num_runs: int, defaults: Mapping[str, Any]) -> View:
    row = headline(run)
    views, num_pairs, faults = _pairs(run, num_runs)
    return {
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
        "pairs": views,
        "num_pairs": num_pairs,
    }


def _pairs(run: Run, num_runs: int) -> tuple[list[PairView], int, list[str]]:
    """The pairs that are shown, how many there are, and a sentence on each file that cannot be read."""
    found, faults = read_examples(run.path)
    chosen = found[: max(1, MOST_PAIRS // num_runs)]
    row = headline(run)
    best_epoch = row.epoch if row is not None and judged_best(run) is not None else 0
    seconds = MOST_SOUND_SECONDS / (num_runs * max(len(chosen), 1))
    views = [view(pair, best_epoch=best_epoch, most_seconds=seconds, faults=faults) for pair in chosen]
    return [item for item in views if item is not None], len(found), faults


def _differences(runs: Sequence[Run]) -> list[tuple[str, list[str]]]:
    """Settings that are not the same in all runs, headed by the presets they agree with."""
    found = differing_settings([run.config for run in runs])
    presets = [preset_of(run.config) or "none" for run in runs]
    return [("preset", presets), *found] if len(set(presets)) > 1 else found


def _pair_rows(views: Sequence[View]) -> list[list[tuple[View, PairView | None]]]:
    """The pairs of all runs, those of one number side by side."""
    by_run = [{item.pair.name: item for item in view["pairs"]} for view in views]
    names = dict.fromkeys(name for found in by_run for name in found)
    return [
        [(view, found.get(name)) for view, found in zip(views, by_run, strict=True)]
        for name in sorted(names, key=lambda name: int(name.removeprefix("pair-")))
    ]


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("hocket.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"short": short, "places": gauge_places, "fixed": fixed}
    environment.globals |= {"time_ticks": time_ticks, "worded": worded}
    return environment


def gauge_places(gauge: Gauge) -> dict[str, str]:
    """Where the bar of a gauge begins, how wide it is, and where its bound lies, as SVG writes it."""

    def place(value: float) -> float:
        return min(max((value - gauge.lowest) / (1.0 - gauge.lowest), 0.0), 1.0)

    ends = sorted((place(0.0), place(gauge.value))) if math.isfinite(gauge.value) else (0.0, 0.0)
    return {
        "start": percent(ends[0]),
        "width": percent(ends[1] - ends[0]),
        "bound": percent(place(gauge.bound)),
    }


def _text(name: str) -> str:
    return resources.files("hocket.report").joinpath(name).read_text(encoding="utf-8")

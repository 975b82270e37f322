"""Which curves of a run stand in which chart, and all of them as a piece of a page."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from markupsafe import Markup

from hocket.report import charts
from hocket.report.chart import Chart, common_axis, draw
from hocket.report.marks import marks_of
from hocket.report.run import Run, read_run
from hocket.report.scales import step_axis


@dataclass(frozen=True)
class Group:
    """Charts that answer one question."""

    title: str
    text: str
    charts: tuple[Chart, ...]


def groups_of(run: Run) -> list[Group]:
    """All charts of a run that have something to show."""
    groups = [
        Group(
            "What the output is",
            "The figures that find a collapse. Dots are validations.",
            charts.outputs(run),
        ),
        Group(
            "What the masks are",
            "None of these figures can see a collapse: masks may be balanced while the output is one of its sources.",
            charts.masks(run),
        ),
        Group(
            "The objective, term by term",
            "Unweighted values: a thin line for training batches, dots for validation. 0 is a wish met, but for the "
            "adversarial term.",
            charts.terms(run),
        ),
        Group(
            "How training goes",
            "Gradients, the adversary, the learning rate, and where time goes.",
            charts.training(run),
        ),
    ]
    shown = [Group(g.title, g.text, tuple(c for c in g.charts if not c.is_empty)) for g in groups]
    return [group for group in shown if group.charts]


def curves(path: str | Path) -> str:
    """All charts of a run as HTML with inline SVG and one `style` at its head; no script, nothing to load.

    Raises:
        CheckpointError: see `read_run`.
    """
    run = read_run(path)
    return str(
        Markup('<style>{}</style><div class="hk-curves">{}</div>').format(
            Markup(chart_css()), Markup("").join(drawn([run]))
        )
    )


def chart_css() -> str:
    """The styles that charts need; all of their names begin with `hk-`."""
    return (resources.files("hocket.report") / "templates" / "chart.css").read_text(encoding="utf-8")


def drawn(runs: Sequence[Run]) -> list[Markup]:
    """The groups of charts; those of several runs stand side by side on the same axes."""
    steps = step_axis(max(run.step for run in runs))
    marks = [marks_of(run) for run in runs]
    by_run = [groups_of(run) for run in runs]
    sections = []
    for title, text in dict.fromkeys((group.title, group.text) for groups in by_run for group in groups):
        by_key = [_charts_of(groups, title) for groups in by_run]
        keys = dict.fromkeys(key for found in by_key for key in found)
        rows = []
        for key in keys:
            shared = common_axis([found[key] for found in by_key if key in found])
            row = [
                draw(found[key], steps=steps, values=shared, marks=own)
                if key in found
                else Markup('<p class="hk-none">{} has no such figure.</p>').format(run.name)
                for run, found, own in zip(runs, by_key, marks, strict=True)
            ]
            rows.append(_row(row, runs))
        sections.append(
            Markup(
                '<section class="hk-group"><h3>{}</h3><p class="hk-text">{}</p><div class="{}">{}</div></section>'
            ).format(title, text, "hk-charts" if len(runs) == 1 else "hk-rows", Markup("").join(rows))
        )
    return sections


def _charts_of(groups: Sequence[Group], title: str) -> dict[str, Chart]:
    return {chart.key: chart for group in groups if group.title == title for chart in group.charts}


def _row(charts: Sequence[Markup], runs: Sequence[Run]) -> Markup:
    if len(runs) == 1:
        return charts[0]
    cells = [
        Markup('<div class="hk-cell"><p class="hk-run">{}</p>{}</div>').format(run.name, chart)
        for run, chart in zip(runs, charts, strict=True)
    ]
    return Markup('<div class="hk-row">{}</div>').format(Markup("").join(cells))

"""The head of a picture: the verdict, its level, and the figures that they follow from."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hocket.diagnostics.copying import COPYING, OVERLAY_R2, Figures, Rung
from hocket.diagnostics.wording import Tone, is_as_asked, is_met, margin_words, overlay_words, worded
from hocket.pictures.canvas import ALARM, COLOURS, DOUBTFUL, GOOD, INK, QUIET, RULE, place, write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEIGHT = 208
CHIP = 104
MOST_LETTERS = 220
LADDER = (Rung.COPY, Rung.OVERLAY, Rung.LAYERING, Rung.FUSION)
TONES = {Tone.GOOD: GOOD, Tone.DOUBTFUL: DOUBTFUL, Tone.ALARM: ALARM}


@dataclass(frozen=True)
class Gauge:
    """One figure: its name, value, the value that it is held against, what that says, and the colour of the answer."""

    name: str
    value: float
    bound: float
    words: str
    colour: str
    lowest: float = -1.0


def draw_headline(
    figure: "Figure", figures: Figures, *, title: str, note: str, left: float, width: float
) -> None:
    """Draws into the upper 208 pixels; `note` stands under the title in small print."""
    write(figure, title, left=left, top=22, points=12, color=QUIET)
    verdict = worded(figures)
    colour = TONES[verdict.tone]
    write(figure, verdict.line, left=left, top=48, points=21, color=colour, weight="bold")
    if note:
        write(figure, note, limit=MOST_LETTERS, left=left, top=86, points=10, color=QUIET)
    _draw_ladder(figure, verdict.level, colour, right=left + width)
    gauges = gauges_of(figures)
    step = width / len(gauges)
    for number, gauge in enumerate(gauges):
        _draw_gauge(figure, gauge, left=left + number * step, width=step - 24)


def gauges_of(figures: Figures) -> list[Gauge]:
    """The six figures in the order in which one asks: how alike, whose rhythm, whose harmony, merely a sum."""
    copied = figures.verdict in COPYING and not is_as_asked(figures)
    ratio, alike = (
        f"one is {figures.ratio:.{1 if figures.ratio < 10 else 0}f}x the other",
        ALARM if copied else INK,
    )
    return [
        Gauge("output→input", figures.output_input_correlation, 0.0, ratio, alike),
        Gauge("output→target", figures.output_target_correlation, 0.0, ratio, alike),
        *(
            Gauge(
                f"{name} margin",
                margin,
                least,
                margin_words(figures, name),
                GOOD if is_met(figures, name) else DOUBTFUL,
            )
            for name, (margin, least) in figures.margins.items()
        ),
        Gauge(
            "overlay R²",
            figures.overlay_r2,
            OVERLAY_R2,
            overlay_words(figures),
            ALARM if figures.overlay_r2 >= OVERLAY_R2 else INK,
            lowest=0.0,
        ),
    ]


def _draw_gauge(figure: "Figure", gauge: Gauge, *, left: float, width: float) -> None:
    """Name, value and words, with a bar from 0 to the value and a tick at the bound."""
    write(figure, gauge.name, left=left, top=118, points=10, color=QUIET)
    write(figure, f"{gauge.value:.2f}", left=left, top=137, points=18, color=gauge.colour, weight="bold")
    axes = place(figure, left=left, top=170, width=width, height=7)
    axes.set_axis_off()
    axes.set_xlim(gauge.lowest, 1.0)
    axes.set_ylim(0.0, 1.0)
    axes.barh(0.5, 1.0 - gauge.lowest, left=gauge.lowest, height=1.0, color="#eef0f2")
    shown = min(max(gauge.value, gauge.lowest), 1.0)
    axes.barh(0.5, shown, height=1.0, color=gauge.colour, alpha=0.85)
    axes.plot([gauge.bound] * 2, [-0.35, 1.35], color=INK, linewidth=1.4, clip_on=False)
    write(figure, gauge.words, left=left, top=183, points=9, color=QUIET)


def _draw_ladder(figure: "Figure", level: Rung, level_colour: str, *, right: float) -> None:
    """The four levels from copy to fusion, the output's own filled."""
    start = right - CHIP * len(LADDER)
    for number, step in enumerate(LADDER):
        reached = step is level
        axes = place(figure, left=start + number * CHIP + 4, top=20, width=CHIP - 8, height=26)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_facecolor(level_colour if reached else "white")
        for spine in axes.spines.values():
            spine.set_visible(True)
            spine.set_edgecolor(level_colour if reached else RULE)
        colour, weight = ("white", "bold") if reached else (QUIET, "normal")
        axes.text(0.5, 0.46, str(step), ha="center", va="center", fontsize=10, color=colour, weight=weight)
    if level is Rung.NONE:
        write(figure, "on none of these levels", left=right - 4, top=50, points=9, color=QUIET, ha="right")


def label(figure: "Figure", role: str, *, top: float, left: float = 24) -> None:
    """The name of a source or the output in its colour, in the margin."""
    write(figure, role, left=left, top=top, points=11, color=COLOURS[role], weight="bold", va="center")


def heading(figure: "Figure", text: str, *, top: float, left: float, right: float, detail: str = "") -> None:
    """The heading of a group of panels between `left` and `right`, and in small print how to read it."""
    write(figure, text, left=left, top=top, points=11, weight="bold", va="baseline")
    write(figure, detail, left=right, top=top, points=9, color=QUIET, va="baseline", ha="right")

"""The picture of `hocket check`: an output between its two sources, on one time axis."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hocket.diagnostics.copying import Figures, Level
from hocket.diagnostics.wording import LADDER, Gauge, causes, delay_words, gauges_of, worded
from hocket.pictures.arrays import (
    LOWEST_HZ,
    MOST_GUIDES,
    PITCH_CLASSES,
    RANGE_DB,
    chroma_of,
    envelope,
    find_attacks,
    frequency_ticks,
    onsets_of,
    spectrogram,
    thin,
)
from hocket.pictures.canvas import (
    COLOURS,
    INK,
    QUIET,
    RULE,
    TONES,
    clock,
    frequency_axis,
    heading,
    label,
    place,
    shades,
    sheet,
    write,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_PIXELS, HEIGHT_PIXELS = 1600, 1858
LEFT, PANEL_WIDTH = 130, 1430
RIGHT = LEFT + PANEL_WIDTH
# The output stands between its sources, so that its rhythm can be compared upwards and its harmony downwards.
ROLES = ("input", "output", "target")
HEAD_HEIGHT = 208
WAVE_TOP, WAVE_HEIGHT = HEAD_HEIGHT + 42, 92
SPECTRUM_TOP, SPECTRUM_HEIGHT, SPECTRUM_GAP = WAVE_TOP + 3 * WAVE_HEIGHT + 50, 128, 8
ONSET_TOP, ONSET_HEIGHT = SPECTRUM_TOP + 3 * (SPECTRUM_HEIGHT + SPECTRUM_GAP) + 50, 240
CHROMA_TOP, CHROMA_HEIGHT, CHROMA_GAP = ONSET_TOP + ONSET_HEIGHT + 50, 156, 10
CHIP = 104
MOST_LETTERS = 220


def draw_check(
    path: str | Path,
    *,
    output: np.ndarray,
    input: np.ndarray,
    target: np.ndarray,
    sample_rate: int,
    figures: Figures,
    title: str,
) -> None:
    """Writes one picture of 1600 x 1858 pixels: verdict and figures, waveforms, spectra, onset strength, chroma.

    Waveforms are mono `[samples]`; what is longer than the shortest is cut. They are drawn at equal RMS.

    Raises:
        HocketError: matplotlib is missing, or the file cannot be written.
    """
    length = min(map(len, (output, input, target)))
    voices = {
        role: _at_unit_rms(voice[:length]) for role, voice in zip(ROLES, (input, output, target), strict=True)
    }
    note = " ".join([*causes(figures), delay_words(figures)])
    with sheet(path, width=WIDTH_PIXELS, height=HEIGHT_PIXELS) as figure:
        _draw_headline(figure, figures, title=title, note=note, left=24, width=RIGHT - 24)
        _draw_waveforms(figure, voices, sample_rate)
        _draw_spectra(figure, voices, sample_rate)
        _draw_onsets(figure, voices, sample_rate)
        _draw_chroma(figure, voices, sample_rate)


def _draw_headline(
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


def _draw_gauge(figure: "Figure", gauge: Gauge, *, left: float, width: float) -> None:
    """Name, value and words, with a bar from 0 to the value and a tick at the bound."""
    colour = INK if gauge.tone is None else TONES[gauge.tone]
    write(figure, gauge.name, left=left, top=118, points=10, color=QUIET)
    write(figure, f"{gauge.value:.2f}", left=left, top=137, points=18, color=colour, weight="bold")
    axes = place(figure, left=left, top=170, width=width, height=7)
    axes.set_axis_off()
    axes.set_xlim(gauge.lowest, 1.0)
    axes.set_ylim(0.0, 1.0)
    axes.barh(0.5, 1.0 - gauge.lowest, left=gauge.lowest, height=1.0, color="#eef0f2")
    shown = min(max(gauge.value, gauge.lowest), 1.0)
    axes.barh(0.5, shown, height=1.0, color=colour, alpha=0.85)
    axes.plot([gauge.bound] * 2, [-0.35, 1.35], color=INK, linewidth=1.4, clip_on=False)
    write(figure, gauge.words, left=left, top=183, points=9, color=QUIET)


def _draw_ladder(figure: "Figure", level: Level, level_colour: str, *, right: float) -> None:
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
    if level is Level.NONE:
        write(figure, "none of these levels", left=right - 4, top=50, points=9, color=QUIET, ha="right")


def _at_unit_rms(waveform: np.ndarray) -> np.ndarray:
    level = float(np.sqrt(np.mean(np.square(waveform, dtype=np.float64))))
    return waveform / level if level > 0 else waveform


def _draw_waveforms(figure: "Figure", voices: Mapping[str, np.ndarray], sample_rate: int) -> None:
    heading(figure, "Waveforms", top=WAVE_TOP - 10, left=LEFT, right=RIGHT, detail="all at the same loudness")
    highest = max(float(np.abs(voice).max()) for voice in voices.values()) or 1.0
    for row, (role, voice) in enumerate(voices.items()):
        top = WAVE_TOP + row * WAVE_HEIGHT
        axes = place(figure, left=LEFT, top=top, width=PANEL_WIDTH, height=WAVE_HEIGHT - 6)
        seconds, low, high = envelope(voice, sample_rate, num_columns=PANEL_WIDTH)
        axes.fill_between(seconds, low, high, color=COLOURS[role], linewidth=0.7)
        axes.set_ylim(-1.05 * highest, 1.05 * highest)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        clock(axes, len(voice) / sample_rate, labelled=False)
        label(figure, role, top=top + WAVE_HEIGHT / 2 - 3)


def _draw_spectra(figure: "Figure", voices: Mapping[str, np.ndarray], sample_rate: int) -> None:
    heading(
        figure,
        "Spectrograms",
        top=SPECTRUM_TOP - 10,
        left=LEFT,
        right=RIGHT,
        detail=f"{RANGE_DB:.0f} dB from white to darkest, each scaled by itself",
    )
    rows_hz = np.geomspace(LOWEST_HZ, sample_rate / 2, SPECTRUM_HEIGHT)
    for row, (role, voice) in enumerate(voices.items()):
        top = SPECTRUM_TOP + row * (SPECTRUM_HEIGHT + SPECTRUM_GAP)
        axes = place(figure, left=LEFT, top=top, width=PANEL_WIDTH, height=SPECTRUM_HEIGHT)
        axes.imshow(
            spectrogram(voice, sample_rate, rows_hz),
            extent=(0, len(voice) / sample_rate, 0, SPECTRUM_HEIGHT),
            cmap=shades(COLOURS[role]),
            vmin=0.0,
            vmax=1.0,
            aspect="auto",
            origin="lower",
            interpolation="bilinear",
        )
        frequency_axis(axes, frequency_ticks(rows_hz, most=5), SPECTRUM_HEIGHT)
        clock(axes, len(voice) / sample_rate, labelled=False)
        axes.grid(visible=False)
        label(figure, role, top=top + SPECTRUM_HEIGHT / 2)


def _draw_onsets(figure: "Figure", voices: Mapping[str, np.ndarray], sample_rate: int) -> None:
    """Three tracks in one panel; the sources' attacks are also drawn into the output's track."""
    axes = place(figure, left=LEFT, top=ONSET_TOP, width=PANEL_WIDTH, height=ONSET_HEIGHT)
    guided = False
    for row, (role, voice) in enumerate(voices.items()):
        base = 2 - row
        seconds, strength = onsets_of(voice, sample_rate)
        if role != "output":
            guided |= _draw_guides(axes, seconds, strength, role)
        columns, peaks = thin(seconds, strength, num_columns=PANEL_WIDTH)
        axes.fill_between(columns, base, base + 0.9 * peaks, color=COLOURS[role], alpha=0.35, linewidth=0)
        axes.plot(columns, base + 0.9 * peaks, color=COLOURS[role], linewidth=1.0)
        axes.axhline(base, color=RULE, linewidth=0.8)
        label(figure, role, top=ONSET_TOP + (row + 0.55) * ONSET_HEIGHT / 3)
    axes.set_ylim(0.0, 3.0)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    clock(axes, len(voices["output"]) / sample_rate, labelled=False)
    axes.grid(visible=False)
    heading(
        figure,
        "Onset strength: whose attacks does the output follow?",
        top=ONSET_TOP - 10,
        left=LEFT,
        right=RIGHT,
        detail="lines in the output's track: attacks of the input (from above) and of the target (from below)"
        if guided
        else "",
    )


def _draw_guides(axes: "Axes", seconds: np.ndarray, strength: np.ndarray, role: str) -> bool:
    """Draws the input's attacks into the output's track from above, the target's from below; False for too many."""
    peaks = find_attacks(seconds, strength)
    if len(peaks) > MOST_GUIDES:
        return False
    low, high = (1.45, 2.0) if role == "input" else (0.9 * strength[peaks], 1.45)
    axes.vlines(seconds[peaks], low, high, color=COLOURS[role], linewidth=0.9, alpha=0.6)
    return True


def _draw_chroma(figure: "Figure", voices: Mapping[str, np.ndarray], sample_rate: int) -> None:
    heading(
        figure,
        "Chroma: whose notes does the output have?",
        top=CHROMA_TOP - 10,
        left=LEFT,
        right=RIGHT,
        detail="darker = stronger pitch class (relative to the frame's average)",
    )
    for row, (role, voice) in enumerate(voices.items()):
        top = CHROMA_TOP + row * (CHROMA_HEIGHT + CHROMA_GAP)
        axes = place(figure, left=LEFT, top=top, width=PANEL_WIDTH, height=CHROMA_HEIGHT)
        values, hop_seconds = chroma_of(voice, sample_rate)
        last = (values.shape[1] - 0.5) * hop_seconds
        axes.imshow(
            values,
            extent=(-0.5 * hop_seconds, last, -0.5, 11.5),
            cmap=shades(COLOURS[role]),
            vmin=0.0,
            vmax=1.0,
            aspect="auto",
            origin="lower",
            interpolation="nearest",
        )
        axes.set_yticks(range(12), PITCH_CLASSES, fontsize=7)
        axes.tick_params(axis="y", length=0, pad=4, labelcolor=INK)
        clock(axes, len(voice) / sample_rate, labelled=row == 2)
        axes.grid(visible=False)
        label(figure, role, top=top + CHROMA_HEIGHT / 2)

"""The picture of `hocket check`: an output between its two sources, on one time axis."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hocket.diagnostics.copying import Figures
from hocket.diagnostics.wording import causes, delay_words
from hocket.pictures.canvas import COLOURS, INK, RULE, clock, place, shades, sheet
from hocket.pictures.headline import HEIGHT, draw_headline, heading, label
from hocket.pictures.masks import LOWEST_HZ, RANGE_DB, frequency_axis, spectrogram
from hocket.pictures.traces import chroma_of, envelope, find_attacks, onsets_of, thin

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_PIXELS, HEIGHT_PIXELS = 1600, 1858
LEFT, PANEL_WIDTH = 130, 1430
RIGHT = LEFT + PANEL_WIDTH
# The output stands between its sources, so that its rhythm can be compared upwards and its harmony downwards.
ROLES = ("input", "output", "target")
WAVE_TOP, WAVE_HEIGHT = HEIGHT + 42, 92
SPECTRUM_TOP, SPECTRUM_HEIGHT, SPECTRUM_GAP = WAVE_TOP + 3 * WAVE_HEIGHT + 50, 128, 8
ONSET_TOP, ONSET_HEIGHT = SPECTRUM_TOP + 3 * (SPECTRUM_HEIGHT + SPECTRUM_GAP) + 50, 240
CHROMA_TOP, CHROMA_HEIGHT, CHROMA_GAP = ONSET_TOP + ONSET_HEIGHT + 50, 156, 10
PITCH_CLASSES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
# More guides than this would be a grey wall.
MAX_GUIDES = 120


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
        draw_headline(figure, figures, title=title, note=note, left=24, width=RIGHT - 24)
        _draw_waveforms(figure, voices, sample_rate)
        _draw_spectra(figure, voices, sample_rate)
        _draw_onsets(figure, voices, sample_rate)
        _draw_chroma(figure, voices, sample_rate)


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
        detail=f"{RANGE_DB:.0f} dB from white to the darkest, for each by itself",
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
        frequency_axis(axes, rows_hz, most=5)
        clock(axes, len(voice) / sample_rate, labelled=False)
        axes.grid(visible=False)
        label(figure, role, top=top + SPECTRUM_HEIGHT / 2)


def _draw_onsets(figure: "Figure", voices: Mapping[str, np.ndarray], sample_rate: int) -> None:
    """Three lanes in one panel; the sources' attacks are drawn on into the output's lane."""
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
        detail="lines into the output's lane: attacks of the input (from above), of the target (from below)"
        if guided
        else "",
    )


def _draw_guides(axes: "Axes", seconds: np.ndarray, strength: np.ndarray, role: str) -> bool:
    """The input's attacks come into the output's lane from above, the target's from below; False for too many."""
    peaks = find_attacks(seconds, strength)
    if len(peaks) > MAX_GUIDES:
        return False
    low, high = (1.45, 2.0) if role == "input" else (0.9 * strength[peaks], 1.45)
    axes.vlines(seconds[peaks], low, high, color=COLOURS[role], linewidth=0.9, alpha=0.6)
    return True


def _draw_chroma(figure: "Figure", voices: Mapping[str, np.ndarray], sample_rate: int) -> None:
    heading(
        figure,
        "Chroma: whose notes does the output sound?",
        top=CHROMA_TOP - 10,
        left=LEFT,
        right=RIGHT,
        detail="darker: stronger pitch class (relative to the average of the frame)",
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

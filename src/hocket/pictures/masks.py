"""The picture of the masks: which source each part of the output came from, and how loud it is."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hocket.pictures.arrays import LOWEST_HZ, NUM_ROWS, colour_by_source, frequency_ticks, mask_rows, paint
from hocket.pictures.canvas import (
    COLOURS,
    QUIET,
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
    from matplotlib.figure import Figure

WIDTH_PIXELS, HEIGHT_PIXELS = 1600, 1300
LEFT, PANEL_WIDTH = 130, 1370
RIGHT = LEFT + PANEL_WIDTH
SPECTRUM_TOP, SPECTRUM_HEIGHT = 130, 560
MASK_TOP, MASK_HEIGHT, MASK_GAP = SPECTRUM_TOP + SPECTRUM_HEIGHT + 58, 220, 12


def draw_masks(
    path: str | Path,
    *,
    input_mask: np.ndarray,
    target_mask: np.ndarray,
    output: np.ndarray,
    sample_rate: int,
    frame_rate: float,
    bin_hz: np.ndarray | None,
    title: str,
) -> None:
    """Writes one picture of 1600 x 1300 pixels: the output's spectrogram, coloured by source, and both masks.

    Args:
        path: the file, best `.png`.
        input_mask: `[d, t]`, at least 0.
        target_mask: `[d, t]`, at least 0.
        output: mono waveform `[samples]`.
        sample_rate: Hz, of the output.
        frame_rate: latent frames per second.
        bin_hz: frequency of each latent channel `[d]`, increasing; None where channels have none (a neural codec):
            the colour is then that of the frame's mean.
        title: a line at the top.

    Raises:
        HocketError: matplotlib is missing, or the file cannot be written.
    """
    rows_hz = np.geomspace(LOWEST_HZ, sample_rate / 2, NUM_ROWS)
    colours = colour_by_source(
        input_mask=input_mask,
        target_mask=target_mask,
        output=output,
        sample_rate=sample_rate,
        frame_rate=frame_rate,
        bin_hz=bin_hz,
        rows_hz=rows_hz,
    )
    seconds = len(output) / sample_rate
    with sheet(path, width=WIDTH_PIXELS, height=HEIGHT_PIXELS) as figure:
        write(figure, title, left=24, top=22, points=12, color=QUIET)
        write(figure, "Which source each part came from", left=24, top=48, points=21, weight="bold")
        _draw_key(figure)
        _draw_spectrogram(figure, colours, seconds, rows_hz)
        heading(
            figure,
            "Masks" if bin_hz is not None else "Masks, by latent channel",
            top=MASK_TOP - 10,
            left=LEFT,
            right=RIGHT,
            detail=_means(input_mask, target_mask),
        )
        for row, (role, mask) in enumerate((("input", input_mask), ("target", target_mask))):
            image = mask if bin_hz is None else mask_rows(mask, bin_hz, rows_hz, sample_rate=sample_rate)
            _draw_mask(figure, image, role, row, seconds, frame_rate, None if bin_hz is None else rows_hz)


def _draw_spectrogram(figure: "Figure", colours: np.ndarray, seconds: float, rows_hz: np.ndarray) -> None:
    axes = place(figure, left=LEFT, top=SPECTRUM_TOP, width=PANEL_WIDTH, height=SPECTRUM_HEIGHT)
    axes.imshow(
        colours, extent=(0, seconds, 0, NUM_ROWS), aspect="auto", origin="lower", interpolation="bilinear"
    )
    frequency_axis(axes, frequency_ticks(rows_hz), NUM_ROWS)
    clock(axes, seconds, labelled=False)
    axes.grid(visible=False)
    label(figure, "output", top=SPECTRUM_TOP + SPECTRUM_HEIGHT / 2)


def _draw_mask(
    figure: "Figure",
    mask: np.ndarray,
    role: str,
    row: int,
    seconds: float,
    frame_rate: float,
    rows_hz: np.ndarray | None,
) -> None:
    top = MASK_TOP + row * (MASK_HEIGHT + MASK_GAP)
    axes = place(figure, left=LEFT, top=top, width=PANEL_WIDTH, height=MASK_HEIGHT)
    image = axes.imshow(
        mask,
        extent=(-0.5 / frame_rate, (mask.shape[1] - 0.5) / frame_rate, 0, len(mask)),
        cmap=shades(COLOURS[role]),
        vmin=0.0,
        vmax=max(1.0, float(mask.max())),
        aspect="auto",
        origin="lower",
        interpolation="antialiased",
    )
    if rows_hz is not None:
        frequency_axis(axes, frequency_ticks(rows_hz), NUM_ROWS)
    clock(axes, seconds, labelled=row == 1)
    axes.grid(visible=False)
    bar = place(figure, left=LEFT + PANEL_WIDTH + 14, top=top, width=12, height=MASK_HEIGHT)
    figure.colorbar(image, cax=bar).outline.set_visible(False)
    bar.tick_params(length=2, labelsize=8)
    label(figure, role, top=top + MASK_HEIGHT / 2)


def _draw_key(figure: "Figure") -> None:
    """A small field of all colours: the source from left to right, loudness from below."""
    left, top, width, height = RIGHT - 260, 30, 260, 48
    axes = place(figure, left=left, top=top, width=width, height=height)
    share, brightness = np.meshgrid(np.linspace(1, -1, 128), np.linspace(0, 1, 32))
    axes.imshow(paint(share, brightness), aspect="auto", origin="lower", interpolation="bilinear")
    axes.set_axis_off()
    for text, where, side in (
        ("input", 0.0, "left"),
        ("both or none", 0.5, "center"),
        ("target", 1.0, "right"),
    ):
        write(figure, text, left=left + where * width, top=top + height + 5, points=9, color=QUIET, ha=side)
    for text, where, side in (("loud", top, "top"), ("silent", top + height, "bottom")):
        write(figure, text, left=left - 8, top=where, points=9, color=QUIET, ha="right", va=side)


def _means(input_mask: np.ndarray, target_mask: np.ndarray) -> str:
    complementarity = 1.0 - float((input_mask * target_mask).mean())
    return (
        f"input mean {input_mask.mean():.2f}   target mean {target_mask.mean():.2f}   "
        f"complementarity {100 * complementarity:.0f} %"
    )

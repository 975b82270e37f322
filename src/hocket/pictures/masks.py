"""The picture of the masks: which source each place of the output came from, and how loud it is there."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from hocket.pictures.canvas import COLOURS, QUIET, clock, place, shades, sheet, write
from hocket.pictures.headline import heading, label
from hocket.signal import power, stft
from hocket.signal.grouping import FrequencyReader

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_PIXELS, HEIGHT_PIXELS = 1600, 1300
LEFT, PANEL_WIDTH = 130, 1370
RIGHT = LEFT + PANEL_WIDTH
SPECTRUM_TOP, SPECTRUM_HEIGHT = 130, 560
MASK_TOP, MASK_HEIGHT, MASK_GAP = SPECTRUM_TOP + SPECTRUM_HEIGHT + 58, 220, 12
LOWEST_HZ = 40.0
RANGE_DB = 66.0
FFT_SIZE = 2048
NUM_ROWS, NUM_COLUMNS = 480, 1370
# Brighter than the colours on white paper, because loudness is brightness here.
BLUE, ORANGE, GREY = (0.30, 0.66, 1.0), (1.0, 0.58, 0.16), (0.86, 0.86, 0.86)
TICKS_HZ = (50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)


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
        write(figure, "Which source each place came from", left=24, top=48, points=21, weight="bold")
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


def colour_by_source(
    *,
    input_mask: np.ndarray,
    target_mask: np.ndarray,
    output: np.ndarray,
    sample_rate: int,
    frame_rate: float,
    bin_hz: np.ndarray | None,
    rows_hz: np.ndarray,
) -> np.ndarray:
    """The output's spectrogram in the colours of its sources, `[rows, columns, 3]` in [0, 1], low rows first.

    Arguments as in `draw_masks`; `rows_hz` are the frequencies of the rows, increasing. Needs no matplotlib.
    """
    brightness = spectrogram(output, sample_rate, rows_hz)
    columns = _frames(brightness.shape[1], len(output) / sample_rate, frame_rate, input_mask.shape[1])
    masks = (input_mask[:, columns], target_mask[:, columns])
    return paint(shown_share(*masks, bin_hz=bin_hz, rows_hz=rows_hz, sample_rate=sample_rate), brightness)


def mask_in_colour(
    mask: np.ndarray, role: str, *, bin_hz: np.ndarray | None, rows_hz: np.ndarray
) -> np.ndarray:
    """A model's mask `[d, t]` from white (0) to its source's colour (1), `[rows, t, 3]` in [0, 1], low rows first."""
    rows = mask if bin_hz is None else mask_rows(mask, bin_hz, rows_hz, sample_rate=round(2 * bin_hz[-1]))
    full = np.array([int(COLOURS[role][at : at + 2], 16) / 255 for at in (1, 3, 5)])
    painted: np.ndarray = 1.0 - np.clip(rows, 0.0, 1.0)[..., None] * (1.0 - full)
    return painted


def mask_rows(mask: np.ndarray, bin_hz: np.ndarray, rows_hz: np.ndarray, *, sample_rate: int) -> np.ndarray:
    """A mask `[d, t]` at some frequencies `[rows, t]`, as it is laid over a sound of that rate."""
    own, wanted = (torch.from_numpy(np.array(hz, dtype=np.float64)) for hz in (bin_hz, rows_hz))
    reader = FrequencyReader(own, wanted, holds=sample_rate != round(2 * float(bin_hz[-1])))
    rows: np.ndarray = reader.read(torch.from_numpy(np.array(mask.T, dtype=np.float32, order="C"))).numpy().T
    return rows


def shown_share(
    input_mask: np.ndarray,
    target_mask: np.ndarray,
    *,
    bin_hz: np.ndarray | None,
    rows_hz: np.ndarray,
    sample_rate: int,
) -> np.ndarray:
    """`source_share` of masks `[d, t]` at a picture's rows, `[rows, t]`; their mean where channels have no pitch."""
    if bin_hz is None:
        share = source_share(input_mask, target_mask).mean(axis=0)
        return np.broadcast_to(share, (len(rows_hz), len(share)))
    rows = (mask_rows(mask, bin_hz, rows_hz, sample_rate=sample_rate) for mask in (input_mask, target_mask))
    return source_share(*rows)


def source_share(input_mask: np.ndarray, target_mask: np.ndarray) -> np.ndarray:
    """1 where only the input is let through, -1 where only the target is, 0 where both or none are; `[d, t]`."""
    return (input_mask - target_mask) / np.maximum(np.maximum(input_mask, target_mask), 1.0)


def spectrogram(waveform: np.ndarray, sample_rate: int, rows_hz: np.ndarray) -> np.ndarray:
    """Brightness in [0, 1] of each frequency and moment: 66 dB from black to full, `[rows, columns]`."""
    hop = max(1, len(waveform) // NUM_COLUMNS)
    # Of a long recording a column is the mean of several spectra: between two that lie far apart nothing would be seen.
    num_parts = math.ceil(hop / (FFT_SIZE // 2))
    samples = torch.from_numpy(np.array(waveform, dtype=np.float32))
    energy = power(stft(samples, fft_size=FFT_SIZE, hop=hop // num_parts)).numpy()
    if num_parts > 1:
        whole = energy.shape[1] // num_parts * num_parts
        energy = energy[:, :whole].reshape(len(energy), -1, num_parts).mean(axis=2)
    level_db = 10 * np.log10(energy + 1e-12)
    bins = rows_hz / (sample_rate / FFT_SIZE)
    below = np.minimum(bins.astype(int), len(level_db) - 2)
    between = (bins - below)[:, None]
    rows_db = (1 - between) * level_db[below] + between * level_db[below + 1]
    brightness: np.ndarray = np.clip(1 + (rows_db - rows_db.max()) / RANGE_DB, 0.0, 1.0)
    return brightness


def paint(share: np.ndarray, brightness: np.ndarray) -> np.ndarray:
    """Colours `[rows, columns, 3]`: blue is the input, orange the target, grey both or none, black silence."""
    grey = np.array(GREY)
    towards_blue = np.clip(share, 0.0, 1.0)[..., None] * (np.array(BLUE) - grey)
    towards_orange = np.clip(-share, 0.0, 1.0)[..., None] * (np.array(ORANGE) - grey)
    painted: np.ndarray = (grey + towards_blue + towards_orange) * brightness[..., None]
    return painted


def _draw_spectrogram(figure: "Figure", colours: np.ndarray, seconds: float, rows_hz: np.ndarray) -> None:
    axes = place(figure, left=LEFT, top=SPECTRUM_TOP, width=PANEL_WIDTH, height=SPECTRUM_HEIGHT)
    axes.imshow(
        colours, extent=(0, seconds, 0, NUM_ROWS), aspect="auto", origin="lower", interpolation="bilinear"
    )
    frequency_axis(axes, rows_hz)
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
        frequency_axis(axes, rows_hz)
    clock(axes, seconds, labelled=row == 1)
    axes.grid(visible=False)
    bar = place(figure, left=LEFT + PANEL_WIDTH + 14, top=top, width=12, height=MASK_HEIGHT)
    figure.colorbar(image, cax=bar).outline.set_visible(False)
    bar.tick_params(length=2, labelsize=8)
    label(figure, role, top=top + MASK_HEIGHT / 2)


def frequency_axis(axes: "Axes", rows_hz: np.ndarray, *, most: int = len(TICKS_HZ)) -> None:
    """Labels an image's rows with their frequencies, of which there are `most` at most."""
    ticks = [hz for hz in TICKS_HZ if rows_hz[0] <= hz <= rows_hz[-1]]
    ticks = ticks[:: -(-len(ticks) // most)]
    names = [f"{hz // 1000} kHz" if hz >= 1000 else f"{hz} Hz" for hz in ticks]
    places = np.interp(np.log(ticks), np.log(rows_hz), np.arange(len(rows_hz)) + 0.5)
    axes.set_yticks(places, names, fontsize=8)


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


def _frames(num_columns: int, seconds: float, frame_rate: float, num_frames: int) -> np.ndarray:
    """For each column of the spectrogram the latent frame nearest in time."""
    times = np.linspace(0.0, seconds, num_columns)
    return np.clip(np.round(times * frame_rate).astype(int), 0, num_frames - 1)

"""The one picture that the studio draws: an output's spectrogram in the colours of its sources."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from hocket.audio.streams import Recording

LOWEST_HZ = 40.0
NUM_ROWS, NUM_COLUMNS = 480, 1370
HOP = 1024
LONG_SAMPLES = HOP * NUM_COLUMNS
"""Beyond this many samples a column stands for several frames of a spectrum."""

BLOCK_FRAMES = 2048

Masks = Callable[[int, int], np.ndarray]


def coloured(
    masks: tuple[np.ndarray, np.ndarray],
    output: np.ndarray,
    *,
    sample_rate: int,
    frame_rate: float,
    bin_hz: np.ndarray | None,
) -> bytes:
    """A PNG without axes: rows from 40 Hz to half the rate, evenly spaced by octaves.

    `masks` are the input's and the target's, `[d, t]` with `frame_rate` frames a second; `output` is mono `[samples]`.
    """
    from hocket.pictures.arrays import colour_by_source, png

    return png(
        colour_by_source(
            input_mask=masks[0],
            target_mask=masks[1],
            output=output,
            sample_rate=sample_rate,
            frame_rate=frame_rate,
            bin_hz=bin_hz,
            rows_hz=_rows_hz(sample_rate),
        )
    )


def coloured_long(
    masks: Masks, num_frames: int, output: "Recording", *, frame_rate: float, bin_hz: np.ndarray | None
) -> bytes:
    """The same for a long recording, block by block: nothing between two columns is left out.

    A column's brightness is the mean energy of its stretch and its colour that of where the energy is. `masks(first,
    last)` gives frames of both masks, `[2, d, t]`; `output` is a mono recording.
    """
    from hocket.pictures.arrays import RANGE_DB, paint, png

    energy, weighted, counts = _summed(masks, num_frames, output, frame_rate, bin_hz)
    level_db = 10 * np.log10(energy / np.maximum(counts, 1) + 1e-12)
    brightness = np.clip(1 + (level_db - level_db.max()) / RANGE_DB, 0.0, 1.0)
    return png(paint(weighted / np.maximum(energy, 1e-12), brightness))


def _summed(
    masks: Masks, num_frames: int, output: "Recording", frame_rate: float, bin_hz: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Energy and energy times share, both `[rows, columns]`, and how many frames each column is the sum of."""
    from hocket.pictures.arrays import shown_share

    rate, rows_hz = output.sample_rate, _rows_hz(output.sample_rate)
    energy, weighted = np.zeros((2, NUM_ROWS, NUM_COLUMNS))
    counts = np.zeros(NUM_COLUMNS)
    for start in range(0, output.num_samples, BLOCK_FRAMES * HOP):
        stop = min(start + BLOCK_FRAMES * HOP, output.num_samples)
        rows = _spectrum(output, start, stop, rows_hz)
        times = (start + HOP * np.arange(rows.shape[1])) / rate
        frames = np.minimum(np.round(times * frame_rate).astype(int), num_frames - 1)
        both = masks(int(frames[0]), int(frames[-1]) + 1).astype(np.float32, copy=False)
        here_masks = both[:, :, frames - frames[0]]
        share = shown_share(*here_masks, bin_hz=bin_hz, rows_hz=rows_hz, sample_rate=rate)
        columns = np.minimum(times * rate / output.num_samples * NUM_COLUMNS, NUM_COLUMNS - 1).astype(int)
        edges = np.flatnonzero(np.diff(columns, prepend=-1))
        here = columns[edges]
        energy[:, here] += np.add.reduceat(rows, edges, axis=1)
        weighted[:, here] += np.add.reduceat(rows * share, edges, axis=1)
        counts += np.bincount(columns, minlength=NUM_COLUMNS)
    return energy, weighted, counts


def _spectrum(output: "Recording", start: int, stop: int, rows_hz: np.ndarray) -> np.ndarray:
    """Energy `[rows, frames]` every 1024 samples of a stretch, at the given frequencies."""
    import torch

    from hocket.pictures.arrays import FFT_SIZE, at_frequencies
    from hocket.signal import power, stft

    # Both sides are heard as they are, where there is something; the frames themselves lie within.
    margin = FFT_SIZE // HOP
    first, last = max(0, start - margin * HOP), min(output.num_samples, stop + margin * HOP)
    samples = torch.from_numpy(np.array(output.read(first, last)[0], dtype=np.float32))
    skipped = (start - first) // HOP
    energy = power(stft(samples, fft_size=FFT_SIZE, hop=HOP)).numpy()
    energy = energy[:, skipped : skipped + -(-(stop - start) // HOP)]
    return at_frequencies(energy, rows_hz, output.sample_rate)


def _rows_hz(sample_rate: int) -> np.ndarray:
    return np.geomspace(LOWEST_HZ, sample_rate / 2, NUM_ROWS)

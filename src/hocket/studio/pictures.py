"""The pictures that the studio draws: how loud both voices of a fusion are, and training examples in colour."""

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from hocket.audio.streams import Recording

# Those of `hocket.pictures.arrays`, which loads torch.
LOWEST_HZ, NUM_ROWS, NUM_COLUMNS = 40.0, 480, 1370
LEVEL_RANGE_DB = 96.0
HOP = 1024
BLOCK_FRAMES = 2048

RANGES = (("Low", 0.0, 200.0), ("Middle", 200.0, 2000.0), ("High", 2000.0, math.inf))
"""Names and borders in Hz of the ranges for which a page says who gave what."""


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


def voice_levels(voices: "Sequence[Recording]") -> tuple[bytes, list[np.ndarray]]:
    """A PNG whose red and green say how loud two recordings of one shape are at each place, and their energies.

    Rows are those of `coloured`. A value is (value / 255 - 1) times `LEVEL_RANGE_DB` under the loudest place of either;
    0 is silence. A column is the mean of its stretch, however long. The energies `[2]` are of the `RANGES`, in turn.
    """
    from PIL import Image

    hop = min(HOP, max(1, voices[0].num_samples // NUM_COLUMNS))
    sums = [_summed(voice, hop) for voice in voices]
    levels_db = np.stack([10 * np.log10(rows / counts + 1e-12) for rows, counts, _ in sums], axis=-1)
    levels = np.clip(1 + (levels_db - levels_db.max()) / LEVEL_RANGE_DB, 0.0, 1.0)
    values = np.concatenate([levels, np.zeros_like(levels[..., :1])], axis=-1)
    buffer = io.BytesIO()
    Image.fromarray((255 * values[::-1]).round().astype(np.uint8)).save(buffer, format="PNG")
    return buffer.getvalue(), list(np.stack([energies for _, _, energies in sums], axis=-1))


def _summed(voice: "Recording", hop: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Energy `[rows, columns]`, how many frames each column is the sum of, and the energy of each range."""
    from hocket.pictures.arrays import at_frequencies

    rate, rows_hz = voice.sample_rate, _rows_hz(voice.sample_rate)
    num_frames = -(-voice.num_samples // hop)
    num_columns = min(NUM_COLUMNS, num_frames)
    energy, counts, ranges = np.zeros((NUM_ROWS, num_columns)), np.zeros(num_columns), np.zeros(len(RANGES))
    for start in range(0, voice.num_samples, BLOCK_FRAMES * hop):
        spectrum = _spectrum(voice, start, min(start + BLOCK_FRAMES * hop, voice.num_samples), hop)
        bins_hz = np.linspace(0, rate / 2, len(spectrum))
        for place, (_, low_hz, high_hz) in enumerate(RANGES):
            ranges[place] += spectrum[(bins_hz >= low_hz) & (bins_hz < high_hz)].sum()
        frames = start // hop + np.arange(spectrum.shape[1])
        columns = frames * num_columns // num_frames
        edges = np.flatnonzero(np.diff(columns, prepend=-1))
        energy[:, columns[edges]] += np.add.reduceat(at_frequencies(spectrum, rows_hz, rate), edges, axis=1)
        counts += np.bincount(columns, minlength=num_columns)
    return energy, counts, ranges


def _spectrum(voice: "Recording", start: int, stop: int, hop: int) -> np.ndarray:
    """Mean energy of the channels `[bins, frames]` of a stretch, every `hop` samples."""
    import torch

    from hocket.pictures.arrays import FFT_SIZE
    from hocket.signal import power, stft

    # Both sides are heard as they are, where there is something; the frames themselves lie within.
    margin = -(-FFT_SIZE // hop)
    first, last = max(0, start - margin * hop), min(voice.num_samples, stop + margin * hop)
    samples = torch.from_numpy(np.array(voice.read(first, last), dtype=np.float32))
    energy = power(stft(samples, fft_size=FFT_SIZE, hop=hop)).mean(dim=0).numpy()
    skipped = (start - first) // hop
    return energy[:, skipped : skipped + -(-(stop - start) // hop)]


def _rows_hz(sample_rate: int) -> np.ndarray:
    return np.geomspace(LOWEST_HZ, sample_rate / 2, NUM_ROWS)

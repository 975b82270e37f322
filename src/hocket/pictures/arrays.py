"""The arrays that pictures show: spectra in the colours of sources, onset strength, chroma; needs no matplotlib."""

import io
import math

import numpy as np
import torch
from PIL import Image

from hocket.pictures.canvas import COLOURS
from hocket.signal import chroma, onset_strength, power, rhythm, stft
from hocket.signal.grouping import FrequencyReader

LOWEST_HZ = 40.0
RANGE_DB = 66.0
FFT_SIZE = 2048
NUM_ROWS, NUM_COLUMNS = 480, 1370
# Brighter than the colours on white paper, because loudness is brightness here.
BLUE, ORANGE, GREY = (0.30, 0.66, 1.0), (1.0, 0.58, 0.16), (0.86, 0.86, 0.86)
TICKS_HZ = (50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)
ATTACK_SHARE = 0.3
PITCH_CLASSES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
MOST_GUIDES = 120
"""More attacks of a source in the output's track would be a grey wall."""


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

    Arguments as in `draw_masks`; `rows_hz` are the frequencies of the rows, increasing.
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
    """A mask `[d, t]` at some frequencies `[rows, t]`, as it is applied to a sound of that rate."""
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
    """1 where only the input passes, -1 where only the target does, 0 where both or none do; `[d, t]`."""
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
    rows_db = at_frequencies(10 * np.log10(energy + 1e-12), rows_hz, sample_rate)
    brightness: np.ndarray = np.clip(1 + (rows_db - rows_db.max()) / RANGE_DB, 0.0, 1.0)
    return brightness


def at_frequencies(spectrum: np.ndarray, rows_hz: np.ndarray, sample_rate: int) -> np.ndarray:
    """A spectrum `[bins, columns]` at the frequencies of a picture's rows, between two bins by both."""
    bins = rows_hz / (sample_rate / FFT_SIZE)
    below = np.minimum(bins.astype(int), len(spectrum) - 2)
    between = (bins - below)[:, None]
    rows: np.ndarray = (1 - between) * spectrum[below] + between * spectrum[below + 1]
    return rows


def frequency_ticks(rows_hz: np.ndarray, *, most: int = len(TICKS_HZ)) -> list[tuple[str, float]]:
    """Names of at most `most` frequencies, and their places from 0 at the bottom to 1 at the top."""
    ticks = [hz for hz in TICKS_HZ if rows_hz[0] <= hz <= rows_hz[-1]]
    ticks = ticks[:: -(-len(ticks) // most)]
    names = [f"{hz // 1000} kHz" if hz >= 1000 else f"{hz} Hz" for hz in ticks]
    places = np.interp(np.log(ticks), np.log(rows_hz), (np.arange(len(rows_hz)) + 0.5) / len(rows_hz))
    return list(zip(names, places.tolist(), strict=True))


def paint(share: np.ndarray, brightness: np.ndarray) -> np.ndarray:
    """Colours `[rows, columns, 3]`: blue is the input, orange the target, grey both or none, black silence."""
    grey = np.array(GREY)
    towards_blue = np.clip(share, 0.0, 1.0)[..., None] * (np.array(BLUE) - grey)
    towards_orange = np.clip(-share, 0.0, 1.0)[..., None] * (np.array(ORANGE) - grey)
    painted: np.ndarray = (grey + towards_blue + towards_orange) * brightness[..., None]
    return painted


def envelope(
    waveform: np.ndarray, sample_rate: int, *, num_columns: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times in seconds, lowest and highest sample of at most `num_columns` equal stretches of `[samples]`."""
    edges = np.linspace(0, len(waveform), min(num_columns, len(waveform)) + 1).astype(int)
    low = np.minimum.reduceat(waveform, edges[:-1])
    high = np.maximum.reduceat(waveform, edges[:-1])
    return (edges[:-1] + edges[1:]) / 2 / sample_rate, low, high


def onsets_of(waveform: np.ndarray, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Times in seconds and onset strength `[frames]` of a mono waveform, in [0, 1].

    The strongest frames of two hundred count as 1, so that one beginning out of silence does not flatten the rest.
    """
    strength = onset_strength(_batch(waveform), sample_rate=sample_rate)[0].numpy()
    hop_seconds = len(waveform) / sample_rate / max(len(strength) - 1, 1)
    strong = max(float(np.quantile(strength, 0.995)), 0.1 * float(strength.max()), 1e-9)
    return np.arange(len(strength)) * hop_seconds, np.minimum(strength / strong, 1.0)


def thin(seconds: np.ndarray, values: np.ndarray, *, num_columns: int) -> tuple[np.ndarray, np.ndarray]:
    """At most `num_columns` points of a curve, the highest value of each stretch."""
    if len(values) <= num_columns:
        return seconds, values
    starts = np.linspace(0, len(values), num_columns, endpoint=False).astype(int)
    return seconds[starts], np.maximum.reduceat(values, starts)


def find_attacks(seconds: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """Frames of `onsets_of` that are attacks: peaks that rise by three tenths of the strongest."""
    frames_a_second = (len(seconds) - 1) / max(float(seconds[-1]), 1e-9)
    return rhythm.find_attacks(strength, frames_a_second=frames_a_second, prominence=ATTACK_SHARE)


def chroma_of(waveform: np.ndarray, sample_rate: int) -> tuple[np.ndarray, float]:
    """Strength of each pitch class in a mono waveform, and the seconds from frame to frame.

    Chroma above its mean over the classes, as the harmony margin sees it: `[12, frames]` in [0, 1].
    """
    values = chroma(_batch(waveform), sample_rate=sample_rate)[0].numpy()
    above = np.clip(values - values.mean(axis=0), 0.0, None) / (11 / 12)
    return above, len(waveform) / sample_rate / max(values.shape[1] - 1, 1)


def png(colours: np.ndarray) -> bytes:
    """A PNG of colours `[rows, columns, 3]` in [0, 1], the first row at the bottom as spectra have it."""
    pixels = (255 * np.clip(colours[::-1], 0.0, 1.0)).round().astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, format="PNG", compress_level=6)
    return buffer.getvalue()


def _frames(num_columns: int, seconds: float, frame_rate: float, num_frames: int) -> np.ndarray:
    """For each column of the spectrogram the latent frame nearest in time."""
    times = np.linspace(0.0, seconds, num_columns)
    return np.clip(np.round(times * frame_rate).astype(int), 0, num_frames - 1)


def _batch(waveform: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.array(waveform, dtype=np.float32))[None]

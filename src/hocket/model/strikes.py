"""When and how hard the input strikes, so that the target can be struck again there."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hocket.signal.rhythm import FLOOR_DB, HOP, NUM_BANDS, WINDOW
from hocket.signal.spectrum import mel_filterbank, power, stft, window_length

HALVING_SECONDS = 0.1
BLOCK_SECONDS = 30.0


def strike_envelope(waveform: Tensor, *, sample_rate: int) -> Tensor:
    """How recently and how hard `[b, samples]` struck, in [0, 1], `[b, frames]` of the onset strength.

    Jumps up at an onset and halves every 0.1 s; 1 is among the hardest 2 % of moments.
    """
    return envelope_of(
        lambda start, stop: waveform[:, start:stop], waveform.shape[-1], sample_rate=sample_rate
    )


def envelope_of(read: Callable[[int, int], Tensor], length: int, *, sample_rate: int) -> Tensor:
    """The same of `length` samples that are read span by span, as `[b, stop - start]`."""
    onsets = _onsets(read, length, sample_rate)
    loud = onsets.quantile(0.98, dim=-1, keepdim=True).clamp_min(1e-6)
    strokes = (onsets / loud).clamp(0.0, 1.0).numpy()
    decay = 0.5 ** (1.0 / (HALVING_SECONDS * _frame_rate(sample_rate)))
    held = np.zeros_like(strokes[:, 0])
    for frame in range(strokes.shape[1]):
        held = strokes[:, frame] = np.maximum(strokes[:, frame], held * decay)
    return torch.from_numpy(strokes)


def strikes_at(
    envelope: Tensor, *, num_frames: int, frame_rate: float, sample_rate: int, reattack: float
) -> Tensor:
    """What the target is multiplied by at each of `num_frames` frames of another rate, `[b, num_frames]`."""
    frames = torch.arange(num_frames, dtype=torch.float64) / frame_rate
    places = (frames * _frame_rate(sample_rate)).round().long().clamp(max=envelope.shape[-1] - 1)
    return 1.0 + reattack * envelope[:, places]


def _onsets(read: Callable[[int, int], Tensor], length: int, sample_rate: int) -> Tensor:
    """`hocket.signal.rhythm.onset_strength` of the whole, `[b, frames]`; the floor is known after one pass."""
    peak = torch.stack([mel.amax(dim=(-2, -1)) for mel in _mels(read, length, sample_rate)]).amax(dim=0)
    floor = (peak * 10 ** (-FLOOR_DB / 10)).clamp_min(1e-10)[:, None, None]
    rises: list[Tensor] = []
    last: Tensor | None = None
    for mel in _mels(read, length, sample_rate):
        level = 10.0 * torch.log10(torch.maximum(mel, floor))
        before = level[..., :1] if last is None else last
        rises.append(F.relu(torch.diff(level, prepend=before)).mean(dim=-2))
        last = level[..., -1:]
    return torch.cat(rises, dim=-1).cpu()


def _mels(read: Callable[[int, int], Tensor], length: int, sample_rate: int) -> Iterator[Tensor]:
    """Mel energies `[b, bands, frames]` of all frames, part by part."""
    fft_size, hop = window_length(WINDOW, sample_rate), window_length(HOP, sample_rate)
    num_frames = 1 + length // hop
    step = max(1, round(BLOCK_SECONDS * sample_rate / hop))
    margin = -(-fft_size // hop)
    for start in range(0, num_frames, step):
        stop = min(start + step, num_frames)
        first = max(0, start - margin)
        part = read(first * hop, min((stop + margin) * hop, length))
        spectrum = stft(part, fft_size=fft_size, hop=hop)[..., start - first : stop - first]
        yield mel_filterbank(NUM_BANDS, fft_size, sample_rate, device=part.device) @ power(spectrum)


def _frame_rate(sample_rate: int) -> float:
    """Frames of the onset strength a second."""
    return sample_rate / window_length(HOP, sample_rate)

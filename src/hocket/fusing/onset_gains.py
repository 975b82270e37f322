"""When and how hard the input strikes, so that the target can be struck again there."""

import numpy as np
import torch
from torch import Tensor

from hocket.audio.streams import Recording
from hocket.signal.rhythm import streamed_onset_strength

HALVING_SECONDS = 0.1


def onset_strength_of(mono: Recording) -> Tensor:
    """Onset strength `[1, frames]` of one channel, read block by block."""
    blocks = (torch.tensor(block) for block in mono.blocks())
    return streamed_onset_strength(blocks, sample_rate=mono.sample_rate)


def onset_envelope(strength: Tensor, *, frames_a_second: float) -> Tensor:
    """Onsets that die away, in [0, 1], from onset strength `[b, frames]`.

    Jumps up at an onset and halves every 0.1 s; 1 is among the hardest 2 % of moments.
    """
    loud = strength.quantile(0.98, dim=-1, keepdim=True).clamp_min(1e-6)
    envelope = (strength / loud).clamp(0.0, 1.0).numpy()
    decay = 0.5 ** (1.0 / (HALVING_SECONDS * frames_a_second))
    held = np.zeros_like(envelope[:, 0])
    for frame in range(envelope.shape[1]):
        held = envelope[:, frame] = np.maximum(envelope[:, frame], held * decay)
    return torch.from_numpy(envelope)


def onset_gains(
    envelope: Tensor, *, frames_a_second: float, num_frames: int, frame_rate: float, emphasis: float
) -> Tensor:
    """Factors for the target at each of `num_frames` frames of another rate, `[b, num_frames]`."""
    frames = torch.arange(num_frames, dtype=torch.float64) / frame_rate
    places = (frames * frames_a_second).round().long().clamp(max=envelope.shape[-1] - 1)
    return 1.0 + emphasis * envelope[:, places]

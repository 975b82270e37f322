"""Between anybody's waveforms and the model's batch."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from hocket.errors import AudioError
from hocket.hearing import MINIMUM_SECONDS, SILENCE_RMS, audible
from hocket.signal.loudness import match_rms, rms

Waveform: TypeAlias = Tensor | np.ndarray

MAX_PEAK = 0.98


@dataclass(frozen=True)
class Sources:
    """Two waveforms `[b, c, samples]` of equal shape and loudness, and the way back to what was given."""

    input: Tensor
    target: Tensor
    level: Tensor
    restore_kind: Callable[[Tensor], Waveform]

    @classmethod
    def prepare(
        cls, input_audio: Waveform, target_audio: Waveform, *, sample_rate: int, device: torch.device
    ) -> "Sources":
        """Brings both to the same batch, channels, length and RMS.

        Raises:
            AudioError: see `FusionModel.inference`.
        """
        kind = _kind(input_audio, target_audio)
        batches = [
            _batch(waveform, name).to(device)
            for waveform, name in ((input_audio, "input_audio"), (target_audio, "target_audio"))
        ]
        channels = max(batch.shape[1] for batch in batches)
        length = min(batch.shape[-1] for batch in batches)
        if length < MINIMUM_SECONDS * sample_rate:
            raise AudioError(
                f"the shorter source has {length / sample_rate:.3f} s: give at least {MINIMUM_SECONDS:g} s."
            )
        if batches[0].shape[0] != batches[1].shape[0]:
            raise AudioError(
                f"{batches[0].shape[0]} inputs but {batches[1].shape[0]} targets: give as many of each."
            )
        input, target = (_audible(_channels(batch[..., :length], channels), sample_rate) for batch in batches)
        for source, name in ((input, "input_audio"), (target, "target_audio")):
            if bool((rms(source) < SILENCE_RMS).any()):
                raise AudioError(f"{name} is silent: give a recording with sound in it.")
        return cls(match_rms(input), match_rms(target), rms(input), kind)

    def restore(self, output: Tensor) -> Waveform:
        """The output at the input's loudness, never above a peak of 0.98, in the kind and shape that came in."""
        output = match_rms(output, 1.0) * self.level
        peak = output.abs().amax(dim=(-2, -1), keepdim=True)
        return self.restore_kind(output * (MAX_PEAK / peak.clamp_min(MAX_PEAK)))


def _batch(waveform: Waveform, name: str) -> Tensor:
    if isinstance(waveform, np.ndarray):
        # A copy: torch takes no negative strides and warns of arrays that it may not write to.
        waveform = torch.from_numpy(np.array(waveform, dtype=np.float32))
    tensor = torch.as_tensor(waveform).float()
    if not 1 <= tensor.ndim <= 3 or tensor.numel() == 0:
        raise AudioError(
            f"{name} has shape {tuple(tensor.shape)}: give [samples], [channels, samples] or "
            "[batch, channels, samples]."
        )
    if not bool(torch.isfinite(tensor).all()):
        raise AudioError(f"{name} holds samples that are not finite: give a clean recording.")
    return tensor.reshape((1,) * (3 - tensor.ndim) + tuple(tensor.shape))


def _channels(batch: Tensor, channels: int) -> Tensor:
    if batch.shape[1] not in (1, channels):
        raise AudioError(f"the sources have {batch.shape[1]} and {channels} channels: give as many, or mono.")
    return batch.expand(-1, channels, -1)


def _audible(batch: Tensor, sample_rate: int) -> Tensor:
    """The batch without DC and rumble, each recording by itself."""
    heard = [torch.from_numpy(audible(example.cpu().numpy(), sample_rate)) for example in batch]
    return torch.stack(heard).to(batch.device)


def _kind(input_audio: Waveform, target_audio: Waveform) -> Callable[[Tensor], Waveform]:
    """The largest number of axes of the two, and the input's own kind of array."""
    num_axes = max(np.ndim(input_audio), np.ndim(target_audio))

    def restore(output: Tensor) -> Waveform:
        for _ in range(3 - num_axes):
            output = output.squeeze(0)
        if isinstance(input_audio, np.ndarray):
            return output.cpu().numpy()
        return output.to(input_audio.device)

    return restore

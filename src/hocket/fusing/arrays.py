"""Waveforms in memory, of any shape and kind, and the way back to them: what `FusionModel.inference` does."""

import numpy as np
import torch
from torch import Tensor

from hocket.audio.streams import InMemory, Workspace
from hocket.errors import AudioError
from hocket.fusing.ladder import Aligned, decide, mix
from hocket.fusing.masks import CHUNK_SECONDS, Model
from hocket.fusing.sources import Sources
from hocket.hearing import MINIMUM_SECONDS, SILENCE_RMS, audible
from hocket.model.result import Waveform
from hocket.options import FuseOptions
from hocket.signal.loudness import match_rms, rms

NAMES = ("input_audio", "target_audio")
MAX_PEAK = 0.98


@torch.inference_mode()
def fuse_arrays(
    model: Model, input_audio: Waveform, target_audio: Waveform, *, chunk_seconds: float | None = None
) -> Waveform:
    """See `FusionModel.inference`; the model is in evaluation mode.

    Raises:
        AudioError: see `FusionModel.inference`.
    """
    sample_rate = model.codec.sample_rate
    input, target = _equal_batches(input_audio, target_audio, sample_rate=sample_rate)
    fused = []
    for example in zip(match_rms(input), match_rms(target), strict=True):
        first, second = (InMemory(samples.numpy(), sample_rate) for samples in example)
        aligned, options, workspace = Aligned.of(Sources(first, second, NAMES)), FuseOptions(), Workspace()
        masks = decide(model, aligned, options, workspace, chunk_seconds=chunk_seconds or CHUNK_SECONDS)
        fused.append(torch.from_numpy(mix(model, aligned, masks, options, workspace).samples))
    # At the input's loudness, and never above a peak of 0.98.
    output = match_rms(torch.stack(fused), 1.0) * rms(input)
    peak = output.abs().amax(dim=(-2, -1), keepdim=True)
    return _as_given(output * (MAX_PEAK / peak.clamp_min(MAX_PEAK)), input_audio, target_audio)


def _equal_batches(
    input_audio: Waveform, target_audio: Waveform, *, sample_rate: int
) -> tuple[Tensor, Tensor]:
    """Both as `[b, c, samples]` of one shape, without what cannot be heard."""
    batches = [
        _batch(waveform, name) for waveform, name in zip((input_audio, target_audio), NAMES, strict=True)
    ]
    channels = max(batch.shape[1] for batch in batches)
    length = min(batch.shape[-1] for batch in batches)
    if length < MINIMUM_SECONDS * sample_rate:
        raise AudioError(
            f"the shorter source lasts {length / sample_rate:.3f} s: give at least {MINIMUM_SECONDS:g} s."
        )
    if batches[0].shape[0] != batches[1].shape[0]:
        raise AudioError(
            f"{batches[0].shape[0]} inputs but {batches[1].shape[0]} targets: give the same number of each."
        )
    input, target = (_audible(_channels(batch[..., :length], channels), sample_rate) for batch in batches)
    for source, name in zip((input, target), NAMES, strict=True):
        if bool((rms(source) < SILENCE_RMS).any()):
            raise AudioError(f"{name} is silent: give a recording with sound in it.")
    return input, target


def _batch(waveform: Waveform, name: str) -> Tensor:
    if isinstance(waveform, np.ndarray):
        # A copy: torch takes no negative strides and warns of arrays that it may not write to.
        waveform = torch.from_numpy(np.array(waveform, dtype=np.float32))
    tensor = torch.as_tensor(waveform).float().cpu()
    if not 1 <= tensor.ndim <= 3 or tensor.numel() == 0:
        raise AudioError(
            f"{name} has shape {tuple(tensor.shape)}: give [samples], [channels, samples] or "
            "[batch, channels, samples]."
        )
    if not bool(torch.isfinite(tensor).all()):
        raise AudioError(f"{name} contains samples that are not finite: give a clean recording.")
    return tensor.reshape((1,) * (3 - tensor.ndim) + tuple(tensor.shape))


def _channels(batch: Tensor, channels: int) -> Tensor:
    if batch.shape[1] not in (1, channels):
        raise AudioError(
            f"the sources have {batch.shape[1]} and {channels} channels: give equally many, or mono."
        )
    return batch.expand(-1, channels, -1)


def _audible(batch: Tensor, sample_rate: int) -> Tensor:
    """The batch without DC and rumble, each recording by itself."""
    return torch.stack([torch.from_numpy(audible(example.numpy(), sample_rate)) for example in batch])


def _as_given(output: Tensor, input_audio: Waveform, target_audio: Waveform) -> Waveform:
    """The output `[b, c, samples]` with the larger number of axes of the two, as the input's own kind of array."""
    for _ in range(3 - max(np.ndim(input_audio), np.ndim(target_audio))):
        output = output.squeeze(0)
    return output.numpy() if isinstance(input_audio, np.ndarray) else output.to(input_audio.device)

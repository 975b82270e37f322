"""A trained model that fuses recordings of any rate, channels and length."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hocket import audio
from hocket.audio import Audio
from hocket.errors import AudioError
from hocket.inference.alignment import align_target
from hocket.inference.lengths import match_lengths
from hocket.inference.loudness import finish
from hocket.inference.options import FuseOptions
from hocket.model import FusionModel
from hocket.model.arrangement import Arrangement, arrange
from hocket.model.mixing import Grid, mix_down, with_controls
from hocket.model.waveforms import Sources
from hocket.model.weights import default_weights, find_checkpoint, load_model
from hocket.signal.loudness import TARGET_RMS

MINIMUM_SOURCE_SECONDS = 0.1
MINIMUM_SECONDS = 1.0
SHARE_OF_LISTENING = 0.8

Progress = Callable[[float], None]


@dataclass(frozen=True, eq=False)
class FusedFile:
    """A fusion: the output with the sources as they were fused, and what the masks did.

    All three recordings share the rate, the channels and the length. `masks` are the input's and the target's,
    `[d, t]` on the model's grid, before the `levels` of input and target; `notes` say in plain words how the sources
    were brought together.
    """

    audio: Audio
    input: Audio
    target: Audio
    mask_figures: dict[str, float]
    masks: tuple[np.ndarray, np.ndarray]
    levels: tuple[float, float]
    options: FuseOptions
    notes: tuple[str, ...] = ()


class Fuser:
    """Loads weights once and fuses as many pairs as asked."""

    def __init__(self, model: FusionModel, *, checkpoint: Path, metadata: dict[str, Any]) -> None:
        self.model, self.checkpoint, self.metadata = model.eval(), checkpoint, metadata

    @classmethod
    def from_checkpoint(cls, path: str | Path | None = None, *, device: str = "cpu") -> "Fuser":
        """The fuser of a checkpoint file or run folder; None is the weights that come with the program.

        Raises:
            CheckpointError: there is none, or it is damaged.
        """
        found = default_weights() if path is None else find_checkpoint(Path(path))
        model, metadata = load_model(found)
        return cls(model.to(device), checkpoint=found, metadata=metadata)

    def fuse_files(
        self,
        input_path: str | Path,
        target_path: str | Path,
        *,
        options: FuseOptions | None = None,
        on_progress: Progress | None = None,
    ) -> FusedFile:
        """Fuses two recordings; the output has the input's rate, channels and length unless asked otherwise.

        Raises:
            AudioError: one of them cannot be read, is silent, or too short; the sentence names it.
        """
        options = options or FuseOptions()
        input = audio.load(input_path, sample_rate=options.sample_rate)
        target = audio.load(target_path, sample_rate=input.sample_rate)
        for source, path in ((input, input_path), (target, target_path)):
            audio.require_sound(source, path, minimum_seconds=MINIMUM_SOURCE_SECONDS)
        input, target = _match_channels(input, target, options.num_channels)
        alignment = align_target(target, input, mode=options.align)
        input, target, note = match_lengths(
            input,
            alignment.target,
            length=options.length,
            fit=options.fit,
            beat_seconds=alignment.beat_seconds,
        )
        spoken = (alignment.note if options.align != "none" else "", note)
        notes = tuple(note for note in spoken if note)
        for source, path in ((input, input_path), (target, target_path)):
            audio.require_sound(source, path, minimum_seconds=MINIMUM_SECONDS)
        return self.fuse(input, target, options=options, notes=notes, on_progress=on_progress)

    @torch.inference_mode()
    def fuse(
        self,
        input: Audio,
        target: Audio,
        *,
        options: FuseOptions | None = None,
        notes: tuple[str, ...] = (),
        on_progress: Progress | None = None,
    ) -> FusedFile:
        """Fuses two recordings of one rate, as many channels, and one length.

        Raises:
            AudioError: they differ in rate, channels or length, or one of them is silent.
        """
        if input.sample_rate != target.sample_rate or input.samples.shape != target.samples.shape:
            raise AudioError(
                "input and target differ in rate, channels or length: bring them together first."
            )
        report = on_progress or (lambda share: None)
        listened = Sources.prepare(
            *(_listen(source, self.model.sample_rate) for source in (input, target)),
            sample_rate=self.model.sample_rate,
            device=self.model.device,
        )
        arrangement = arrange(
            self.model,
            listened.input,
            listened.target,
            on_chunk=lambda _, share: report(SHARE_OF_LISTENING * share),
        )
        options = options or FuseOptions()
        output = self._mix(arrangement, listened, input, target, options, report)
        masks = arrangement.masks
        return FusedFile(
            audio=finish(output, sources=(input, target)),
            input=input,
            target=target,
            mask_figures=_mask_figures(arrangement),
            masks=(masks.input[0].cpu().numpy(), masks.target[0].cpu().numpy()),
            levels=(float(arrangement.levels[0, 0]), float(arrangement.levels[0, 1])),
            options=options,
            notes=notes,
        )

    def _mix(
        self,
        arrangement: Arrangement,
        listened: Sources,
        input: Audio,
        target: Audio,
        options: FuseOptions,
        report: Progress,
    ) -> Audio:
        """Lays the masks over the recordings themselves, at their own rate and in all their channels."""
        model, grid = self.model, Grid.of(self.model.codec)
        wanted = with_controls(
            arrangement, options.controls, listened.input, grid=grid, sample_rate=model.sample_rate
        )
        # The levels bring both sources to one loudness as well: no copy of an hour of music is made for that.
        gains = wanted.levels.new_tensor([_gain(source) for source in (input, target)])
        mixed = mix_down(
            replace(wanted, levels=wanted.levels * gains),
            *(
                torch.from_numpy(np.require(source.samples, requirements=["C", "W"]))[None].to(model.device)
                for source in (input, target)
            ),
            grid=grid,
            codec=model.codec.at_rate(input.sample_rate).to(model.device),
            on_block=lambda share: report(SHARE_OF_LISTENING + (1 - SHARE_OF_LISTENING) * share),
        )
        return Audio(mixed[0].cpu().numpy(), input.sample_rate)


def _listen(source: Audio, sample_rate: int) -> np.ndarray:
    """What the model hears of a recording, `[channels, samples]`."""
    # More than stereo has no agreed order of channels; what both ears hear is the mean.
    heard = source if source.num_channels <= 2 else source.mono()
    return audio.resample(heard.samples, from_hz=source.sample_rate, to_hz=sample_rate)


def _gain(source: Audio) -> float:
    """What brings a recording to the loudness at which the model listens."""
    energy = sum(float(np.dot(channel, channel)) for channel in source.samples)
    return TARGET_RMS / math.sqrt(energy / source.samples.size)


def _match_channels(input: Audio, target: Audio, num_channels: int | None) -> tuple[Audio, Audio]:
    """Both in the output's channels: as they are where there are as many, else folded to mono and spread."""
    wanted = num_channels or input.num_channels
    return _spread(input, wanted), _spread(target, wanted)


def _spread(source: Audio, num_channels: int) -> Audio:
    if source.num_channels == num_channels:
        return source
    return Audio(np.repeat(source.mono().samples, num_channels, axis=0), source.sample_rate)


def _mask_figures(arrangement: Arrangement) -> dict[str, float]:
    masks = arrangement.masks
    return {
        "input_mask_mean": float(masks.input.float().mean()),
        "target_mask_mean": float(masks.target.float().mean()),
        "complementarity": float(masks.complementarity.float().mean()),
        "mask_variance": float(masks.variance.float().mean()),
    }

"""The ladder from two files to their fusion, one function per step.

Sources (`open_sources`) -> Aligned (`align`) -> Masks (`decide`) -> Mixed (`mix`) -> Levelled (`level`) -> File
(`write`). All on the way are recordings that are read span by span, so that an hour takes no more memory than a minute.
Files go through all steps, recordings of equal shape start at `fuse_aligned`, `FusionModel.inference` uses two steps.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from hocket import audio
from hocket.audio import Audio, Encoding
from hocket.audio.streams import Recording, Stored, Workspace, recording
from hocket.audio.views import Cut, Faded, Looped, Resampled, Scaled, Sum, folded, together
from hocket.errors import AudioError
from hocket.fusing.alignment import align_target, match_lengths
from hocket.fusing.latents import mix_latents
from hocket.fusing.loudness import finishing
from hocket.fusing.masks import CHUNK_SECONDS, Excerpts, MaskTrack, Model, decide_masks
from hocket.fusing.mixing import mix_blocks, quiet_ends
from hocket.fusing.sources import Sources, open_sources, sounding
from hocket.fusing.strikes import StrikeGain, find_strikes
from hocket.fusing.transposing import transposition
from hocket.fusing.written import Target, estimated
from hocket.options import FuseOptions
from hocket.score.timeline import Timeline
from hocket.signal.loudness import TARGET_RMS

# Of the time that fusing takes; the rest is for setting the level.
SHARE_OF_LISTENING, SHARE_OF_MIXING = 0.75, 0.2
# Samples, over all channels, that are mixed at once: 10 s of 8 channels at 48 kHz.
MOST_AT_ONCE = 2**22

TYPED = "typed chords are not aligned or transposed: they are already on the input's beats, in the key that you wrote."

Progress = Callable[[float], None]


@dataclass(frozen=True, eq=False, kw_only=True)
class Aligned(Sources):
    """Sources of one length as well, and the root mean square of each."""

    rms: tuple[float, float]

    @classmethod
    def of(cls, sources: Sources) -> "Aligned":
        """From sources that have one length.

        Raises:
            AudioError: one of them is silent.
        """
        first, second = (sounding(source, name).rms for source, name in sources.named)
        return cls(**vars(sources), rms=(first, second))


@dataclass(frozen=True, eq=False)
class Fusion:
    """A fusion whose recordings are read span by span, as long as their workspace is open.

    `output`, `input` and `target` share rate, channels and length; the sources are as they were fused. The `masks` are
    those before the `levels` of input and target; `notes` say in plain words how the sources were brought together.
    `voices`, if they were asked for, are what input and target gave, before the amounts of the `options`: the output
    is the sum of the `stems`, which are the voices times these amounts. `wanted_lufs` is the loudness of the louder
    source. `timeline` is where typed chords are.
    """

    output: Recording
    input: Recording
    target: Recording
    masks: MaskTrack
    options: FuseOptions
    notes: tuple[str, ...] = ()
    voices: tuple[Recording, Recording] | None = None
    wanted_lufs: float = -math.inf
    timeline: Timeline | None = None

    @property
    def stems(self) -> tuple[Recording, Recording]:
        """The rhythm's and the harmony's part of the output, for a fusion whose voices were asked for."""
        assert self.voices is not None
        first, second = (Scaled(*pair) for pair in zip(self.voices, self.options.amounts, strict=True))
        return first, second

    def marks(self) -> Timeline:
        """Beats and bars of the input and chords of the target: typed ones exactly, else read off the sound."""
        return self.timeline or estimated(self.input, self.target)

    @property
    def mask_figures(self) -> dict[str, float]:
        """Means, complementarity and variance of the masks."""
        return self.masks.store.figures()

    @property
    def levels(self) -> tuple[float, float]:
        """Of input and target, as the model balanced them."""
        return float(self.masks.levels[0, 0]), float(self.masks.levels[0, 1])


@dataclass(frozen=True)
class FusedFacts:
    """The facts of a fusion that was written to a file, without its sound."""

    path: Path
    sample_rate: int
    num_channels: int
    num_samples: int
    mask_figures: dict[str, float]
    levels: tuple[float, float]
    options: FuseOptions
    notes: tuple[str, ...] = ()


def fuse_files(
    model: Model,
    paths: tuple[str | Path, Target],
    *,
    options: FuseOptions,
    workspace: Workspace,
    apart: bool = False,
    on_read: Callable[[], None] | None = None,
    on_progress: Progress | None = None,
) -> Fusion:
    """Fuses an input's file and a target; `on_read` is called whenever a source is read, and may raise to stop.

    Raises:
        AudioError: see `open_sources` and `align`; or a rate is wanted that the model's codec does not have.
    """
    rate = model.codec.fixed_rate
    if rate and options.sample_rate not in (None, rate):
        raise AudioError(
            f"the checkpoint's codec {model.codec.config.codec} works at {rate} Hz only: leave out --sample-rate."
        )
    sources = open_sources(
        paths,
        codec=model.codec,
        options=options,
        workspace=workspace,
        on_read=on_read or (lambda: None),
        num_voices=1 + apart,
    )
    if sources.timeline is not None and (options.align, options.key) != ("none", "none"):
        options = replace(options, align="none", key="none")
        sources = replace(sources, notes=(*sources.notes, TYPED))
    aligned = align(sources, options, workspace)
    return fuse_aligned(
        model, aligned, options=options, workspace=workspace, apart=apart, on_progress=on_progress
    )


@torch.inference_mode()
def fuse_aligned(
    model: Model,
    aligned: Aligned,
    *,
    options: FuseOptions,
    workspace: Workspace,
    apart: bool = False,
    on_progress: Progress | None = None,
) -> Fusion:
    """Fuses sources of one length, and keeps both voices if they are requested `apart`.

    `on_progress` is given the share that is done.

    Raises:
        AudioError: the model would hear nothing of one of them.
    """
    report = on_progress or (lambda share: None)
    aligned = _at_codec_rate(model, aligned, workspace)
    masks = decide(
        model, aligned, options, workspace, on_progress=lambda share: report(SHARE_OF_LISTENING * share)
    )

    def on_mixing(share: float) -> None:
        report(SHARE_OF_LISTENING + SHARE_OF_MIXING * share)

    if apart:
        mixed = mix_voices(model, aligned, masks, workspace, on_progress=on_mixing)
    else:
        mixed = [mix(model, aligned, masks, options, workspace, on_progress=on_mixing)]
    fusion = level(mixed, aligned, masks, options)
    report(1.0)
    return fusion


def _at_codec_rate(model: Model, aligned: Aligned, workspace: Workspace) -> Aligned:
    """Resamples the sources to the codec's own rate, where it has no other."""
    rate = model.codec.fixed_rate
    if rate in (None, aligned.input.sample_rate):
        return aligned
    input, target = (_heard(source, rate, workspace) for source in (aligned.input, aligned.target))
    note = f"the output is at {rate / 1000:g} kHz, the rate of the codec {model.codec.config.codec}."
    return replace(aligned, input=input, target=target, notes=(*aligned.notes, note))


def align(sources: Sources, options: FuseOptions, workspace: Workspace) -> Aligned:
    """Brings the target into the input's tempo and key where that is wanted, and both to one length.

    Raises:
        AudioError: one of them is silent, or would have to be stretched too far.
    """
    semitones, key_note = transposition(sources.target, sources.input, wanted=options.key)
    alignment = align_target(
        sources.target, sources.input, mode=options.align, workspace=workspace, semitones=semitones
    )
    first, second, note = match_lengths(
        sources.input,
        alignment.target,
        length=options.length,
        fit=options.fit,
        beat_seconds=alignment.beat_seconds,
        workspace=workspace,
        semitones=alignment.semitones,
    )
    spoken = (*sources.notes, key_note, alignment.note if options.align != "none" else "", note)
    notes = tuple(note for note in spoken if note)
    ready = replace(sources, input=_ending_softly(first), target=_ending_softly(second), notes=notes)
    return Aligned.of(ready)


def _ending_softly(source: Audio | Recording) -> Recording:
    """A source that was cut ends in the middle of its sound, which the output must not."""
    return Faded(source) if isinstance(source, Cut | Looped) else recording(source)


def decide(
    model: Model,
    aligned: Aligned,
    options: FuseOptions,
    workspace: Workspace,
    *,
    chunk_seconds: float = CHUNK_SECONDS,
    on_progress: Progress | None = None,
) -> MaskTrack:
    """The masks that the model decides on: it listens to both sources at its own rate and equally loud.

    Raises:
        AudioError: it would hear nothing of one of them.
    """
    # More than stereo has no agreed order of channels; what both ears hear is the mean, unless it cancels.
    pair = (aligned.input, aligned.target)
    shown = together(pair) if aligned.input.num_channels > 2 else pair
    first, second = (_heard(source, model.codec.sample_rate, workspace) for source in shown)
    heard = Sources(first, second, aligned.names)
    equal = [Scaled(source, TARGET_RMS / sounding(source, name).rms) for source, name in heard.named]
    masks = decide_masks(
        model,
        _excerpts(equal, model.device),
        heard.input.num_samples,
        workspace=workspace,
        chunk_seconds=chunk_seconds,
        on_progress=on_progress,
    )
    amount = options.strike(model.cascade.config.reattack)
    if not amount:
        return masks
    strikes, own = (find_strikes(folded(source)) for source in equal)
    return replace(masks, strikes=StrikeGain.over(strikes, own, amount, seconds=heard.input.duration_seconds))


def _heard(source: Recording, sample_rate: int, workspace: Workspace) -> Recording:
    """A recording at the model's rate, as the model hears it."""
    heard = Resampled(source, sample_rate)
    # A long one is resampled each time it is read: that takes less than to keep it on a disk.
    return workspace.keep(heard) if workspace.holds(heard.num_samples * heard.num_channels) else heard


def mix(
    model: Model,
    aligned: Aligned,
    masks: MaskTrack,
    options: FuseOptions,
    workspace: Workspace,
    *,
    on_progress: Progress | None = None,
) -> Stored:
    """The sources under their masks, at their own rate and in all their channels, with both ends made quiet."""
    [mixed] = _mixed(model, aligned, masks, options.amounts, workspace, on_progress=on_progress)
    return mixed


def mix_voices(
    model: Model,
    aligned: Aligned,
    masks: MaskTrack,
    workspace: Workspace,
    *,
    on_progress: Progress | None = None,
) -> list[Stored]:
    """The two parts of what `mix` gives, before the amounts of the options: the input's and the target's."""
    return _mixed(model, aligned, masks, (1.0, 1.0), workspace, apart=True, on_progress=on_progress)


def _mixed(
    model: Model,
    aligned: Aligned,
    masks: MaskTrack,
    amounts: tuple[float, float],
    workspace: Workspace,
    *,
    apart: bool = False,
    on_progress: Progress | None = None,
) -> list[Stored]:
    report, rate = on_progress or (lambda share: None), aligned.input.sample_rate
    num_channels, num_samples = aligned.input.num_channels, aligned.input.num_samples
    mixed = [workspace.new(num_channels, num_samples, rate) for _ in range(1 + apart)]

    def write(start: int, block: torch.Tensor) -> None:
        for voice, samples in zip(mixed, block.reshape(len(mixed), num_channels, -1), strict=True):
            voice.write(start, samples.cpu().numpy())

    gains = [TARGET_RMS / rms for rms in aligned.rms]
    spectrum = model.codec.at_rate(rate)
    if spectrum is None:
        equal = [Scaled(*pair) for pair in zip((aligned.input, aligned.target), gains, strict=True)]
        excerpts = _excerpts(equal, model.device)
        blocks = mix_latents(masks, excerpts, num_samples, amounts=amounts, apart=apart)
    else:
        # The levels bring both sources to one loudness as well: no copy of an hour of music is made for that.
        gains = [amount * TARGET_RMS / rms for amount, rms in zip(amounts, aligned.rms, strict=True)]
        masks = replace(masks, levels=masks.levels * masks.levels.new_tensor(gains))
        excerpts = _excerpts((aligned.input, aligned.target), model.device)
        most = MOST_AT_ONCE // (num_channels * len(mixed))
        blocks = mix_blocks(masks, excerpts, num_samples, codec=spectrum, most_at_once=most, apart=apart)
    for start, block in blocks:
        write(start, block)
        report((start + block.shape[-1]) / num_samples)
    if spectrum is None:
        return mixed

    def read(start: int, stop: int) -> torch.Tensor:
        voices = torch.from_numpy(np.stack([voice.read(start, stop) for voice in mixed]))[:, None]
        return (voices if apart else voices[0]).to(model.device)

    for start, end in quiet_ends(read, excerpts, masks, num_samples, sample_rate=rate, apart=apart):
        write(start, end)
    return mixed


def _excerpts(sources: Sequence[Recording], device: torch.device) -> Excerpts:
    def read(start: int, stop: int) -> tuple[torch.Tensor, torch.Tensor]:
        first, second = (
            torch.from_numpy(_readable(source.read(start, stop)))[None].to(device) for source in sources
        )
        return first, second

    return read


def _readable(samples: np.ndarray) -> np.ndarray:
    """Samples that torch can take: copied where they lie in a way that it cannot."""
    return samples if samples.flags.writeable and min(samples.strides) >= 0 else samples.copy()


def level(mixed: Sequence[Recording], aligned: Aligned, masks: MaskTrack, options: FuseOptions) -> Fusion:
    """The fusion as loud as its louder source, within what is usual: see `finishing`.

    `mixed` is the output, or both voices before their amounts.
    """
    output = mixed[0] if len(mixed) == 1 else Sum(mixed, options.amounts)
    finish = finishing(output, sources=(aligned.input, aligned.target))
    notes = (*aligned.notes, finish.note) if finish.note else aligned.notes
    voices = None
    if len(mixed) == 2:
        first, second = (Scaled(voice, finish.gain) for voice in mixed)
        voices = (first, second)
    return Fusion(
        Scaled(output, finish.gain) if voices is None else Sum(voices, options.amounts),
        aligned.input,
        aligned.target,
        masks,
        options,
        notes,
        voices,
        finish.wanted_lufs,
        aligned.timeline,
    )


def write(fusion: Fusion, path: Path, *, encoding: Encoding) -> FusedFacts:
    """Writes a fusion as WAV or FLAC; the file appears whole or not at all.

    Raises:
        AudioError: it cannot be written.
    """
    audio.save(path, fusion.output, encoding=encoding)
    return FusedFacts(
        path=path,
        sample_rate=fusion.output.sample_rate,
        num_channels=fusion.output.num_channels,
        num_samples=fusion.output.num_samples,
        mask_figures=fusion.mask_figures,
        levels=fusion.levels,
        options=fusion.options,
        notes=fusion.notes,
    )

"""From two recordings of one shape to their fusion, span by span: listen, lay the masks over them, set the level."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from hocket.audio.sound import peak
from hocket.audio.streams import Recording, Stored, Workspace
from hocket.audio.views import Resampled, folded, together
from hocket.errors import AudioError
from hocket.fusing.loudness import finishing
from hocket.fusing.masks import MaskStore, StoredScore
from hocket.fusing.onset_gains import onset_envelope, onset_gains, onset_strength_of
from hocket.fusing.options import FuseOptions
from hocket.fusing.views import Scaled
from hocket.hearing import SILENCE_DB, SILENCE_RMS
from hocket.model import FusionModel
from hocket.model.arrangement import Excerpts, listen_through
from hocket.model.ends import quiet_ends
from hocket.model.mixing import Grid, amounts, mix_blocks
from hocket.signal.loudness import TARGET_RMS
from hocket.signal.rhythm import frames_a_second

# Of the time that fusing takes; the rest is for setting the level.
SHARE_OF_LISTENING, SHARE_OF_MIXING = 0.75, 0.2
# Samples, over all channels, that are mixed at once: 10 s of 8 channels at 48 kHz.
MOST_AT_ONCE = 2**22
RUN_SAMPLES = 4096

Progress = Callable[[float], None]


@dataclass(frozen=True, eq=False)
class Fusion:
    """A fusion whose recordings are read span by span, as long as their workspace is open.

    `output`, `input` and `target` share rate, channels and length; the sources are as they were fused. The `score`
    holds the masks before the `levels` of input and target; `notes` say in plain words how the sources were brought
    together.
    """

    output: Recording
    input: Recording
    target: Recording
    score: StoredScore
    options: FuseOptions
    notes: tuple[str, ...] = ()

    @property
    def mask_figures(self) -> dict[str, float]:
        """Means, complementarity and variance of the masks."""
        return self.score.store.figures()

    @property
    def levels(self) -> tuple[float, float]:
        """Of input and target, as the model balanced them."""
        return float(self.score.levels[0, 0]), float(self.score.levels[0, 1])


@dataclass(frozen=True)
class Level:
    """Root mean square over all channels, and the largest magnitude."""

    rms: float
    peak: float

    @classmethod
    def of(cls, source: Recording) -> "Level":
        """Measured part by part."""
        energy, highest = 0.0, 0.0
        for block in source.blocks():
            energy += sum(map(_energy, block))
            highest = max(highest, peak(block))
        return cls(math.sqrt(energy / max(1, source.num_samples * source.num_channels)), highest)


def _energy(channel: np.ndarray) -> float:
    """Sum of squares: a few thousand at a time in single precision, and all of them in double."""
    whole = len(channel) // RUN_SAMPLES * RUN_SAMPLES
    runs, rest = channel[:whole].reshape(-1, RUN_SAMPLES), channel[whole:]
    return float(np.einsum("rs,rs->r", runs, runs).sum(dtype=np.float64)) + float(np.dot(rest, rest))


@torch.inference_mode()
def fuse_recordings(
    model: FusionModel,
    input: Recording,
    target: Recording,
    *,
    names: Sequence[str],
    options: FuseOptions,
    workspace: Workspace,
    notes: tuple[str, ...] = (),
    on_progress: Progress | None = None,
) -> Fusion:
    """Fuses two recordings of one rate, as many channels, and one length; `names` are what errors call them.

    `on_progress` is given the share that is done.

    Raises:
        AudioError: one of them is silent.
    """
    report = on_progress or (lambda share: None)
    sources = (input, target)
    gains = [TARGET_RMS / _sounding(source, name).rms for source, name in zip(sources, names, strict=True)]
    # More than stereo has no agreed order of channels; what both ears hear is the mean, unless it cancels.
    shown = together(sources) if input.num_channels > 2 else sources
    heard = [_heard(source, model.sample_rate, workspace) for source in shown]
    levels = [_sounding(source, name) for source, name in zip(heard, names, strict=True)]
    score = _listen(model, heard, levels, workspace, lambda share: report(SHARE_OF_LISTENING * share))
    wanted = _with_controls(score, options, heard[0], model)
    # The levels bring both sources to one loudness as well: no copy of an hour of music is made for that.
    wanted = replace(wanted, levels=wanted.levels * wanted.levels.new_tensor(gains))
    output = workspace.new(input.num_channels, input.num_samples, input.sample_rate)
    blocks = mix_blocks(
        wanted,
        _excerpts(model, sources),
        input.num_samples,
        grid=Grid.of(model.codec),
        codec=model.codec.at_rate(input.sample_rate).to(model.device),
        most_at_once=MOST_AT_ONCE // input.num_channels,
    )
    for start, block in blocks:
        output.write(start, block[0].cpu().numpy())
        done = (start + block.shape[-1]) / input.num_samples
        report(SHARE_OF_LISTENING + SHARE_OF_MIXING * done)
    _quieten_ends(output, wanted, _excerpts(model, sources))
    finish = finishing(output, sources=sources)
    report(1.0)
    notes = (*notes, finish.note) if finish.note else notes
    return Fusion(Scaled(output, finish.gain), input, target, score, options, notes)


def _listen(
    model: FusionModel,
    heard: list[Recording],
    levels: list[Level],
    workspace: Workspace,
    report: Progress,
) -> StoredScore:
    """The masks of two recordings at the model's rate."""
    length = heard[0].num_samples
    store = MaskStore(
        model.codec.dim,
        1 + length // model.codec.hop,
        frame_rate=model.codec.frame_rate,
        workspace=workspace,
    )
    scaled = [Scaled(source, TARGET_RMS / level.rms) for source, level in zip(heard, levels, strict=True)]
    balance, tone = listen_through(
        model,
        _excerpts(model, scaled),
        length,
        on_masks=store.add,
        on_chunk=lambda _, share: report(share),
    )
    return StoredScore(store, balance, tone)


def _quieten_ends(output: Stored, score: StoredScore, excerpts: Excerpts) -> None:
    def mixed(start: int, stop: int) -> torch.Tensor:
        return torch.from_numpy(output.read(start, stop).copy())[None].to(score.levels.device)

    ends = quiet_ends(mixed, excerpts, score, output.num_samples, sample_rate=output.sample_rate)
    for start, samples in ends:
        output.write(start, samples[0].cpu().numpy())


def _heard(source: Recording, sample_rate: int, workspace: Workspace) -> Recording:
    """What the model hears of a recording, at its own rate."""
    heard = Resampled(source, sample_rate)
    # A long one is resampled each time it is read: that takes less than to keep it on a disk.
    return workspace.keep(heard) if workspace.holds(heard.num_samples * heard.num_channels) else heard


def _sounding(source: Recording, name: str) -> Level:
    """The level of what has to sound."""
    level = Level.of(source)
    if level.rms >= SILENCE_RMS and level.peak >= 10 ** (SILENCE_DB / 20):
        return level
    rms_db = f"RMS {20 * math.log10(level.rms):.0f} dBFS" if level.rms > 0 else "no sound at all"
    raise AudioError(
        f"{name} is almost silent over the part that is used ({rms_db}): give a recording with sound in it."
    )


def _excerpts(model: FusionModel, sources: Sequence[Recording]) -> Excerpts:
    def read(start: int, stop: int) -> tuple[torch.Tensor, torch.Tensor]:
        first, second = (
            torch.from_numpy(_readable(source.read(start, stop)))[None].to(model.device) for source in sources
        )
        return first, second

    return read


def _readable(samples: np.ndarray) -> np.ndarray:
    """The same, copied where torch cannot take it as it is."""
    return samples if samples.flags.writeable and min(samples.strides) >= 0 else samples.copy()


def _with_controls(
    score: StoredScore, options: FuseOptions, input: Recording, model: FusionModel
) -> StoredScore:
    """The score as the controls want it; the input, as the model hears it, says where to strike."""
    controls, strikes = options.controls, None
    if controls.reattack:
        rate = frames_a_second(model.sample_rate)
        envelope = onset_envelope(onset_strength_of(folded(input)), frames_a_second=rate)
        strikes = onset_gains(
            envelope,
            frames_a_second=rate,
            num_frames=score.num_frames,
            frame_rate=model.codec.frame_rate,
            emphasis=controls.reattack,
        ).to(score.levels.device)
    return replace(score, levels=score.levels * amounts(controls).to(score.levels.device), strikes=strikes)

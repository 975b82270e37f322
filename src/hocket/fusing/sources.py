"""The ladder's first step: two files as two recordings of one rate, in as many channels, with sound in them."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hocket.audio import MAX_SAMPLES, AudioInfo
from hocket.audio.reading import decode
from hocket.audio.resampling import resampled_length
from hocket.audio.sound import peak, require_enough
from hocket.audio.streams import SAMPLE_BYTES, Recording, Workspace
from hocket.audio.views import Resampled, Upmixed, Watched, audible, folded
from hocket.codec import Codec
from hocket.errors import AudioError
from hocket.fusing.alignment import MOST_RATIO
from hocket.fusing.masks import mask_bytes
from hocket.fusing.written import Target, play_chords, play_midi, source_infos
from hocket.hearing import MINIMUM_SECONDS, SILENCE_DB, SILENCE_RMS
from hocket.options import FuseOptions
from hocket.score.chords import Progression
from hocket.score.midi import is_midi
from hocket.score.timeline import Timeline

RUN_SAMPLES = 4096


@dataclass(frozen=True, eq=False)
class Sources:
    """Two recordings of one rate, in as many channels.

    `names` are what errors call them; `notes` say in plain words what was done to bring them together. `timeline` is
    where the beats and chords are, if the target was typed.
    """

    input: Recording
    target: Recording
    names: tuple[str, str]
    notes: tuple[str, ...] = ()
    timeline: Timeline | None = None

    @property
    def named(self) -> Iterator[tuple[Recording, str]]:
        """Input and target, each with its name."""
        return zip((self.input, self.target), self.names, strict=True)


@dataclass(frozen=True)
class Loudness:
    """Root mean square over all channels, and the largest magnitude."""

    rms: float
    peak: float

    @classmethod
    def of(cls, source: Recording) -> "Loudness":
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


def sounding(source: Recording, name: str) -> Loudness:
    """The level of what has to sound.

    Raises:
        AudioError: it is silent.
    """
    level = Loudness.of(source)
    if level.rms >= SILENCE_RMS and level.peak >= 10 ** (SILENCE_DB / 20):
        return level
    rms_db = f"RMS {20 * math.log10(level.rms):.0f} dBFS" if level.rms > 0 else "no sound at all"
    raise AudioError(
        f"{name} is almost silent in the part that is used ({rms_db}): give a recording with sound in it."
    )


def open_sources(
    paths: tuple[str | Path, Target],
    *,
    codec: Codec,
    options: FuseOptions,
    workspace: Workspace,
    on_read: Callable[[], None],
    num_voices: int = 1,
) -> Sources:
    """An input's file and a target at the rate and in the channels that the output will have.

    The output is going to be kept as `num_voices` recordings.

    `on_read` is called whenever a source is read, here (every minute of it at the least) and later, and may raise to
    stop the work.

    Raises:
        AudioError: one of them cannot be read, is silent or too short, or there is no room for the work; the sentence
            names the file or the folder.
    """
    infos = source_infos(*paths)
    _require_room(infos, codec, options, workspace, num_voices=num_voices)
    input = _opened(paths[0], options.sample_rate, workspace, on_read)
    num_channels, timeline, note = options.num_channels or input.num_channels, None, ""
    if isinstance(paths[1], Progression):
        played, timeline, note = play_chords(paths[1], input, workspace, on_read)
        # Kept once more even where the rates agree: what is kept can be cut, to the sample.
        kept = workspace.keep(Resampled(played, input.sample_rate))
        kept.cut(input.num_samples)
        target: Recording = kept
    else:
        target = _opened(paths[1], input.sample_rate, workspace, on_read)
    # Watched again, as a resampled source is a copy that nobody watches.
    first, second = (
        Watched(
            source if source.num_channels == num_channels else Upmixed(folded(source), num_channels), on_read
        )
        for source in (input, target)
    )
    return Sources(first, second, (str(paths[0]), str(paths[1])), (note,) if note else (), timeline)


def _opened(
    path: str | Path, sample_rate: int | None, workspace: Workspace, on_read: Callable[[], None]
) -> Recording:
    """A file that is long and loud enough, at the rate that is wanted."""
    read = play_midi(path, workspace, on_read) if is_midi(path) else decode(path, workspace)
    source = _at_rate(audible(Watched(read, on_read)), sample_rate, workspace)
    highest, seconds = Loudness.of(source).peak, source.duration_seconds
    require_enough(path, duration_seconds=seconds, highest=highest, minimum_seconds=MINIMUM_SECONDS)
    return source


def _at_rate(source: Recording, sample_rate: int | None, workspace: Workspace) -> Recording:
    """Resampled once, as it is read several times."""
    if sample_rate is None or sample_rate == source.sample_rate:
        return source
    return workspace.keep(Resampled(source, sample_rate))


def _require_room(
    infos: tuple[AudioInfo, AudioInfo],
    codec: Codec,
    options: FuseOptions,
    workspace: Workspace,
    *,
    num_voices: int,
) -> None:
    """Looks before the work begins whether the output may be written and its files fit on the disk."""
    rate = options.sample_rate or infos[0].sample_rate
    channels = options.num_channels or infos[0].num_channels
    lengths = {
        role: resampled_length(info.num_samples, from_hz=info.sample_rate, to_hz=rate)
        for role, info in zip(("input", "target"), infos, strict=True)
    }
    length = {"shortest": min, "longest": max}.get(options.length, lambda _: lengths[options.length])(
        lengths.values()
    )
    if length * channels > MAX_SAMPLES:
        raise AudioError(
            f"{infos[0].path} and {infos[1].path} would need {length * channels} samples ({channels} "
            f"channels at {rate} Hz), and the limit is {MAX_SAMPLES}: cut them into parts, or ask for fewer "
            "channels or a lower rate."
        )
    # The output, and the sources at their own rate, at the output's where that is another, and stretched or transposed.
    sizes = [length * channels] * num_voices
    for role, info in zip(lengths, infos, strict=True):
        sizes.append(info.num_samples * info.num_channels)
        if info.sample_rate != rate:
            sizes.append(lengths[role] * info.num_channels)
        is_moved = role == "target" and (options.align, options.key) != ("none", "none")
        if options.fit == "stretch" or is_moved:
            sizes.append(round(MOST_RATIO * lengths[role] * channels))
    num_frames = 1 + round(length / rate * codec.frame_rate)
    masks = 2 * num_frames * codec.dim
    num_bytes = SAMPLE_BYTES * sum(size for size in sizes if not workspace.holds(size))
    num_bytes += 0 if workspace.holds(masks) else mask_bytes(codec.dim, num_frames, codec.frame_rate)
    if num_bytes:
        workspace.require(num_bytes, what=f"fusing {infos[0].path} and {infos[1].path}")

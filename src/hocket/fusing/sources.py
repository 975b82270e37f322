"""Two files as two recordings of one rate, as many channels and one length, by the options' rules."""

from collections.abc import Callable
from pathlib import Path

from hocket import audio
from hocket.audio import MAX_SAMPLES, Audio, AudioInfo
from hocket.audio.reading import decode
from hocket.audio.resampling import resampled_length
from hocket.audio.sound import require_enough
from hocket.audio.streams import SAMPLE_BYTES, Recording, Workspace, recording
from hocket.audio.views import Resampled, Upmixed, audible, folded
from hocket.errors import AudioError
from hocket.fusing.alignment import MOST_RATIO, align_target
from hocket.fusing.fusion import Level
from hocket.fusing.lengths import match_lengths
from hocket.fusing.masks import mask_bytes
from hocket.fusing.options import FuseOptions
from hocket.fusing.views import Cut, Faded, Looped, Watched
from hocket.hearing import MINIMUM_SECONDS
from hocket.model import FusionModel


def open_sources(
    input_path: str | Path,
    target_path: str | Path,
    *,
    model: FusionModel,
    options: FuseOptions,
    workspace: Workspace,
    on_read: Callable[[], None] | None = None,
) -> tuple[Recording, Recording, tuple[str, ...]]:
    """Both files as they will be fused, and notes of what was done to bring them together.

    `on_read` is called whenever a source is read, here (every minute of it at the least) and later, and may raise to
    stop the work.

    Raises:
        AudioError: one of them cannot be read, is silent or too short, or there is no room for the work; the sentence
            names the file or the folder.
    """
    paths = (input_path, target_path)
    _require_room([audio.info(path) for path in paths], model, options, workspace)
    on_read = on_read or (lambda: None)
    input = _at_rate(audible(Watched(decode(input_path, workspace), on_read)), options.sample_rate, workspace)
    _require_sound(input, input_path)
    target = _at_rate(audible(Watched(decode(target_path, workspace), on_read)), input.sample_rate, workspace)
    _require_sound(target, target_path)
    wanted = options.num_channels or input.num_channels
    input, target = (
        source if source.num_channels == wanted else Upmixed(folded(source), wanted)
        for source in (input, target)
    )
    # Again, as a resampled source is a copy that nobody watches.
    input, target = Watched(input, on_read), Watched(target, on_read)
    alignment = align_target(target, input, mode=options.align, workspace=workspace)
    first, second, note = match_lengths(
        input,
        alignment.target,
        length=options.length,
        fit=options.fit,
        beat_seconds=alignment.beat_seconds,
        workspace=workspace,
    )
    spoken = (alignment.note if options.align != "none" else "", note)
    sources = _ending_softly(first), _ending_softly(second)
    return *sources, tuple(note for note in spoken if note)


def _ending_softly(source: Audio | Recording) -> Recording:
    """A source that was cut ends in the middle of its sound, which the output must not."""
    return Faded(source) if isinstance(source, Cut | Looped) else recording(source)


def _at_rate(source: Recording, sample_rate: int | None, workspace: Workspace) -> Recording:
    """Resampled once, as it is read several times."""
    if sample_rate is None or sample_rate == source.sample_rate:
        return source
    return workspace.keep(Resampled(source, sample_rate))


def _require_sound(source: Recording, path: str | Path) -> None:
    """As `hocket.audio.require_sound`, part by part."""
    require_enough(
        path,
        duration_seconds=source.duration_seconds,
        highest=Level.of(source).peak,
        minimum_seconds=MINIMUM_SECONDS,
    )


def _require_room(
    infos: list[AudioInfo], model: FusionModel, options: FuseOptions, workspace: Workspace
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
            f"{infos[0].path} and {infos[1].path} would make {length * channels} samples in {channels} channels at "
            f"{rate} Hz, and {MAX_SAMPLES} is the most: cut them into parts, or ask for fewer channels or a lower rate."
        )
    # The output, and the sources at their own rate, at the output's where that is another, and stretched.
    sizes = [length * channels]
    for role, info in zip(lengths, infos, strict=True):
        sizes.append(info.num_samples * info.num_channels)
        if info.sample_rate != rate:
            sizes.append(lengths[role] * info.num_channels)
        if options.fit == "stretch" or (options.align != "none" and role == "target"):
            sizes.append(round(MOST_RATIO * lengths[role] * channels))
    num_frames = 1 + round(length / rate * model.codec.frame_rate)
    masks = 2 * num_frames * model.codec.dim
    num_bytes = SAMPLE_BYTES * sum(size for size in sizes if not workspace.holds(size))
    num_bytes += (
        0 if workspace.holds(masks) else mask_bytes(model.codec.dim, num_frames, model.codec.frame_rate)
    )
    if num_bytes:
        workspace.require(num_bytes, what=f"fusing {infos[0].path} and {infos[1].path}")

"""Reads samples from a file: all of it, an excerpt, or span by span."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hocket.audio.decoding import Decoder, check_size, opened, read_block
from hocket.audio.resampling import check_rate, fit, resample, resampled_length, source_span
from hocket.audio.sound import MISSING_TOLERANCE, Audio, Undecodable, cut_off, peak
from hocket.audio.streams import Recording, Stored, Workspace
from hocket.errors import AudioError
from hocket.hearing import fold

# Float files hold whatever was put there; 60 dB above full scale is an integer scale or garbage.
_MAX_PEAK = 1_000.0


@dataclass(frozen=True)
class AudioInfo:
    """Facts of a recording that are known before it is decoded.

    `num_samples` is per channel. It is exact, or at most 1 % more than there is to decode.
    """

    path: Path
    num_samples: int
    sample_rate: int
    num_channels: int
    format: str

    @property
    def duration_seconds(self) -> float:
        """`num_samples` over `sample_rate`."""
        return self.num_samples / self.sample_rate


@dataclass(frozen=True)
class _Span:
    """Frames to decode for an excerpt, and samples to keep once they are resampled."""

    first_frame: int
    num_frames: int
    num_skipped_samples: int
    num_samples: int


def info(path: str | Path) -> AudioInfo:
    """Reads the header of a recording; `format` is `wav`, `flac`, `ogg`, `mp3`, `aiff`, `m4a` or `aac`.

    Raises:
        AudioError: the file cannot be read, or its header states nothing that could be loaded.
    """
    path = Path(path)
    with opened(path) as (sound, container):
        return AudioInfo(path, sound.frames, sound.samplerate, sound.channels, container)


def load(
    path: str | Path,
    *,
    sample_rate: int | None = None,
    mono: bool = False,
    start_seconds: float = 0.0,
    duration_seconds: float | None = None,
) -> Audio:
    """Reads a recording, or the excerpt of it from `start_seconds` on, at `sample_rate` (its own where None).

    An excerpt is `round(duration * rate)` samples (at least one) of the whole recording at that rate, from
    sample `round(start * rate)` on, fewer where the recording ends first. Only what it needs is decoded. It
    equals that slice up to the resampler's own error and, for Opus, to how fast the decoder converges (for AAC, see
    `hocket.audio.mpeg4`). The whole has `round(num_samples * to / from)` samples.

    With `mono` it is one channel: the mean of all, or the loudest where they cancel each other in what is read.

    Memory: 4 bytes a sample, about three times as much while it is resampled. At rates up to 48 kHz no file gives
    more samples than `MAX_SAMPLES`, nor more than the greater of 2^24 (64 MB) and 128 for each of its bytes.

    Raises:
        AudioError: the file cannot be read, is cut off, holds no sound, samples that are not finite or more
            than `MAX_SAMPLES`, or ends before `start_seconds`.
        ValueError: `start_seconds` is negative, `duration_seconds` not positive, one of them not finite, or
            `sample_rate` out of range.
    """
    _check_times(start_seconds, duration_seconds)
    if sample_rate is not None:
        check_rate(sample_rate)
    path = Path(path)
    with opened(path) as (sound, container):
        from_hz = sound.samplerate
        to_hz = from_hz if sample_rate is None else sample_rate
        start = round(start_seconds * to_hz)
        wanted = None if duration_seconds is None else max(1, round(duration_seconds * to_hz))
        span = _plan(sound.frames, from_hz=from_hz, to_hz=to_hz, start=start, wanted=wanted)
        if span.num_samples <= 0:
            raise _nothing_there(path, start_seconds, sound.frames / from_hz)
        check_size(path, max(span.num_samples, span.num_frames) * sound.channels)
        frames = _decode(sound, path, span, container=container)
    if mono:
        frames = fold(frames)[np.newaxis]
    resampled = resample(frames, from_hz=from_hz, to_hz=to_hz)[:, span.num_skipped_samples :]
    lost = frames.shape[1] < span.num_frames
    length = min(span.num_samples, resampled.shape[1]) if lost else span.num_samples
    if length <= 0:
        raise _nothing_there(path, start_seconds, (span.first_frame + frames.shape[1]) / from_hz)
    return Audio(fit(resampled, length), to_hz)


def _check_times(start_seconds: float, duration_seconds: float | None) -> None:
    if not (math.isfinite(start_seconds) and start_seconds >= 0):
        raise ValueError(f"start_seconds must be zero or more, not {start_seconds}")
    if duration_seconds is not None and not (math.isfinite(duration_seconds) and duration_seconds > 0):
        raise ValueError(f"duration_seconds must be positive, not {duration_seconds}")


def _plan(num_frames: int, *, from_hz: int, to_hz: int, start: int, wanted: int | None) -> _Span:
    """The frames that `wanted` samples (None: all the rest) from `start` on need."""
    num_samples = resampled_length(num_frames, from_hz=from_hz, to_hz=to_hz) - start
    num_samples = num_samples if wanted is None else min(num_samples, wanted)
    if from_hz == to_hz:
        return _Span(start, num_samples, 0, num_samples)
    first, end, place = source_span(
        start, start + num_samples, from_hz=from_hz, to_hz=to_hz, num_source=num_frames
    )
    return _Span(first, end - first, start - place, num_samples)


def _decode(sound: Decoder, path: Path, span: _Span, *, container: str) -> np.ndarray:
    """Decodes `span` into float32 `[channels, frames]`, fewer where the file ends too early."""
    frames = np.empty((sound.channels, span.num_frames), dtype=np.float32)
    done = 0
    for block in read_blocks(
        sound, path, container, first_frame=span.first_frame, num_frames=span.num_frames
    ):
        frames[:, done : done + block.shape[1]] = block
        done += block.shape[1]
    return frames[:, :done].copy() if done < span.num_frames else frames


def read_blocks(
    sound: Decoder, path: Path, container: str, *, first_frame: int = 0, num_frames: int | None = None
) -> Iterator[np.ndarray]:
    """The frames of an open file in blocks `[channels, frames]`, all of them or `num_frames` from `first_frame` on.

    Raises:
        AudioError: more than 1 % of the frames are missing, or samples are not finite or far beyond ±1.
    """
    wanted = sound.frames if num_frames is None else num_frames
    done = 0
    try:
        if first_frame:
            sound.seek(first_frame)
        while done < wanted:
            block = read_block(sound, wanted - done)
            if block.shape[1] == 0:
                break
            _check_values(path, block)
            done += block.shape[1]
            yield block
    except Undecodable:
        pass  # What could be decoded counts.
    if wanted - done > MISSING_TOLERANCE * sound.frames:
        raise cut_off(path, share=(first_frame + done) / sound.frames)


def _check_values(path: Path, block: np.ndarray) -> None:
    highest = peak(block)
    if not math.isfinite(highest):
        raise AudioError(f"{path} contains samples that are not finite numbers: export the recording again.")
    if highest > _MAX_PEAK:
        raise AudioError(
            f"{path} is not scaled to ±1 (a sample of {highest:.3g}): export the recording again."
        )


def _nothing_there(path: Path, start_seconds: float, end_seconds: float) -> AudioError:
    return AudioError(
        f"{path} contains no sound from {start_seconds:g} s on (it ends at {end_seconds:.3g} s): start "
        "earlier or give a longer recording."
    )


def decode(path: str | Path, workspace: Workspace) -> Stored:
    """Reads a whole recording into a workspace, at its own rate and in all its channels; the samples are `load`'s.

    Raises:
        AudioError: what `load` raises for, or there is no room for it.
    """
    path, num_frames = Path(path), 0
    with opened(path) as (sound, container):
        stored = workspace.new(sound.channels, sound.frames, sound.samplerate)
        for block in read_blocks(sound, path, container):
            stored.write(num_frames, block)
            num_frames += block.shape[1]
    stored.cut(num_frames)
    if num_frames == 0:
        raise AudioError(f"{path} contains no sound (0 samples): give a recording.")
    return stored


class FromFile(Recording):
    """A recording that stays in its file: at `sample_rate`, each span decoded as `load` gives it.

    All of the file is decoded once to begin with, of which nothing is kept but `peak`, the largest magnitude.

    Raises:
        AudioError: what `load` raises for.
    """

    def __init__(self, path: str | Path, *, sample_rate: int) -> None:
        self._path, self.sample_rate = Path(path), sample_rate
        num_frames, self.peak = 0, 0.0
        with opened(self._path) as (sound, container):
            own_rate, self.num_channels = sound.samplerate, sound.channels
            for block in read_blocks(sound, self._path, container):
                num_frames += block.shape[1]
                self.peak = max(self.peak, peak(block))
        if num_frames == 0:
            raise AudioError(f"{self._path} contains no sound (0 samples): give a recording.")
        self.num_samples = resampled_length(num_frames, from_hz=own_rate, to_hz=sample_rate)

    def read(self, start: int, stop: int) -> np.ndarray:
        """See `Recording`."""
        length = min(stop, self.num_samples) - start
        if length <= 0:
            return np.zeros((self.num_channels, 0), dtype=np.float32)
        excerpt = load(
            self._path,
            sample_rate=self.sample_rate,
            start_seconds=start / self.sample_rate,
            duration_seconds=length / self.sample_rate,
        )
        # A sample or two may lie beyond the last frame.
        return fit(excerpt.samples, length)

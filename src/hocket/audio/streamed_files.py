"""Long recordings from files and into files, block by block, by the same rules as `load` and `save`."""

import math
import secrets
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

from hocket.audio import writing
from hocket.audio.decoding import Decoder, opened, read_block
from hocket.audio.reading import _check_values
from hocket.audio.sniffing import MISSING_TOLERANCE, cut_off
from hocket.audio.sound import MAX_SAMPLES, Undecodable, peak
from hocket.audio.streams import Recording, Stored, Workspace
from hocket.errors import AudioError

_FRAMES = 65_536


def decode(path: str | Path, workspace: Workspace) -> Stored:
    """Reads a whole recording into a workspace, at its own rate and in all its channels; the samples are `load`'s.

    Raises:
        AudioError: what `load` raises for, or there is no room for it.
    """
    path = Path(path)
    with opened(path) as (sound, container):
        stated, rate = sound.frames, sound.samplerate
        stored = workspace.new(sound.channels, stated, rate)
        num_frames, tolerance = _decode(sound, path, stored, container)
        if stated - num_frames > tolerance:
            raise cut_off(path, share=num_frames / stated)
    stored.cut(num_frames)
    if num_frames == 0:
        raise AudioError(f"{path} holds no sound (0 samples): give a recording.")
    return stored


def _decode(sound: Decoder, path: Path, stored: Stored, container: str) -> tuple[int, float]:
    """How many frames there were, and how many may be missing: any number in an MP3, whose header is a guess."""
    pending: list[np.ndarray] = []
    waiting, done = 0, 0
    tolerance = math.inf if container == "mp3" else MISSING_TOLERANCE * sound.frames
    try:
        while done + waiting < sound.frames:
            block = read_block(sound, sound.frames - done - waiting)
            if block.shape[1] == 0:
                break
            _check_values(path, block)
            pending.append(block)
            waiting += block.shape[1]
            if waiting >= _FRAMES:
                stored.write(done, np.concatenate(pending, axis=1))
                done, waiting = done + waiting, 0
                pending.clear()
    except Undecodable:
        tolerance = MISSING_TOLERANCE * sound.frames
    if pending:
        stored.write(done, np.concatenate(pending, axis=1))
    return done + waiting, tolerance


def save_stream(path: str | Path, source: Recording, *, encoding: writing.Encoding = "pcm24") -> None:
    """Writes a recording as `save` does, to the same bytes, without ever holding the whole of it.

    Raises:
        AudioError: see `save`; nothing is left behind then, nor when it is interrupted.
        ValueError: `encoding` is unknown.
    """
    path = Path(path)
    container = writing._container(path, encoding)
    writing._check_place(path)
    _check_size(path, source)
    temporary = path.with_name(f".hocket-{secrets.token_hex(8)}{path.suffix}")
    try:
        with temporary.open("x+b", buffering=0) as handle:
            try:
                _encode(handle, path, source, container=container, encoding=encoding)
                handle.close()
                temporary.replace(path)
            except BaseException:
                temporary.unlink()
                raise
    except OSError as error:
        raise AudioError(writing._write_failure(path, error)) from error


def _check_size(path: Path, source: Recording) -> None:
    size = source.num_samples * source.num_channels
    if size == 0:
        raise AudioError(f"{path} was not written, because there is no sound to write (0 samples).")
    if size > MAX_SAMPLES:
        raise AudioError(f"{path} was not written: {MAX_SAMPLES} samples is the most, so write it in parts.")


def _encode(
    handle: BinaryIO, path: Path, source: Recording, *, container: str, encoding: writing.Encoding
) -> None:
    sink = writing._Sink(handle)
    settings = {"format": container, "subtype": writing._CODINGS[encoding]}
    try:
        with soundfile.SoundFile(sink, "w", source.sample_rate, source.num_channels, **settings) as sound:
            for block in source.blocks():
                _check_block(path, block, encoding)
                for first in range(0, block.shape[1], _FRAMES):
                    sound.write(writing._quantised(block[:, first : first + _FRAMES].T, encoding))
                    _raise(sink)
    except soundfile.LibsndfileError as error:
        _raise(sink)
        shape = f"{source.num_channels} channels at {source.sample_rate} Hz"
        reason = error.error_string.rstrip(".")
        raise AudioError(f"{path} cannot hold {shape} ({reason}): convert it first, or take .wav.") from error
    _raise(sink)
    if encoding == "float32":
        writing._remove_time_stamp(handle)


def _raise(sink: writing._Sink) -> None:
    """Raises what a sink has kept, an interruption too: libsndfile loses what is raised while it calls back."""
    if sink.error is not None:
        raise sink.error


def _check_block(path: Path, block: np.ndarray, encoding: writing.Encoding) -> None:
    highest = peak(block)
    if not math.isfinite(highest):
        raise AudioError(f"{path} was not written, because some of its samples are not finite numbers.")
    if encoding != "float32" and highest > 1.0 + writing._CLIP_TOLERANCE:
        raise AudioError(
            f"{path} was not written, because {encoding} would clip its peak of "
            f"{20 * math.log10(highest):+.2f} dBFS: limit it first or take float32."
        )

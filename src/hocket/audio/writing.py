"""Writes samples to files, completely or not at all, and to bytes that browsers can play."""

import io
import math
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Literal, get_args

import numpy as np
import soundfile

from hocket import files
from hocket.audio.lossy import RATES_HZ, encode_m4a, id3, mp3_rate, mp3_settings, readable, require_pyav
from hocket.audio.resampling import resample
from hocket.audio.sound import MAX_SAMPLES, Audio, peak
from hocket.audio.streams import Recording, recording
from hocket.errors import AudioError
from hocket.files import WRITABLE

Encoding = Literal["pcm16", "pcm24", "float32"]

_CONTAINERS = dict(zip(WRITABLE, ("WAV", "FLAC", "MP3", "M4A"), strict=True))
_CODINGS = {"pcm16": "PCM_16", "pcm24": "PCM_24", "float32": "FLOAT"}
_BITS = {"pcm16": 16, "pcm24": 24}
_MP3_QUALITY = 0.85
_BLOCK_FRAMES = 65_536
# libsndfile hands over 8 kB at a time: a third of the time went into writing each by itself.
_KEPT_BYTES = 2**18

# Rounding in a limiter may pass full scale by this much (one step of 16 bits); more is somebody's mistake.
_CLIP_TOLERANCE = 2.0**-15


class _Sink:
    """A file, from its current position on, that keeps the first error of those who call it back.

    libsndfile and FFmpeg pass on neither what went wrong nor, at the end of a FLAC, that anything did; and FFmpeg does
    not notice when only a part was written.
    """

    def __init__(self, handle: BinaryIO) -> None:
        self._handle, self._kept, self._start = handle, bytearray(), handle.tell()
        self.error: BaseException | None = None

    def write(self, data: bytes) -> int:
        """Claims success, because libsndfile would only pass on that something failed, not what."""
        try:
            self._kept += data
            if len(self._kept) >= _KEPT_BYTES:
                self.flush()
        except BaseException as error:
            self.error = self.error or error
        return len(data)

    def flush(self) -> None:
        """Writes what was kept back, unless something went wrong before."""
        kept, self._kept = self._kept, bytearray()
        try:
            if self.error is None:
                files.write_all(self._handle, bytes(kept))
        except BaseException as error:
            self.error = error

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self.flush()
        offset += self._start if whence == os.SEEK_SET else 0
        return self._handle.seek(offset, whence) - self._start

    def tell(self) -> int:
        return self._handle.tell() + len(self._kept) - self._start

    def reraise(self) -> None:
        """Raises what went wrong up to now, an interruption too."""
        if self.error is not None:
            raise self.error


def save(
    path: str | Path,
    audio: Audio | Recording,
    *,
    encoding: Encoding = "pcm24",
    tags: Mapping[str, str] | None = None,
) -> None:
    """Writes a recording as WAV, FLAC, MP3 or M4A, by the ending of `path`; the same samples give the same bytes.

    The file appears whole or not at all; a link of that name is replaced, and what it points to stays. Integer
    encodings round to the nearest step of 2^-15 or 2^-23 and hold -1 up to one step below 1. A `Recording` is read
    part by part, so that its samples are looked at as they are written; an `Audio` is refused before anything is.
    MP3 (variable, 130 to 290 kbit/s by the music) and M4A (AAC, about 256 kbit/s) ignore `encoding`.

    `tags` are texts by name, some of `hocket.audio.lossy.TAGS`. Control characters become spaces, and long texts are
    cut. To the software, libsndfile adds its own name and version in WAV and FLAC.

    Raises:
        AudioError: the ending or its encoding is not written, the folder cannot be written to, or the samples
            are none, too many, not finite or, unless they are written as float32, beyond ±1; or MP3 or M4A cannot
            hold the rate or the channels, or PyAV, which writes M4A, is missing.
        ValueError: `encoding` or the name of a tag is unknown.
    """
    with files.FileGroup(failure=AudioError) as group:
        save_into(group, path, audio, encoding=encoding, tags=tags)


def save_into(
    group: files.FileGroup,
    path: str | Path,
    audio: Audio | Recording,
    *,
    encoding: Encoding = "pcm24",
    tags: Mapping[str, str] | None = None,
) -> None:
    """Writes a recording as one of the files of a group, which should raise AudioError; see `save`."""
    path = Path(path)
    container = _container(path, encoding)
    _check_size(path, audio)
    require_holds(path, sample_rate=audio.sample_rate, num_channels=audio.num_channels)
    coding = container if container in RATES_HZ else encoding
    texts = readable(tags or {})
    if isinstance(audio, Audio):
        _check_values(path, audio.samples, coding)
    _encode(group.open(path), path, audio, container=container, coding=coding, tags=texts)


def _container(path: Path, encoding: Encoding) -> str:
    if encoding not in get_args(Encoding):
        raise ValueError(f"encoding must be one of {', '.join(get_args(Encoding))}, not {encoding!r}")
    container = _CONTAINERS.get(path.suffix.lower())
    if container is None:
        raise AudioError(
            f"{path} does not end in {', '.join(WRITABLE[:-1])} or {WRITABLE[-1]}: choose one of these endings."
        )
    if container == "FLAC" and encoding == "float32":
        raise AudioError(f"{path} cannot store float32, as FLAC has integers only: use .wav, pcm24 or pcm16.")
    if container == "M4A":
        require_pyav(path)
    _check_place(path)
    return container


def _check_place(path: Path) -> None:
    """A pipe or a device would be replaced by the finished file, which nobody wants."""
    try:
        mode = path.stat().st_mode
    except ValueError as error:
        raise AudioError(f"{path} cannot be written ({error}): give another name.") from error
    except OSError:
        return  # Nothing is there, as a rule; all else is told when it is written.
    if stat.S_ISDIR(mode):
        raise AudioError(f"{path} is a folder: give the name of a file.")
    if not stat.S_ISREG(mode):
        raise AudioError(f"{path} is a pipe or a device: give the name of a file.")


def _check_size(path: Path, audio: Audio | Recording) -> None:
    size = audio.num_samples * audio.num_channels
    if size == 0:
        raise AudioError(f"{path} was not written, because there is no sound to write (0 samples).")
    if size > MAX_SAMPLES:
        raise AudioError(f"{path} was not written: {MAX_SAMPLES} samples is the limit, so write it in parts.")


def require_holds(path: Path, *, sample_rate: int, num_channels: int) -> None:
    """Makes sure that a file of this ending can hold a recording, before anything is made to be written there.

    Raises:
        AudioError: MP3 and M4A have certain rates only, and at most two channels.
    """
    rates = RATES_HZ.get(_CONTAINERS.get(path.suffix.lower(), ""))
    if rates is None:
        return
    if sample_rate not in rates:
        found, cure = f"{sample_rate} Hz", "--sample-rate 44100"
    elif num_channels > 2:
        found, cure = f"{num_channels} channels", "--channels 2"
    else:
        return
    raise AudioError(f"{path} cannot store {found}: use {cure}, or name the output .wav or .flac.")


def _check_values(path: Path, samples: np.ndarray, coding: str) -> None:
    highest = peak(samples)
    if not math.isfinite(highest):
        raise AudioError(f"{path} was not written, because some of its samples are not finite numbers.")
    if coding != "float32" and highest > 1.0 + _CLIP_TOLERANCE:
        raise AudioError(
            f"{path} was not written, because {coding} would clip its peak of "
            f"{20 * math.log10(highest):+.2f} dBFS: limit it first, or use .wav with float32."
        )


def _encode(
    handle: BinaryIO,
    path: Path,
    audio: Audio | Recording,
    *,
    container: str,
    coding: str,
    tags: Mapping[str, str],
) -> None:
    """Writes to a file; `coding` is an encoding, or the container where that has only its own."""
    rate, num_channels = audio.sample_rate, audio.num_channels
    if container == "MP3":
        files.write_all(handle, id3(tags))
        settings, tags = mp3_settings(_MP3_QUALITY), {}
    elif container != "M4A":
        settings = {"format": container, "subtype": _CODINGS[coding]}
    sink = _Sink(handle)
    parts = _parts(path, audio, coding, sink)
    try:
        if container == "M4A":
            encode_m4a(sink, path, parts, sample_rate=rate, num_channels=num_channels, tags=tags)
        else:
            with soundfile.SoundFile(sink, "w", rate, num_channels, **settings) as sound:
                # FLAC holds them in front of the sound.
                for name, text in tags.items():
                    setattr(sound, name, text)
                for part in parts:
                    sound.write(_quantised(part.T, coding))
    except soundfile.LibsndfileError as error:
        sink.reraise()
        reason = error.error_string.rstrip(".")
        raise AudioError(
            f"{path} cannot store {num_channels} channels at {rate} Hz ({reason}): convert it first, or use .wav."
        ) from error
    sink.flush()
    sink.reraise()
    if coding == "float32":
        _remove_time_stamp(handle, num_channels)


def _parts(path: Path, audio: Audio | Recording, coding: str, sink: _Sink) -> Iterator[np.ndarray]:
    """The parts `[channels, samples]` of a recording, until writing one of them fails.

    The values of a `Recording` are checked here, because nobody has looked at them before.
    """
    for block in recording(audio).blocks():
        if isinstance(audio, Recording):
            _check_values(path, block, coding)
        for first in range(0, block.shape[1], _BLOCK_FRAMES):
            yield block[:, first : first + _BLOCK_FRAMES]
            sink.reraise()


def _quantised(block: np.ndarray, coding: str) -> np.ndarray:
    """Integers by our own rounding: libsndfile writes times 2^15 - 1 and reads times 2^-15."""
    bits = _BITS.get(coding)
    if bits is None:
        return np.ascontiguousarray(block)
    scale = 2.0 ** (bits - 1)
    steps = np.clip(np.rint(block * np.float32(scale)), -scale, scale - 1)
    # libsndfile takes 24 bits from the top of 32.
    return steps.astype(np.int16) if bits == 16 else steps.astype(np.int32) << 8


def _remove_time_stamp(handle: BinaryIO, num_channels: int) -> None:
    """Zeroes the time in the PEAK chunk of a float WAV, which would make two equal recordings differ."""
    handle.seek(0)
    # A tag may say PEAK, but not be followed by the zeros in the length of the chunk.
    chunk = handle.read(2**14).find(b"PEAK" + (8 + 8 * num_channels).to_bytes(4, "little"))
    if chunk >= 0:
        handle.seek(chunk + 12)
        handle.write(bytes(4))


def encode_mp3(audio: Audio, *, quality: float = 0.3) -> bytes:
    """An MP3 for browsers, of one or two channels; `quality` is from 0 (smallest) to 1.

    What is louder than full scale is turned down. A rate that MP3 does not have becomes the next higher one, or 48 kHz.
    """
    rate = mp3_rate(audio.sample_rate)
    samples = resample(audio.samples, from_hz=audio.sample_rate, to_hz=rate)
    if samples.shape[0] > 2:
        samples = samples.mean(axis=0, keepdims=True)
    highest = float(np.abs(samples).max(initial=0.0))
    buffer = io.BytesIO()
    channels = samples.shape[0]
    with soundfile.SoundFile(buffer, "w", rate, channels, **mp3_settings(quality)) as encoded:
        encoded.write((samples / max(highest, 1.0)).T.astype(np.float32))
    return buffer.getvalue()

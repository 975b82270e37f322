"""From samples to files, whole or not at all, and to bytes that browsers play."""

import io
import math
import os
import stat
from pathlib import Path
from typing import BinaryIO, Literal, get_args

import numpy as np
import soundfile

from hocket import files
from hocket.audio.resampling import resample
from hocket.audio.sound import MAX_SAMPLES, Audio, peak
from hocket.audio.streams import Recording, recording
from hocket.errors import AudioError

Encoding = Literal["pcm16", "pcm24", "float32"]

_CONTAINERS = {".wav": "WAV", ".flac": "FLAC"}
_CODINGS = {"pcm16": "PCM_16", "pcm24": "PCM_24", "float32": "FLOAT"}
_MP3_RATES_HZ = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_BLOCK_FRAMES = 65_536
# libsndfile hands over 8 kB at a time: a third of the time went into writing each by itself.
_KEPT_BYTES = 2**18

# Rounding in a limiter may pass full scale by this much (one step of 16 bits); more is somebody's mistake.
_CLIP_TOLERANCE = 2.0**-15


class _Sink:
    """A file that keeps what went wrong first: libsndfile, which calls this back, passes on neither what nor whether.

    Its FLAC writer tells nobody of failed writes at the end, and an interruption raised in here would be lost.
    """

    def __init__(self, handle: BinaryIO) -> None:
        self._handle, self._kept = handle, bytearray()
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
        return self._handle.seek(offset, whence)

    def tell(self) -> int:
        return self._handle.tell() + len(self._kept)

    def reraise(self) -> None:
        """Raises what went wrong up to now, an interruption too."""
        if self.error is not None:
            raise self.error


def save(path: str | Path, audio: Audio | Recording, *, encoding: Encoding = "pcm24") -> None:
    """Writes a recording as WAV or FLAC, by the ending of `path`; the same samples give the same bytes.

    The file appears whole or not at all; a link of that name is replaced, and what it points to stays. Integer
    encodings round to the nearest step of 2^-15 or 2^-23 and hold -1 up to one step below 1. A `Recording` is read
    part by part, so that its samples are looked at as they are written; an `Audio` is refused before anything is.

    Raises:
        AudioError: the ending or its encoding is not written, the folder cannot be written to, or the samples
            are none, too many, not finite or, for an integer encoding, beyond ±1.
        ValueError: `encoding` is unknown.
    """
    with files.FileGroup(failure=AudioError) as group:
        save_into(group, path, audio, encoding=encoding)


def save_into(
    group: files.FileGroup, path: str | Path, audio: Audio | Recording, *, encoding: Encoding = "pcm24"
) -> None:
    """Writes a recording as one of the files of a group, which should raise AudioError; see `save`."""
    path = Path(path)
    container = _container(path, encoding)
    _check_size(path, audio)
    if isinstance(audio, Audio):
        _check_values(path, audio.samples, encoding)
    _encode(group.open(path), path, audio, container=container, encoding=encoding)


def _container(path: Path, encoding: Encoding) -> str:
    if encoding not in get_args(Encoding):
        raise ValueError(f"encoding must be one of {', '.join(get_args(Encoding))}, not {encoding!r}")
    container = _CONTAINERS.get(path.suffix.lower())
    if container is None:
        raise AudioError(
            f"{path} does not end in .wav or .flac: choose one of these, nothing else is written."
        )
    if container == "FLAC" and encoding == "float32":
        raise AudioError(f"{path} cannot hold float32, as FLAC has integers only: take .wav, pcm24 or pcm16.")
    _check_place(path)
    return container


def _check_place(path: Path) -> None:
    """A pipe or a device would be replaced by the finished file, which nobody means."""
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
        raise AudioError(f"{path} was not written: {MAX_SAMPLES} samples is the most, so write it in parts.")


def _check_values(path: Path, samples: np.ndarray, encoding: Encoding) -> None:
    highest = peak(samples)
    if not math.isfinite(highest):
        raise AudioError(f"{path} was not written, because some of its samples are not finite numbers.")
    if encoding != "float32" and highest > 1.0 + _CLIP_TOLERANCE:
        raise AudioError(
            f"{path} was not written, because {encoding} would clip its peak of "
            f"{20 * math.log10(highest):+.2f} dBFS: limit it first or take float32."
        )


def _encode(
    handle: BinaryIO, path: Path, audio: Audio | Recording, *, container: str, encoding: Encoding
) -> None:
    sink = _Sink(handle)
    settings = {"format": container, "subtype": _CODINGS[encoding]}
    try:
        with soundfile.SoundFile(sink, "w", audio.sample_rate, audio.num_channels, **settings) as sound:
            for block in recording(audio).blocks():
                if isinstance(audio, Recording):
                    _check_values(path, block, encoding)
                for first in range(0, block.shape[1], _BLOCK_FRAMES):
                    sound.write(_quantised(block[:, first : first + _BLOCK_FRAMES].T, encoding))
                    sink.reraise()
    except soundfile.LibsndfileError as error:
        sink.reraise()
        shape = f"{audio.num_channels} channels at {audio.sample_rate} Hz"
        reason = error.error_string.rstrip(".")
        raise AudioError(f"{path} cannot hold {shape} ({reason}): convert it first, or take .wav.") from error
    sink.flush()
    sink.reraise()
    if encoding == "float32":
        _remove_time_stamp(handle)


def _quantised(block: np.ndarray, encoding: Encoding) -> np.ndarray:
    """Integers by our own rounding: libsndfile writes times 2^15 - 1 and reads times 2^-15."""
    if encoding == "float32":
        return np.ascontiguousarray(block)
    bits = 16 if encoding == "pcm16" else 24
    scale = 2.0 ** (bits - 1)
    steps = np.clip(np.rint(block * np.float32(scale)), -scale, scale - 1)
    # libsndfile takes 24 bits from the top of 32.
    return steps.astype(np.int16) if bits == 16 else steps.astype(np.int32) << 8


def _remove_time_stamp(handle: BinaryIO) -> None:
    """Zeroes the time in the PEAK chunk of a float WAV, which would make two equal recordings differ."""
    handle.seek(0)
    chunk = handle.read(128).find(b"PEAK")
    if chunk >= 0:
        handle.seek(chunk + 12)
        handle.write(bytes(4))


def encode_mp3(audio: Audio, *, quality: float = 0.3) -> bytes:
    """An MP3 for browsers, of one or two channels; `quality` is from 0 (smallest) to 1.

    What is louder than full scale is turned down. A rate that MP3 does not have becomes the next higher one, or 48 kHz.
    """
    rate = next((rate for rate in _MP3_RATES_HZ if rate >= audio.sample_rate), _MP3_RATES_HZ[-1])
    samples = resample(audio.samples, from_hz=audio.sample_rate, to_hz=rate)
    if samples.shape[0] > 2:
        samples = samples.mean(axis=0, keepdims=True)
    highest = float(np.abs(samples).max(initial=0.0))
    buffer = io.BytesIO()
    with soundfile.SoundFile(
        buffer,
        "w",
        samplerate=rate,
        channels=samples.shape[0],
        format="MP3",
        subtype="MPEG_LAYER_III",
        compression_level=1.0 - quality,
        bitrate_mode="VARIABLE",
    ) as encoded:
        encoded.write((samples / max(highest, 1.0)).T.astype(np.float32))
    return buffer.getvalue()

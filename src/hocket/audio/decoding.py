"""Opening a file for decoding, with every fault as a sentence, and going to a place in it."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
import soundfile

from hocket.audio.chunks import aiff_layout, unread_coding, wav_layout
from hocket.audio.mpeg4 import opened_mpeg4
from hocket.audio.pcm import PcmReader
from hocket.audio.resampling import MAX_RATE_HZ, MIN_RATE_HZ
from hocket.audio.sniffing import identify
from hocket.audio.sound import MAX_SAMPLES, Undecodable
from hocket.errors import AudioError

# Small enough that little is lost in front of a place that cannot be decoded, large enough to cost nothing.
_BLOCK_FRAMES = 16_384
# A header may state 65,535 channels: what is decoded at once is bounded in samples, too.
_BLOCK_SAMPLES = 2**20

# How far before a place decoding has to begin for the place to come out as in the whole recording. MP3 frames
# borrow bits from earlier ones (3 frames of 1152 were enough). libsndfile 1.2.2 lands some hundred frames off
# in the last page of Vorbis (see its issue #885); a page has at most 255 packets of, as a rule, 1024 frames.
_MP3_REACH_FRAMES = 10 * 1152
_OGG_REACH_FRAMES = 8_192
_OGG_LAST_PAGE_FRAMES = 256 * 1024


# A decompression bomb is not told by its length, but by how little of a file makes how much sound: at 6 kbit/s, far
# below what music is stored at, stereo Opus gives 128 samples a byte. Silence in FLAC gives 600, in Opus 4000.
_MAX_SAMPLES_PER_BYTE = 128
_ALWAYS_ALLOWED_SAMPLES = 2**24
_USUAL_RATE_HZ = 48_000

_CODINGS = {"flac": {"PCM_S8", "PCM_16", "PCM_24"}, "ogg": {"VORBIS", "OPUS"}, "mp3": {"MPEG_LAYER_III"}}


class Decoder(Protocol):
    """What every format is read through: facts of the header, and a cursor over frames."""

    @property
    def frames(self) -> int:
        """The number of frames that the header states."""

    @property
    def samplerate(self) -> int:
        """In Hz."""

    @property
    def channels(self) -> int:
        """At least one."""

    def seek(self, frame: int) -> object:
        """Goes to a frame."""

    def read_frames(self, num_frames: int) -> np.ndarray:
        """The next frames, float32 `[frames, channels]`; fewer than asked for, and none at the end."""


class SoundfileDecoder(soundfile.SoundFile):
    """A sound file that is read straight on: soundfile's seek after every block spoils an MP3."""

    def seekable(self) -> bool:
        """False keeps soundfile from seeking of its own accord; `seek` works all the same."""
        return False

    def read_frames(self, num_frames: int) -> np.ndarray:
        """See `Decoder`."""
        try:
            return self.read(num_frames, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise Undecodable(str(error)) from error


@contextmanager
def opened(path: Path) -> Iterator[tuple[Decoder, str]]:
    """An open decoder and the container's name; its errors and the disk's become sentences."""
    with _opened_file(path) as handle:
        try:
            num_bytes = os.fstat(handle.fileno()).st_size
            container, start = identify(handle, path)
            with _decoder(handle, path, container, start=start, num_bytes=num_bytes) as sound:
                _check_header(sound, path, num_bytes=num_bytes)
                yield sound, container
        except (Undecodable, OSError) as error:
            raise AudioError(
                f"{path} cannot be decoded: get a whole copy of it, or convert it to WAV."
            ) from error
        except MemoryError as error:
            raise AudioError(f"{path} takes more memory than there is: cut it into parts.") from error


@contextmanager
def _decoder(
    handle: BinaryIO, path: Path, container: str, *, start: int, num_bytes: int
) -> Iterator[Decoder]:
    if container in ("m4a", "aac"):
        with opened_mpeg4(handle, path, container, num_bytes=num_bytes) as sound:
            yield sound
    elif container in ("wav", "aiff"):
        if container == "wav":
            layout = wav_layout(handle, path, start=start, num_bytes=num_bytes)
        else:
            layout = aiff_layout(handle, path, start=start, num_bytes=num_bytes)
        yield PcmReader(handle, layout)
    else:
        handle.seek(0)
        try:
            with SoundfileDecoder(handle.fileno(), closefd=False) as sound:
                if sound.format.lower() != container or sound.subtype not in _CODINGS[container]:
                    raise unread_coding(path, container, sound.subtype)
                yield sound
        except soundfile.LibsndfileError as error:
            raise Undecodable(str(error)) from error


@contextmanager
def _opened_file(path: Path) -> Iterator[BinaryIO]:
    # Unbuffered, because libsndfile shares the descriptor's position.
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise AudioError(f"{path} is a folder: give a single recording.")
        if not stat.S_ISREG(status.st_mode):
            raise AudioError(f"{path} is a pipe or a device: give a recording in an ordinary file.")
        if status.st_size == 0:
            raise AudioError(f"{path} is empty (0 bytes): give a recording.")
        handle = path.open("rb", buffering=0)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise AudioError(f"{path} does not exist: check its name and its folder.") from error
    except PermissionError as error:
        raise AudioError(f"{path} may not be read: change its permissions.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise AudioError(f"{path} cannot be opened ({reason}): check its name and its disk.") from error
    with handle:
        yield handle


def _check_header(sound: Decoder, path: Path, *, num_bytes: int) -> None:
    """Headers lie: nothing is allocated for what one states before it is found possible."""
    if sound.frames <= 0:
        raise AudioError(f"{path} holds no sound (0 samples): give a recording.")
    if not MIN_RATE_HZ <= sound.samplerate <= MAX_RATE_HZ:
        raise AudioError(
            f"{path} states a sample rate of {sound.samplerate} Hz: "
            f"give a recording at {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz."
        )
    num_samples = sound.frames * sound.channels
    check_size(path, num_samples)
    # At a low rate a file is small twice over: it grows again when it is brought to a usual one.
    usual = num_samples * max(1.0, _USUAL_RATE_HZ / sound.samplerate)
    if usual > max(_ALWAYS_ALLOWED_SAMPLES, _MAX_SAMPLES_PER_BYTE * num_bytes):
        raise AudioError(
            f"{path} would unpack from {num_bytes} bytes to {num_samples} samples, more than music can: "
            "convert it to WAV, if there is sound in it."
        )


def check_size(path: Path, num_samples: int) -> None:
    """Refuses more than `MAX_SAMPLES` samples, over all channels."""
    if num_samples > MAX_SAMPLES:
        raise AudioError(
            f"{path} states no length or one over the limit of {MAX_SAMPLES} samples "
            "(2 h of stereo at 48 kHz): cut it into parts or save it again."
        )


def go_to(sound: Decoder, frame: int, container: str) -> None:
    """Goes to `frame` by way of an earlier one, where the decoder needs some frames to find its feet."""
    start = frame
    if container == "mp3":
        start = frame - _MP3_REACH_FRAMES
    elif container == "ogg":
        start = min(frame - _OGG_REACH_FRAMES, sound.frames - _OGG_LAST_PAGE_FRAMES)
    start = max(0, start)
    if start > 0:
        sound.seek(start)
    while start < frame and (read := read_block(sound, frame - start).shape[1]):
        start += read


def read_block(sound: Decoder, num_frames: int) -> np.ndarray:
    """The next block, `[channels, frames]`, of at most `num_frames`; without frames at the end."""
    most = min(_BLOCK_FRAMES, max(1, _BLOCK_SAMPLES // sound.channels))
    return sound.read_frames(min(most, num_frames)).T

"""Opening a file for decoding, with every fault as a sentence."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np

from hocket.audio.chunks import aiff_layout, wav_layout
from hocket.audio.coded import joined
from hocket.audio.formats import identify
from hocket.audio.mpeg4 import opened_mpeg4
from hocket.audio.pcm import PcmReader
from hocket.audio.resampling import MAX_RATE_HZ, MIN_RATE_HZ
from hocket.audio.sound import MAX_SAMPLES, Undecodable
from hocket.errors import AudioError
from hocket.files import open_regular

# Small enough that little is lost in front of a place that cannot be decoded, large enough to cost nothing.
_BLOCK_FRAMES = 16_384
# A header may state 65,535 channels: what is decoded at once is bounded in samples, too.
_BLOCK_SAMPLES = 2**20

# A decompression bomb is recognised not by its length, but by how much sound it makes of how few bytes: at 6 kbit/s,
# far below what music is stored at, stereo Opus gives 128 samples a byte. Silence in FLAC gives 600, in Opus 4000.
_MAX_SAMPLES_PER_BYTE = 128
_ALWAYS_ALLOWED_SAMPLES = 2**24
_USUAL_RATE_HZ = 48_000


class Decoder(Protocol):
    """The interface that every format is read through: facts of the header, and a cursor over frames."""

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
        """Goes to a frame; the samples that follow equal those of the whole recording."""

    def read_frames(self, num_frames: int) -> np.ndarray:
        """The next frames, float32 `[frames, channels]`; fewer than asked for, and none at the end."""


@contextmanager
def opened(path: Path) -> Iterator[tuple[Decoder, str]]:
    """An open decoder and the container's name; its errors and the disk's become sentences."""
    with open_regular(path, failure=AudioError) as handle:
        try:
            num_bytes = os.fstat(handle.fileno()).st_size
            if num_bytes == 0:
                raise AudioError(f"{path} is empty (0 bytes): give a recording.")
            container, start = identify(handle, path)
            with _decoder(handle, path, container, start=start, num_bytes=num_bytes) as sound:
                _check_header(sound, path, num_bytes=num_bytes)
                yield sound, container
        except (Undecodable, OSError) as error:
            raise AudioError(
                f"{path} cannot be decoded: get a complete copy, or convert it to WAV."
            ) from error
        except MemoryError as error:
            raise AudioError(f"{path} needs more memory than is available: cut it into parts.") from error


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
        with closing(joined(handle, path, container, start=start, num_bytes=num_bytes)) as sound:
            yield sound


def _check_header(sound: Decoder, path: Path, *, num_bytes: int) -> None:
    """Checks a header's claims before anything is allocated for them, because headers can lie."""
    if sound.frames <= 0:
        raise AudioError(f"{path} contains no sound (0 samples): give a recording.")
    if not MIN_RATE_HZ <= sound.samplerate <= MAX_RATE_HZ:
        raise AudioError(
            f"{path} has a sample rate of {sound.samplerate} Hz: use a recording at {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz."
        )
    num_samples = sound.frames * sound.channels
    check_size(path, num_samples)
    # A recording at a low rate grows again when it is resampled to a usual one.
    usual = num_samples * max(1.0, _USUAL_RATE_HZ / sound.samplerate)
    if usual > max(_ALWAYS_ALLOWED_SAMPLES, _MAX_SAMPLES_PER_BYTE * num_bytes):
        raise AudioError(
            f"{path} would decode from {num_bytes} bytes to {num_samples} samples, which music never does: "
            "if it is a recording, convert it to WAV."
        )


def check_size(path: Path, num_samples: int) -> None:
    """Refuses more than `MAX_SAMPLES` samples, over all channels."""
    if num_samples > MAX_SAMPLES:
        raise AudioError(
            f"{path} declares no length, or one over the limit of {MAX_SAMPLES} samples (2 h of stereo at 48 "
            "kHz): cut it into parts or save it again."
        )


def read_block(sound: Decoder, num_frames: int) -> np.ndarray:
    """The next block, `[channels, frames]`, of at most `num_frames`; without frames at the end."""
    most = min(_BLOCK_FRAMES, max(1, _BLOCK_SAMPLES // sound.channels))
    return sound.read_frames(min(most, num_frames)).T

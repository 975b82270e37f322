"""Formats that libsndfile decodes (FLAC, Ogg, MP3), each read only from the parts of its file that hold sound."""

import ctypes
import os
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import soundfile

from hocket.audio.flac_and_ogg import OggLink, find_links, flac_pieces
from hocket.audio.mp3 import INDEX_STEP, Part
from hocket.audio.mp3_frames import find_parts
from hocket.audio.sound import Undecodable, unread_coding
from hocket.audio.spliced import Piece, Spliced
from hocket.errors import AudioError

# How far before a place decoding has to begin for the place to come out as in the whole recording. MP3 frames
# borrow bits from earlier ones: at most 511 bytes, which the smallest that music is stored in have in 10.
_MP3_REACH_FRAMES = 12
# libsndfile 1.2.2 lands some hundred frames off in the last page of Vorbis (see its issue #885); a page has at most
# 255 packets of, as a rule, 1024 frames.
_OGG_REACH_FRAMES = 8_192
_OGG_LAST_PAGE_FRAMES = 256 * 1024

_BLOCK_FRAMES = 16_384

_FLAC = ("flac", {"PCM_S8", "PCM_16", "PCM_24"})
_OGG = ("ogg", {"VORBIS", "OPUS"})
_MP3 = ("mp3", {"MPEG_LAYER_III"})

_lock = threading.Lock()
_depth = 0
_kept: int | None = None


def joined(handle: BinaryIO, path: Path, container: str, *, start: int, num_bytes: int) -> "Joined":
    """All recordings in an open FLAC, Ogg or MP3 that begins at `start`, as one.

    Raises:
        AudioError: its coding is another, something of it is missing, or the recordings differ in rate or channels.
        Undecodable: libsndfile cannot read it.
    """
    links: list[Link] = []
    if container == "mp3":
        parts = find_parts(handle, path, start=start, num_bytes=num_bytes)
        links += [Mp3Link(handle, path, part) for part in parts]
    elif container == "flac":
        links.append(FileLink(handle, path, flac_pieces(handle, start, num_bytes), _FLAC))
    else:
        links += [
            _ogg_link(handle, path, link)
            for link in find_links(handle, path, start=start, num_bytes=num_bytes)
        ]
    return Joined(links, path)


def _ogg_link(handle: BinaryIO, path: Path, link: OggLink) -> "FileLink":
    if link.coding != "flac":
        return FileLink(handle, path, [(link.start, link.stop)], _OGG)
    # libsndfile reads FLAC in no container but its own.
    packets = Spliced(handle, link.bodies)
    file = cast(BinaryIO, packets)
    return FileLink(file, path, flac_pieces(file, 0, packets.num_bytes), _FLAC)


class SoundfileDecoder(soundfile.SoundFile):
    """A sound file that is read sequentially, because soundfile's seek after every block corrupts an MP3.

    Raises:
        Undecodable: libsndfile cannot read it.
        AudioError: it holds another container or coding than `coding` says.
    """

    def __init__(
        self, handle: BinaryIO, pieces: Sequence[Piece], path: Path, *, coding: tuple[str, set[str]]
    ) -> None:
        self._failure: BaseException | None = None
        with self._decoding():
            super().__init__(Spliced(handle, pieces))
        container, codings = coding
        if self.format.lower() != container or self.subtype not in codings:
            self.close()
            raise unread_coding(path, container, self.subtype)

    def _init_virtual_io(self, file: Spliced) -> Any:
        """Makes libsndfile read a `Spliced`. In soundfile's own version, Ctrl-C during a read is printed and lost."""
        library = soundfile._ffi

        def fill(pointer: Any, num_bytes: int, _: object) -> int:
            return file.readinto(library.buffer(pointer, num_bytes))

        calls = {
            "get_filelen": lambda _: file.num_bytes,
            "seek": lambda offset, whence, _: file.seek(offset, whence),
            "read": fill,
            "write": lambda *_: 0,
            "tell": lambda _: file.tell(),
        }
        self._calls = {
            name: library.callback(f"sf_vio_{name}", call, error=0, onerror=self._keep)
            for name, call in calls.items()
        }
        return library.new("SF_VIRTUAL_IO*", self._calls)

    def _keep(self, _: object, failure: BaseException, __: object) -> None:
        """Keeps an exception that a callback raised, since libsndfile cannot pass it on; the read then ends."""
        self._failure = failure

    @contextmanager
    def _decoding(self) -> Iterator[None]:
        """Lets libsndfile work in silence, and raises what went wrong."""
        try:
            with quiet():
                yield
        except soundfile.LibsndfileError as error:
            raise self._failure or Undecodable(str(error)) from error
        if self._failure is not None:
            raise self._failure

    def seekable(self) -> bool:
        """False keeps soundfile from seeking of its own accord; `seek` works anyway."""
        return False

    def seek(self, frames: int, whence: int = soundfile.SEEK_SET) -> int:
        """See soundfile."""
        with self._decoding():
            return int(super().seek(frames, whence))

    def read_frames(self, num_frames: int) -> np.ndarray:
        """See `hocket.audio.decoding.Decoder`."""
        with self._decoding():
            return self.read(num_frames, dtype="float32", always_2d=True)

    def drop(self, num_frames: int) -> None:
        """Decodes frames and drops them."""
        while num_frames > 0 and (read := len(self.read_frames(min(num_frames, _BLOCK_FRAMES)))):
            num_frames -= read


class Link(ABC):
    """One of the recordings that a file consists of; only the one that is read is open."""

    frames: int
    samplerate: int
    channels: int

    def __init__(self) -> None:
        self._sound: SoundfileDecoder | None = None
        self._left = 0

    @abstractmethod
    def _opened_at(self, frame: int) -> SoundfileDecoder:
        """Returns a decoder whose next frame is `frame`."""

    def seek(self, frame: int) -> None:
        """Goes to a frame; the samples that follow equal those of the whole recording."""
        self.close()
        self._sound, self._left = self._opened_at(frame), self.frames - frame

    def read_frames(self, num_frames: int) -> np.ndarray:
        """See `hocket.audio.decoding.Decoder`."""
        assert self._sound is not None
        block = self._sound.read_frames(min(num_frames, self._left))
        self._left -= len(block)
        return block

    def close(self) -> None:
        """Closes the decoder, not the file."""
        if self._sound is not None:
            self._sound.close()
            self._sound = None


class Mp3Link(Link):
    """The frames between two headers of an encoder."""

    def __init__(self, handle: BinaryIO, path: Path, part: Part) -> None:
        super().__init__()
        self._handle, self._path, self._part = handle, path, part
        self.frames, self.samplerate = part.num_samples, part.format.sample_rate
        self.channels = part.format.num_channels

    def _opened_at(self, frame: int) -> SoundfileDecoder:
        wanted, size = frame + self._part.skipped_samples, self._part.format.frame_samples
        first = max(0, wanted // size - _MP3_REACH_FRAMES) // INDEX_STEP * INDEX_STEP
        sound = SoundfileDecoder(self._handle, self._part.pieces(first), self._path, coding=_MP3)
        if (sound.samplerate, sound.channels) != (self.samplerate, self.channels):
            sound.close()
            raise Undecodable("the decoder reports another format")
        sound.drop(self._part.lead_samples + wanted - first * size)
        return sound


class FileLink(Link):
    """One file as libsndfile sees it: a FLAC, or a link of an Ogg chain."""

    def __init__(
        self, handle: BinaryIO, path: Path, pieces: Sequence[Piece], coding: tuple[str, set[str]]
    ) -> None:
        super().__init__()
        self._handle, self._path, self._pieces, self._coding = handle, path, pieces, coding
        with self._opened() as sound:
            self.frames, self.samplerate, self.channels = sound.frames, sound.samplerate, sound.channels

    def _opened(self) -> SoundfileDecoder:
        return SoundfileDecoder(self._handle, self._pieces, self._path, coding=self._coding)

    def _opened_at(self, frame: int) -> SoundfileDecoder:
        start = frame
        if self._coding is _OGG:
            start = max(0, min(frame - _OGG_REACH_FRAMES, self.frames - _OGG_LAST_PAGE_FRAMES))
        sound = self._opened()
        if start > 0:
            sound.seek(start)
        sound.drop(frame - start)
        return sound


class Joined:
    """Several recordings in one file, one after the other, read as one.

    Raises:
        AudioError: their rates or channels differ.
    """

    def __init__(self, links: Sequence[Link], path: Path) -> None:
        first = links[0]
        for number, link in enumerate(links, start=1):
            if (link.samplerate, link.channels) != (first.samplerate, first.channels):
                raise AudioError(
                    f"{path} contains {len(links)} recordings in different formats: the first has "
                    f"{first.samplerate} Hz and {first.channels} channels, number {number} has "
                    f"{link.samplerate} Hz and {link.channels}: save each as a separate file."
                )
        self._links, self.samplerate, self.channels = links, first.samplerate, first.channels
        self.frames = sum(link.frames for link in links)
        self._current, self._left = -1, 0

    def seek(self, frame: int) -> None:
        """Goes to a frame."""
        number = 0
        while number < len(self._links) - 1 and frame >= self._links[number].frames:
            frame -= self._links[number].frames
            number += 1
        self._open(number, frame)

    def read_frames(self, num_frames: int) -> np.ndarray:
        """See `hocket.audio.decoding.Decoder`. Where frames are missing within a link, this is the end."""
        while self._left == 0 and self._current + 1 < len(self._links):
            self._open(self._current + 1, 0)
        block = self._links[self._current].read_frames(num_frames)
        self._left -= len(block)
        return block

    def _open(self, number: int, frame: int) -> None:
        self.close()
        self._links[number].seek(frame)
        self._current, self._left = number, self._links[number].frames - frame

    def close(self) -> None:
        """Closes what is open, not the file."""
        if self._current >= 0:
            self._links[self._current].close()


@contextmanager
def quiet() -> Iterator[None]:
    """Silences C code that prints to `stderr` while the block runs.

    libmpg123 prints a line for every damaged frame, and libsndfile has no switch for that. The C library's variable
    `stderr` is changed, which glibc allows by its manual, and not the descriptor 2: so Python's own `sys.stderr`, other
    threads and children that are started meanwhile keep theirs. Elsewhere than on glibc and macOS nothing is changed.
    """
    global _depth, _kept
    found = _stream()
    if found is None:
        yield
        return
    stream, nowhere = found
    with _lock:
        if _depth == 0:
            _kept, stream.value = stream.value, nowhere
        _depth += 1
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if _depth == 0:
                stream.value = _kept


@cache
def _stream() -> tuple[ctypes.c_void_p, int] | None:
    """The C library's variable, and a stream to nowhere to put into it; None where it may not be changed."""
    # musl's is a constant: to write to it would end the process.
    name = {"linux": "stderr", "darwin": "__stderrp"}.get(sys.platform)
    if name is None or (sys.platform == "linux" and not _has_glibc()):
        return None
    library = ctypes.CDLL(None)
    library.fopen.restype = ctypes.c_void_p
    nowhere = library.fopen(os.fsencode(os.devnull), b"w")
    return (ctypes.c_void_p.in_dll(library, name), nowhere) if nowhere else None


def _has_glibc() -> bool:
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (OSError, ValueError):
        return False

"""Recognition of recordings: by their names in a folder, and by their first bytes before any decoder sees them.

Names and headers can lie, and libsndfile and FFmpeg have parsers for dozens of formats, which should not see files from
strangers.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NoReturn

from hocket.audio.mp3_frames import find_frames
from hocket.audio.spliced import bytes_at
from hocket.errors import AudioError, DataError

SUFFIXES: tuple[str, ...] = (".aac", ".aif", ".aifc", ".aiff", ".flac", ".m4a", ".mp3", ".mp4")
SUFFIXES += (".oga", ".ogg", ".opus", ".rf64", ".w64", ".wav", ".wave")
"""The endings, in lower case, of the files that are taken for recordings.

`.aac`, `.m4a` and `.mp4` are included even without PyAV: an error that says what to install is better than music that
is silently ignored.
"""

_MAX_TAGS = 8
_APE_HEADER_BYTES = 32
_MAX_ZEROS = 2**20

_STARTS = {
    b"RIFF": "wav",
    b"RF64": "wav",
    b"BW64": "wav",
    b"riff": "wav",
    b"FORM": "aiff",
    b"fLaC": "flac",
    b"OggS": "ogg",
}
_KINDS = {b"RIFF": (b"WAVE",), b"RF64": (b"WAVE",), b"BW64": (b"WAVE",), b"FORM": (b"AIFF", b"AIFC")}
_WAVE64 = b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000")


def find_audio_files(folder: str | Path) -> list[Path]:
    """The files of `folder` and of its subfolders whose ending is in `SUFFIXES`, sorted.

    Symbolic links are followed and every folder is visited once, so that a loop of links ends. Names that
    begin with a dot are passed over: they are unfinished files of `save`, or what other systems keep beside a
    recording.

    Raises:
        DataError: `folder` is missing, is not a folder, may not be read, or holds no recording.
    """
    folder = Path(folder)
    try:
        if not folder.exists():
            raise DataError(f"{folder} does not exist: give a folder of music.")
        if not folder.is_dir():
            raise DataError(f"{folder} is not a folder: give the folder that holds the music.")
        found = sorted(path for path in _visible_files(folder) if path.suffix.lower() in SUFFIXES)
    except OSError as error:
        reason = f"{error.filename} cannot be read ({error.strerror})"
        raise DataError(f"{reason}: change its permissions or give another folder.") from error
    if not found:
        raise DataError(f"{folder} contains no recordings: give a folder with {', '.join(SUFFIXES)} files.")
    return found


def _visible_files(folder: Path) -> Iterator[Path]:
    """Every file below `folder`; of two ways to one folder, the first in order counts."""
    visited = {_identity(folder)}
    for parent, folders, files in os.walk(folder, followlinks=True, onerror=_raise):
        kept = []
        for name in sorted(folders):
            identity = _identity(Path(parent, name))
            if not name.startswith(".") and identity not in visited:
                visited.add(identity)
                kept.append(name)
        folders[:] = kept
        paths = (Path(parent, name) for name in files if not name.startswith("."))
        yield from (path for path in paths if path.is_file())


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _raise(error: OSError) -> NoReturn:
    raise error


def identify(handle: BinaryIO, path: Path) -> tuple[str, int]:
    """The container of an open file and where in it the recording begins. Leaves the position anywhere.

    The container is `wav` (RF64 and Wave64 too), `flac`, `ogg`, `mp3`, `aiff`, `m4a` or `aac`.

    Raises:
        AudioError: it is none of these.
    """
    num_bytes = handle.seek(0, os.SEEK_END)
    start = _after_tags(handle)
    container = _container(bytes_at(handle, start, 16))
    if container in (None, "mp3"):
        # Tags may state wrong sizes, and anything may stand in front of the first whole frame.
        found = find_frames(handle, start, num_bytes=num_bytes)
        start, container = (start, container) if found is None else (found, "mp3")
    if container is None:
        raise AudioError(f"{path} is not a recording that can be read: use WAV, FLAC, OGG, MP3, AIFF or M4A.")
    return container, start


def _after_tags(handle: BinaryIO) -> int:
    """Finds where the recording begins: after any ID3v2 and APEv2 tags and zeros."""
    start = 0
    for _ in range(_MAX_TAGS):
        head = bytes_at(handle, start, 16)
        if head[:3] == b"ID3" and len(head) >= 12:
            a, b, c, d = (byte & 0x7F for byte in head[6:10])
            # The flag of a footer, which is as long as the header.
            start += (20 if head[5] & 0x10 else 10) + (a << 21 | b << 14 | c << 7 | d)
        elif head[:8] == b"APETAGEX" and len(head) == 16:
            start += _APE_HEADER_BYTES + int.from_bytes(head[12:16], "little")
        elif head[:4] == bytes(4):
            start += _num_zeros(handle, start)
        else:
            break
    return start


def _num_zeros(handle: BinaryIO, start: int) -> int:
    data = bytes_at(handle, start, _MAX_ZEROS)
    return len(data) - len(data.lstrip(b"\0"))


def _container(head: bytes) -> str | None:
    name = head[:4]
    if name == b"riff":
        return "wav" if head[:16] == _WAVE64 else None
    if name in _STARTS:
        return _STARTS[name] if head[8:12] in _KINDS.get(name, (head[8:12],)) else None
    if head[4:8] == b"ftyp":
        return "m4a"
    # An MPEG frame begins with eleven set bits; the layer bits of layer III are 01, and 00 make ADTS of twelve.
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2:
        return "mp3"
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return "aac"
    return None

"""What a file is by its first bytes, before any decoder sees it.

Names and headers lie, and libsndfile knows two dozen formats whose parsers need not meet strangers' files.
"""

import struct
from pathlib import Path
from typing import BinaryIO

from hocket.errors import AudioError

MISSING_TOLERANCE = 0.01
"""A recording may lack this share of what its header states; one that lacks more is refused as cut off."""

_CODINGS = {
    "wav": {"PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"},
    "aiff": {"PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32"},
    "flac": {"PCM_S8", "PCM_16", "PCM_24"},
    "ogg": {"VORBIS", "OPUS"},
    "mp3": {"MPEG_LAYER_III"},
}
_WAV_PCM, _WAV_FLOAT, _WAV_EXTENSIBLE = 1, 3, 0xFFFE

# Programs that write to a pipe cannot know the length and put a number near the largest here.
_UNKNOWN_LENGTH = 0x7FFF_F000
_MAX_CHUNKS = 1_000
_MAX_TAGS = 8


def identify(handle: BinaryIO, path: Path, *, num_bytes: int) -> str:
    """The container of an open file: `wav`, `flac`, `ogg`, `mp3` or `aiff`. Leaves the position anywhere.

    Raises:
        AudioError: it is none of these, a WAV of something else than PCM or float, or a WAV or AIFF that is
            cut off.
    """
    start, head = _after_tags(handle)
    container = _container(head)
    if container is None:
        raise AudioError(f"{path} is not a recording of a known kind: give WAV, FLAC, OGG, MP3 or AIFF.")
    if container in ("wav", "aiff"):
        handle.seek(start + 12)
        _check_chunks(handle, path, order="<" if container == "wav" else ">", num_bytes=num_bytes)
    return container


def check_coding(path: Path, *, container: str, found_container: str, coding: str) -> None:
    """Compares what libsndfile found (its names) with what the first bytes said and with what is read here.

    Raises:
        AudioError: the coding is not one of those that are read.
    """
    same = found_container.lower() in (container, container + "ex")  # WAVEX: WAV with an extensible header
    if not same or coding not in _CODINGS[container]:
        raise _unread_coding(path, container, coding)


def _after_tags(handle: BinaryIO) -> tuple[int, bytes]:
    """Where the recording begins, after any ID3v2 tags (libsndfile skips them too), and 12 bytes of it."""
    start = 0
    for _ in range(_MAX_TAGS):
        handle.seek(start)
        head = handle.read(12)
        if head[:3] != b"ID3" or len(head) < 12:
            break
        a, b, c, d = (byte & 0x7F for byte in head[6:10])
        start += 10 + (a << 21 | b << 14 | c << 7 | d)
    return start, head


def _container(head: bytes) -> str | None:
    kind = head[8:12]
    if head[:4] == b"RIFF" and kind == b"WAVE":
        return "wav"
    if head[:4] == b"FORM" and kind in (b"AIFF", b"AIFC"):
        return "aiff"
    if head[:4] in (b"fLaC", b"OggS"):
        return "flac" if head[:1] == b"f" else "ogg"
    # An MPEG frame begins with eleven set bits; the layer bits of layer III are 01.
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2:
        return "mp3"
    return None


def _check_chunks(handle: BinaryIO, path: Path, *, order: str, num_bytes: int) -> None:
    """Walks the chunks up to the samples: libsndfile shortens a cut-off recording without a word."""
    for _ in range(_MAX_CHUNKS):
        header = handle.read(8)
        if len(header) < 8:
            break
        name, length = struct.unpack(f"{order}4sI", header)
        body = handle.tell()
        if name == b"fmt ":
            _check_wav_coding(handle.read(26), path)
        if name in (b"data", b"SSND"):
            _check_whole(path, stated=length, held=num_bytes - body)
            return
        handle.seek(body + length + length % 2)
    raise AudioError(f"{path} holds no sound (its header names no samples): get a whole copy of it.")


def _check_wav_coding(body: bytes, path: Path) -> None:
    tag = int.from_bytes(body[:2], "little")
    if tag == _WAV_EXTENSIBLE:
        tag = int.from_bytes(body[24:26], "little")
    if tag not in (_WAV_PCM, _WAV_FLOAT):
        raise _unread_coding(path, "wav", f"format {tag:#06x}")


def _check_whole(path: Path, *, stated: int, held: int) -> None:
    if stated < _UNKNOWN_LENGTH and stated - held > MISSING_TOLERANCE * stated:
        raise cut_off(path, share=held / stated)


def cut_off(path: Path, *, share: float) -> AudioError:
    """The error for a recording of which only `share` (0 to 1) is there or can be decoded."""
    return AudioError(
        f"{path} is damaged or cut off (only {100 * share:.0f} % of it can be read): get a whole copy of it."
    )


def _unread_coding(path: Path, container: str, coding: str) -> AudioError:
    readable = "PCM or float WAV, FLAC, OGG (Vorbis, Opus), MP3 or PCM AIFF"
    return AudioError(
        f"{path} is {container} with {coding} coding, which is not read: convert it to {readable}."
    )

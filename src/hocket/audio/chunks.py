"""The headers of WAV, RF64, Wave64 and AIFF: where the samples are, and whether all of them are there.

Sources: Multimedia Programming Interface and Data Specifications 1.0 (WAV), EBU Tech 3306 (RF64), Sony's
Wave64 specification, and Apple's Audio Interchange File Format 1.3 and AIFF-C.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from hocket.audio.pcm import PcmLayout, check_sizes
from hocket.audio.sound import MISSING_TOLERANCE, cut_off, unread_coding
from hocket.audio.spliced import bytes_at
from hocket.errors import AudioError

_WAV_PCM, _WAV_FLOAT, _WAV_EXTENSIBLE = 1, 3, 0xFFFE
_FAMILIES = {b"RF64": "RF64", b"BW64": "RF64", b"riff": "W64"}
_SUBFORMAT_TAIL = bytes.fromhex("000000001000800000aa00389b71")
_W64_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")

_AIFF_CODINGS = {b"NONE": ("i", ">"), b"twos": ("i", ">"), b"sowt": ("i", "<"), b"in24": ("i", ">")}
_AIFF_CODINGS |= {b"in32": ("i", ">"), b"raw ": ("u", ">"), b"fl32": ("f", ">"), b"FL32": ("f", ">")}
_AIFF_CODINGS |= {b"fl64": ("f", ">"), b"FL64": ("f", ">")}

# Programs that write to a pipe cannot know the length and put a number near the largest here.
_UNKNOWN_LENGTH = 0x7FFF_F000
_MAX_CHUNKS = 1_000
_MAX_TAIL_BYTES = 2**22
_NAME_BYTES = np.array([bytes([byte]).isalnum() or byte in b" _-()" for byte in range(256)])
_SOUND_NAMES = {b"data", b"SSND", b"RIFF", b"RF64", b"BW64", b"riff", b"FORM"}
_FOUR_GIGABYTES = 2**32

Chunk = tuple[bytes, int, int]


def wav_layout(handle: BinaryIO, path: Path, *, start: int, num_bytes: int) -> PcmLayout:
    """The samples of a WAV, RF64 (BW64 is the same) or Wave64 that begins at `start`.

    Raises:
        AudioError: it is not PCM or float, its sizes contradict each other, or samples are missing.
    """
    header, large = None, None
    family = _FAMILIES.get(bytes_at(handle, start, 4), "RIFF")
    chunks = _wave64_chunks(handle, start) if family == "W64" else _chunks(handle, start + 12, "<")
    for name, body, length in chunks:
        if name == b"ds64" and family == "RF64":
            large = int.from_bytes(bytes_at(handle, body, 16)[8:16], "little")
        elif name == b"fmt ":
            header = _wav_header(bytes_at(handle, body, min(length, 40)), path)
        elif name == b"data" and header is not None:
            is_open = length == 0xFFFF_FFFF and not large
            if length == 0xFFFF_FFFF and large:
                length = large
            unknown = (length >= _UNKNOWN_LENGTH and family == "RIFF") or (is_open and family == "RF64")
            held = _held(handle, path, body, length, num_bytes, unknown=unknown, family=family)
            if length and not unknown:
                _refuse_more(path, chunks)
            return header.holding(body, held)
    raise _no_samples(path)


def aiff_layout(handle: BinaryIO, path: Path, *, start: int, num_bytes: int) -> PcmLayout:
    """The samples of an AIFF or AIFC that begins at `start`.

    Raises:
        AudioError: as for `wav_layout`.
    """
    header, stated, sound = None, 0, None
    chunks = _chunks(handle, start + 12, ">")
    for name, body, length in chunks:
        if name == b"COMM":
            header, stated = _aiff_header(bytes_at(handle, body, min(length, 22)), path)
        elif name == b"SSND":
            offset = int.from_bytes(bytes_at(handle, body, 4), "big")
            sound = (body + 8 + offset, max(0, length - 8 - offset), length)
        if header is not None and sound is not None:
            first, within, length = sound
            unknown = length >= _UNKNOWN_LENGTH
            wanted = stated * header.num_channels * header.sample_bytes
            # The number of frames counts; without one, as after an interrupted recording, the size of the chunk.
            wanted = wanted if wanted or unknown else within
            held = _held(handle, path, first, wanted, num_bytes, unknown=wanted == 0)
            if length and not unknown:
                _refuse_more(path, chunks)
            return header.holding(first, held)
    raise _no_samples(path)


def _chunks(handle: BinaryIO, start: int, order: str) -> Iterator[Chunk]:
    """Name, place and stated length of one chunk after the other."""
    for _ in range(_MAX_CHUNKS):
        head = bytes_at(handle, start, 8)
        if len(head) < 8:
            return
        name, length = struct.unpack(f"{order}4sI", head)
        yield name, start + 8, length
        start += 8 + length + length % 2


def _wave64_chunks(handle: BinaryIO, start: int) -> Iterator[Chunk]:
    """Yields the chunks of a Wave64 file, whose lengths count their own header and are padded to 8."""
    start += 40
    for _ in range(_MAX_CHUNKS):
        head = bytes_at(handle, start, 24)
        if len(head) < 24:
            return
        length = int.from_bytes(head[16:], "little")
        if length < 24 or length >= 2**62:
            return
        yield head[:4] if head[4:16] == _W64_TAIL else b"", start + 24, length - 24
        start += length + -length % 8


def _wav_header(body: bytes, path: Path) -> PcmLayout:
    if len(body) < 16:
        raise _no_samples(path)
    tag, channels, rate_hz, _, frame_bytes, bits = struct.unpack("<HHIIHH", body[:16])
    if tag == _WAV_EXTENSIBLE and body[26:40] == _SUBFORMAT_TAIL:
        tag = int.from_bytes(body[24:26], "little")
    if tag not in (_WAV_PCM, _WAV_FLOAT):
        raise unread_coding(path, "wav", f"format {tag:#06x}")
    is_float = tag == _WAV_FLOAT
    sample_bytes = check_sizes(path, channels=channels, bits=bits, frame_bytes=frame_bytes, is_float=is_float)
    kind = "f" if is_float else "u" if sample_bytes == 1 else "i"
    return PcmLayout(rate_hz, channels, kind, sample_bytes, "<")


def _aiff_header(body: bytes, path: Path) -> tuple[PcmLayout, int]:
    """The header and the number of frames that it states."""
    if len(body) < 18:
        raise _no_samples(path)
    channels, num_frames, bits, exponent, mantissa = struct.unpack(">HIHHQ", body[:18])
    coding = body[18:22] or b"NONE"
    if coding not in _AIFF_CODINGS:
        raise unread_coding(path, "aiff", ascii(coding.decode("latin-1")).strip("'"))
    kind, order = _AIFF_CODINGS[coding]
    is_float = kind == "f"
    # Some programs write here the bits of the integers that the floats were made from.
    bits = 8 * (4 if coding.endswith(b"32") else 8) if is_float else bits
    sample_bytes = check_sizes(path, channels=channels, bits=bits, frame_bytes=None, is_float=is_float)
    # An 80-bit float; values far from any rate become 0, or a number that is refused later.
    rate_hz = mantissa * 2.0 ** (min(exponent, 16_383 + 40) - 16_383 - 63) if exponent > 16_383 else 0
    return PcmLayout(round(rate_hz), channels, kind, sample_bytes, order), num_frames


def _held(
    handle: BinaryIO, path: Path, first: int, stated: int, num_bytes: int, *, unknown: bool, family: str = ""
) -> int:
    """Bytes of samples that can be read from `first` on."""
    held = max(0, num_bytes - first)
    # A program that was interrupted, or that wrote to a pipe, left no length: the rest is sound, up to other chunks.
    if unknown or (stated == 0 and family in ("RIFF", "RF64")):
        return _chunks_behind(handle, first, num_bytes, "<" if family else ">") - first
    if family == "RIFF" and held - stated >= _FOUR_GIGABYTES:
        raise AudioError(f"{path} is larger than 4 GB, the limit of WAV: save it in parts, or as RF64.")
    if stated - held > MISSING_TOLERANCE * stated:
        raise cut_off(path, share=held / stated)
    return min(stated, held)


def _chunks_behind(handle: BinaryIO, first: int, stop: int, order: str) -> int:
    """Finds the start of the chunks after the sound, which end exactly at `stop`, in the last 4 MiB; else `stop`.

    They are searched backwards. In one of 250,000 files without such chunks, the end of the sound looked like one.
    """
    start = max(first, stop - _MAX_TAIL_BYTES)
    data = bytes_at(handle, start, stop - start)
    starts: dict[int, int] = {}
    for shift in range(4 if len(data) >= 12 else len(data) // 8):
        words = np.frombuffer(data, f"{order}u4", offset=shift, count=(len(data) - shift) // 4)
        names, lengths = words[:-1].view("u1").reshape(-1, 4), words[1:].astype(np.int64)
        places = shift + 4 * np.arange(len(names))
        ends = places + 8 + lengths
        found = _NAME_BYTES[names].all(axis=1) & (ends <= len(data))
        for place, end in zip(places[found].tolist(), ends[found].tolist(), strict=True):
            # A chunk of odd length is padded by a byte, which some programs leave out. Nested chunks do not count.
            for behind in {end, end + (end - place) % 2}:
                starts[behind] = min(place, starts.get(behind, place))
    end = len(data)
    while end in starts:
        end = starts[end]
    return start + end


def _refuse_more(path: Path, chunks: Iterator[Chunk]) -> None:
    """Refuses a second chunk of sound, or a second recording, after the first."""
    for name, _, length in chunks:
        if not name.isascii():
            return  # Not a chunk, but other data that was appended.
        if name in _SOUND_NAMES and length > 0:
            raise AudioError(
                f"{path} contains a second {name.decode()!a} chunk after its sound, and only one of the two "
                "can be read: save it again as one recording."
            )


def _no_samples(path: Path) -> AudioError:
    return AudioError(f"{path} contains no sound (its header declares no samples): get a complete copy.")

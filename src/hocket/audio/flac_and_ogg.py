"""The end of a FLAC (RFC 9639) and the links of an Ogg (RFC 3533), found without decoding.

A FLAC that was written to a pipe declares no length, or a wrong one, so its last frame is looked up. The links of an
Ogg are several streams in one file, which players play in a row.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from hocket.audio.sound import Undecodable, cut_off
from hocket.audio.spliced import Piece, Window, bytes_at

_FLAC_HEAD_BYTES = 4 + 4 + 34
# The largest size of a block, and the number of samples: the low 36 bits of 8 bytes.
_BLOCK, _COUNT, _COUNT_MASK = slice(10, 12), slice(18, 26), 2**36 - 1

_SYNC = re.compile(rb"\xff[\xf8\xf9]")
_MAX_HEADER_BYTES = 16
# In so many bytes at the end are two frames at the least: one of 4608 samples in 8 channels takes 110 kB.
_TAIL_BYTES = 2**18
_SIZES = {1: 192, 2: 576, 3: 1_152, 4: 2_304, 5: 4_608} | {code: 1 << code for code in range(8, 16)}

_MARK = b"OggS"
_HEAD_BYTES = 27
_BEGINS, _ENDS = 2, 4
_CODINGS = {b"\x01vorbis": "vorbis", b"OpusHead": "opus", b"\x7fFLAC": "flac"}
# In front of a FLAC's own mark: the packet's, a version and the number of headers.
_FLAC_MARK_BYTES = 9

_MAX_JUNK_BYTES = 2**24
_SEARCH_BYTES = 2**20
_MAX_LINKS = 500
_MAX_PAGES = 1_000_000


def flac_pieces(file: BinaryIO, first: int, num_bytes: int) -> list[Piece]:
    """The FLAC that begins at byte `first`, with a header that states at least the samples that are there."""
    head = bytes_at(file, first, _FLAC_HEAD_BYTES)
    if len(head) == _FLAC_HEAD_BYTES and head[4] & 0x7F == 0 and head[5:8] == b"\x00\x00\x22":
        fields = int.from_bytes(head[_COUNT], "big")
        found = _last_sample(file, max(first, num_bytes - _TAIL_BYTES), num_bytes, head)
        if fields & _COUNT_MASK < found <= _COUNT_MASK:
            count = (fields & ~_COUNT_MASK | found).to_bytes(8, "big")
            return [head[: _COUNT.start] + count + head[_COUNT.stop :], (first + _FLAC_HEAD_BYTES, num_bytes)]
    return [(first, num_bytes)]


def _last_sample(file: BinaryIO, first: int, stop: int, head: bytes) -> int:
    """Finds where the last frame ends that follows another; 0 if there is none. Sound rarely looks like one of them."""
    data = bytes_at(file, first, stop - first)
    block = int.from_bytes(head[_BLOCK], "big")
    ends, last = {0}, 0
    for found in _SYNC.finditer(data):
        frame = _read_frame(data[found.start() : found.start() + _MAX_HEADER_BYTES], block)
        if frame is None:
            continue
        start, size = frame
        if start in ends:
            last = start + size
        ends.add(start + size)
    return last


def _read_frame(head: bytes, block: int) -> tuple[int, int] | None:
    """First sample and number of samples of a frame, if its header's check sum is right."""
    if len(head) < _MAX_HEADER_BYTES:
        head += bytes(_MAX_HEADER_BYTES - len(head))
    size_code, rate_code = head[2] >> 4, head[2] & 0x0F
    # The number is coded as UTF-8 codes a character, in up to 7 bytes.
    width = 8 - (head[4] ^ 0xFF).bit_length()
    if size_code == 0 or rate_code == 15 or head[3] >> 4 > 10 or head[3] & 1 or width in (1, 8):
        return None
    number = head[4] & 0x7F >> width
    at = 4 + max(1, width)
    for byte in head[5:at]:
        number = number << 6 | byte & 0x3F
    size_bytes = {6: 1, 7: 2}.get(size_code, 0)
    size = int.from_bytes(head[at : at + size_bytes], "big") + 1 if size_bytes else _SIZES[size_code]
    at += size_bytes + {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if at >= _MAX_HEADER_BYTES or _sum(head[:at]) != head[at]:
        return None
    # The lowest bit: blocks of any size, which are numbered by their first samples.
    return (number if head[1] & 1 else number * block), size


def _sum(data: bytes) -> int:
    """The check sum of a frame's header."""
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value << 1 ^ (0x07 if value & 0x80 else 0)) & 0xFF
    return value


@dataclass
class OggLink:
    """The pages from `start` to `stop`; `coding` is that of the first stream that is sound, empty without one.

    `bodies` are the places of what that stream's pages hold, gathered for FLAC only.
    """

    start: int
    stop: int
    coding: str = ""
    bodies: list[tuple[int, int]] = field(default_factory=list)
    has_end: bool = False
    serial: bytes = b""


def find_links(handle: BinaryIO, path: Path, *, start: int, num_bytes: int) -> list[OggLink]:
    """The links of an Ogg that begins at `start`, by the heads of its pages.

    Raises:
        AudioError: the last page of a link is missing.
        Undecodable: it has no page that begins a stream, or more pages or links than any recording.
    """
    window = Window(handle, num_bytes)
    links: list[OggLink] = []
    place, is_beginning = _next_page(window, start), False
    for _ in range(_MAX_PAGES):
        if place is None:
            break
        head = window.at(place, _HEAD_BYTES + 255)
        flags, serial = head[5], head[14:18]
        body = place + _HEAD_BYTES + head[26]
        stop = body + sum(head[_HEAD_BYTES : _HEAD_BYTES + head[26]])
        following = _next_page(window, stop)
        if following != stop and (cut := _next_page(window, place + 4)) is not None and cut < stop:
            # Another page begins within this one, which was cut off before that was joined to it.
            place = cut
            continue
        if stop > num_bytes:
            break
        if flags & _BEGINS and not is_beginning:
            links.append(OggLink(place, stop))
            if len(links) > _MAX_LINKS:
                raise Undecodable("too many links")
        is_beginning = bool(flags & _BEGINS)
        if links:
            _add_page(links[-1], window.at(body, 8), serial, flags, span=(body, stop))
        place = following
    else:
        raise Undecodable("too many pages")
    if not links:
        raise Undecodable("no page starts a stream")
    if not all(link.has_end for link in links):
        raise cut_off(path)
    return links


def _add_page(link: OggLink, begin: bytes, serial: bytes, flags: int, *, span: tuple[int, int]) -> None:
    if flags & _BEGINS and not link.coding:
        link.coding = next((coding for mark, coding in _CODINGS.items() if begin.startswith(mark)), "")
        link.serial = serial
        if link.coding == "flac":
            span = (span[0] + _FLAC_MARK_BYTES, span[1])
    link.stop = span[1]
    if serial == link.serial:
        link.has_end = link.has_end or bool(flags & _ENDS)
        if link.coding == "flac":
            link.bodies.append(span)


def _next_page(window: Window, place: int) -> int | None:
    """Finds where the next page begins, as a rule at `place`."""
    limit = min(window.num_bytes, place + _MAX_JUNK_BYTES)
    if window.at(place, 4) == _MARK and len(window.at(place, _HEAD_BYTES)) == _HEAD_BYTES:
        return place
    while place < limit:
        data = window.at(place, _SEARCH_BYTES + _HEAD_BYTES)
        at = data.find(_MARK, 0, _SEARCH_BYTES + 3)
        if at >= 0:
            return place + at if at + _HEAD_BYTES <= len(data) else None
        place += _SEARCH_BYTES
    return None

"""The links of an Ogg (RFC 3533): streams that stand in one file, one behind the other, as players take them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from hocket.audio.chunks import cut_off
from hocket.audio.sound import Undecodable
from hocket.audio.spliced import Window

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
        raise Undecodable("no page that begins a stream")
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
    """Where the next page begins, as a rule at `place`."""
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

"""The boxes of an MP4 (ISO 14496-12), looked through before FFmpeg builds tables of what they state.

Measured with FFmpeg 8.1: a file of 82 kB that states 20 million packets of one byte takes 4.7 s and 770 MB to open.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from hocket.audio.chunks import MISSING_TOLERANCE, cut_off, unread_coding
from hocket.audio.spliced import Piece, read_up_to
from hocket.errors import AudioError

_MAX_BOXES = 100_000
_MAX_DEPTH = 8

# Two hours of AAC are 340,000 packets, and of a film's pictures 430,000; each edit may list all of them again.
_MAX_PACKETS = 1_500_000

# FFmpeg looks for boxes in all of these, the last three included.
_CONTAINERS = {
    b"moov",
    b"trak",
    b"mdia",
    b"minf",
    b"stbl",
    b"edts",
    b"moof",
    b"traf",
    b"udta",
    b"mvex",
    b"dinf",
}
_CONTAINERS |= {b"free", b"skip", b"hoov"}

# Where in a box its number of packets or edits is: behind version, flags and a common size.
_COUNTS = {b"stsz": 8, b"stz2": 8, b"trun": 4, b"elst": 4}


def check_boxes(handle: BinaryIO, path: Path, *, num_bytes: int) -> list[Piece]:
    """Refuses an MP4 that is cut off, has no header, or states more packets than two hours of music have.

    Returns the file, in which a track that states less time than its packets take states theirs.

    Raises:
        AudioError: one of these; the sentence says which.
    """
    seen = set()
    packets, edits = 0, 1
    patches: list[tuple[int, bytes]] = []
    place, width = 0, 4
    for name, body, end in _boxes(handle, 0, num_bytes, depth=0):
        size = end - body
        if end - num_bytes > MISSING_TOLERANCE * size:
            raise cut_off(path, share=num_bytes / end)
        seen.add(name)
        if name == b"cmov":
            raise unread_coding(path, "m4a", "a compressed header")
        if name == b"mdhd":
            # Version 1 has numbers of 8 bytes. In front: version and flags, two dates, and the scale of time.
            place, width = (body + 24, 8) if _read(handle, body, 1) == b"\1" else (body + 16, 4)
        elif name == b"stts" and place:
            true = _packet_time(handle, body, end)
            if (1 + MISSING_TOLERANCE) * int.from_bytes(_read(handle, place, width), "big") < true < 2**32:
                patches.append((place, true.to_bytes(width, "big")))
            place = 0
        if name in _COUNTS:
            handle.seek(body + _COUNTS[name])
            count = int.from_bytes(handle.read(4), "big")
            if name == b"elst":
                edits = max(edits, count)
            else:
                packets += count
    if b"moov" not in seen:
        raise AudioError(f"{path} holds no sound (its header names no samples): get a whole copy of it.")
    if packets * edits > _MAX_PACKETS:
        raise AudioError(
            f"{path} states {packets} packets in {edits} edits, which is over the limit of {_MAX_PACKETS}: "
            "cut it into parts or save it again."
        )
    pieces: list[Piece] = []
    done = 0
    for place, number in patches:
        pieces += [(done, place), number]
        done = place + len(number)
    return [*pieces, (done, num_bytes)]


def _packet_time(handle: BinaryIO, body: int, end: int) -> int:
    """What all packets of a track take, by its table of runs: how many, and how long each."""
    count = min(int.from_bytes(_read(handle, body + 4, 4), "big"), (end - body - 8) // 8, _MAX_PACKETS)
    data = _read(handle, body + 8, 8 * max(0, count))
    runs = np.frombuffer(data[: len(data) // 8 * 8] or bytes(8), ">u4").reshape(-1, 2)
    return int(runs.astype(np.float64).prod(axis=1).sum())


def _read(handle: BinaryIO, place: int, num_bytes: int) -> bytes:
    handle.seek(place)
    return read_up_to(handle, num_bytes)


def _boxes(handle: BinaryIO, start: int, stop: int, *, depth: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, place of the content, and end of every box, those within others after the one that they are in."""
    for _ in range(_MAX_BOXES):
        handle.seek(start)
        head = handle.read(16) if start < stop else b""
        if len(head) < 8 or not head[4:8].isalnum():
            return  # The end, or padding.
        size, body = int.from_bytes(head[:4], "big"), start + 8
        if size == 1:
            size, body = int.from_bytes(head[8:16], "big"), start + 16
        end = stop if size == 0 else start + size
        if end < body:
            return
        yield head[4:8], body, end
        if head[4:8] in _CONTAINERS and depth < _MAX_DEPTH:
            yield from _boxes(handle, body, min(end, stop), depth=depth + 1)
        start = end

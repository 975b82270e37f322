"""The length of a FLAC by its last frame (RFC 9639): what is written to a pipe states none, or a wrong one."""

import re
from typing import BinaryIO

from hocket.audio.spliced import Piece, read_up_to

_INFO_BYTES = 34
_HEAD_BYTES = 4 + 4 + _INFO_BYTES
# The largest size of a block, and the number of samples: the low 36 bits of 8 bytes.
_BLOCK, _COUNT, _COUNT_MASK = slice(10, 12), slice(18, 26), 2**36 - 1

_SYNC = re.compile(rb"\xff[\xf8\xf9]")
_MAX_HEADER_BYTES = 16
# In so many bytes at the end are two frames at the least: one of 4608 samples in 8 channels takes 110 kB.
_TAIL_BYTES = 2**18
_SIZES = {1: 192, 2: 576, 3: 1_152, 4: 2_304, 5: 4_608} | {code: 1 << code for code in range(8, 16)}


def flac_pieces(file: BinaryIO, first: int, num_bytes: int) -> list[Piece]:
    """The FLAC that begins at byte `first`, with a header that states at least the samples that are there."""
    file.seek(first)
    head = read_up_to(file, _HEAD_BYTES)
    if len(head) == _HEAD_BYTES and head[4] & 0x7F == 0 and head[5:8] == b"\x00\x00\x22":
        fields = int.from_bytes(head[_COUNT], "big")
        found = _last_sample(file, max(first, num_bytes - _TAIL_BYTES), num_bytes, head)
        if fields & _COUNT_MASK < found <= _COUNT_MASK:
            count = (fields & ~_COUNT_MASK | found).to_bytes(8, "big")
            return [head[: _COUNT.start] + count + head[_COUNT.stop :], (first + _HEAD_BYTES, num_bytes)]
    return [(first, num_bytes)]


def _last_sample(file: BinaryIO, first: int, stop: int, head: bytes) -> int:
    """Where the last frame ends that follows another; 0 where there is none. Sound rarely looks like one of them."""
    file.seek(first)
    data = read_up_to(file, stop - first)
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

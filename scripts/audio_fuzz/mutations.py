"""Damage of many kinds, drawn from a generator: the same generator gives the same bytes."""

from collections.abc import Callable

import numpy as np

Generator = np.random.Generator
Mutation = Callable[[Generator, bytes, bytes], bytes]

_NUMBERS = (0, 1, 2, 3, 7, 24, 255, 256, 384_000, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000)
_NUMBERS += (0xFFFF_FFFE, 0xFFFF_FFFF, 0xEE6B_2800, 515 * 10**9, 39 * 10**12, 2**63 - 1, 2**64 - 1)

# Where the numbers of a header stand: behind names like these.
_NAMES = (b"RIFF", b"RF64", b"ds64", b"fmt ", b"data", b"fact", b"PEAK", b"LIST", b"FORM", b"COMM", b"SSND")
_NAMES += (
    b"fLaC",
    b"OggS",
    b"OpusHead",
    b"OpusTags",
    b"\x01vorbis",
    b"\x05vorbis",
    b"Xing",
    b"Info",
    b"LAME",
)
_NAMES += (b"ftyp", b"moov", b"mdhd", b"mvhd", b"tkhd", b"elst", b"stsd", b"esds", b"mp4a", b"alac", b"stts")
_NAMES += (b"stsz", b"stsc", b"stco", b"trun", b"tfhd", b"mdat", b"moof", b"trex", b"\xff\xfb", b"\xff\xf1")


def mutate(rng: Generator, data: bytes, other: bytes) -> tuple[str, bytes]:
    """One to three kinds of damage to `data`, some with parts of `other`; the kinds' names and the result."""
    names = []
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        name = str(rng.choice(list(_KINDS)))
        data = _KINDS[name](rng, data, other)
        names.append(name)
    # Without true sums of its pages an Ogg is turned away at once, and nothing behind that is tried.
    if b"OggS" in data[:4096] and rng.random() < 0.7:
        data = with_page_sums(data)
        names.append("sums")
    return "+".join(names), data


def _place(rng: Generator, data: bytes) -> int:
    """Anywhere, more often near the beginning."""
    near = rng.integers(0, max(1, min(200, len(data))))
    return int(near if rng.random() < 0.5 else rng.integers(0, max(1, len(data))))


def _block(rng: Generator, data: bytes) -> tuple[int, int]:
    first = _place(rng, data)
    return first, first + int(2 ** rng.uniform(0, 12))


def _cut_off(rng: Generator, data: bytes, other: bytes) -> bytes:
    return data[: _place(rng, data)]


def _bits(rng: Generator, data: bytes, other: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(int(2 ** rng.uniform(0, 6))):
        if out:
            out[_place(rng, data)] ^= 1 << int(rng.integers(0, 8))
    return bytes(out)


def _bytes(rng: Generator, data: bytes, other: bytes) -> bytes:
    first, last = _block(rng, data)
    return data[:first] + rng.bytes(min(last, len(data)) - first) + data[last:]


def _constant(rng: Generator, data: bytes, other: bytes) -> bytes:
    first, last = _block(rng, data)
    value = bytes([int(rng.choice([0, 0x20, 0x7F, 0x80, 0xFF]))])
    return data[:first] + value * (min(last, len(data)) - first) + data[last:]


def _number(rng: Generator, data: bytes, other: bytes) -> bytes:
    """An extreme number in a field of the header."""
    out = bytearray(data)
    names = [name for name in _NAMES if name in data]
    for _ in range(int(rng.integers(1, 4))):
        at = _place(rng, data)
        if names and rng.random() < 0.7:
            name = names[rng.integers(0, len(names))]
            at = data.index(name) + len(name) + int(rng.integers(0, 40)) - 4
        width = int(rng.choice([1, 2, 4, 8]))
        number = _NUMBERS[rng.integers(0, len(_NUMBERS))] % 2 ** (8 * width)
        at = max(0, at)
        out[at : at + width] = number.to_bytes(width, "little" if rng.random() < 0.5 else "big")
    return bytes(out)


def _insert(rng: Generator, data: bytes, other: bytes) -> bytes:
    at = _place(rng, data)
    return data[:at] + rng.bytes(int(2 ** rng.uniform(0, 10))) + data[at:]


def _delete(rng: Generator, data: bytes, other: bytes) -> bytes:
    first, last = _block(rng, data)
    return data[:first] + data[last:]


def _repeat(rng: Generator, data: bytes, other: bytes) -> bytes:
    first, last = _block(rng, data)
    return data[:last] + data[first:last] * int(rng.integers(1, 20)) + data[last:]


def _swap(rng: Generator, data: bytes, other: bytes) -> bytes:
    a, b, c = sorted(int(place) for place in rng.integers(0, len(data) + 1, 3))
    return data[:a] + data[b:c] + data[a:b] + data[c:]


def _append(rng: Generator, data: bytes, other: bytes) -> bytes:
    return data + (data, other, rng.bytes(500), bytes(5_000))[rng.integers(0, 4)]


def _graft(rng: Generator, data: bytes, other: bytes) -> bytes:
    """One recording's head on the body of another."""
    at = _place(rng, data)
    return data[:at] + other[_place(rng, other) if rng.random() < 0.5 else at :]


def _tag(rng: Generator, data: bytes, other: bytes) -> bytes:
    """An ID3v2 tag whose length is true or not."""
    body = rng.bytes(int(rng.integers(0, 300)))
    length = len(body) if rng.random() < 0.5 else int(rng.integers(0, 2**28))
    size = bytes(length >> shift & 0x7F for shift in (21, 14, 7, 0))
    version = int(rng.integers(0, 6))
    return b"ID3" + bytes([version, 0, int(rng.integers(0, 256))]) + size + body + data


_KINDS: dict[str, Mutation] = {
    "cut": _cut_off,
    "bits": _bits,
    "bytes": _bytes,
    "constant": _constant,
    "number": _number,
    "insert": _insert,
    "delete": _delete,
    "repeat": _repeat,
    "swap": _swap,
    "append": _append,
    "graft": _graft,
    "tag": _tag,
}


def _page_sum_table() -> list[int]:
    table = []
    for value in range(256):
        value <<= 24
        for _ in range(8):
            value = (value << 1 ^ (0x04C11DB7 if value & 0x8000_0000 else 0)) & 0xFFFF_FFFF
        table.append(value)
    return table


_TABLE = _page_sum_table()


def with_page_sums(data: bytes) -> bytes:
    """Gives every whole Ogg page a true check sum (RFC 3533)."""
    out = bytearray(data)
    at = out.find(b"OggS")
    while at >= 0 and at + 27 <= len(out):
        end = at + 27 + out[at + 26]
        end += sum(out[at + 27 : end])
        out[at + 22 : at + 26] = bytes(4)
        value = 0
        for byte in out[at:end]:
            value = (value << 8 ^ _TABLE[value >> 24 ^ byte]) & 0xFFFF_FFFF
        out[at + 22 : at + 26] = value.to_bytes(4, "little")
        at = out.find(b"OggS", max(at + 4, end if end <= len(out) else at + 4))
    return bytes(out)

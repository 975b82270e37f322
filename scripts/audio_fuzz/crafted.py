"""Uncompressed recordings whose headers lie, built field by field."""

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from audio_fuzz.coded import chains, flacs, mp3s, mp4_bombs, oggs

_RATES_HZ = (0, 1, 7, 999, 1_000, 384_000, 768_000, 768_001, 4_000_000_000, 2**32 - 1)
_CHANNELS = (0, 1, 2, 24, 255, 1_024, 1_025, 65_535)
_LENGTHS = (0, 1, 2, 4, 100, 0x7FFF_FFFF, 0x8000_0000, 0xEE6B_2800, 0xFFFF_FFFF)
GIGANTIC = (4 * 10**9, 515 * 10**9, 39 * 10**12, 2**63 - 1)
"""Bytes that a header has been seen to promise, and the most that it can."""


def chunk(name: bytes, body: bytes, *, length: int | None = None, order: str = "<") -> bytes:
    """A RIFF or IFF chunk, padded to an even length; `length` is what it states, where that is a lie."""
    stated = len(body) if length is None else length
    return name + struct.pack(f"{order}I", stated % 2**32) + body + bytes(len(body) % 2)


def fmt(
    tag: int = 1, channels: int = 2, rate_hz: int = 44_100, bits: int = 16, align: int | None = None
) -> bytes:
    """The body of a WAV's `fmt ` chunk."""
    align = channels * bits // 8 if align is None else align
    return struct.pack("<HHIIHH", tag, channels, rate_hz, rate_hz * align % 2**32, align % 2**16, bits)


def wav(*chunks: bytes, name: bytes = b"RIFF", size: int | None = None) -> bytes:
    """A WAV of these chunks."""
    body = b"WAVE" + b"".join(chunks)
    return name + struct.pack("<I", (len(body) if size is None else size) % 2**32) + body


def _sound(num_bytes: int = 24_000) -> bytes:
    return np.random.default_rng(1).bytes(num_bytes)


def _wavs() -> Iterator[tuple[str, bytes]]:
    data = chunk(b"data", _sound())
    for rate_hz in _RATES_HZ:
        yield f"rate {rate_hz}", wav(chunk(b"fmt ", fmt(rate_hz=rate_hz)), data)
    for channels in _CHANNELS:
        yield f"channels {channels}", wav(chunk(b"fmt ", fmt(channels=channels)), data)
        yield f"channels {channels}, align 4", wav(chunk(b"fmt ", fmt(channels=channels, align=4)), data)
    for bits in (0, 1, 7, 8, 12, 16, 20, 24, 32, 33, 64, 65_535):
        for tag in (1, 3, 0xFFFE):
            yield f"bits {bits}, tag {tag}", wav(chunk(b"fmt ", fmt(tag=tag, bits=bits)), data)
    for tag in (0, 2, 6, 7, 0x11, 0x31, 0x55, 0x161, 0xFFFF):
        yield f"tag {tag}", wav(chunk(b"fmt ", fmt(tag=tag) + bytes(64)), data)
    for length in _LENGTHS:
        yield f"data of {length}", wav(chunk(b"fmt ", fmt()), chunk(b"data", _sound(), length=length))
        yield f"fmt of {length}", wav(chunk(b"fmt ", fmt(), length=length), data)
        yield f"list of {length}", wav(chunk(b"fmt ", fmt()), chunk(b"LIST", b"INFO", length=length), data)
        yield f"riff of {length}", wav(chunk(b"fmt ", fmt()), data, size=length)
    yield "empty chunks", wav(chunk(b"fmt ", fmt()), chunk(b"junk", b"") * 50_000, data)
    yield "empty chunks, a few", wav(chunk(b"junk", b"") * 200, chunk(b"fmt ", fmt()), data)
    yield "two data chunks", wav(chunk(b"fmt ", fmt()), data, data)
    yield "two fmt chunks", wav(chunk(b"fmt ", fmt()), chunk(b"fmt ", fmt(channels=24)), data)
    yield "fmt after data", wav(data, chunk(b"fmt ", fmt()))
    yield "no fmt", wav(data)
    yield "no data", wav(chunk(b"fmt ", fmt()))
    nested = data
    for _ in range(200):
        nested = chunk(b"LIST", b"wavl" + nested)
    yield "chunks of chunks", wav(chunk(b"fmt ", fmt()), nested)
    yield "a WAV within a WAV", wav(chunk(b"fmt ", fmt()), chunk(b"data", wav(chunk(b"fmt ", fmt()), data)))
    for name in (
        b"bext",
        b"cart",
        b"cue ",
        b"smpl",
        b"acid",
        b"inst",
        b"PEAK",
        b"fact",
        b"id3 ",
        b"strc",
        b"exif",
    ):
        for body in (b"", b"\xff" * 7, b"\xff" * 700):
            yield f"{name!r} of {len(body)}", wav(chunk(b"fmt ", fmt()), chunk(name, body), data)
    for size in GIGANTIC:
        ds64 = chunk(b"ds64", struct.pack("<QQQI", size, size, size // 4, 0))
        yield (
            f"RF64 of {size}",
            wav(ds64, chunk(b"fmt ", fmt()), chunk(b"data", _sound(), length=-1), name=b"RF64"),
        )
        yield (
            f"RF64 table of {size}",
            wav(
                chunk(b"ds64", struct.pack("<QQQI", 25_000, 24_000, 6_000, size % 2**32)), data, name=b"RF64"
            ),
        )
        yield f"W64 of {size}", w64(size)
    yield "RF64 without ds64", wav(chunk(b"fmt ", fmt()), chunk(b"data", _sound(), length=-1), name=b"RF64")


def w64(size: int, *, body: bytes = b"") -> bytes:
    """A Wave64 whose data chunk states `size` bytes (with its header of 24)."""
    tail = bytes.fromhex("f3acd3118cd100c04f8edb8a")
    riff = b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000")
    head = riff + struct.pack("<Q", size) + b"wave" + tail
    return (
        head
        + b"fmt "
        + tail
        + struct.pack("<Q", 40)
        + fmt()
        + b"data"
        + tail
        + struct.pack("<Q", size)
        + _sound()
    )


def extended(rate_hz: float) -> bytes:
    """A rate as the 80-bit float of AIFF."""
    if rate_hz <= 0:
        return bytes(10)
    exponent = int(np.floor(np.log2(rate_hz)))
    mantissa = int(rate_hz) << 63 >> exponent
    return struct.pack(">HQ", 16_383 + exponent, mantissa)


def aiff(*chunks: bytes, kind: bytes = b"AIFF") -> bytes:
    """An AIFF of these chunks."""
    body = kind + b"".join(chunks)
    return b"FORM" + struct.pack(">I", len(body)) + body


def comm(
    channels: int = 2, frames: int = 6_000, bits: int = 16, rate_hz: float = 44_100, more: bytes = b""
) -> bytes:
    """AIFF's common chunk."""
    body = struct.pack(">HIH", channels, frames, bits) + extended(rate_hz) + more
    return chunk(b"COMM", body, order=">")


def _aiffs() -> Iterator[tuple[str, bytes]]:
    ssnd = chunk(b"SSND", bytes(8) + _sound(), order=">")
    for rate_hz in _RATES_HZ:
        yield f"rate {rate_hz}", aiff(comm(rate_hz=rate_hz), ssnd)
    yield "rate 2^5000", aiff(chunk(b"COMM", comm()[8:16] + b"\x7f\xff" + bytes(8), order=">"), ssnd)
    for channels in _CHANNELS:
        yield f"channels {channels}", aiff(comm(channels=channels), ssnd)
    for bits in (0, 1, 7, 8, 12, 16, 20, 24, 32, 33, 64, 65_535):
        yield f"bits {bits}", aiff(comm(bits=bits), ssnd)
    for length in _LENGTHS:
        yield f"frames {length}", aiff(comm(frames=length), ssnd)
        offset = struct.pack(">II", length, length)
        yield f"offset {length}", aiff(comm(), chunk(b"SSND", offset + _sound(), order=">"))
        yield (
            f"sound of {length}",
            aiff(comm(), chunk(b"SSND", bytes(8) + _sound(), length=length, order=">")),
        )
        yield f"mark of {length}", aiff(comm(), chunk(b"MARK", b"\xff\xff", length=length, order=">"), ssnd)
    for coding in (b"NONE", b"sowt", b"fl32", b"ulaw", b"ima4", b"GSM ", b"\xff\xff\xff\xff"):
        yield f"coding {coding!r}", aiff(comm(more=coding + b"\x00\x00"), ssnd, kind=b"AIFC")
    yield "no COMM", aiff(ssnd)
    yield "COMM after SSND", aiff(ssnd, comm())
    yield "no SSND", aiff(comm())
    for name in (b"MARK", b"INST", b"COMT", b"APPL", b"basc", b"PEAK", b"NAME", b"CHAN"):
        for body in (b"", b"\xff" * 7, b"\xff" * 700):
            yield f"{name!r} of {len(body)}", aiff(comm(), chunk(name, body, order=">"), ssnd)


def _samples() -> Iterator[tuple[str, bytes]]:
    """Sound that is legal and strange."""
    kinds: dict[str, Callable[[], np.ndarray]] = {
        "nan": lambda: np.full(4_000, np.nan),
        "inf": lambda: np.full(4_000, np.inf),
        "one nan": lambda: np.append(np.zeros(4_000), np.nan),
        "signalling nan": lambda: np.frombuffer(b"\x01\x00\xa0\x7f" * 4_000, dtype="<f4"),
        "denormal": lambda: np.full(4_000, 1e-42),
        "huge": lambda: np.full(4_000, 1e30),
        "largest": lambda: np.full(4_000, 3.4e38),
        "dc": lambda: np.ones(4_000),
        "clipped": lambda: np.sign(np.sin(np.arange(4_000.0))),
        "silence": lambda: np.zeros(4_000),
        "no sample": lambda: np.zeros(0),
        "one sample": lambda: np.full(2, 0.5),
        "half a sample": lambda: np.full(1, 0.5),
    }
    for name, make in kinds.items():
        with np.errstate(invalid="ignore"):
            body = make().astype("<f4").tobytes()
        yield name, wav(chunk(b"fmt ", fmt(tag=3, bits=32)), chunk(b"data", body))
    double = np.array([1e300, -1e300, np.nan, 0.1] * 100).tobytes()
    yield "double beyond float", wav(chunk(b"fmt ", fmt(tag=3, bits=64)), chunk(b"data", double))


def crafted(folder: Path) -> Iterator[tuple[str, str, bytes]]:
    """Family, name and bytes of every crafted file; `folder` holds what `make_recordings` made."""
    makers = {"wav": _wavs(), "aiff": _aiffs(), "flac": flacs(), "opus": oggs(), "mp3": mp3s()}
    makers |= {"m4a": mp4_bombs(folder), "samples": _samples(), "chain": chains(folder)}
    for family, files in makers.items():
        for name, data in files:
            yield family, name, data

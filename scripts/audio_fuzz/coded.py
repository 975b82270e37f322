"""Compressed recordings that lie, and small files that unpack to more than a machine holds."""

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from audio_fuzz.mutations import with_page_sums


def _sound() -> bytes:
    return np.random.default_rng(1).bytes(8_000)


def streaminfo(
    num_frames: int, *, rate_hz: int = 44_100, channels: int = 2, bits: int = 16, block: int = 4_096
) -> bytes:
    """FLAC's first metadata block, with the mark in front (RFC 9639)."""
    fields = rate_hz % 2**20 << 44 | channels - 1 << 41 | bits - 1 << 36 | num_frames % 2**36
    body = struct.pack(">HH", block, block) + bytes(6) + fields.to_bytes(8, "big") + bytes(16)
    return b"fLaC\x80\x00\x00\x22" + body


def _sum(data: bytes, *, bits: int, polynomial: int) -> bytes:
    value, top, mask = 0, 1 << bits - 1, (1 << bits) - 1
    for byte in data:
        value ^= byte << bits - 8
        for _ in range(8):
            value = (value << 1 ^ (polynomial if value & top else 0)) & mask
    return value.to_bytes(bits // 8, "big")


def flac_frame(number: int, block: int, *, channels: int = 2, bits: int = 16) -> bytes:
    """A frame of `block` samples that never change: 18 bytes for stereo of 16 bits."""
    sizes = {8: 1, 12: 2, 16: 4, 20: 5, 24: 6}
    head = bytes([0xFF, 0xF8, 0x79, channels - 1 << 4 | sizes[bits] << 1])
    head += chr(number).encode("utf-8", "surrogatepass") + struct.pack(">H", block - 1)
    head += _sum(head, bits=8, polynomial=0x07)
    # Each channel: a byte that says "constant", and the constant; 12 and 20 bits take a half byte of padding in all.
    content = "".join("00000000" + f"{5 * (channel + 1):0{bits}b}" for channel in range(channels))
    content += "0" * (-len(content) % 8)
    frame = head + int(content, 2).to_bytes(len(content) // 8, "big")
    return frame + _sum(frame, bits=16, polynomial=0x8005)


def flac_bomb(num_samples: int) -> bytes:
    """Stereo of `num_samples` a channel, in frames of 65,535."""
    frames = [flac_frame(number, 65_535) for number in range(-(-num_samples // 65_535))]
    return streaminfo(num_samples, block=65_535) + b"".join(frames)


def opus_bomb(num_seconds: int) -> bytes:
    """Stereo of silence: 2 bytes for 120 ms."""
    head = b"OpusHead\x01\x02" + struct.pack("<HIhB", 312, 48_000, 0, 0)
    tags = b"OpusTags" + struct.pack("<I", 4) + b"none" + struct.pack("<I", 0)
    pages = [_page(0, 0, 2, [head]), _page(0, 1, 0, [tags])]
    packets = num_seconds * 1_000 // 120
    for first in range(0, packets, 255):
        count = min(255, packets - first)
        last = 4 if first + count == packets else 0
        pages.append(_page((first + count) * 5_760, len(pages), last, [b"\xff\x06"] * count))
    return with_page_sums(b"".join(pages))


def _page(position: int, number: int, kind: int, packets: list[bytes]) -> bytes:
    head = struct.pack("<4sBBqIIIB", b"OggS", 0, kind, position, 1, number, 0, len(packets))
    return head + bytes(map(len, packets)) + b"".join(packets)


def flacs() -> Iterator[tuple[str, bytes]]:
    """FLACs whose first block lies, and constants of 18 bytes a second."""
    for num_frames in (0, 1, 2**32, 515 * 10**9 // 8, 2**36 - 1):
        for channels in (1, 8):
            yield f"{num_frames} x {channels}", streaminfo(num_frames, channels=channels) + _sound()
    for rate_hz in (0, 1, 999, 384_000, 655_350, 2**20 - 1):
        yield f"rate {rate_hz}", streaminfo(10_000, rate_hz=rate_hz) + _sound()
    for block in (0, 1, 15, 16, 65_535):
        yield f"blocks of {block}", streaminfo(10_000, block=block) + flac_bomb(65_535)[42:]
    for bits in (1, 4, 8, 12, 20, 24, 32):
        yield f"bits {bits}", streaminfo(10_000, bits=bits) + flac_bomb(65_535)[42:]
    for stated in (1, 2, 8):
        for channels in (1, 2, 3, 8):
            for bits in (8, 12, 16, 20, 24):
                frames = b"".join(
                    flac_frame(number, 4_096, channels=channels, bits=bits) for number in range(4)
                )
                yield (
                    f"{channels} of {bits} bits, stated {stated}",
                    streaminfo(16_384, channels=stated) + frames,
                )
    for blocks in ((16, 65_535, 1), (65_535, 16, 4_096), (1, 2, 3)):
        frames = b"".join(flac_frame(number, block) for number, block in enumerate(blocks))
        yield f"frames of {blocks}", streaminfo(sum(blocks)) + frames
        yield f"frames of {blocks}, stated 16", streaminfo(sum(blocks), block=16) + frames
    yield "2 s of a constant", flac_bomb(88_200)
    yield "618 kB of a constant", flac_bomb(162_500_000) + bytes(572_000)
    yield "a bomb of 2 h", flac_bomb(2 * 3600 * 44_100)
    yield "a bomb under the limit", flac_bomb(7_500_000)
    slow = bytearray(flac_bomb(8_000_000))
    slow[18:21] = (1_000 << 4 | 2).to_bytes(3, "big")
    yield "two hours at 1 kHz", bytes(slow)
    yield "more than it states", streaminfo(1_000, block=65_535) + flac_bomb(2 * 3600 * 44_100)[42:]
    yield "less than it states", streaminfo(7_500_000, block=65_535) + flac_bomb(1_000_000)[42:]


def oggs() -> Iterator[tuple[str, bytes]]:
    """Opus that ends where it does not, with impossible channels, or silence without end."""
    yield "10 s of silence", opus_bomb(10)
    yield "a bomb of 2 h", opus_bomb(7_200)
    yield "a bomb under the limit", opus_bomb(170)
    head = opus_bomb(10)
    for position in (-2, 0, 1, 515 * 10**9 // 8, 39 * 10**12 // 8, 2**63 - 1):
        lied = bytearray(head)
        last = head.rindex(b"OggS")
        lied[last + 6 : last + 14] = struct.pack("<q", position)
        yield f"ends at {position}", with_page_sums(bytes(lied))
    for channels in (0, 1, 3, 8, 24, 255):
        for mapping in (0, 1, 2, 255):
            lied = bytearray(head)
            at = head.index(b"OpusHead")
            lied[at + 9], lied[at + 18] = channels, mapping
            yield f"{channels} channels, mapping {mapping}", with_page_sums(bytes(lied))


def mp3s() -> Iterator[tuple[str, bytes]]:
    """MP3s whose first frame or tag lies, and what only looks like frames."""
    frame = b"\xff\xfb\x90\x44" + bytes(413)
    for count in (0, 1, 255, 2**31 - 1, 2**32 - 1):
        for name in (b"Xing", b"Info"):
            head = frame[:4] + bytes(32) + name + struct.pack(">III", 3, count, count)
            yield f"{name!r} of {count} frames", head + bytes(417 - len(head)) + frame * 20
    vbri = (
        frame[:36] + b"VBRI" + struct.pack(">HHHIIHHHH", 1, 0, 0, 2**32 - 1, 2**32 - 1, 65_535, 1, 4, 65_535)
    )
    yield "VBRI", vbri + bytes(417 - len(vbri)) + frame * 20
    yield "nothing but syncs", b"\xff\xfb\x90\x44" * 2_000
    yield "one frame", frame
    yield "free format", b"\xff\xfb\x00\x44" + bytes(5_000)
    yield "a million bytes of ff", b"\xff" * 1_000_000
    # libmpg123 looks for a frame in what is none at 1.4 MB/s where it is to find an excerpt.
    yield "three frames and half a million zeros", frame * 3 + bytes(500_000)
    for length in (0, 10, 2**28 - 1):
        size = bytes(length >> shift & 0x7F for shift in (21, 14, 7, 0))
        yield f"ID3 of {length}", b"ID3\x04\x00\x00" + size + frame * 20
        text = b"TIT2" + size + b"\x00\x00\x03" + b"x" * 40
        yield f"ID3 text of {length}", b"ID3\x04\x00\x00\x00\x00\x00\x33" + text + frame * 20
    yield "ID3 in ID3", b"ID3\x04\x00\x00\x00\x00\x00\x00" * 500 + frame * 20


def mp4_bombs(folder: Path) -> Iterator[tuple[str, bytes]]:
    """A true M4A whose tables state millions of packets; nothing where there is none."""
    if not (folder / "m4a-aac").exists():
        return
    true = (folder / "m4a-aac").read_bytes()
    for count in (100_000, 1_400_000, 20_000_000, 2**32 - 1):
        yield (
            f"{count} packets",
            _with(
                true,
                stsz=struct.pack(">III", 0, 1, count),
                stts=struct.pack(">IIII", 0, 1, count, 1_024),
                stsc=struct.pack(">IIIII", 0, 1, 1, count, 1),
            ),
        )
        yield f"a track of {count} samples", _with(true, mdhd=struct.pack(">IIIII", 0, 0, 0, 44_100, count))
        yield f"{count} edits", _with(true, elst=struct.pack(">II", 0, count))
    fragmented = (folder / "m4a-fragmented").read_bytes()
    for count in (1_400_000, 20_000_000, 2**32 - 1):
        yield f"a run of {count}", _with(fragmented, trun=struct.pack(">II", 0, count))
    for rate_hz in (0, 1, 65_535):
        at = true.index(b"mp4a") + 24
        yield f"rate {rate_hz}", true[:at] + struct.pack(">HH", rate_hz, 0) + true[at + 4 :]
    for channels in (0, 1, 24, 255):
        at = true.index(b"mp4a") + 20
        yield f"channels {channels}", true[: at - 4] + struct.pack(">H", channels) + true[at - 2 :]


def _with(data: bytes, **boxes: bytes) -> bytes:
    """Replaces the beginning of boxes."""
    out = bytearray(data)
    for name, content in boxes.items():
        at = data.index(name.encode()) + 4
        out[at : at + len(content)] = content
    return bytes(out)


def chains(folder: Path) -> Iterator[tuple[str, bytes]]:
    """One true recording after another of its kind, whose channels and rate differ."""
    for families in (("vorbis", "opus"), ("mp3",), ("flac",)):
        paths = sorted(path for family in families for path in folder.glob(f"{family}-*"))
        for first in paths:
            for second in paths:
                yield f"{first.name} and {second.name}", first.read_bytes() + second.read_bytes()

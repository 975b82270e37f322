"""A sound font of a few kilobytes: one looped sample, one instrument, a program 0 and a drum kit 0."""

import struct
from pathlib import Path

import numpy as np

RATE, ROOT_KEY = 44_100, 69
PERIOD = 100  # samples of one cycle: 441 Hz, which the pitch correction cannot fix: keys are 4 cents sharp
COPYRIGHT = "Public domain: made by a test"


def write_font(path: Path) -> Path:
    """Writes the font and returns its path."""
    cycle = np.arange(20 * PERIOD) / PERIOD
    wave = sum(np.sin(2 * np.pi * k * cycle) / k for k in (1, 2, 3))
    samples = np.concatenate([np.round(9000 * wave), np.zeros(46)]).astype("<i2").tobytes()
    info = (
        _chunk(b"ifil", struct.pack("<HH", 2, 1)) + _chunk(b"INAM", b"Tiny\0\0") + _text(b"ICOP", COPYRIGHT)
    )
    presets = b"".join(
        struct.pack("<20sHHHIII", name, number, bank, bag, 0, 0, 0)
        for name, number, bank, bag in ((b"Tone", 0, 0, 0), (b"Kit", 0, 128, 1), (b"EOP", 0, 0, 2))
    )
    pdta = b"".join(
        _chunk(name, content)
        for name, content in (
            (b"phdr", presets),
            (b"pbag", struct.pack("<HHHHHH", 0, 0, 1, 0, 2, 0)),
            (b"pmod", bytes(10)),
            (b"pgen", struct.pack("<HHHHHH", 41, 0, 41, 0, 0, 0)),
            (b"inst", struct.pack("<20sH20sH", b"Tone", 0, b"EOI", 1)),
            (b"ibag", struct.pack("<HHHH", 0, 0, 2, 0)),
            (b"imod", bytes(10)),
            (b"igen", struct.pack("<HHHHHH", 54, 1, 53, 0, 0, 0)),
            (b"shdr", _sample(b"Wave", 20 * PERIOD) + struct.pack("<20s26x", b"EOS")),
        )
    )
    parts = _list(b"INFO", info) + _list(b"sdta", _chunk(b"smpl", samples)) + _list(b"pdta", pdta)
    path.write_bytes(_chunk(b"RIFF", b"sfbk" + parts))
    return path


def _sample(name: bytes, length: int) -> bytes:
    return struct.pack(
        "<20sIIIIIBbHH", name, 0, length, 2 * PERIOD, length - 2 * PERIOD, RATE, ROOT_KEY, 0, 0, 1
    )


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def _text(name: bytes, text: str) -> bytes:
    content = text.encode() + b"\0"
    return _chunk(name, content + b"\0" * (len(content) % 2))


def _list(name: bytes, content: bytes) -> bytes:
    return _chunk(b"LIST", name + content)

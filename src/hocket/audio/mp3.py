"""Headers of an MP3, and its frames as a file that decoders read correctly.

ISO 11172-3 and 13818-3, and MPEG 2.5. Xing, Info and LAME's tag: http://gabriel.mp3-tech.org/mp3infotag.html. VBRI is
Fraunhofer's, 32 bytes behind a frame's header.
"""

from dataclasses import dataclass
from functools import lru_cache

from hocket.audio.spliced import Piece

_RATES_HZ = {0x00: 44_100, 0x04: 48_000, 0x08: 32_000}
_KBITS = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBITS_HALF = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)

INDEX_STEP = 32
"""The position of one frame in so many is kept, so that an excerpt does not have to be decoded from the first."""

DECODER_DELAY = 529
"""Samples that a decoder's output lags behind its input; what LAME states is the encoder's delay alone."""

TAG_NAMES = {b"Xing", b"Info", b"VBRI"}
"""Names in a frame that contains an encoder's header instead of sound."""


@dataclass(frozen=True)
class Format:
    """Facts that all frames of an MP3 share; `lengths` are in bytes, by the third byte of a header, 0 for none."""

    sample_rate: int
    num_channels: int
    frame_samples: int
    side_bytes: int
    lengths: tuple[int, ...]


@dataclass(frozen=True)
class Part:
    """The frames between two of an encoder's headers: a recording of its own that others may be joined to.

    Of what the frames decode to, `skipped_samples` in front are the encoder's; `num_samples` follow. Frames in front
    that need what stood before them are `unfounded`: places and silent beginnings to put there.
    """

    format: Format
    header: bytes
    num_frames: int
    skipped_samples: int
    num_samples: int
    spans: tuple[tuple[int, int], ...]
    places: tuple[int, ...]
    unfounded: tuple[tuple[int, bytes], ...]

    def pieces(self, first_frame: int) -> list[Piece]:
        """All frames from `first_frame`, a multiple of `INDEX_STEP`, on: a file of which decoders know the length.

        In front of them stand a header that counts them and a silent frame, which takes what libmpg123 cuts off for the
        delay of an encoder that it does not know.
        """
        start = self.places[first_frame // INDEX_STEP]
        pieces: list[Piece] = [self._counting_frame(self.num_frames - first_frame + 1), self._frame(0)]
        for place, begin in self.unfounded if first_frame == 0 else ():
            if place > start:
                pieces.append((start, place))
            pieces.append(begin)
            start = place + len(begin)
        return pieces + [(max(start, first), stop) for first, stop in self.spans if stop > start]

    @property
    def lead_samples(self) -> int:
        """Samples that a decoder gives for `pieces` before those of the first frame."""
        return self.format.frame_samples - DECODER_DELAY

    def _counting_frame(self, num_frames: int) -> bytes:
        body = b"Info" + (1).to_bytes(4, "big") + num_frames.to_bytes(4, "big")
        frame = self._frame(len(body))
        at = 4 + self.format.side_bytes
        return frame[:at] + body + frame[at + len(body) :]

    def _frame(self, num_bytes: int) -> bytes:
        """A frame of zeros, which is silence, with at least so many bytes of room."""
        least = 4 + self.format.side_bytes + num_bytes
        third = next(
            number << 4 | self.header[2] & 0x0C
            for number in range(1, 15)
            if self.format.lengths[number << 4 | self.header[2] & 0x0C] >= least
        )
        # The lowest bit of the second byte: no check sum.
        head = bytes([0xFF, self.header[1] | 1, third, self.header[3]])
        return head + bytes(self.format.lengths[third] - 4)


@dataclass(frozen=True)
class Tag:
    """Contents of an encoder's header; `num_frames` and `num_bytes` are 0 if it does not give them."""

    num_frames: int = 0
    num_bytes: int = 0
    delay: int = 0
    padding: int = 0


@lru_cache
def format_of(version: int, rate: int, is_mono: bool, free_bytes: int) -> Format | None:
    """The one format of these bits: 3 is MPEG 1, 2 MPEG 2, and 0 MPEG 2.5."""
    if version == 1 or rate not in _RATES_HZ:
        return None
    is_full = version == 3
    rate_hz = _RATES_HZ[rate] // {3: 1, 2: 2, 0: 4}[version]
    samples = 1_152 if is_full else 576
    lengths = [0] * 256
    for number, kbits in enumerate(_KBITS if is_full else _KBITS_HALF):
        for low in range(16):
            if kbits and low & 0x0C == rate:
                lengths[number << 4 | low] = samples * kbits * 125 // rate_hz + (low >> 1 & 1)
            elif free_bytes and number == 0 and low & 0x0C == rate:
                lengths[low] = free_bytes + (low >> 1 & 1)
    side = (17 if is_mono else 32) if is_full else (9 if is_mono else 17)
    return Format(rate_hz, 1 if is_mono else 2, samples, side, tuple(lengths))


def tag_places(form: Format) -> tuple[int, int, int]:
    """Places in a frame where the name of an encoder's header may stand; a check sum takes 2 bytes."""
    return 4 + form.side_bytes, 6 + form.side_bytes, 36


def read_tag(frame: bytes, form: Format) -> Tag | None:
    """The encoder's header in a frame, if it is one."""
    if frame[36:40] == b"VBRI":
        return Tag(int.from_bytes(frame[50:54], "big"), int.from_bytes(frame[46:50], "big"))
    at = next((at for at in tag_places(form) if frame[at : at + 4] in (b"Xing", b"Info")), None)
    if at is None:
        return None
    flags, rest = frame[at + 7] if len(frame) > at + 7 else 0, frame[at + 8 :]
    numbers = dict.fromkeys((1, 2), 0)
    for flag, num_bytes in ((1, 4), (2, 4), (4, 100), (8, 4)):
        if flags & flag:
            numbers[flag] = int.from_bytes(rest[:num_bytes], "big")
            rest = rest[num_bytes:]
    # An encoder's name of 9 bytes, 12 bytes of this and that, and 12 bits each for delay and padding.
    delays = int.from_bytes(rest[21:24], "big") if len(rest) >= 24 and rest[0] else 0
    return Tag(numbers[1], numbers[2], delays >> 12, delays & 0xFFF)

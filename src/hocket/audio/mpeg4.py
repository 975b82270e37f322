"""AAC and ALAC (M4A, MP4 and raw AAC) through PyAV, if it is installed.

PyAV is an extra, `hocket[formats]`, and no part of this program: its own licence is BSD, but its wheels carry a build
of FFmpeg (LGPL 3 by its own statement) together with x264 and x265, which are GPL. Anyone who redistributes such an
installation has to follow these licences. Only FFmpeg's MP4 and ADTS readers and its AAC and ALAC decoders are used.

Timing: the encoder's priming samples are left out if the file declares them. M4A does so in its edit list; raw AAC and
some fragmented files do not. An excerpt of a file with noise substitution (PNS, a habit of FFmpeg's own encoder) has
different random noise than the whole; everything else equals the slice of the whole.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from hocket.audio.sound import MISSING_TOLERANCE, Undecodable, cut_off, unread_coding
from hocket.audio.spliced import Piece, Spliced, bytes_at
from hocket.errors import AudioError

_DEMUXERS = {"m4a": "mov", "aac": "aac"}
_CODECS = ("aac", "alac")

# AAC frames of 1024 or 2048 overlap with the one before; spectral band replication remembers a few more.
REACH_FRAMES = 16_384

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


@contextmanager
def opened_mpeg4(handle: BinaryIO, path: Path, container: str, *, num_bytes: int) -> Iterator["Mpeg4Reader"]:
    """A reader of the first audio stream of an open file.

    Raises:
        AudioError: PyAV is missing, there is no sound, the coding is another, or the file is cut off.
        Undecodable: FFmpeg cannot read it.
    """
    try:
        import av
    except ImportError as error:
        raise AudioError(
            f"{path} is AAC or MP4, which needs PyAV: pip install 'hocket[formats]', or convert it to WAV."
        ) from error
    file = handle
    if container == "m4a":
        file = cast(BinaryIO, Spliced(handle, check_boxes(handle, path, num_bytes=num_bytes)))
    options = {"codec_whitelist": ",".join(_CODECS), "enable_drefs": "0"} if container == "m4a" else {}
    file.seek(0)
    try:
        with av.open(file, format=_DEMUXERS[container], options=options, metadata_errors="ignore") as opened:
            if not opened.streams.audio:
                raise AudioError(f"{path} contains no sound (no audio stream): give a recording.")
            stream = opened.streams.audio[0]
            coding = stream.codec_context.name if stream.codec_context else "an unknown"
            if coding not in _CODECS:
                raise unread_coding(path, container, coding)
            yield Mpeg4Reader(opened, stream)
    except (av.FFmpegError, UnicodeDecodeError) as error:
        raise Undecodable(str(error)) from error


class Mpeg4Reader:
    """A cursor over the frames of one audio stream."""

    def __init__(self, file: Any, stream: Any) -> None:
        self._file, self._stream = file, stream
        stream.codec_context.thread_count = 1
        self.samplerate = int(stream.codec_context.sample_rate or 0)
        self.channels = int(stream.codec_context.channels or 0)
        self._ratio = (stream.time_base or 0) * self.samplerate
        if not self._ratio or not self.channels:
            raise Undecodable("no sample rate or no channels")
        # Fragments and raw AAC state no length: their packets are counted, which decodes nothing.
        self._is_counted = not stream.frames
        self.frames = self._count() if self._is_counted else round((stream.duration or 0) * self._ratio)
        self._position = 0
        self._pending = np.zeros((0, self.channels), dtype=np.float32)
        self._decoded: Iterator[Any] | None = None

    def seek(self, frame: int) -> None:
        """Goes to a frame, through earlier ones that are decoded and dropped."""
        near = max(0, frame - REACH_FRAMES)
        # Only where time stamps count frames, they tell exactly where a seek has led to.
        if near > 0 and not self._is_counted and self._ratio.denominator == 1:
            self._file.seek(int(near / self._ratio), stream=self._stream, backward=True, any_frame=False)
        else:
            # Before the first frame, which may lie before the time 0: its decoder has to be filled.
            self._file.seek(0 if self._is_counted else -(10**9))
        self._stream.codec_context.flush_buffers()
        self._decoded = self._decode(from_frame=near if self._is_counted else 0)
        first, values = self._next() or (frame, self._pending[:0])
        self._position, self._pending = max(0, first), values[max(0, -first) :]
        while self._position < frame and len(self.read_frames(frame - self._position)):
            pass

    def read_frames(self, num_frames: int) -> np.ndarray:
        """The next frames, float32 `[frames, channels]`; fewer than asked for, and none at the end."""
        if self._decoded is None:
            self.seek(0)
        wanted = max(0, min(num_frames, self.frames - self._position))
        while wanted and not len(self._pending):
            found = self._next()
            if found is None:
                break
            self._pending = found[1]
        block, self._pending = self._pending[:wanted], self._pending[wanted:]
        self._position += len(block)
        return block

    def _next(self) -> tuple[int, np.ndarray] | None:
        """Decodes the next frames and gives their first sample's number, by their time stamp; None at the end."""
        import av

        assert self._decoded is not None
        try:
            frame = next(self._decoded, None)
        except (av.FFmpegError, UnicodeDecodeError) as error:
            raise Undecodable(str(error)) from error
        if frame is None:
            return None
        if frame.sample_rate != self.samplerate or len(frame.layout.channels) != self.channels:
            raise Undecodable("the sample rate or the channels change")
        return self._place(frame.pts or 0), _to_float(frame, self.channels)

    def _decode(self, *, from_frame: int) -> Iterator[Any]:
        for packet in self._file.demux(self._stream):
            if not from_frame or packet.pts is None or self._place(packet.pts) >= from_frame:
                yield from packet.decode()

    def _place(self, time_stamp: int) -> int:
        """The frame at a time stamp. Files that are counted may begin at any; others begin before 0."""
        first = int(self._stream.start_time or 0) if self._is_counted else 0
        return round((time_stamp - first) * self._ratio)

    def _count(self) -> int:
        duration = sum(packet.duration or 0 for packet in self._file.demux(self._stream))
        return round(duration * self._ratio)


def _to_float(frame: Any, channels: int) -> np.ndarray:
    values = frame.to_ndarray()
    planes = values.reshape(-1, channels) if not frame.format.is_planar else values.T
    if values.dtype == np.float32:
        return np.ascontiguousarray(planes)
    scale = np.float32(2.0 ** (8 * values.dtype.itemsize - 1))
    return planes.astype(np.float32) / scale


def check_boxes(handle: BinaryIO, path: Path, *, num_bytes: int) -> list[Piece]:
    """Refuses an MP4 that is cut off, has no header, or states more packets than two hours of music have.

    Its boxes (ISO 14496-12) are looked through before FFmpeg builds tables of what they state. Measured with FFmpeg
    8.1: a file of 82 kB that states 20 million packets of one byte takes 4.7 s and 770 MB to open.

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
            place, width = (body + 24, 8) if bytes_at(handle, body, 1) == b"\1" else (body + 16, 4)
        elif name == b"stts" and place:
            true = _packet_time(handle, body, end)
            if (1 + MISSING_TOLERANCE) * int.from_bytes(bytes_at(handle, place, width), "big") < true < 2**32:
                patches.append((place, true.to_bytes(width, "big")))
            place = 0
        if name in _COUNTS:
            count = int.from_bytes(bytes_at(handle, body + _COUNTS[name], 4), "big")
            if name == b"elst":
                edits = max(edits, count)
            else:
                packets += count
    if b"moov" not in seen:
        raise AudioError(f"{path} contains no sound (its header declares no samples): get a complete copy.")
    if packets * edits > _MAX_PACKETS:
        raise AudioError(
            f"{path} declares {packets} packets in {edits} edits, which is over the limit of {_MAX_PACKETS}: "
            "cut it into parts or save it again."
        )
    pieces: list[Piece] = []
    done = 0
    for place, number in patches:
        pieces += [(done, place), number]
        done = place + len(number)
    return [*pieces, (done, num_bytes)]


def _packet_time(handle: BinaryIO, body: int, end: int) -> int:
    """Duration of all packets of a track, by its table of runs: how many, and how long each."""
    count = min(int.from_bytes(bytes_at(handle, body + 4, 4), "big"), (end - body - 8) // 8, _MAX_PACKETS)
    data = bytes_at(handle, body + 8, 8 * max(0, count))
    runs = np.frombuffer(data[: len(data) // 8 * 8] or bytes(8), ">u4").reshape(-1, 2)
    return int(runs.astype(np.float64).prod(axis=1).sum())


def _boxes(handle: BinaryIO, start: int, stop: int, *, depth: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, place of the content, and end of every box, those within others after the one that they are in."""
    for _ in range(_MAX_BOXES):
        head = bytes_at(handle, start, 16) if start < stop else b""
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

"""The frames of an MP3, found and counted without decoding.

Decoders take the length of an MP3 from a header that is missing or wrong in many files, and search only a kilobyte for
the first frame. Here the frames are found as a chain: each header says where the next one is. This skips tags and junk
anywhere in the file, and counts the frames that are really there.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from hocket.audio.mp3 import (
    DECODER_DELAY,
    INDEX_STEP,
    TAG_NAMES,
    Format,
    Part,
    Tag,
    format_of,
    read_tag,
    tag_places,
)
from hocket.audio.sound import MISSING_TOLERANCE, Undecodable, cut_off
from hocket.audio.spliced import Window

# What begins a frame of layer III of any MPEG. Sound has it by chance in every 16 kB, three in a row never.
_HEADER = re.compile(rb"\xff[\xe2\xe3\xf2\xf3\xfa\xfb][\x00-\xef]")
_CHAIN = 3
_TAGS = (b"TAG", b"ID3", b"APETAGEX", b"LYRICSBEGIN")
_MAX_HEAD_BYTES = 256

# Pictures in tags are of some megabytes; what begins behind more junk is no part of the recording.
_MAX_JUNK_BYTES = 2**24
_SEARCH_BYTES = 2**20
_MIN_FRAME_BYTES = 24
# Only in the free format, whose headers state no length, are frames longer than 1441 bytes.
_MAX_FRAME_BYTES = 3_456
_MAX_CANDIDATES = 50_000
_MAX_PARTS = 1_000
_MAX_UNFOUNDED = 32


@dataclass
class _Draft:
    """A part while its frames are gathered."""

    format: Format
    header: bytes
    start: int
    tag: Tag | None
    num_frames: int = 0
    lost_bytes: int = 0
    spans: list[tuple[int, int]] = field(default_factory=list)
    places: list[int] = field(default_factory=list)

    def finish(self, path: Path, unfounded: list[tuple[int, bytes]]) -> Part:
        tag, end = self.tag or Tag(), self.spans[-1][1]
        kept = sum(stop - first for first, stop in self.spans)
        share = kept / (kept + self.lost_bytes)
        # Some count the header itself as a frame.
        if (
            tag.num_frames > self.num_frames + 1
            and not end - self.start >= (1 - MISSING_TOLERANCE) * tag.num_bytes > 0
        ):
            # Where all bytes are there that the header states, its number of frames is wrong, else some are missing.
            share = min(share, self.num_frames / tag.num_frames)
        elif tag.num_bytes and not tag.num_frames:
            share = min(share, (end - self.start) / tag.num_bytes)
        if share < 1 - MISSING_TOLERANCE:
            raise cut_off(path, share=share)
        total = self.num_frames * self.format.frame_samples
        skipped = tag.delay + DECODER_DELAY if tag.delay or tag.padding else 0
        # A header that counts another number of frames knows nothing of the last one.
        padding = max(0, tag.padding - DECODER_DELAY) if tag.num_frames == self.num_frames else 0
        if skipped + padding >= total:
            skipped = padding = 0
        return Part(
            self.format,
            self.header,
            self.num_frames,
            skipped,
            total - skipped - padding,
            tuple(self.spans),
            tuple(self.places),
            tuple(unfounded),
        )


def find_frames(handle: BinaryIO, place: int, *, num_bytes: int) -> int | None:
    """Finds the first frame of an MP3, at `place` or anywhere in the first 16 MiB of the file; None without any."""
    frames = _Frames(handle, num_bytes)
    try:
        return place if frames.is_chain(place, least=1) else frames.search(0)
    except Undecodable:
        return None


def find_parts(handle: BinaryIO, path: Path, *, start: int, num_bytes: int) -> list[Part]:
    """The parts of an MP3 whose first frame is at `start`: more than one where files were joined.

    Raises:
        AudioError: frames are missing.
        Undecodable: there are none, or it is made of far more parts than anybody joins.
    """
    frames = _Frames(handle, num_bytes)
    drafts: list[_Draft] = []
    place: int | None = start
    while place is not None:
        form, tag = frames.format_at(place), frames.tag_at(place)
        if form is None:
            break
        if tag is not None or not drafts or drafts[-1].format is not form:
            drafts.append(_Draft(form, frames.window.at(place, 4), place, tag))
            if len(drafts) > _MAX_PARTS:
                raise Undecodable("too many parts")
        first = place + (form.lengths[frames.window.at(place, 4)[2]] if tag else 0)
        stop = frames.take(drafts[-1], first)
        place = stop if frames.tag_at(stop) else frames.search(max(stop, place + 1))
        if place is not None and not frames.tag_at(place) and frames.format_at(place) is form:
            is_tag = frames.window.at(stop, 16).startswith(_TAGS)
            drafts[-1].lost_bytes += 0 if is_tag else place - stop
    parts = [draft.finish(path, frames.unfounded(draft)) for draft in drafts if draft.num_frames]
    if not parts:
        raise Undecodable("no frames")
    return parts


class _Frames:
    """Looking through a file for frames."""

    def __init__(self, handle: BinaryIO, num_bytes: int) -> None:
        self.window = Window(handle, num_bytes)
        self._candidates = self._free_bytes = 0

    def format_at(self, place: int) -> Format | None:
        """The format of the frame at `place`, if its header is one."""
        head = self.window.at(place, 4)
        if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
            return None
        facts = head[1] >> 3 & 3, head[2] & 0x0C, head[3] >= 0xC0
        if head[2] < 0x10 and not self._free_bytes:
            self._free_bytes = self._find_free_bytes(place, head)
        form = format_of(*facts, self._free_bytes if head[2] < 0x10 else 0)
        return form if form and form.lengths[head[2]] else None

    def _find_free_bytes(self, place: int, head: bytes) -> int:
        """The length of frames in the free format, without padding: from one header to the next and the one after."""
        data = self.window.at(place, 2 * _MAX_FRAME_BYTES) + bytes(4)
        at = data.find(head[:2], _MIN_FRAME_BYTES, _MAX_FRAME_BYTES)
        while at >= 0:
            self._count_candidate()
            length = at - (head[2] >> 1 & 1)
            after = at + length + (data[at + 2] >> 1 & 1)
            if (
                data[after : after + 2] == head[:2]
                and data[at + 2] & 0xFC == data[after + 2] & 0xFC == head[2] & 0xFC
            ):
                return length
            at = data.find(head[:2], at + 1, _MAX_FRAME_BYTES)
        return 0

    def tag_at(self, place: int) -> Tag | None:
        """The encoder's header in the frame at `place`, if that is one."""
        form, head = self.format_at(place), self.window.at(place, _MAX_HEAD_BYTES)
        return read_tag(head[: form.lengths[head[2]]], form) if form else None

    def is_chain(self, place: int, *, least: int) -> bool:
        """True if three like frames stand at `place`, or as many as `least` and then the end or a tag."""
        form = None
        for count in range(_CHAIN):
            head = self.window.at(place, 16)
            found = self.format_at(place)
            if found is None or form not in (None, found):
                # Sound has zeros as well, but not behind two frames.
                is_end = len(head) < 4 or head.startswith(_TAGS) or (count > 1 and head == bytes(16))
                return count >= least and is_end
            form = found
            place += form.lengths[head[2]]
            if place > self.window.num_bytes:
                return count >= least
        return True

    def search(self, place: int) -> int | None:
        """The next place with such a chain.

        Raises:
            Undecodable: far more places look like one than in any recording.
        """
        limit = min(self.window.num_bytes, place + _MAX_JUNK_BYTES)
        while place < limit:
            # With what the chain of the last header in it takes, so that each byte is read once.
            data = self.window.at(place, _SEARCH_BYTES + (_CHAIN + 1) * _MAX_FRAME_BYTES)
            for found in _HEADER.finditer(data, 0, _SEARCH_BYTES + 2):
                self._count_candidate()
                if self.is_chain(place + found.start(), least=2):
                    return place + found.start()
            place += _SEARCH_BYTES
        return None

    def unfounded(self, draft: _Draft) -> list[tuple[int, bytes]]:
        """The first frames of a part whose sound begins in frames that are not there, each with a silent beginning.

        A decoder makes noise of them. Such a beginning declares no sound, and as much of the frames before it as there
        is, for libmpg123 keeps no more of them than is asked for.
        """
        found: list[tuple[int, bytes]] = []
        (place, stop), held, form = draft.spans[0], 0, draft.format
        # The bytes before a frame where its sound begins take 9 bits in MPEG 1 and 8 in the others.
        spare_bits = 7 if form.frame_samples == 1_152 else 8
        while place < stop and len(found) < _MAX_UNFOUNDED:
            head = self.window.at(place, 8)
            side = 4 if head[1] & 1 else 6
            if int.from_bytes(head[side:][:2].ljust(2, b"\0"), "big") >> spare_bits <= held:
                break
            held = min(held, (1 << 16 - spare_bits) - 1)
            begin = (held << spare_bits).to_bytes(2, "big") + bytes(form.side_bytes - 2)
            found.append((place, head[:4] + bytes(side - 4) + begin))
            length = form.lengths[head[2]]
            held += max(0, length - side - form.side_bytes)
            place += length
        return found

    def _count_candidate(self) -> None:
        self._candidates += 1
        if self._candidates > _MAX_CANDIDATES:
            raise Undecodable("headers without frames")

    def take(self, draft: _Draft, place: int) -> int:
        """Adds the frames from `place` on to a part, up to another format, header or the end; returns where that is."""
        form, lengths, first = draft.format, draft.format.lengths, place
        second, is_mono = draft.header[1] | 1, draft.header[3] >= 0xC0
        a, b, c = tag_places(form)
        while True:
            data = self.window.at(place, _SEARCH_BYTES)
            is_last = len(data) < _SEARCH_BYTES
            at, end = 0, len(data) - (3 if is_last else _MAX_HEAD_BYTES)
            while at < end:
                length = lengths[data[at + 2]]
                if (
                    not length
                    or data[at] != 0xFF
                    or data[at + 1] | 1 != second
                    or (data[at + 3] >= 0xC0) is not is_mono
                    or place + at + length > self.window.num_bytes
                ):
                    break
                if (
                    data[at + a : at + a + 4] in TAG_NAMES
                    or data[at + b : at + b + 4] in TAG_NAMES
                    or data[at + c : at + c + 4] in TAG_NAMES
                ) and self.tag_at(place + at):
                    break
                if draft.num_frames % INDEX_STEP == 0:
                    draft.places.append(place + at)
                draft.num_frames += 1
                at += length
            place += at
            if is_last or at < end:
                break
        if place > first:
            draft.spans.append((first, place))
        return place

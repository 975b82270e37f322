"""A run's log, read in bounded time and memory, whoever wrote it."""

import os
from collections.abc import Iterator
from typing import Any, BinaryIO

from hocket.errors import HocketError
from hocket.files import parse_json, read_lines
from hocket.runs import LOG, MOST_STEPS

MOST_EVENTS = 1_000
MAX_LOG_BYTES, MAX_LINE_BYTES = 2**30, 2**22
"""A step's line has about 1.5 kB, one that starts a run 100 bytes for each song held out."""
MAX_KEPT_BYTES, MAX_EVENTS_BYTES, VALUE_BYTES = 2**27, 2**24, 80
"""Of memory, about: for lines of a kind that each epoch has, for those of another, and for each value in a line."""
MAX_DEPTH, MAX_TEXT = 4, 4_096
"""Limits of the depth of a line's values and of the letters of a text."""

Line = dict[str, Any]

_BY_EPOCH = ("validation", "epoch", "timing")
_EVENTS = ("start", "resume", "rollback", "remedy", "fault", "end")
_USUAL, _UNUSUAL = "usual step", "unusual step"


def read_log(handle: BinaryIO, *, most_steps: int) -> tuple[list[Line], int]:
    """All lines that are whole, and how many before the last are not.

    Of more than `most_steps` lines of a kind only every second, fourth, ... and the newest are read.
    """
    kept = {kind: _Kept(most_steps, MAX_KEPT_BYTES) for kind in (_USUAL, *_BY_EPOCH)}
    kept |= {kind: _Kept(MOST_EVENTS, MAX_EVENTS_BYTES) for kind in (_UNUSUAL, *_EVENTS)}
    num_unread, is_last_unread = 0, False
    for place, part in enumerate(filter(bytes.strip, _parts(handle))):
        is_usual = _is_usual_step(part)
        if is_usual and not kept[_USUAL].wants():
            kept[_USUAL].skip(place, part)
            is_last_unread = False
            continue
        line = _line(part)
        is_last_unread = line is None
        num_unread += is_last_unread
        if line is None:
            continue
        kind = _USUAL if is_usual else _UNUSUAL if line["kind"] == "train" else line["kind"]
        if kind in kept:
            if is_usual or kept[kind].wants():
                kept[kind].add(place, line, _bytes_in_memory(part))
            else:
                kept[kind].skip(place, part)
    found = sorted((item for one in kept.values() for item in one.lines()), key=lambda item: item[0])
    # The last line may be in writing.
    return [line for _, line in found], num_unread - is_last_unread


def _parts(handle: BinaryIO) -> Iterator[bytes]:
    """The lines of a log; of one that is too large those of its beginning and of its end."""
    num_bytes, half = os.fstat(handle.fileno()).st_size, MAX_LOG_BYTES // 2
    yield from read_lines(handle, max_bytes=min(num_bytes, half), max_line_bytes=MAX_LINE_BYTES)
    if num_bytes > half:
        handle.seek(max(half, num_bytes - half))
        yield from read_lines(handle, max_bytes=half, max_line_bytes=MAX_LINE_BYTES)


class _Kept:
    """The lines of one kind: of too many every second, fourth, ... and the newest, with their places in the log."""

    def __init__(self, most: int, max_bytes: int) -> None:
        self._most, self._max_bytes = most, max_bytes
        self._stride, self._num_seen, self._num_bytes = 1, 0, 0
        self._lines: list[tuple[int, Line, int]] = []
        self._newest: tuple[int, bytes] | None = None

    def wants(self) -> bool:
        """Counts a line, and tells whether it belongs to those that are kept."""
        self._num_seen += 1
        return self._num_seen % self._stride == 0

    def skip(self, place: int, part: bytes) -> None:
        """Remembers a line that is not kept until the next one comes."""
        self._newest = place, part

    def add(self, place: int, line: Line, num_bytes: int) -> None:
        """Keeps a line that takes so many bytes in memory."""
        self._newest = None
        self._lines.append((place, line, num_bytes))
        self._num_bytes += num_bytes
        while len(self._lines) > self._most or self._num_bytes > self._max_bytes:
            self._lines, self._stride = self._lines[1::2], 2 * self._stride
            self._num_bytes = sum(size for *_, size in self._lines)

    def lines(self) -> list[tuple[int, Line]]:
        """All that is kept, and the newest."""
        found = [(place, line) for place, line, _ in self._lines]
        if self._newest is not None and (line := _line(self._newest[1])):
            found.append((self._newest[0], line))
        return found


def _is_usual_step(part: bytes) -> bool:
    """Tells, without parsing it, if a line is a step at which nothing happened."""
    return part.startswith(b'{"kind": "train"') and b'"spiked": 1' not in part and b'"skipped": 1' not in part


def _bytes_in_memory(part: bytes) -> int:
    """About how much a line takes once it is read: each value is an object of its own."""
    return len(part) + VALUE_BYTES * sum(part.count(sign) for sign in (b",", b"[", b"{"))


def _line(part: bytes) -> Line | None:
    if _bytes_in_memory(part) > MAX_EVENTS_BYTES:
        return None
    try:
        line = bounded(parse_json(part, LOG), MAX_DEPTH)
    except HocketError:
        return None
    if not isinstance(line, dict) or not isinstance(line.get("kind"), str):
        return None
    step = line.get("step")
    return line if type(step) is int and 0 <= step <= MOST_STEPS else None


def bounded(value: Any, depth: int) -> Any:
    """A value without what is nested too deeply, and with texts that can be shown."""
    if isinstance(value, str):
        return value[:MAX_TEXT]
    if not isinstance(value, (dict, list)):
        return value
    if not depth:
        return None
    if isinstance(value, list):
        return [bounded(item, depth - 1) for item in value]
    return {name[:MAX_TEXT]: bounded(item, depth - 1) for name, item in value.items()}

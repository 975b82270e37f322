"""Parts of an open file, presented to a decoder as one file.

So the decoder sees neither tags nor junk, and headers can be corrected without copying the recording.
"""

import io
import os
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any, BinaryIO

Piece = bytes | tuple[int, int]
"""Bytes as they are, or the places in the file where a part begins and ends."""

_BLOCK_BYTES = 2**16


def bytes_at(handle: BinaryIO, place: int, num_bytes: int) -> bytes:
    """Reads `num_bytes` at a place of the file, or what there is: an unbuffered read may stop early."""
    handle.seek(place)
    data = handle.read(num_bytes)
    while len(data) < num_bytes and (more := handle.read(num_bytes - len(data))):
        data += more
    return data


class Spliced(io.RawIOBase):
    """A file of pieces. It may be read and searched, and leaves the file that it takes them from open."""

    def __init__(self, handle: BinaryIO, pieces: Sequence[Piece]) -> None:
        self._handle, self._pieces = handle, [piece for piece in pieces if _length(piece) > 0]
        self._starts = [0]
        for piece in self._pieces:
            self._starts.append(self._starts[-1] + _length(piece))
        self.num_bytes = self._starts.pop()
        self._position, self._block, self._block_start = 0, b"", 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Goes to a byte, which may lie after the end."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.num_bytes}[whence]
        self._position = max(0, start + offset)
        return self._position

    def tell(self) -> int:
        """The byte that is read next."""
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fills `buffer` as far as there is something, and returns how many bytes that is."""
        done, wanted = 0, len(buffer)
        while done < wanted:
            at = self._position - self._block_start
            if not 0 <= at < len(self._block):
                self._block, self._block_start, at = self._read_block(), self._position, 0
            part = self._block[at : at + wanted - done]
            if not part:
                break
            buffer[done : done + len(part)] = part
            done += len(part)
            self._position += len(part)
        return done

    def _read_block(self) -> bytes:
        """Reads from the current position to the end of its piece."""
        if self._position >= self.num_bytes:
            return b""
        number = bisect_right(self._starts, self._position) - 1
        piece, within = self._pieces[number], self._position - self._starts[number]
        if isinstance(piece, bytes):
            return piece[within:]
        first, stop = piece
        return bytes_at(self._handle, first + within, min(_BLOCK_BYTES, stop - first - within))


def _length(piece: Piece) -> int:
    return len(piece) if isinstance(piece, bytes) else piece[1] - piece[0]


class Window:
    """The bytes of a file at any place, for reading on from place to place in small steps."""

    def __init__(self, handle: BinaryIO, num_bytes: int) -> None:
        self.num_bytes = num_bytes
        self._handle, self._data, self._start = handle, b"", 0

    def at(self, place: int, num_bytes: int) -> bytes:
        """The bytes from `place` on, fewer at the end of the file."""
        first = place - self._start
        if first < 0 or first + num_bytes > len(self._data):
            self._data = bytes_at(self._handle, place, max(num_bytes, _BLOCK_BYTES))
            self._start, first = place, 0
        return self._data[first : first + num_bytes]

"""Output when nobody can read it: closed streams, full disks, and readers that went away."""

import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hocket.errors import DataError


@contextmanager
def lasting_streams(*, is_product: bool) -> Iterator[None]:
    """While the block runs, stdout and stderr drop what they cannot write, so that the work is done anyway.

    Where what is printed is the work itself (`is_product`), a failing stdout raises BrokenPipeError or DataError.
    Streams that somebody else has put into the place of the process's own are left alone.
    """
    _occupy_closed()
    before = sys.stdout, sys.stderr
    stdout, stderr = _Forgiving(1, is_product=is_product), _Forgiving(2, is_product=False)
    if sys.stdout is sys.__stdout__:
        sys.stdout = _text(stdout, sys.stdout)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _text(stderr, sys.stderr)
    try:
        yield
    finally:
        # What is still kept back is written now, or dropped: it was told already that it cannot be written.
        stdout.is_product = False
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        sys.stdout, sys.stderr = before


class _Forgiving(io.RawIOBase):
    """A standard stream; what it cannot write counts as written, unless it `is_product`."""

    def __init__(self, descriptor: int, *, is_product: bool) -> None:
        self._descriptor, self.is_product = descriptor, is_product

    def write(self, data: Any) -> int:
        """Writes at least a part, and says how many bytes that were."""
        while True:
            try:
                return os.write(self._descriptor, data)
            except BlockingIOError:
                select.select([], [self._descriptor], [])
            except BrokenPipeError:
                if self.is_product:
                    raise
                return len(data)
            except OSError as error:
                if self.is_product:
                    raise DataError(
                        f"the result cannot be written to stdout ({error.strerror}): redirect it elsewhere."
                    ) from error
                return len(data)

    def writable(self) -> bool:
        """True."""
        return True

    def fileno(self) -> int:
        """The stream's number."""
        return self._descriptor

    def isatty(self) -> bool:
        """True if somebody may be watching."""
        return os.isatty(self._descriptor)


def _text(raw: _Forgiving, stream: Any) -> io.TextIOWrapper:
    """A text stream as the process's own was, which is None where it was closed from the start."""
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=getattr(stream, "encoding", "utf-8"),
        # A file's name may hold what the terminal's encoding has no sign for.
        errors="backslashreplace",
        line_buffering=getattr(stream, "line_buffering", False),
        write_through=getattr(stream, "write_through", False),
    )


def _occupy_closed() -> None:
    """Leads closed standard streams nowhere: else the next file would get their number, and what is said."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)

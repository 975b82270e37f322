"""Keeping what decoders print away from the user's terminal."""

import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

_lock = threading.Lock()
_depth = 0
_kept: int | None = None


@contextmanager
def quiet() -> Iterator[None]:
    """Has C code that prints to `stderr` print nowhere while the block runs.

    libmpg123 prints a line for every damaged frame, and libsndfile has no switch for that. The C library's variable
    `stderr` is changed, which glibc allows by its manual, and not the descriptor 2: so Python's own `sys.stderr`, other
    threads and children that are started meanwhile keep theirs. Elsewhere than on glibc and macOS nothing is changed.
    """
    global _depth, _kept
    found = _stream()
    if found is None:
        yield
        return
    stream, nowhere = found
    with _lock:
        if _depth == 0:
            _kept, stream.value = stream.value, nowhere
        _depth += 1
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if _depth == 0:
                stream.value = _kept


@cache
def _stream() -> tuple[ctypes.c_void_p, int] | None:
    """The C library's variable, and a stream to nowhere to put into it; None where it may not be changed."""
    # musl's is a constant: to write to it would end the process.
    name = {"linux": "stderr", "darwin": "__stderrp"}.get(sys.platform)
    if name is None or (sys.platform == "linux" and not _has_glibc()):
        return None
    library = ctypes.CDLL(None)
    library.fopen.restype = ctypes.c_void_p
    nowhere = library.fopen(os.fsencode(os.devnull), b"w")
    return (ctypes.c_void_p.in_dll(library, name), nowhere) if nowhere else None


def _has_glibc() -> bool:
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (OSError, ValueError):
        return False

"""Keeps memory between operations, instead of returning it and requesting it again thousands of times."""

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Names of two settings of glibc's allocator (mallopt(3))."""
LARGEST_BLOCK_BYTES = (2**30, 2**25)
"""Block sizes that glibc is asked to keep; versions of before 2022 take no more than the second."""
MOST_KEPT_BYTES = 2**31 - 1


def keep_freed_memory() -> bool:
    """Lets this process hold on to what it frees; False where the allocator is not glibc's.

    A plane of a spectrogram has megabytes. The allocator gives such blocks back to the system at once, and each new
    one comes page by page, zeroed: a fifth of the model's own time went into that (docs/log.md). The most that a
    process needs at any moment stays the same.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        # Another C library, such as musl, has none.
        return False
    is_set = [mallopt(M_TRIM_THRESHOLD, MOST_KEPT_BYTES)]
    is_set.append(any(mallopt(M_MMAP_THRESHOLD, size) for size in LARGEST_BLOCK_BYTES))
    return all(is_set)

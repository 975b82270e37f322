"""Faults that nobody foresaw: what the terminal and the visitor are told."""

import errno
import functools
import logging

BROKEN = "Something went wrong in the studio itself: try again, and look at its terminal if it comes back."
EXHAUSTED = "The studio has too many files and connections open: try again in a moment."

logger = logging.getLogger("hocket.studio")


def is_exhausted(error: object) -> bool:
    """Tells whether an error means that this process or the system has no descriptors left."""
    return isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE)


def explain(error: BaseException, what: str, *values: object) -> str:
    """Logs an error that was just caught as `what % values`, and gives the sentence for the visitor."""
    if is_exhausted(error):
        say_exhausted()
        return EXHAUSTED
    logger.error(what, *values, exc_info=error)
    return BROKEN


@functools.cache
def say_exhausted() -> None:
    """Says once that there are no descriptors left, however often it happens."""
    logger.error("the studio has no file descriptors left: start it with a higher limit (ulimit -n).")

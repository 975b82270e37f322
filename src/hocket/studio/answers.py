"""Responses to visitors, and the messages to them and the terminal about unexpected faults."""

import errno
import functools
import json
import logging
from typing import Any

from starlette import responses

BROKEN = "Something went wrong in the studio itself: try again, and look at its terminal if it comes back."
EXHAUSTED = "The studio has too many files and connections open: try again in a moment."

logger = logging.getLogger("hocket.studio")


class JSONResponse(responses.JSONResponse):
    """JSON. Texts from file names and logs that are not UTF-8 are escaped: lone surrogates become escapes of JSON."""

    def render(self, content: Any) -> bytes:
        """See `Response`."""
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode("utf-8", errors="backslashreplace")


def is_exhausted(error: object) -> bool:
    """True if an error means that this process or the system has no descriptors left."""
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

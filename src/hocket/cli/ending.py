"""The end of every verb: by a signal, or because the system has too little of something."""

import contextlib
import errno
import functools
import resource
import sys
from collections.abc import Iterator, Sequence
from typing import Protocol

from hocket.cli.stopping import PATIENCE_SECONDS, Interrupted, Stopping, clear_away, farewell


class Main(Protocol):
    """What the command line is to whoever calls it."""

    def __call__(self, argv: Sequence[str] | None = None) -> int:
        """Runs with arguments, which are the process's own where none are given; returns the exit code."""


STUDIO_PATIENCE_SECONDS = 8.0
"""A web server lets its visitors finish first; it has limits of its own."""

NO_MEMORY = (
    "cannot allocate memory",
    "can't allocate memory",
    "not enough memory",
    "failed to map segment",
    "can't start new thread",
)
"""What libraries say, in errors of any class, where the system gives them no memory."""

LEAST_BYTES = 800 * 2**20
"""Of address space: loading PyTorch takes 600 MB, and with a little less its own libraries abort the process."""


def ending_in_order(main: Main) -> Main:
    """Makes a program of `main`: a signal ends it with the signal's own exit code, one line, and nothing left behind.

    Too little memory and a working directory that is gone are one sentence and exit code 2.
    """

    @functools.wraps(main)
    def run(argv: Sequence[str] | None = None) -> int:
        arguments = list(sys.argv[1:] if argv is None else argv)
        name = " ".join(["hocket", *arguments[:1]])
        patience_seconds = STUDIO_PATIENCE_SECONDS if arguments[:1] == ["studio"] else PATIENCE_SECONDS
        try:
            # Without arguments of its own it is the process's only work.
            with Stopping(name, patience_seconds=patience_seconds, for_good=argv is None):
                if arguments and not arguments[0].startswith("-"):
                    _require_memory()
                return main(arguments)
        except Interrupted as end:
            clear_away()
            _say(f"{name}: {farewell(end.code)}")
            return end.code
        except (Exception, SystemExit) as error:
            sentence = _shortage(error)
            if sentence is None:
                raise
            _say(f"{name}: error: {sentence}")
            return 2

    return run


def _say(line: str) -> None:
    # Where nobody reads it any more, the exit code says it.
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def _require_memory() -> None:
    allowed, _ = resource.getrlimit(resource.RLIMIT_AS)
    if allowed != resource.RLIM_INFINITY and allowed < LEAST_BYTES:
        raise MemoryError


def _shortage(error: BaseException) -> str | None:
    """Returns the sentence for an error that the system is to blame for; None for any other."""
    causes = list(_causes(error))
    if any(_is_memory(cause) for cause in causes):
        return "there is too little memory: close other programs, or raise the limits (ulimit -v, ulimit -u)."
    from pathlib import Path

    try:
        Path.cwd()
    except FileNotFoundError:
        if any(isinstance(cause, FileNotFoundError) for cause in causes):
            return "the working directory does not exist any more: change to another one."
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _is_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return True
    return isinstance(error, ImportError | OSError | RuntimeError) and any(
        words in str(error).lower() for words in NO_MEMORY
    )

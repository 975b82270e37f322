"""The end of every verb: by a signal, or because the system has too little of something."""

import contextlib
import errno
import functools
import resource
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import Protocol

from hocket.cli.stopping import EXIT_CODES, Interrupted, Stopping, clear_away, farewell
from hocket.errors import HocketError


class Main(Protocol):
    """What the command line is to whoever calls it."""

    def __call__(self, argv: Sequence[str] | None = None) -> int:
        """Runs with arguments, which are the process's own where none are given; returns the exit code."""


EXIT_USAGE = 2

STUDIO_PATIENCE_SECONDS = 8.0
"""A web server lets its visitors finish first, has limits of its own, and repeats the signal when it is done."""

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
        own = {"patience_seconds": STUDIO_PATIENCE_SECONDS, "same_seconds": STUDIO_PATIENCE_SECONDS}
        limits = own if arguments[:1] == ["studio"] else {}
        try:
            # Without arguments of its own it is the process's only work.
            with Stopping(name, for_good=argv is None, **limits):
                if arguments and not arguments[0].startswith("-"):
                    _require_surroundings()
                return main(arguments)
        except KeyboardInterrupt as end:
            # A plain one comes from a handler that somebody else has set.
            code = end.code if isinstance(end, Interrupted) else EXIT_CODES[signal.SIGINT]
            clear_away()
            _say(f"{name}: {farewell(code)}")
            return code
        except HocketError as error:
            _say(f"{name}: error: {error}")
        except Exception as error:
            if not any(map(_is_memory, _causes(error))):
                raise
            _say(
                f"{name}: error: there is too little memory: "
                "close other programs, or raise the limits (ulimit -v, ulimit -u)."
            )
        return EXIT_USAGE

    return run


def _say(line: str) -> None:
    # Where nobody reads it any more, the exit code says it.
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def _require_surroundings() -> None:
    """Looks before anything is loaded for what makes libraries end the process with words of their own."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_AS)
    if allowed != resource.RLIM_INFINITY and allowed < LEAST_BYTES:
        raise MemoryError
    from pathlib import Path

    try:
        Path.cwd()
    except OSError as error:
        raise HocketError("the working directory does not exist any more: change to another one.") from error


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

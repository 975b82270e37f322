"""Ends every verb cleanly: on its own, after a signal, or when the system runs out of something.

The first signal asks a verb to stop in an orderly way, a second one stops it immediately.
"""

import atexit
import contextlib
import errno
import functools
import math
import os
import resource
import select
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Any, Protocol

from hocket.errors import HocketError

EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGUSR1: 138}
"""Distinct for each signal, and what a shell would report of a program that the signal ends."""

# torchrun and srun pass Ctrl-C on to processes that already got it from the terminal: so soon, it is the same request.
SAME_REQUEST_SECONDS = 2.0
# timeout(1) tells its child, and then the group that the child is in.
SAME_MOMENT_SECONDS = 0.3
# A warning, which a cluster may repeat; it never ends what is being saved.
WARNINGS = (signal.SIGUSR1,)
# Long enough to finish an import; in a wait for other processes Python's own handlers would never run.
PATIENCE_SECONDS = 2.5
# What the watching thread is told beside the numbers of signals.
OVER, AGAIN = 0, 255


class Interrupted(KeyboardInterrupt):
    """A signal on its way through the program, which unwinds as it does for Ctrl-C.

    Not a SystemExit: C libraries that print an error (PyErr_Print) would end the process where they are.
    """

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(number.name)
        self.code = EXIT_CODES[number]


class Stopping:
    """Turns the first signal into a request to `handler` (before that is set, `Interrupted`), the next into the end.

    A thread watches as well, because Python runs handlers between its own instructions only: a process that waits for
    others inside a library would hear no signal. The thread ends the process `patience_seconds` after an interruption
    that did not, and takes signals within `same_seconds` for one. Signals that the parent had ignored, as nohup does,
    stay ignored. Outside the main thread, where handlers cannot be set, nothing happens.

    With `for_good` the handlers stay after the block: until the interpreter is gone no signal changes the exit code.
    """

    def __init__(
        self,
        name: str = "",
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        same_seconds: float = SAME_MOMENT_SECONDS,
        for_good: bool = False,
    ) -> None:
        self.handler: Callable[[str], None] | None = None
        self._name, self._for_good = name, for_good
        self._patience_seconds, self._same_seconds = patience_seconds, same_seconds
        self._is_main = threading.current_thread() is threading.main_thread()
        self._is_asked = self._is_over = False
        self._ending: signal.Signals | None = None
        self._on_its_way: weakref.ref[Interrupted] | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Stopping":
        if not self._is_main:
            return self
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        self._watcher = threading.Thread(target=self._watch, name="signals", daemon=True)
        self._watcher.start()
        self._wakeup = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._hooks = sys.excepthook, sys.unraisablehook
        for number in EXIT_CODES:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._handle)
        if self._for_good:
            atexit.register(self._ignore_all)  # the first that is registered is the last that is called
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if not self._is_main:
            return
        # Nothing of the run may hang on the thread while the interpreter ends: a tensor let go of then aborts it.
        self.handler, self._on_its_way, self._is_over = None, None, True
        sys.excepthook = self._hooks[0]
        if not self._for_good:
            self._leave()
        if self._ending is not None and not isinstance(error, Interrupted):
            # An import that was ended half-way may say something else of it.
            raise Interrupted(self._ending) from None

    def _leave(self) -> None:
        """Puts back what was in force before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup)
        sys.unraisablehook = self._hooks[1]
        # Said, and not by closing the pipe alone: processes that read music may hold copies of its end.
        os.write(self._writer, bytes([OVER]))
        self._watcher.join()
        os.close(self._writer)
        os.close(self._reader)

    def _ignore_all(self) -> None:
        for number in self._before:
            signal.signal(number, signal.SIG_IGN)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if (
            self._is_over
            or self._is_asked
            or (self._on_its_way is not None and self._on_its_way() is not None)
        ):
            return
        if self.handler is not None and self._ending is None:
            self._is_asked = True
            print(
                "\nstopping: a checkpoint is saved after this step (press Ctrl-C again to stop immediately)",
                file=sys.stderr,
            )
            self.handler(signal.Signals(number).name)
            return
        if self._ending is None:
            self._ending = signal.Signals(number)
            # What a library that was left half-way says on its own way out helps nobody.
            sys.excepthook, sys.unraisablehook = self._printed, lambda _: None
        if _loads_torch(frame):
            _end_at_once(EXIT_CODES[self._ending], self._name)
        raise self._interruption(self._ending)

    def _interruption(self, number: signal.Signals) -> Interrupted:
        # Made in a frame that is not part of its traceback, so that it is gone as soon as somebody lets go of it.
        interrupted = Interrupted(number)
        self._on_its_way = weakref.ref(interrupted, lambda _: self._repeat())
        return interrupted

    def _printed(self, *_: object) -> None:
        """Stands for what a C library prints of an error that it then lets go of."""
        self._on_its_way = None  # Python keeps the last one that was printed.
        self._repeat()

    def _repeat(self) -> None:
        """Asks for the interruption once more: a library let go of it, in a callback from C or during an import."""
        if not self._is_over:
            # The watching thread does it, because what is raised in here would be lost as well.
            os.write(self._writer, bytes([AGAIN]))

    def _watch(self) -> None:
        """Ends the process at the second signal, or where the first came before there was a handler and did nothing.

        With the first one's code: a warned run that is then told to end has still been warned.
        """
        code, begin, deadline, num_own = 0, 0.0, math.inf, 0
        while True:
            left = None if deadline == math.inf else max(0.0, deadline - time.monotonic())
            if not select.select([self._reader], [], [], left)[0]:
                # The studio takes a closed terminal for SIGTERM, and its slow end is still that.
                _end_at_once(code if self._ending is None else EXIT_CODES[self._ending], self._name)
            number = os.read(self._reader, 1)[0]
            if number == OVER:
                return
            if number == AGAIN and self._ending is not None:
                num_own += 1
                signal.pthread_kill(threading.main_thread().ident or 0, self._ending)
            elif num_own:
                num_own -= 1
            elif number in self._before and not code:
                code, begin = EXIT_CODES[signal.Signals(number)], time.monotonic()
                if self.handler is None:
                    deadline = begin + self._patience_seconds
            elif number in self._before and number not in WARNINGS:
                same = self._same_seconds if self.handler is None else SAME_REQUEST_SECONDS
                if time.monotonic() - begin > same:
                    _end_at_once(code, self._name)


def farewell(code: int) -> str:
    """Returns the word for an end by a signal."""
    return "interrupted" if code == EXIT_CODES[signal.SIGINT] else "stopped"


def _loads_torch(frame: FrameType | None) -> bool:
    """Tells whether this is called by PyTorch's own import: its C++ calls into Python, and an exception aborts it."""
    while frame is not None:
        if frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") == "torch":
            return True
        frame = frame.f_back
    return False


def _end_at_once(code: int, name: str) -> None:
    """Ends the process without unwinding."""
    try:
        clear_away()
        # Not through sys.stderr, which the main thread may hold, and not where it would have to wait.
        if name and select.select([], [2], [], 0)[1]:
            os.write(2, f"{name}: {farewell(code)}\n".encode(errors="replace"))
    finally:
        os._exit(code)


def clear_away() -> None:
    """Kills the processes that this one computes in, and removes its unfinished files."""
    # What is not loaded has left nothing, and an interruption may have left a library half loaded.
    for child in getattr(sys.modules.get("multiprocessing"), "active_children", list)():
        child.kill()
    # The process that those are copies of would end by itself, but not while it still loads their libraries.
    server = getattr(sys.modules.get("multiprocessing.forkserver"), "_forkserver", None)
    if pid := getattr(server, "_forkserver_pid", None):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    getattr(sys.modules.get("hocket.files"), "discard_unfinished", int)()


class Main(Protocol):
    """The command line as its callers see it."""

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
"""Words in errors, of any class, that libraries raise when the system gives them no memory."""

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
                f"{name}: error: not enough memory: close other programs, or raise the limits (ulimit -v, ulimit -u)."
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
        raise HocketError("the working directory no longer exists: change to another one.") from error


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

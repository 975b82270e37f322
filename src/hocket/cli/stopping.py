"""Signals: the first asks a run to save and end at the next step, another one ends it at once."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGUSR1: 138}
"""Distinct for each signal, and what a shell would report of a program that the signal ends."""

# torchrun passes Ctrl-C on to processes that the terminal has told already, and srun does likewise: so soon, it is the
# same request.
SAME_REQUEST_SECONDS = 2.0
# A warning, which a cluster may repeat; it never ends what is being saved.
WARNINGS = (signal.SIGUSR1,)
# Long enough to finish an import; in a wait for other processes Python's own handlers would never run.
PATIENCE_SECONDS = 5.0


class Stopping:
    """Turns the first signal into a request to `handler` (before that is set, into the end), the next into the end.

    A thread watches as well, because Python runs handlers between its own instructions only: a process that waits for
    others inside a library would not hear the second signal.
    """

    def __init__(self) -> None:
        self.handler: Callable[[str], None] | None = None
        self._first: tuple[float, int] | None = None
        self._ending: int | None = None
        self._before: dict[int, Any] = {}
        self._reader, self._writer = os.pipe()

    def __enter__(self) -> "Stopping":
        os.set_blocking(self._writer, False)
        self._wakeup = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, self._handle) for number in EXIT_CODES}
        self._watcher = threading.Thread(target=self._watch, name="signals", daemon=True)
        self._watcher.start()
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup)
        # Nothing of the run may hang on the thread while the interpreter ends: a tensor let go of then aborts it.
        self.handler = None
        # Said, and not by closing the pipe alone: processes that read music may hold copies of its end.
        os.write(self._writer, b"\0")
        self._watcher.join()
        os.close(self._writer)
        if self._ending is not None and not isinstance(error, SystemExit):
            # An import that was ended half-way may say something else of it.
            raise SystemExit(self._ending) from None

    def _handle(self, number: int, _: object) -> None:
        if self.handler is None:
            self._ending = EXIT_CODES[signal.Signals(number)]
            raise SystemExit(self._ending)
        if self._first is None:
            self._first = time.monotonic(), number
            print(
                "\nstopping: a checkpoint is saved after this step (once more to end at once)",
                file=sys.stderr,
            )
            self.handler(signal.Signals(number).name)

    def _watch(self) -> None:
        """Ends the process at the second signal, or where the first came before there was a handler and did nothing.

        With the first one's code: a warned run that is then told to end has still been warned.
        """
        begin, code = 0.0, 0
        while number := os.read(self._reader, 1)[0]:
            if number not in EXIT_CODES:
                continue
            if not code:
                begin, code = time.monotonic(), EXIT_CODES[signal.Signals(number)]
                if self.handler is None:
                    timer = threading.Timer(PATIENCE_SECONDS, os._exit, [code])
                    timer.daemon = True
                    timer.start()
            elif number not in WARNINGS and time.monotonic() - begin > SAME_REQUEST_SECONDS:
                os._exit(code)
        os.close(self._reader)

"""Child processes that take one task at a time, so that a crash, a hang or a memory leak costs only that task.

Decoders read files from strangers here. The pipes carry JSON, because unpickling a child's messages would let a
decoder's fault reach the parent.
"""

import importlib
import json
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from hocket.errors import DataError

Task = dict[str, Any]
Started = TypeVar("Started")
EXTRA_BYTES = 2 << 30
START_SECONDS = 120.0
POLL_SECONDS = 0.5
MOST_SOCKET_FOLDER = 64
"""Letters of the folder for temporary files; a socket's whole path has at most 107."""


@dataclass(frozen=True)
class Failure:
    """Reason why a task has no result: a word (`crashed`, `too slow`, `failed`) and what happened."""

    reason: str
    what: str


def num_cores() -> int:
    """The cores that this process may use, which on a cluster are fewer than the machine's."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_in_children(
    function: Callable[[Task], Any], tasks: Sequence[Task], *, jobs: int, limit_seconds: float
) -> Iterator[tuple[int, Any | Failure]]:
    """Yields (number of the task, what `function` made of it or a Failure) in the order in which they are done.

    `function` is one of a module's; its argument and its result are plain values that JSON can hold. Each child may
    use 2 GiB beyond what it begins with and `limit_seconds` for a task.

    Raises:
        DataError: children cannot be started.
    """
    waiting = list(range(len(tasks)))[::-1]
    children: list[_Child] = []
    try:
        while waiting or any(child.task is not None for child in children):
            while waiting and len(children) < min(jobs, len(tasks)):
                children.append(_Child(function))
            wait([child.connection for child in children], timeout=POLL_SECONDS)
            for child in list(children):
                outcome = child.outcome(limit_seconds)
                if outcome is not None:
                    yield outcome
                if child.is_over:
                    child.end()
                    children.remove(child)
                elif child.task is None and child.is_ready and waiting:
                    number = waiting.pop()
                    child.give(number, tasks[number])
    finally:
        for child in children:
            child.end()


class _Child:
    """A process and what it is doing."""

    def __init__(self, function: Callable[[Task], Any]) -> None:
        context = child_context(function.__module__)
        self.connection, theirs = context.Pipe()
        self._process = context.Process(  # type: ignore[attr-defined]  # Every context has it.
            target=_serve, args=(theirs, function.__module__, function.__qualname__), daemon=True
        )
        try:
            start_undisturbed(self._process.start)
        except OSError as error:
            raise DataError(
                f"a worker process cannot be started ({error.strerror}): give fewer --jobs."
            ) from error
        theirs.close()
        self.task: int | None = None
        self.is_ready = self.is_over = False
        self._since = time.monotonic()

    def give(self, number: int, task: Task) -> None:
        self.task, self._since = number, time.monotonic()
        with suppress(OSError):  # it died in between; `outcome` finds out and says so
            self.connection.send_bytes(json.dumps(task).encode())

    def outcome(self, limit_seconds: float) -> tuple[int, Any | Failure] | None:
        """Outcome of its task; None if that is not known yet."""
        try:
            message = json.loads(self.connection.recv_bytes()) if self.connection.poll() else None
        except (EOFError, OSError):
            return self._lost(Failure("crashed", f"the decoder process {self._how_it_ended()}"))
        if message is not None:
            return self._heard(message)
        spent = time.monotonic() - self._since
        if self.task is not None and spent > limit_seconds:
            return self._lost(Failure("too slow", f"it took more than {limit_seconds:.0f} s"))
        if not self.is_ready and spent > START_SECONDS:
            return self._lost(Failure("too slow", "the process did not start"))
        return None

    def _heard(self, message: dict[str, Any]) -> tuple[int, Any | Failure] | None:
        if not self.is_ready:
            self.is_ready = True
            return None
        assert self.task is not None
        number, self.task = self.task, None
        if "failed" in message:
            return number, Failure("failed", message["failed"])
        return number, message["done"]

    def _lost(self, failure: Failure) -> tuple[int, Failure] | None:
        self.is_over = True
        if self.task is None and self.is_ready:
            return None
        if self.task is None:
            raise DataError(
                f"a worker process ended before it started ({failure.what}): free some memory, or give fewer --jobs."
            )
        number, self.task = self.task, None
        return number, failure

    def _how_it_ended(self) -> str:
        self._process.join(START_SECONDS)
        code = self._process.exitcode
        if code is not None and code < 0:
            return f"was ended by {signal.Signals(-code).name}"
        return f"ended with code {code}"

    def end(self) -> None:
        self.connection.close()
        if self._process.is_alive():
            self._process.kill()
        self._process.join()
        self._process.close()


def child_context(module: str) -> BaseContext:
    """Returns how to start children: as copies of one fresh process that has loaded `module` for all of them.

    Never as forks of this process, whose threads may hold locks. Elsewhere than on Linux, system libraries do not
    survive a fork, so each child loads everything itself; and a socket's path has room for a short TMPDIR only.
    """
    if not sys.platform.startswith("linux") or len(tempfile.gettempdir()) > MOST_SOCKET_FOLDER:
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([module])
    return context


def start_undisturbed(start: Callable[[], Started]) -> Started:
    """Calls `start`, which starts child processes, in a thread: no signal's handler can cut it in half.

    Handlers run in the main thread only, whatever it blocks. One that raises between the start of a child and the
    message that tells it what to do would leave the child with half a message, and a traceback of its own.
    """
    orders: SimpleQueue[None] = SimpleQueue()
    outcome: Future[Started] = Future()

    def obey() -> None:
        orders.get()
        try:
            with _signals_kept_from_children():
                outcome.set_result(start())
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=obey, name="start", daemon=True).start()
    try:
        orders.put(None)
        return outcome.result()
    finally:
        # Once more, where a handler came before the first; only one is taken. Then all of it is waited for.
        orders.put(None)
        wait_for([outcome])


@contextmanager
def _signals_kept_from_children() -> Iterator[None]:
    """While the block runs, children start with those signals blocked that a terminal sends to all its processes.

    The parent hears them as well, and ends its children. Blocked, because a child that is still importing would
    otherwise end with a traceback.
    """
    # A child imports the program under its written path, in which `link/..` is cut out and may lead elsewhere.
    program = sys.modules["__main__"]
    if path := getattr(program, "__file__", None):
        program.__file__ = os.path.realpath(path)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_with_parent() -> None:
    """Ends this child process as soon as its parent is gone, however that ended; call it in the child."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _serve(connection: Connection, module: str, name: str) -> None:
    """The child: says that it is ready, then turns tasks into results until nobody asks any more."""
    end_with_parent()
    function = getattr(importlib.import_module(module), name)
    _limit_memory()
    connection.send_bytes(b'{"ready": true}')
    while True:
        try:
            task = json.loads(connection.recv_bytes())
        except (EOFError, OSError):
            return
        try:
            reply = {"done": function(task)}
        except MemoryError:
            reply = {"failed": "it needs more than 2 GiB of memory"}
        except Exception as error:  # the boundary of the process: whatever it is, it is this file's alone
            reply = {"failed": f"{type(error).__name__}: {error}"}
        try:
            connection.send_bytes(json.dumps(reply).encode())
        except OSError:  # the parent has ended
            return


def _limit_memory() -> None:
    """At most `EXTRA_BYTES` more than now, and no core dump; what libraries hold at start differs by machine."""
    if not sys.platform.startswith("linux"):
        return
    import resource

    used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * os.sysconf("SC_PAGE_SIZE")
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    wanted = used + EXTRA_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (wanted if most < 0 else min(wanted, most), most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

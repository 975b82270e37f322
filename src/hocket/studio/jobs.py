"""The queue of fusions: one after the other in a thread, each with a place in the queue, and each can be stopped."""

import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from hocket.errors import HocketError
from hocket.studio.answers import explain
from hocket.studio.requests import FuseRequest
from hocket.studio.store import Draft, FullError, GoneError, Kept

State = Literal["queued", "running", "done", "failed", "cancelled"]
ENDED = ("done", "failed", "cancelled")
MAX_ENDED = 500
LOADING = "loading the model"
STOP_SECONDS = 15.0

logger = logging.getLogger("hocket.studio")


class CancelledError(Exception):
    """Raised in a job that has been cancelled."""


@dataclass(eq=False)
class Job:
    """A fusion that was asked for; `draft` is where its files lie until it has ended.

    `result` is the id of what can be heard already, while the rest is still being made.
    """

    id: str
    request: FuseRequest
    names: tuple[str, str]
    draft: Draft
    state: State = "queued"
    step: str = ""
    progress: float = 0.0
    message: str = ""
    result: str | None = None
    is_cancelled: bool = False
    ended_seconds: float = 0.0

    def check(self) -> None:
        """Raises CancelledError if the job has been cancelled."""
        if self.is_cancelled:
            raise CancelledError

    def report(self, progress: float, step: str = "") -> None:
        """Reports the progress in [0, 1] and the current step; stops here if the job was cancelled."""
        self.check()
        self.progress = max(self.progress, min(progress, 1.0))
        self.step = step or self.step


class Jobs:
    """The queue and its worker: `load` creates the tool once, `work` runs a job with it and returns the result."""

    def __init__(
        self,
        load: Callable[[], Any],
        work: Callable[[Any, Job], Kept],
        *,
        max_waiting: int,
        expire_seconds: float,
    ) -> None:
        self._load, self._work = load, work
        self._max_waiting, self._expire_seconds = max_waiting, expire_seconds
        self._changed = threading.Condition()
        self._jobs: dict[str, Job] = {}
        self._waiting: list[Job] = []
        self._running: Job | None = None
        self._is_wanted = self._is_stopped = self._is_loading = False
        self._thread = threading.Thread(target=self._serve, name="studio-jobs", daemon=True)
        self._thread.start()

    def prepare(self) -> None:
        """Lets the worker load its tool now, in the background."""
        with self._changed:
            self._is_wanted = True
            self._changed.notify_all()

    def submit(self, request: FuseRequest, names: tuple[str, str], draft: Draft) -> Job:
        """Puts a job at the end of the queue; the draft is the job's from here on.

        Raises:
            FullError: too many wait.
        """
        with self._changed:
            if len(self._waiting) >= self._max_waiting or self._is_stopped:
                raise FullError(f"{len(self._waiting)} jobs are already waiting: try again in a minute.")
            self._forget()
            job = Job(secrets.token_urlsafe(16), request, names, draft)
            self._jobs[job.id] = job
            self._waiting.append(job)
            self._changed.notify_all()
            return job

    def find(self, id: str) -> Job | None:
        """The job of an id."""
        with self._changed:
            return self._jobs.get(id)

    def cancel(self, job: Job) -> None:
        """Cancels a waiting job at once and a running one at its next report; a finished one stays as it is."""
        with self._changed:
            job.is_cancelled = True
            if job in self._waiting:
                self._waiting.remove(job)
                self._end(job, "cancelled")

    def view(self, job: Job) -> dict[str, Any]:
        """The state of a job as JSON."""
        with self._changed:
            position = self._waiting.index(job) + 1 if job in self._waiting else 0
            return {
                "id": job.id,
                "state": job.state,
                "position": position,
                "step": LOADING if position == 1 and self._is_loading else job.step,
                "progress": round(job.progress, 4),
                "message": job.message,
                "result": job.result,
            }

    def stop(self) -> None:
        """Cancels everything and waits for the worker to notice."""
        with self._changed:
            self._is_stopped = True
            for job in [*self._waiting, *filter(None, [self._running])]:
                self.cancel(job)
            self._changed.notify_all()
        self._thread.join(STOP_SECONDS)

    def _serve(self) -> None:
        tool: Any = None
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_stopped or self._is_wanted or self._waiting)
                if self._is_stopped:
                    return
                self._is_wanted = False
                job = self._running = self._waiting.pop(0) if self._waiting else None
                if job is not None:
                    job.state, job.step = "running", LOADING if tool is None else "fusing"
            if job is None:
                self._is_loading = tool is None
                tool = tool or self._loaded()
                self._is_loading = False
                continue
            state, message = "failed", ""
            try:
                tool = tool or self._load()
                job.result = self._work(tool, job).id
                state, message = "done", ""
            except CancelledError:
                state, message = "cancelled", ""
            except (HocketError, FullError, GoneError) as error:
                message = str(error)
            except MemoryError:
                message = "The fusion needs more memory than is available: choose shorter parts."
            except Exception as error:  # the boundary of the worker: the next job must not suffer
                message = explain(error, "a fusion failed")
            with self._changed:
                job.message, self._running = message, None
                self._end(job, state)  # type: ignore[arg-type]

    def _loaded(self) -> Any:
        """The tool, or None if it is not available: the first job will find out again and say so."""
        try:
            return self._load()
        except HocketError as error:
            logger.error("the weights cannot be loaded: %s", error)
        except Exception as error:  # the boundary of the worker
            explain(error, "the weights cannot be loaded")
        return None

    def _end(self, job: Job, state: State) -> None:
        job.draft.close()
        job.state, job.step, job.ended_seconds = state, "", time.monotonic()
        job.progress = 1.0 if state == "done" else job.progress

    def _forget(self) -> None:
        """Jobs that ended long ago, and the oldest of too many."""
        ended = sorted(
            (job for job in self._jobs.values() if job.state in ENDED), key=lambda job: job.ended_seconds
        )
        oldest = time.monotonic() - self._expire_seconds
        for number, job in enumerate(ended):
            if len(ended) - number > MAX_ENDED or job.ended_seconds < oldest:
                del self._jobs[job.id]

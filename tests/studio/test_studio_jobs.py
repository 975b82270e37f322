"""The queue: places, cancelling, faults, and an end."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hocket.errors import AudioError, CheckpointError
from hocket.studio.answers import BROKEN
from hocket.studio.jobs import Job, Jobs
from hocket.studio.requests import parse_request
from hocket.studio.store import FullError, Kept, Store

REQUEST = parse_request({"input": "a", "target": "b"})


class Bench:
    """A queue whose work waits for `go`, and does what the first name of a job says."""

    def __init__(self, root: Path, load: Callable[[], Any] = lambda: "tool") -> None:
        self.store = Store(root, max_bytes=10**6, max_items=99, expire_seconds=7200.0)
        self.go, self.order = threading.Event(), []
        self.jobs = Jobs(load, self._work, max_waiting=3, expire_seconds=7200.0)

    def submit(self, name: str = "fine") -> Job:
        draft = self.store.draft()
        (draft.folder / "input.wav").write_bytes(b"x")
        return self.jobs.submit(REQUEST, (name, "other"), draft)

    def _work(self, tool: Any, job: Job) -> Kept:
        assert tool == "tool"
        self.order.append(job.id)
        while not self.go.wait(0.01):
            job.report(0.5, "fusing")
        if job.names[0] == "wrong":
            raise AudioError("wrong is silent: give another.")
        if job.names[0] == "broken":
            raise RuntimeError("/secret/path")
        if job.names[0] == "hungry":
            raise MemoryError
        return job.draft.keep("result", {})

    def view(self, job: Job) -> dict[str, Any]:
        return self.jobs.view(job)

    def wait(self, job: Job, *states: str) -> dict[str, Any]:
        end_seconds = time.monotonic() + 60
        while (view := self.view(job))["state"] not in states:
            assert time.monotonic() < end_seconds, view
            time.sleep(0.005)
        return view


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.jobs.stop()
    assert not bench.jobs._thread.is_alive()


def test_jobs_are_done_in_their_order_and_see_their_places(bench: Bench) -> None:
    jobs = [bench.submit()]
    bench.wait(jobs[0], "running")
    jobs += [bench.submit() for _ in range(3)]
    assert [bench.view(job)["position"] for job in jobs] == [0, 1, 2, 3]
    with pytest.raises(FullError, match="3 jobs are already waiting"):
        bench.submit()
    bench.jobs.cancel(jobs[1])
    assert bench.view(jobs[1])["state"] == "cancelled", "at once"
    assert [bench.view(job)["position"] for job in jobs] == [0, 0, 1, 2]
    bench.go.set()
    assert all(bench.wait(job, "done")["result"] for job in (jobs[0], *jobs[2:]))
    assert bench.order == [jobs[0].id, jobs[2].id, jobs[3].id]


def test_a_running_job_stops_at_its_next_word_and_leaves_nothing(bench: Bench, tmp_path: Path) -> None:
    job = bench.submit()
    bench.wait(job, "running")
    while bench.view(job)["progress"] < 0.5:
        time.sleep(0.005)
    assert list(tmp_path.iterdir())
    bench.jobs.cancel(job)
    view = bench.wait(job, "cancelled")
    assert view["result"] is None and view["message"] == ""
    assert not list(tmp_path.iterdir())
    bench.go.set()
    assert bench.wait(bench.submit(), "done"), "the next one is served"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("wrong", "wrong is silent: give another."),
        ("broken", BROKEN),
        ("hungry", "The fusion needs more memory"),
    ],
)
def test_a_fault_is_one_jobs_own(
    bench: Bench, tmp_path: Path, name: str, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    bench.go.set()
    view = bench.wait(bench.submit(name), "failed")
    assert view["message"].startswith(message) and "secret" not in view["message"]
    assert ("/secret/path" in caplog.text) == (name == "broken"), (
        "what is ours to mend is told on the terminal"
    )
    assert not list(tmp_path.iterdir())
    assert bench.wait(bench.submit(), "done")


def test_an_ended_job_cannot_be_cancelled(bench: Bench) -> None:
    bench.go.set()
    job = bench.submit()
    bench.wait(job, "done")
    bench.jobs.cancel(job)
    assert bench.view(job)["state"] == "done"


def test_weights_that_cannot_be_had_are_every_jobs_fault(tmp_path: Path) -> None:
    def load() -> Any:
        raise CheckpointError("best.safetensors is damaged: train again.")

    bench = Bench(tmp_path, load)
    bench.jobs.prepare()
    try:
        for _ in range(2):
            assert (
                bench.wait(bench.submit(), "failed")["message"] == "best.safetensors is damaged: train again."
            )
    finally:
        bench.jobs.stop()


def test_the_end_of_the_studio_is_the_end_of_all_jobs(bench: Bench, tmp_path: Path) -> None:
    jobs = [bench.submit(), bench.submit()]
    bench.wait(jobs[0], "running")
    bench.jobs.stop()
    assert {bench.view(job)["state"] for job in jobs} == {"cancelled"}
    assert not list(tmp_path.iterdir())
    with pytest.raises(FullError):
        bench.submit()

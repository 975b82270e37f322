"""Children that die, hang, raise or eat memory cost their own task, and nobody else's."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from child_work import square

from hocket.cli.ending import Interrupted, Stopping
from hocket.data.workers import Failure, run_in_children, start_undisturbed
from hocket.errors import DataError


def results(tasks: list[dict[str, Any]], *, jobs: int = 2, limit_seconds: float = 60.0) -> list[Any]:
    found = dict(run_in_children(square, tasks, jobs=jobs, limit_seconds=limit_seconds))
    assert sorted(found) == list(range(len(tasks)))
    return [found[number] for number in range(len(tasks))]


def numbers(count: int) -> list[dict[str, Any]]:
    return [{"x": number} for number in range(count)]


@pytest.mark.parametrize("jobs", [1, 3])
def test_all_tasks_are_done_once_by_any_number_of_children(jobs: int) -> None:
    assert results(numbers(20), jobs=jobs) == [number**2 for number in range(20)]
    assert results([]) == []


def test_each_fault_is_named_and_the_others_are_done() -> None:
    tasks = numbers(9)
    for place, what in ((1, "die"), (3, "leave"), (4, "raise"), (6, "eat"), (7, "print")):
        tasks[place]["do"] = what
    found = results(tasks)
    assert found[1] == Failure("crashed", "the decoder process was ended by SIGSEGV")
    assert found[3] == Failure("crashed", "the decoder process ended with code 3")
    assert found[4] == Failure("failed", "KeyError: 'no such thing'")
    assert found[6] == Failure("failed", "it needs more than 2 GiB of memory")
    assert [found[place] for place in (0, 2, 5, 7, 8)] == [0, 4, 25, 49, 64]


def test_a_task_that_hangs_is_ended() -> None:
    tasks = numbers(3)
    tasks[0]["do"] = "hang"
    start = time.monotonic()
    found = results(tasks, limit_seconds=2.0)
    assert found == [Failure("too slow", "it took more than 2 s"), 1, 4]
    assert time.monotonic() - start < 300.0, "the task would have slept for 600 s"


def test_children_are_gone_when_the_caller_has_had_enough() -> None:
    running = run_in_children(square, [{"do": "environment"}] * 50, jobs=2, limit_seconds=60.0)
    pid = next(running)[1]["pid"]
    running.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_children_that_scan_compute_with_one_thread_each(corpus: Path) -> None:
    song = sorted((corpus / "music").iterdir())[0]
    (found,) = results([{"do": "scan", "path": str(song)}])
    assert found == {"name": song.name, "threads": 1}


def test_children_that_cannot_begin_are_an_error_and_not_a_fault_of_the_files() -> None:
    def nowhere(task: dict[str, Any]) -> None: ...

    nowhere.__module__, nowhere.__qualname__ = "child_work", "there_is_no_such_function"
    with pytest.raises(DataError, match="ended before it started"):
        list(run_in_children(nowhere, numbers(2), jobs=1, limit_seconds=60.0))


def test_a_signal_while_a_child_is_started_waits_until_that_is_whole() -> None:
    done: list[str] = []

    def start() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.3)
        done.append("whole")

    with pytest.raises(Interrupted), Stopping():
        start_undisturbed(start)
    assert done == ["whole"]

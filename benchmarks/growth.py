"""Growth of the work: with the length of a recording, the size of a batch, threads, processes, workers, busy cores."""

import json
import multiprocessing
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from benchmarks.children import HOCKET, Child, environment, measured
from benchmarks.fusing import fused_by_command
from benchmarks.learning import Trainee, configuration, draw
from benchmarks.page import Section, Table
from benchmarks.plan import Plan
from benchmarks.timing import ALONE, Timing, Work, ratio, side_by_side, threads

TWO = (sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "-m", "hocket")
EPOCH_STEPS = 8
RUN_ROUNDS = 3
LENGTHS = """\
Length: the whole command `hocket fuse` on stereo at 44.1 kHz, one thread, in a process of its own; start and diagnosis
included."""
BATCHES = "Batch: a training step of the default preset, one thread, sizes in turns."
BUSY = "Threads: the same step with one thread and with two, alone and beside a process that keeps one core busy."
RUNS = """\
`hocket train` in all its ways: the second epoch of each, in turns; threads that wait do so without spinning, as the
program sets it."""
VARIANTS = {
    "1 process, threads as chosen": (HOCKET, []),
    "1 process, 1 thread": (HOCKET, ["--num_threads=1"]),
    "1 process, 2 threads": (HOCKET, ["--num_threads=2"]),
    "1 process, 1 thread, 1 worker": (HOCKET, ["--num_threads=1", "--num_workers=1"]),
    "1 process, 1 thread, 2 workers": (HOCKET, ["--num_threads=1", "--num_workers=2"]),
    "2 processes (gloo), 1 thread each": (TWO, ["--num_threads=1"]),
    "2 processes (gloo), threads as chosen": (TWO, []),
}


def measure(plan: Plan) -> Section:
    """All of it, each question in a table."""
    plan.say("  lengths")
    lengths = _lengths(plan)
    plan.say("  batches")
    batches = _batches(plan)
    plan.say("  threads, alone and beside a busy core")
    busy = _busy(plan)
    content: list[str | Table] = [
        *(LENGTHS, _length_table(lengths)),
        *(BATCHES, _batch_table(batches)),
        *(BUSY, _busy_table(busy)),
    ]
    figures: dict[str, Any] = {
        "lengths": {f"{seconds:g}": child.figures for seconds, child in lengths.items()},
        "batches": {str(size): list(timing.seconds) for size, timing in batches.items()},
        "busy": {name: list(timing.seconds) for name, timing in busy.items()},
    }
    if not plan.quick:
        plan.say("  processes, threads and workers of `hocket train`")
        figures["runs"] = _runs(plan)
        content += [RUNS, _run_table(figures["runs"])]
    return Section("Growth", tuple(content), figures)


def _lengths(plan: Plan) -> dict[float, Child]:
    lengths = (2.0,) if plan.quick else (10.0, 60.0, 600.0, 3600.0) if plan.long else (10.0, 60.0)
    children = {}
    for seconds in lengths:
        plan.say(f"    {seconds:g} s")
        paths, output = plan.pair(seconds), plan.folder / "grown.wav"
        children[seconds] = fused_by_command(*paths, output, num_threads=1)
        # An hour of three recordings is a gigabyte.
        for path in (*paths, output) if seconds > 60 else (output,):
            path.unlink()
    return children


def _batches(plan: Plan) -> dict[int, Timing]:
    sizes = (1, 2) if plan.quick else (1, 2, 4, 8, 16)
    works: dict[int, Work] = {size: _step(plan, size) for size in sizes}
    with threads(1):
        timings = side_by_side(
            {str(size): work for size, work in works.items()},
            rounds=2 if plan.quick else 5,
            clock=ALONE,
        )
    return {size: timings[str(size)] for size in sizes}


def _step(plan: Plan, batch_size: int | None = None) -> Work:
    """A step of its own model on its own batch; the preset's size where none is given."""
    config = configuration(plan, **({} if batch_size is None else {"batch_size": batch_size}))
    trainee, batch = Trainee.fresh(config), draw(plan, config, 1)[0]
    return lambda: trainee.step(batch)


def _busy(plan: Plan) -> dict[str, Timing]:
    """One and two threads, first alone, then beside a busy core."""
    step = _step(plan)

    def with_threads(number: int) -> Work:
        def run() -> None:
            with threads(number):
                step()

        return run

    works = {"1 thread": with_threads(1), "2 threads": with_threads(2)}
    rounds = 1 if plan.quick else 7
    alone = side_by_side(works, rounds=rounds)
    with busy_core():
        beside = side_by_side(works, rounds=rounds)
    return alone | {f"{name}, beside a busy core": timing for name, timing in beside.items()}


@contextmanager
def busy_core() -> Iterator[None]:
    """Another process that computes without end for as long as the block lasts."""
    # Not forked: torch's threads do not survive that.
    process = multiprocessing.get_context("spawn").Process(target=_compute, daemon=True)
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join()


def _compute() -> None:
    number = 0
    while True:
        number += 1


def _runs(plan: Plan) -> dict[str, list[dict[str, float]]]:
    """Each way's second epoch, round by round."""
    seen: dict[str, list[dict[str, float]]] = {name: [] for name in VARIANTS}
    for _ in range(RUN_ROUNDS):
        for name, (starter, flags) in VARIANTS.items():
            plan.say(f"    {name}")
            seen[name].append(_second_epoch(plan, starter, flags))
    return seen


def _second_epoch(plan: Plan, starter: Sequence[str], flags: Sequence[str]) -> dict[str, float]:
    """Examples a second, and the share of the time in which it waits for them."""
    run = plan.folder / "growing"
    words = [
        *starter,
        "train",
        str(plan.music_to_train_on()),
        "--run-dir",
        str(run),
        "--no-report",
        "--fresh",
    ]
    length = [f"--steps_per_epoch={EPOCH_STEPS}", "--num_epochs=2", "--device=cpu"]
    measured([*words, *length, *flags], env=environment(None) | {"OMP_WAIT_POLICY": "passive"})
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    second = [line for line in lines if line["kind"] == "timing"][1]
    training = second["data_seconds"] + second["step_seconds"]
    return {
        "examples_per_second": EPOCH_STEPS * configuration(plan).data.batch_size / training,
        "waiting_share": second["data_seconds"] / training,
    }


def _length_table(lengths: Mapping[float, Child]) -> Table:
    rows = tuple(
        (
            _clock(seconds),
            f"{child.seconds:.1f} s",
            f"{seconds / child.seconds:.1f}x",
            f"{child.peak_megabytes:.0f} MB",
        )
        for seconds, child in lengths.items()
    )
    return Table(("length", "time", "real-time factor", "peak memory"), rows)


def _clock(seconds: float) -> str:
    return f"{seconds:g} s" if seconds < 60 else f"{seconds / 60:g} min"


def _batch_table(batches: Mapping[int, Timing]) -> Table:
    one = batches[1]
    rows = tuple(
        (str(size), timing.words, f"{size / timing.median:.2f}", ratio(timing, one).words)
        for size, timing in batches.items()
    )
    return Table(("batch", "a step", "examples/s", "as long as one example"), rows)


def _busy_table(busy: Mapping[str, Timing]) -> Table:
    first = next(iter(busy.values()))
    rows = tuple((name, timing.words, ratio(timing, first).words) for name, timing in busy.items())
    return Table(("", "a step", "as long as one thread alone"), rows)


def _run_table(runs: Mapping[str, list[dict[str, Any]]]) -> Table:
    rows, first = [], statistics.median(row["examples_per_second"] for row in next(iter(runs.values())))
    for name, rounds in runs.items():
        paces = [row["examples_per_second"] for row in rounds]
        waiting = statistics.median(row["waiting_share"] for row in rounds)
        pace = statistics.median(paces)
        words = f"{pace:.2f} ({min(paces):.2f}-{max(paces):.2f})"
        rows.append((name, words, f"{pace / first:.2f}x", f"{waiting:.1%}"))
    return Table(("", "examples/s", "of the first", "waiting for data"), tuple(rows))

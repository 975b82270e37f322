"""Time to criterion: from a cold start of `hocket train` until its validation pairs are inside the success bars."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.children import HOCKET, environment
from benchmarks.machine import num_cores
from benchmarks.page import Section, Table
from benchmarks.plan import Plan
from benchmarks.timing import in_seconds
from hocket.diagnostics import Figures, MaskFigures, checklist
from hocket.errors import HocketError

POLL_SECONDS = 0.2
GRACE_SECONDS = 60.0
EXPLANATION = """\
From the start of the process `hocket train MUSIC --run RUN`, with loading torch and looking through the music, until
the validation pairs of an epoch have both waveform correlations in 0.40-0.60, the verdict that the output mixes both,
and margins of at least 0.50 (rhythm), 0.40 (harmony) and 0.30 (articulation): the bars of `hocket.diagnostics`. The
last column counts the whole success checklist, in which masks that are balanced to 0.03 and 85 % complementary are two
more points."""
SPOTLESS = MaskFigures(
    input_mask_mean=0.5, target_mask_mean=0.5, complementarity=1.0, coverage=1.0, mask_variance=0.25
)
"""Masks with which nothing but the figures decides."""


@dataclass(frozen=True)
class Judged:
    """An epoch's validation: when it was there, since the process was started, and how it stands.

    `met` is the whole checklist by point, `passed` whether correlations, verdict and margins are inside their bars.
    """

    epoch: int
    seconds: float
    figures: Mapping[str, Any]
    met: Mapping[str, bool]
    passed: bool

    @property
    def words(self) -> str:
        """Says how much of the checklist is met."""
        return f"{sum(self.met.values())} of {len(self.met)}"


def measure(plan: Plan) -> Section:
    """Trains the default preset until its figures are inside the bars, or the time is up."""
    music = plan.music_to_train_on()
    limit = min(plan.time_limit, 20.0) if plan.quick else plan.time_limit
    extra = (
        ["--steps_per_epoch=1", "--num_validation_examples=2", "--excerpt_seconds=1.0", "--batch_size=2"]
        if plan.quick
        else []
    )
    run = plan.folder / "run"
    command = [*HOCKET, "train", str(music), "--run", str(run), "--no_report", "--device=cpu", *extra]
    plan.say(f"  training for {limit:.0f} s at most")
    judged = train_until(command, run, limit=limit, say=plan.say)
    passed = next((epoch for epoch in judged if epoch.passed), None)
    outcome = f"not within {limit:.0f} s" if passed is None else in_seconds(passed.seconds)
    content = (
        EXPLANATION,
        f"Music: {'given' if plan.music else '24 rendered songs of 20 s'}; {num_cores()} cores, threads as the program "
        f"chooses them{', tiny batches (quick)' if plan.quick else ''}.",
        f"**Time to criterion: {outcome}**{'' if passed is None else f' (epoch {passed.epoch})'}.",
        _table(judged),
    )
    figures = {
        "limit_seconds": limit,
        "criterion_seconds": passed.seconds if passed else None,
        "epochs": [
            {"epoch": e.epoch, "seconds": e.seconds, "figures": dict(e.figures), "met": dict(e.met)}
            for e in judged
        ],
    }
    return Section("Time to criterion", content, figures)


def train_until(
    command: list[str], run: Path, *, limit: float, say: Callable[[str], None] = lambda _: None
) -> list[Judged]:
    """Runs a training until an epoch is inside the bars, its end, or the limit; what all its epochs came to.

    Raises:
        HocketError: the training failed by itself; the last line that it wrote is told.
    """
    begin = time.monotonic()
    said = run.with_name(run.name + ".txt")
    with said.open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=environment(None)
        )
    judged: list[Judged] = []
    try:
        while True:
            ended = process.poll() is not None
            seconds = time.monotonic() - begin
            for line in validations(run)[len(judged) :]:
                judged.append(judge(line, seconds))
                say(f"    epoch {judged[-1].epoch} after {seconds:.0f} s: {judged[-1].words}")
            if ended or seconds > limit or any(epoch.passed for epoch in judged):
                break
            time.sleep(POLL_SECONDS)
    except BaseException:
        # Nobody wants the run any more, so it need not save.
        process.kill()
        raise
    finally:
        _end(process)
    if process.returncode > 0 and not judged:
        last = (said.read_text(encoding="utf-8").strip().splitlines() or ["it said nothing"])[-1]
        raise HocketError(f"the training failed ({last}): run '{' '.join(command)}' by itself to see why.")
    return judged


def validations(run: Path) -> list[dict[str, Any]]:
    """The whole validation lines of a run's log."""
    try:
        text = (run / "log.jsonl").read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    # The last line may be half there.
    lines = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
    return [line for line in lines if line["kind"] == "validation"]


def judge(line: Mapping[str, Any], seconds: float) -> Judged:
    """A validation line by the success checklist."""
    figures = Figures(**{name: line[name] for name in Figures.__dataclass_fields__})
    masks = MaskFigures(**{name: line[name] for name in MaskFigures.__dataclass_fields__})
    items = checklist(figures, masks)
    return Judged(
        epoch=int(line["epoch"]),
        seconds=seconds,
        figures={**vars(figures), **vars(masks)},
        met={item.name: item.met for item in items},
        passed=all(item.met for item in checklist(figures, SPOTLESS)),
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    """Asks a training to end, and does not wait for ever."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM if os.name == "posix" else signal.SIGINT)
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _table(judged: list[Judged]) -> Table:
    """The first, the last, and up to ten epochs between."""
    step = max(1, len(judged) // 10)
    shown = [epoch for number, epoch in enumerate(judged) if number % step == 0 or epoch is judged[-1]]
    names = ("output_input_correlation", "output_target_correlation", "complementarity")
    margins = ("rhythm_margin", "harmony_margin", "articulation_margin")
    rows = tuple(
        (
            str(epoch.epoch),
            f"{epoch.seconds:.0f} s",
            *(f"{epoch.figures[name]:.2f}" for name in (*names, *margins)),
            epoch.words,
        )
        for epoch in shown
    )
    words = ("output→input", "output→target", "complementarity", "rhythm", "harmony", "articulation")
    return Table(("epoch", "since the start", *words, "met"), rows)

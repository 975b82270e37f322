"""The start: how long until there is something to read or to hear."""

import json
import sys
import time
from collections.abc import Mapping, Sequence

from benchmarks.children import HOCKET, Child, environment, measured
from benchmarks.page import Section, Table
from benchmarks.plan import Plan
from benchmarks.timing import Timing

SECONDS = 3.0
COMMANDS = {
    "`python -c pass`": (sys.executable, "-c", "pass"),
    "`hocket --version`": (*HOCKET, "--version"),
    "`hocket --help`": (*HOCKET, "--help"),
    "`hocket fuse --help`": (*HOCKET, "fuse", "--help"),
    "`hocket train --help`": (*HOCKET, "train", "--help"),
}


def measure(plan: Plan) -> Section:
    """Commands that only speak, and what passes before the first fusion of a fresh process is done."""
    rounds = 1 if plan.quick else 5
    env = environment(1)
    # The last one loads torch, which the stages below tell of.
    commands = dict(list(COMMANDS.items())[:-1]) if plan.quick else COMMANDS
    children: dict[str, list[Child]] = {name: [] for name in commands}
    stages: dict[str, list[float]] = {}
    for number in range(rounds):
        plan.say(f"  round {number + 1} of {rounds}")
        for name, command in commands.items():
            children[name].append(measured(command, env=env))
        for name, seconds in _first_fusion(plan).items():
            stages.setdefault(name, []).append(seconds)
    passed = {name: Timing(tuple(taken)) for name, taken in stages.items()}
    content = (
        "Each in a process of its own, one thread, files already in the system's cache.",
        _command_table(children),
        f"From the start of a process to its first fusion, of a pair of {SECONDS:g} s:",
        Table(("", "time"), tuple((name, timing.words) for name, timing in passed.items())),
    )
    commands_seen = {name: [child.figures for child in seen] for name, seen in children.items()}
    return Section("The start", content, {"commands": commands_seen, "first_fusion": stages})


def _command_table(children: Mapping[str, Sequence[Child]]) -> Table:
    rows = []
    for name, seen in children.items():
        wall = Timing(tuple(child.seconds for child in seen))
        worked = Timing(tuple(child.processor_seconds for child in seen))
        rows.append((name, wall.words, worked.words))
    return Table(("command", "time", "processor time"), tuple(rows))


def _first_fusion(plan: Plan) -> dict[str, float]:
    """Seconds of each stage of a fresh process."""
    paths = [str(path) for path in plan.pair(SECONDS)]
    command = (
        sys.executable,
        "-m",
        "benchmarks.first_fusion",
        repr(time.time()),
        *paths,
        str(plan.folder / "first.wav"),
    )
    said = measured(command, env=environment(1)).output
    seconds: dict[str, float] = json.loads(said.splitlines()[-1])
    return seconds

"""Feeds `hocket.audio` thousands of broken recordings in child processes and counts what becomes of them.

    python scripts/fuzz_audio.py --cases 3600

Every file gives finite sound of the promised shape or an `AudioError` of one sentence that names it, within a
second of processor time and a gigabyte of memory; a crash of a decoder, a foreign exception, a hang or too much of
either is a fault, and the exit code is 1. `--only 17 --keep FOLDER` writes the file of case 17 and judges it alone.
"""

import argparse
import collections
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from audio_fuzz.crafted import crafted
from audio_fuzz.judging import Verdict, judge
from audio_fuzz.mutations import mutate
from audio_fuzz.places import LOADED, LOCKED, REFUSED
from audio_fuzz.recordings import FAMILIES, make_recordings

HANG_SECONDS = 20.0
BATCH = 500


def main() -> int:
    """Parent and child in one: the child judges, the parent counts and starts another where one dies."""
    arguments = _parser().parse_args()
    if arguments.child:
        return _child(arguments)
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hocket-fuzz-") as folder:
        families = make_recordings(Path(folder))
        results = list(_run(arguments, Path(folder), _plan(arguments, Path(folder), families)))
    report = _summary(results, families, time.monotonic() - start)
    print(_table(report))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1))
    return 1 if report["faults"] else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=3_600, help="mutated files, over all formats")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    parser.add_argument("--only", action="append", help="this case alone, by its name; may be given again")
    parser.add_argument("--keep", type=Path, help="keep the files of --only in this folder")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    return parser


def _plan(arguments: argparse.Namespace, folder: Path, families: list[str]) -> list[str]:
    """The names of all cases: the same list in parent and child."""
    if arguments.only:
        return list(arguments.only)
    names = [f"{family}: {name}" for family, name, _ in crafted(folder)]
    names += [f"place: {name}" for name in (*LOADED, *REFUSED, *LOCKED)]
    names += [f"{families[number % len(families)]} {number}" for number in range(arguments.cases)]
    return names


def _run(arguments: argparse.Namespace, folder: Path, names: list[str]) -> Iterator[tuple[str, Verdict]]:
    """Every case with its verdict; a child that dies or hangs gives the verdict of the case that it was at."""
    while names:
        batch = names[:BATCH]
        done = 0
        for name, verdict in _judged(arguments, folder, batch):
            yield name, verdict
            done += 1
        names = names[done:]


def _judged(arguments: argparse.Namespace, folder: Path, names: list[str]) -> Iterator[tuple[str, Verdict]]:
    listing = folder / "cases.json"
    listing.write_text(json.dumps(names))
    command = [sys.executable, "-W", "error", __file__, "--seed", str(arguments.seed), "--child", str(folder)]
    if arguments.keep:
        command += ["--keep", str(arguments.keep)]
    errors = folder / "stderr"
    with errors.open("wb") as sink, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=sink) as child:
        assert child.stdout is not None
        done, rest = 0, b""
        while done < len(names):
            ready, _, _ = select.select([child.stdout], [], [], HANG_SECONDS)
            data = os.read(child.stdout.fileno(), 65_536) if ready else b""
            if not data:
                child.kill()
                what = f"signal or exit {child.wait()}" if ready else f"a hang of {HANG_SECONDS:g} s"
                last = errors.read_bytes().decode("utf-8", "replace")[-2_000:]
                yield names[done], Verdict(f"FAULT crash: {what} {last}", 0.0, 0.0)
                return
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                yield names[done], Verdict(**json.loads(line))
                done += 1
    said = errors.read_bytes()
    if said:
        print(f"a decoder wrote to stderr: {said[:500]!r}", file=sys.stderr)


def _child(arguments: argparse.Namespace) -> int:
    """Judges the cases of the list one after the other, a line of JSON for each."""
    names = json.loads((arguments.child / "cases.json").read_text())
    made = {f"{family}: {name}": data for family, name, data in crafted(arguments.child)}
    for number, name in enumerate(names):
        with tempfile.TemporaryDirectory(prefix="case-", dir=arguments.child) as folder:
            if name == "the judge dies":  # Asked for by a test only.
                os.kill(os.getpid(), signal.SIGSEGV)
            if name.startswith("place: "):
                verdict = _judge_place(name.removeprefix("place: "), Path(folder), arguments)
            else:
                path = Path(folder, f"case-{number}.bin")
                path.write_bytes(made[name] if name in made else _mutated(name, arguments))
                if arguments.keep:
                    arguments.keep.mkdir(exist_ok=True)
                    (arguments.keep / path.name).write_bytes(path.read_bytes())
                verdict = judge(path)
        print(json.dumps(vars(verdict)), flush=True)
    return 0


def _mutated(name: str, arguments: argparse.Namespace) -> bytes:
    """The file of a case called `FAMILY NUMBER`, which depends on these two and the seed alone."""
    family, number = name.split(" ")
    rng = np.random.default_rng([arguments.seed, FAMILIES.index(family), int(number)])
    every = sorted(path for path in arguments.child.iterdir() if path.is_file() and "-" in path.name)
    own = [path for path in every if path.name.startswith(f"{family}-")]
    return mutate(rng, *(kind[rng.integers(0, len(kind))].read_bytes() for kind in (own, every)))[1]


def _judge_place(name: str, folder: Path, arguments: argparse.Namespace) -> Verdict:
    sound = (arguments.child / "wav-pcm16").read_bytes()
    path = {**LOADED, **REFUSED, **LOCKED}[name](folder, sound)
    if name in LOCKED and os.geteuid() == 0:
        # Root may read everything: what anybody else sees is judged with the rights of nobody.
        arguments.child.chmod(0o755)
        folder.chmod(0o755)
        os.seteuid(65_534)
        try:
            verdict = judge(path)
        finally:
            os.seteuid(0)
    else:
        verdict = judge(path)
    if (verdict.outcome == "loaded") is not (name in LOADED):
        verdict.outcome = f"FAULT {name}: {verdict.outcome}"
    return verdict


def _summary(results: list[tuple[str, Verdict]], families: list[str], seconds: float) -> dict[str, object]:
    """The figures: counts by format and outcome, the slowest and the largest case, the faults."""
    counts: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for name, verdict in results:
        is_fault = verdict.outcome.startswith("FAULT")
        counts[_row(name)]["FAULT" if is_fault else verdict.outcome] += 1
    slowest = max(results, key=lambda result: result[1].seconds)
    largest = max(results, key=lambda result: result[1].megabytes)
    return {
        "cases": len(results),
        "families": families,
        "counts": {row: dict(found) for row, found in counts.items()},
        "faults": {name: verdict.outcome for name, verdict in results if verdict.outcome.startswith("FAULT")},
        "slowest": [slowest[0], round(slowest[1].seconds, 3)],
        "largest": [largest[0], round(largest[1].megabytes)],
        "wall_seconds": round(seconds, 1),
    }


def _row(name: str) -> str:
    """Column of the table that a case counts in: its format, or what else it is."""
    if name.startswith("place: "):
        return "places"
    return name.split(" ")[0] if name.split(" ")[0] in FAMILIES else "crafted"


def _table(report: dict) -> str:
    """The counts as a table in Markdown, with what stood out below it."""
    counts = report["counts"]
    rows = [
        *(row for row in report["families"] if row in counts),
        *(row for row in ("crafted", "places") if row in counts),
    ]
    outcomes = sorted(
        {outcome for row in counts.values() for outcome in row}, key=lambda name: (name != "loaded", name)
    )
    lines = [f"| outcome | {' | '.join(rows)} | all |", "|---" * (len(rows) + 2) + "|"]
    for outcome in outcomes:
        cells = [counts[row].get(outcome, 0) for row in rows]
        lines.append(f"| {outcome} | {' | '.join(map(str, cells))} | {sum(cells)} |")
    sums = [sum(counts[row].values()) for row in rows]
    lines.append(f"| all | {' | '.join(map(str, sums))} | {sum(sums)} |")
    lines += ["", f"{report['cases']} cases in {report['wall_seconds']} s; faults: {len(report['faults'])}."]
    lines += [f"Slowest call: {report['slowest'][1]} s of processor time ({report['slowest'][0]})."]
    lines += [f"Most memory: {report['largest'][1]} MB in the whole process ({report['largest'][0]})."]
    lines += [f"- {name}: {outcome}" for name, outcome in report["faults"].items()]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())

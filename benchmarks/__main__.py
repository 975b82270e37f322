"""`python -m benchmarks`: measures how fast the program is on this machine, in ratios that other machines share."""

import argparse
import difflib
import json
import os
import shlex
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hocket import files, outputs
from hocket.errors import ConfigError, HocketError
from hocket.memory import keep_freed_memory

EXIT_SOME_FAILED = 1

if TYPE_CHECKING:
    from benchmarks.page import Section


def main(argv: list[str]) -> int:
    """Measures, and returns the exit code: 2 for a mistake of the user's, which is one sentence on stderr."""
    try:
        return run(argv)
    except HocketError as error:
        _say(f"benchmarks: error: {error}")
        return 2


def run(argv: list[str]) -> int:
    """Measures, prints each table when it is there, and writes the page at the end; progress goes to stderr."""
    arguments = _parser().parse_args(argv)
    # Set before NumPy loads: what is measured with one thread must not have a second one in its linear algebra.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # As the command `hocket` does.
    keep_freed_memory()
    from benchmarks.page import page
    from benchmarks.sections import SECTIONS

    usual = [name for name, entry in SECTIONS.items() if entry.in_quick or not arguments.quick]
    names = _chosen(arguments.only, known=list(SECTIONS), usual=usual)
    _check(arguments)
    for path in filter(None, (arguments.output, arguments.json)):
        outputs.require_place(path)
    from benchmarks.machine import machine_facts

    facts, command = machine_facts(), shlex.join(["python", "-m", "benchmarks", *argv])
    for name, value in facts.items():
        _say(f"{name}: {value}")
    sections = _measure(names, arguments)
    if arguments.output is not None:
        files.write_text(arguments.output, page(list(sections.values()), facts=facts, command=command))
        _say(f"written: {arguments.output}")
    if arguments.json is not None:
        figures = {name: section.figures for name, section in sections.items()}
        raw = {"command": command, "machine": facts, "sections": figures}
        files.write_text(arguments.json, json.dumps(raw, indent=1) + "\n")
        _say(f"written: {arguments.json}")
    failed = [name for name, section in sections.items() if "failed" in section.figures]
    if failed:
        _say(f"not measured: {', '.join(failed)}")
    return EXIT_SOME_FAILED if failed else 0


def _measure(names: list[str], arguments: argparse.Namespace) -> "dict[str, Section]":
    from benchmarks.plan import Plan
    from benchmarks.sections import measure

    sections = {}
    with tempfile.TemporaryDirectory(prefix="hocket-bench-") as folder:
        plan = Plan(
            folder=Path(folder),
            quick=arguments.quick,
            long=arguments.long,
            music=arguments.music,
            pairs=arguments.pairs,
            device=arguments.device,
            time_limit=arguments.time_limit,
            say=_say,
        )
        for name, section in zip(names, measure(names, plan), strict=True):
            print(section.markdown + "\n", flush=True)
            sections[name] = section
    return sections


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__, allow_abbrev=False)
    parser.add_argument("-o", "--output", type=Path, metavar="PAGE.md", help="write the page there as well")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the raw figures there as well")
    parser.add_argument("--only", metavar="NAMES", help="these sections, with commas between: fuse,training")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="small sizes and few rounds, no training to the criterion: a minute",
    )
    parser.add_argument("--long", action="store_true", help="recordings of ten minutes and an hour as well")
    parser.add_argument("--music", type=Path, metavar="DIR", help="train on these recordings (rendered ones)")
    parser.add_argument("--pairs", type=Path, metavar="CSV", help="compare on these pairs (rendered ones)")
    parser.add_argument(
        "--device", default="cuda", metavar="D", help="what the section gpu measures; cpu: a dry run (cuda)"
    )
    parser.add_argument(
        "--time-limit",
        type=float,
        default=600.0,
        metavar="S",
        help="the most that training to the criterion may take (600)",
    )
    return parser


def _chosen(only: str | None, *, known: list[str], usual: list[str]) -> list[str]:
    if only is None:
        return usual
    names = [name.strip() for name in only.split(",")]
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean '{close[0]}'?" if close else f"there are {', '.join(known)}."
            raise ConfigError(f"there is no section '{name}': {hint}")
    return [name for name in known if name in names]


def _check(arguments: argparse.Namespace) -> None:
    if not arguments.time_limit > 0:
        raise ConfigError(f"--time-limit is {arguments.time_limit:g}: give a number of seconds above 0.")
    if arguments.music is not None and not arguments.music.exists():
        raise ConfigError(f"{arguments.music} does not exist: give a folder of recordings.")
    if arguments.pairs is not None and not arguments.pairs.is_file():
        raise ConfigError(f"{arguments.pairs} is no file: give a CSV with the columns input and target.")
    # What is in them as well: their sections come after minutes of others.
    if arguments.pairs is not None:
        from hocket.data.pairs import read_pairs

        read_pairs(arguments.pairs)
    if arguments.music is not None:
        from benchmarks.libraries import open_library
        from hocket.settings import RunConfig

        data = RunConfig().data
        open_library(
            arguments.music,
            excerpt_seconds=data.excerpt_seconds * (1 + data.max_speed_change),
            validation_fraction=data.validation_fraction,
            seed=0,
        )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`hocket evaluate`: scores a model or given outputs with independent estimators, beside methods without training."""

import argparse
import importlib.metadata
import json
import math
import platform
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from hocket.cli.flags import INCLUDED, VerbParser
from hocket.errors import ConfigError, DataError
from hocket.version import __version__

if TYPE_CHECKING:
    from hocket.data.pairs import Pair
    from hocket.evaluation.evaluate import GivenOutput
    from hocket.evaluation.summary import SystemScores
    from hocket.fusing import Fuser

SUFFIXES = (".wav", ".flac")


def run(argv: list[str]) -> int:
    """Scores what is named and prints a table, or with `--json` one JSON object; progress goes to stderr."""
    arguments = _parser().parse_args(argv)
    _check(arguments)
    from hocket.data.pairs import read_pairs
    from hocket.evaluation import notes

    if not notes.is_available():
        print(notes.MISSING, file=sys.stderr)
    pairs = read_pairs(arguments.pairs)
    paths = None if arguments.outputs is None else _find_outputs(arguments.outputs, pairs)
    from hocket.evaluation.baselines import BASELINES
    from hocket.evaluation.evaluate import evaluate_set
    from hocket.evaluation.realism import Mixes
    from hocket.evaluation.table import as_table
    from hocket.evaluation.truth import read_truths

    outputs: dict[str, Iterator[GivenOutput]] = {}
    if paths is not None:
        outputs["outputs"] = _read_outputs(paths)
    else:
        outputs["model"] = _fuse_with_checkpoint(arguments.checkpoint, pairs)
    truths = read_truths(arguments.pairs, pairs) if arguments.truths else None
    mixes = None if arguments.mixes is None else Mixes.read(arguments.mixes)
    with _progress(len(pairs)) as on_pair:
        systems = evaluate_set(
            pairs=pairs,
            outputs=outputs,
            baselines=tuple(BASELINES) if arguments.baselines else (),
            truths=truths,
            mixes=mixes,
            jobs=arguments.jobs,
            on_pair=on_pair,
        )
    print(_as_json(systems, len(pairs)) if arguments.json else as_table(systems, num_pairs=len(pairs)))
    return 0


def _parser() -> VerbParser:
    parser = VerbParser(
        "evaluate",
        "Scores fusions with independent metrics: those of the model, or outputs that another program made. With "
        "--baselines, methods without training are scored next to them.",
    )
    add = parser.add_argument
    add("--pairs", type=Path, required=True, metavar="CSV", help="file with the columns input and target")
    add("--outputs", type=Path, metavar="DIR", help="score these outputs: 000.wav (or .flac), 001.wav, …")
    add("--checkpoint", type=Path, metavar="RUN/best", help=f"score this model (default: {INCLUDED})")
    add("--baselines", action="store_true", help="also score methods without training: overlay, layering, …")
    add("--truths", action="store_true", help="also compare with the true fusions in the CSV's column truth")
    add("--mixes", type=Path, metavar="DIR", help="folder of recorded music to compare the outputs with")
    add("--json", action="store_true", help="print one JSON object instead of a table")
    add("--jobs", type=int, default=1, metavar="N", help="processes that score pairs at the same time")
    return parser


def _check(arguments: argparse.Namespace) -> None:
    if arguments.outputs is not None and arguments.checkpoint is not None:
        raise ConfigError("--outputs and --checkpoint were both given: choose one of them.")
    if arguments.jobs < 1:
        raise ConfigError(f"--jobs is {arguments.jobs}: give a number of processes from 1 up.")


def _find_outputs(folder: Path, pairs: Sequence["Pair"]) -> list[Path]:
    """One file for each pair, all looked for before any work; raises DataError where one is not there."""
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder: give the folder that holds 000.wav, 001.wav, … .")
    found = [
        [folder / f"{name}{suffix}" for name in (pair.name, pair.title) for suffix in SUFFIXES]
        for pair in pairs
    ]
    found = [[path for path in paths if path.is_file()] for paths in found]
    missing = [pair.name for pair, paths in zip(pairs, found, strict=True) if not paths]
    if missing:
        raise DataError(
            f"{folder} lacks the outputs of {len(missing)} of {len(pairs)} pairs, the first {missing[0]}.wav "
            f"(or .flac): make them with 'hocket fuse --pairs … -o {folder}'."
        )
    for paths in found:
        if len(paths) > 1:
            raise DataError(f"{paths[0]} and {paths[1].name} are both there: keep the one to be scored.")
    return [paths[0] for paths in found]


def _read_outputs(paths: Sequence[Path]) -> Iterator["GivenOutput"]:
    """The outputs one by one, after all were read once, so that a bad file is named before the work."""
    from hocket.evaluation.conventions import read_channels, require_length
    from hocket.evaluation.evaluate import GivenOutput

    for path in paths:
        require_length(read_channels(path), name=str(path))
    for path in paths:
        yield GivenOutput(str(path), read_channels(path))


def _fuse_with_checkpoint(checkpoint: Path | None, pairs: Sequence["Pair"]) -> Iterator["GivenOutput"]:
    """Fuses each pair when its turn comes; timed is reading and fusing, not loading the model.

    What is scored is what both sources have: nothing is looped.
    """
    from hocket.evaluation.conventions import channels
    from hocket.evaluation.evaluate import GivenOutput
    from hocket.fusing import FuseOptions, Fuser

    fuser = Fuser.from_checkpoint(checkpoint)
    options = FuseOptions(length="shortest")
    attack = _attack(fuser)
    for pair in pairs:
        start = time.perf_counter()
        fused = fuser.fuse_files(pair.input, pair.target, options=options)
        wall_seconds = time.perf_counter() - start
        name = f"the fusion of pair {pair.name}"
        yield GivenOutput(
            name, channels(fused.audio), wall_seconds=wall_seconds, figures=fused.mask_figures | attack
        )


def _attack(fuser: "Fuser") -> dict[str, float]:
    """The attack times of a model, see `hocket.evaluation.attack`; nothing where the target's voice never sounds."""
    from hocket.audio import Audio
    from hocket.audio.resampling import resample
    from hocket.evaluation.attack import RATE_HZ, probe, rise_times
    from hocket.fusing import FuseOptions

    input, target = (Audio(voice[None], RATE_HZ) for voice in probe())
    voice = fuser.fuse(input, target, options=FuseOptions(input_amount=0.0)).audio
    rises = rise_times(resample(voice.samples, from_hz=voice.sample_rate, to_hz=RATE_HZ)[0])
    return rises if all(map(math.isfinite, rises.values())) else {}


@contextmanager
def _progress(num_pairs: int) -> Iterator[Callable[["Pair"], None]]:
    """A bar where someone watches, a line for each pair elsewhere; both on stderr."""
    from hocket.cli.progress import bar, rich_console

    start, done = time.monotonic(), 0
    console = rich_console(stderr=True)
    live = bar(console)

    def report(pair: "Pair") -> None:
        nonlocal done
        done += 1
        left_seconds = (time.monotonic() - start) / done * (num_pairs - done)
        if console.is_terminal:
            live.update(task, completed=done, rate=f"pair {pair.name}")
        else:
            console.print(
                f"pair {pair.name} scored ({done}/{num_pairs}, {left_seconds:.0f} s to go)", markup=False
            )

    task = live.add_task("scoring pairs", total=num_pairs, rate="")
    with live if console.is_terminal else nullcontext():
        yield report


def _as_json(systems: Mapping[str, "SystemScores"], num_pairs: int) -> str:
    from hocket.evaluation.recipe import RECIPE

    result = {
        "pairs": num_pairs,
        "systems": {name: asdict(scores) for name, scores in systems.items()},
        "versions": _versions(),
        "recipe": RECIPE,
    }
    return json.dumps(result, indent=2, allow_nan=False)


def _versions() -> dict[str, str]:
    packages = ("librosa", "mir_eval", "numpy", "scipy")
    found = {name: importlib.metadata.version(name) for name in packages}
    return {"hocket": __version__, "python": platform.python_version(), **found}

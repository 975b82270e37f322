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

from hocket.cli.flags import INCLUDED, VerbParser, add_device, with_note
from hocket.errors import ConfigError, DataError
from hocket.shards import HELP, parse_shard
from hocket.version import __version__

if TYPE_CHECKING:
    from hocket.data.pairs import Pair
    from hocket.evaluation.evaluate import GivenOutput
    from hocket.evaluation.summary import ScoredRow, SystemScores
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
    share = pairs if arguments.shard is None else arguments.shard.of(pairs)
    paths = None if arguments.outputs is None else _find_outputs(arguments.outputs, share)
    from hocket.evaluation import parts
    from hocket.evaluation.realism import Mixes
    from hocket.evaluation.summary import summarise
    from hocket.evaluation.table import as_table

    if arguments.shard is not None:
        path = parts.claim_part(arguments.parts, arguments.shard)
        parts.write_part(path, _score(arguments, pairs, share, paths), _versions())
        print(f"{len(share)} of {len(pairs)} pairs scored: {path}")
        return 0
    mixes = None if arguments.mixes is None else Mixes.read(arguments.mixes)
    if arguments.parts is not None:
        rows = parts.read_parts(arguments.parts, pairs, _versions())
    else:
        rows = _score(arguments, pairs, pairs, paths)
    systems = {name: summarise(scored, mixes) for name, scored in rows.items()}
    print(_as_json(systems, len(pairs)) if arguments.json else as_table(systems, num_pairs=len(pairs)))
    return 0


def _score(
    arguments: argparse.Namespace, pairs: "list[Pair]", share: "list[Pair]", paths: list[Path] | None
) -> "dict[str, list[ScoredRow]]":
    """Scores those of the pairs that are in the share: given outputs, or what the model makes of them."""
    from hocket.evaluation.baselines import BASELINES
    from hocket.evaluation.evaluate import score_set
    from hocket.evaluation.truth import read_truths

    outputs: dict[str, Iterator[GivenOutput]] = {}
    if paths is not None:
        outputs["outputs"] = _read_outputs(paths)
    else:
        outputs["model"] = _fuse_with_checkpoint(arguments.checkpoint, with_note(arguments.device), share)
    truths = read_truths(arguments.pairs, pairs) if arguments.truths else None
    if truths is not None and arguments.shard is not None:
        truths = arguments.shard.of(truths)
    with _progress(len(share)) as on_pair:
        return score_set(
            pairs=share,
            outputs=outputs,
            baselines=tuple(BASELINES) if arguments.baselines else (),
            truths=truths,
            jobs=arguments.jobs,
            on_pair=on_pair,
        )


def _parser() -> VerbParser:
    parser = VerbParser(
        "evaluate",
        "Scores fusions with independent metrics: those of the model, or outputs that another program made. "
        "With --baselines, methods without training are scored as well.",
    )
    add = parser.add_argument
    add("--pairs", type=Path, required=True, metavar="CSV", help="CSV file with the columns input and target")
    add("--outputs", type=Path, metavar="DIR", help="score these outputs: 000.wav (or .flac), 001.wav, …")
    add(
        "--checkpoint",
        type=Path,
        metavar="RUN/best",
        help=f"score this model, or hub:OWNER/NAME (default: {INCLUDED})",
    )
    add("--baselines", action="store_true", help="also score baseline methods: overlay, layering, …")
    add("--truths", action="store_true", help="also compare with the true fusions in the CSV's column truth")
    add("--mixes", type=Path, metavar="DIR", help="folder of recorded music to compare the outputs with")
    add("--shard", type=parse_shard, metavar="3/16", help=f"of the pairs, {HELP}; needs --parts")
    add(
        "--parts",
        type=Path,
        metavar="DIR",
        help="folder of what the shards scored; without --shard, the result of all shards is printed",
    )
    add("--json", action="store_true", help="print one JSON object instead of a table")
    add("--jobs", type=int, default=1, metavar="N", help="processes that score pairs at the same time")
    add_device(parser)
    return parser


def _check(arguments: argparse.Namespace) -> None:
    if arguments.outputs is not None and arguments.checkpoint is not None:
        raise ConfigError("--outputs and --checkpoint were both given: choose one of them.")
    if arguments.shard is not None and arguments.parts is None:
        raise ConfigError(
            "--shard needs a folder for what it scores: give the same --parts DIR to all shards."
        )
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
            f"{folder} has no output for {len(missing)} of {len(pairs)} pairs (first: {missing[0]}.wav or "
            f".flac): make them with 'hocket fuse --pairs … -o {folder}'."
        )
    for paths in found:
        if len(paths) > 1:
            raise DataError(f"{paths[0]} and {paths[1].name} both exist: keep only the one to score.")
    return [paths[0] for paths in found]


def _read_outputs(paths: Sequence[Path]) -> Iterator["GivenOutput"]:
    """The outputs one by one, after all were read once, so that a bad file is named before the work."""
    from hocket.evaluation.conventions import read_channels, require_length
    from hocket.evaluation.evaluate import GivenOutput

    for path in paths:
        require_length(read_channels(path), name=str(path))
    for path in paths:
        yield GivenOutput(str(path), read_channels(path))


def _fuse_with_checkpoint(
    checkpoint: Path | None, device: str, pairs: Sequence["Pair"]
) -> Iterator["GivenOutput"]:
    """Fuses each pair when its turn comes; timed is reading and fusing, not loading the model.

    What is scored is what both sources have: nothing is looped.
    """
    from hocket.evaluation.conventions import channels
    from hocket.evaluation.evaluate import GivenOutput
    from hocket.fusing import FuseOptions, Fuser

    fuser = Fuser.from_checkpoint(checkpoint, device=device)
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
                f"pair {pair.name} scored ({done}/{num_pairs}, {left_seconds:.0f} s left)", markup=False
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

"""`hocket fuse`: one pair, the rows of a pairs file, or samples of a run's own validation songs."""

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hocket import outputs
from hocket.cli.flags import VerbParser
from hocket.cli.progress import audio_progress
from hocket.cli.results import Places, claim, draw, judge, save, table_paths, write_tables
from hocket.errors import ConfigError, DataError, HocketError
from hocket.options import Choice, FuseOptions, make_options, table

if TYPE_CHECKING:
    from hocket.diagnostics import Figures
    from hocket.fusing import Fuser, Fusion, SourcePair

EXIT_SOME_FAILED = 1
SUFFIXES = (".wav", ".flac")


def run(argv: list[str]) -> int:
    """Fuses, and returns 0, or 1 when some of several pairs failed."""
    options = _parser().parse_args(argv)
    _check(options)
    wanted = make_options({option.name: getattr(options, option.name) for option in table()})
    several = options.pairs is not None or options.num_samples is not None
    options.pictures = options.pictures or options.num_samples is not None
    if options.pictures:
        from hocket.pictures import require_matplotlib

        require_matplotlib()
    pairs = _pairs(options)
    if pairs is not None:
        _claim(pairs, options)

    from hocket.fusing import Fuser

    fuser = Fuser.from_checkpoint(options.checkpoint, device=_device(options.device))
    if pairs is None:
        from hocket.fusing import validation_samples

        pairs = validation_samples(fuser, options.num_samples, seed=options.seed)
        _claim(pairs, options)
    if several:
        _make_folder(options.output)
        return _fuse_several(fuser, pairs, wanted, options)
    print(f"writing {options.output}", flush=True)
    _fuse_pair(fuser, pairs[0], wanted, options)
    return 0


def _parser() -> VerbParser:
    parser = VerbParser(
        "fuse",
        "Fuses the rhythm of INPUT with the harmony of TARGET. The output has the input's rate, channels "
        "and length; a longer target is cut, a shorter one looped.",
    )
    parser.add_argument("input", type=Path, nargs="?", metavar="INPUT", help="gives the rhythm")
    parser.add_argument("target", type=Path, nargs="?", metavar="TARGET", help="gives the harmony")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT", help=".wav or .flac, or a folder"
    )
    parser.add_argument(
        "--checkpoint", type=Path, metavar="RUN/best", help="your own weights (those that come with hocket)"
    )
    parser.add_argument("--pairs", type=Path, metavar="CSV", help="columns input,target: one file a row")
    parser.add_argument("--num_samples", type=int, metavar="N", help="samples of the run's validation songs")
    parser.add_argument(
        "--pictures", action="store_true", help="draw waveforms, onsets, chroma and masks (PNG)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace recordings that exist already")
    _add_options(parser)
    parser.add_argument("--encoding", choices=("pcm16", "pcm24", "float32"), default="pcm24")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--seed", type=int, default=0, help="which validation samples are drawn (0)")
    return parser


def _add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what it should sound like")
    for option in table():
        how: dict[str, Any] = {"default": option.default, "help": option.help, "dest": option.name}
        if isinstance(option, Choice):
            how["choices"] = tuple(option.labels)
        else:
            how |= {"type": option.type, "metavar": option.metavar}
        group.add_argument(f"--{option.flag or option.name}", **how)


def _check(options: argparse.Namespace) -> None:
    ways = [options.input is not None, options.pairs is not None, options.num_samples is not None]
    if sum(ways) != 1:
        raise ConfigError("give INPUT and TARGET, or --pairs CSV, or --num_samples N: one of the three.")
    if options.input is not None and options.target is None:
        raise ConfigError(f"{options.input} has no partner: give an INPUT and a TARGET.")
    if options.input is not None and options.output.suffix.lower() not in SUFFIXES:
        raise ConfigError(f"{options.output} has no known ending: name the output .wav or .flac.")
    if options.encoding == "float32" and options.output.suffix.lower() == ".flac":
        raise ConfigError("FLAC holds no float32: choose --encoding pcm24 or a .wav output.")
    if options.num_samples is not None and options.num_samples < 1:
        raise ConfigError(f"--num_samples is {options.num_samples}: give at least 1.")


def _pairs(options: argparse.Namespace) -> "list[SourcePair] | None":
    """The pairs to fuse; None for samples, which only the checkpoint can tell."""
    from hocket import audio
    from hocket.data.pairs import read_pairs
    from hocket.fusing import SourcePair, from_pairs

    if options.pairs is not None:
        return from_pairs(read_pairs(options.pairs))
    if options.num_samples is not None:
        return None
    # Looked at before the weights are loaded.
    for path in (options.input, options.target):
        audio.info(path)
    outputs.require_place(options.output)
    return [SourcePair(options.output.stem, options.input, options.target)]


def _places(pair: "SourcePair", options: argparse.Namespace) -> Places:
    return Places(
        options.output if options.input is not None else options.output / f"{pair.name}.wav",
        with_pictures=options.pictures,
        with_excerpts=pair.starts_seconds is not None,
    )


def _claim(pairs: "list[SourcePair]", options: argparse.Namespace) -> None:
    """Makes sure that no file of the user's will be lost, whatever pair it belongs to."""
    from hocket.model.weights import default_weights
    from hocket.runs import find_checkpoint

    checkpoint = default_weights() if options.checkpoint is None else find_checkpoint(options.checkpoint)
    sources = [checkpoint, *(path for pair in pairs for path in (pair.input, pair.target))]
    claim(
        [_places(pair, options) for pair in pairs],
        tables=table_paths(options.output) if options.input is None else (),
        sources=sources if options.pairs is None else [options.pairs, *sources],
        overwrite=options.overwrite,
    )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        outputs.probe(folder)
    except OSError as error:
        raise DataError(
            f"{folder} cannot be written to ({error.strerror}): choose another output folder."
        ) from error


def _device(name: str) -> str:
    import torch

    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device is cuda, but no CUDA device is visible here: use --device auto or cpu.")
    return "cuda" if name != "cpu" and torch.cuda.is_available() else "cpu"


def _fuse_several(
    fuser: "Fuser",
    pairs: "list[SourcePair]",
    wanted: FuseOptions,
    options: argparse.Namespace,
) -> int:
    """One file a row and a table of what became of each; a bad row does not stop the others."""
    rows: list[dict[str, Any]] = []
    try:
        for pair in pairs:
            row: dict[str, Any] = {"name": pair.name, "input": str(pair.input), "target": str(pair.target)}
            print(f"{_places(pair, options).sound}  ({len(rows) + 1}/{len(pairs)})", flush=True)
            try:
                rows.append(row | _fuse_pair(fuser, pair, wanted, options))
            except HocketError as error:
                rows.append(row | {"output": "", "error": str(error)})
                print(f"{pair.name}: {error}", file=sys.stderr)
    finally:
        # Of a list that is stopped, the rows that were done.
        if rows:
            write_tables(options.output, rows)
    failed = sum(bool(row["error"]) for row in rows)
    print(f"{len(rows) - failed} fused, {failed} failed: {options.output / 'results.csv'}")
    return EXIT_SOME_FAILED if failed else 0


def _fuse_pair(
    fuser: "Fuser", pair: "SourcePair", wanted: FuseOptions, options: argparse.Namespace
) -> dict[str, Any]:
    """Fuses, writes and draws one pair, says what it is, and gives what a table tells of it."""
    from hocket.audio.streams import work_folder

    places = _places(pair, options)
    begin = time.perf_counter()
    with (
        audio_progress(_expected_seconds(pair, wanted)) as progress,
        fuser.fusing_pair(
            pair, options=wanted, folder=work_folder(places.sound.parent), on_progress=progress
        ) as fusion,
    ):
        seconds = time.perf_counter() - begin
        facts = save(fuser, fusion, pair, places, encoding=options.encoding, seconds=seconds)
        figures, notes = judge(fusion, facts, places)
        if options.pictures:
            draw(fuser, fusion, figures, places)
        _say(fusion, figures, notes, seconds)
        told = figures.as_dict() if figures is not None else {}
        return {"output": places.sound.name, "error": ""} | told | fusion.mask_figures


def _expected_seconds(pair: "SourcePair", wanted: FuseOptions) -> float:
    """How long the output will be, for the progress; alignment may change that a little."""
    from hocket import audio
    from hocket.fusing.fuser import SAMPLE_SECONDS

    if pair.starts_seconds is not None:
        return SAMPLE_SECONDS
    input, target = (audio.info(path).duration_seconds for path in (pair.input, pair.target))
    known = {"input": input, "target": target, "shortest": min(input, target), "longest": max(input, target)}
    return known[wanted.length]


def _say(fusion: "Fusion", figures: "Figures | None", notes: list[str], seconds: float) -> None:
    from hocket.diagnostics.wording import worded

    print(f"  {worded(figures).line if figures is not None else 'no diagnosis'}")
    for note in notes:
        print(f"  note: {note}")
    if figures is not None:
        print(
            f"  output→input {figures.output_input_correlation:.2f}   "
            f"output→target {figures.output_target_correlation:.2f}   margins: rhythm {figures.rhythm_margin:.2f}, "
            f"harmony {figures.harmony_margin:.2f}, articulation {figures.articulation_margin:.2f}"
        )
    duration = fusion.output.duration_seconds
    speed = duration / max(seconds, 1e-9)
    print(f"  {duration:.1f} s in {seconds:.1f} s ({speed:.1f}x real time)")

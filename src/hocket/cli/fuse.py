"""`hocket fuse`: one pair, the rows of a pairs file, or samples of a run's own validation songs."""

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hocket.cli.flags import underscored
from hocket.cli.progress import audio_progress
from hocket.cli.results import draw, save, save_sources, write_tables
from hocket.errors import ConfigError, DataError, HocketError

if TYPE_CHECKING:
    from hocket.diagnostics import Figures
    from hocket.inference import FuseOptions, Fuser, Fusion, SourcePair

EXIT_SOME_FAILED = 1
SUFFIXES = (".wav", ".flac")


def run(argv: list[str]) -> int:
    """Fuses, and returns 0, or 1 when some of several pairs failed."""
    options = _parser().parse_args(underscored(argv))
    _check(options)
    several = options.pairs is not None or options.num_samples is not None
    options.pictures = options.pictures or options.num_samples is not None
    if options.pictures:
        from hocket.pictures import require_matplotlib

        require_matplotlib()
    pairs = _read_pairs(options.pairs) if options.pairs is not None else None
    if not several:
        _require_sources(options.input, options.target, options.output)
    _require_folder(options.output if several else options.output.parent, create=several)

    from hocket.inference import Fuser

    wanted = _fuse_options(options)
    fuser = Fuser.from_checkpoint(options.checkpoint, device=_device(options.device))
    if several:
        return _fuse_several(fuser, pairs, wanted, options)
    _fuse_one(fuser, wanted, options)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hocket fuse",
        description="Fuses the rhythm of INPUT with the harmony of TARGET. The output has the input's rate, channels "
        "and length; a longer target is cut, a shorter one looped.",
        allow_abbrev=False,
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
    _add_controls(parser)
    parser.add_argument("--encoding", choices=("pcm16", "pcm24", "float32"), default="pcm24")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--seed", type=int, default=0, help="which validation samples are drawn (0)")
    return parser


def _add_controls(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what it should sound like")
    group.add_argument(
        "--input_amount",
        type=float,
        default=1.0,
        metavar="X",
        help="of the input: 0 none, 1 balanced, up to 4",
    )
    group.add_argument(
        "--target_amount", type=float, default=1.0, metavar="X", help="of the target, likewise"
    )
    group.add_argument(
        "--reattack",
        type=float,
        default=0.0,
        metavar="X",
        help="how much louder the target is struck at the input's onsets: 0 as learned, 1 twice as loud, up to 4",
    )
    group.add_argument(
        "--align",
        choices=("none", "tempo", "beats"),
        default="none",
        help="stretch the target, pitch kept, to the input's tempo, or beat by beat (none)",
    )
    group.add_argument(
        "--length",
        choices=("input", "target", "shortest", "longest"),
        default="input",
        help="whose length the output has (input)",
    )
    group.add_argument(
        "--fit",
        choices=("loop", "stretch"),
        default="loop",
        help="what fills a source that is too short (loop)",
    )
    group.add_argument("--sample_rate", type=int, metavar="HZ", help="of the output (the input's)")
    group.add_argument("--channels", type=int, metavar="N", help="of the output (the input's)")


def _fuse_options(options: argparse.Namespace) -> "FuseOptions":
    from hocket.inference import FuseOptions
    from hocket.model.mixing import Controls

    return FuseOptions(
        controls=Controls(options.input_amount, options.target_amount, options.reattack),
        align=options.align,
        length=options.length,
        fit=options.fit,
        sample_rate=options.sample_rate,
        num_channels=options.channels,
    )


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


def _require_sources(input_path: Path, target_path: Path, output: Path) -> None:
    """Looks at both files before the weights are loaded; the output never replaces a source."""
    from hocket import audio

    for path in (input_path, target_path):
        audio.info(path)
        if output.exists() and output.samefile(path):
            raise ConfigError(f"{output} is one of the sources: choose another output.")


def _require_folder(folder: Path, *, create: bool) -> None:
    try:
        if create:
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"{folder} cannot be made ({error.strerror}): choose another output folder."
        ) from error
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder: make it, or choose another output.")
    if not os.access(folder, os.W_OK):
        raise DataError(f"{folder} cannot be written to: choose another output folder.")


def _read_pairs(path: Path) -> "list[SourcePair]":
    from hocket.data.pairs import read_pairs
    from hocket.inference import from_pairs

    return from_pairs(read_pairs(path))


def _device(name: str) -> str:
    import torch

    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device is cuda, but no CUDA device is visible here: use --device auto or cpu.")
    return "cuda" if name != "cpu" and torch.cuda.is_available() else "cpu"


def _fuse_one(fuser: "Fuser", wanted: "FuseOptions", options: argparse.Namespace) -> None:
    from hocket.inference import SourcePair

    print(f"writing {options.output}", flush=True)
    pair = SourcePair(options.output.stem, options.input, options.target)
    _fuse_pair(fuser, pair, options.output, wanted, options)


def _fuse_several(
    fuser: "Fuser",
    pairs: "list[SourcePair] | None",
    wanted: "FuseOptions",
    options: argparse.Namespace,
) -> int:
    """One file a row and a table of what became of each; a bad row does not stop the others."""
    from hocket.inference import validation_samples

    if pairs is None:
        pairs = validation_samples(fuser, options.num_samples, seed=options.seed)
    rows: list[dict[str, Any]] = []
    for pair in pairs:
        row: dict[str, Any] = {"name": pair.name, "input": str(pair.input), "target": str(pair.target)}
        output = options.output / f"{pair.name}.wav"
        print(f"{output}  ({len(rows) + 1}/{len(pairs)})", flush=True)
        try:
            rows.append(row | _fuse_pair(fuser, pair, output, wanted, options))
        except HocketError as error:
            rows.append(row | {"output": "", "error": str(error)})
            print(f"{pair.name}: {error}", file=sys.stderr)
    write_tables(options.output, rows)
    failed = sum(bool(row["error"]) for row in rows)
    print(f"{len(rows) - failed} fused, {failed} failed: {options.output / 'results.csv'}")
    return EXIT_SOME_FAILED if failed else 0


def _fuse_pair(
    fuser: "Fuser", pair: "SourcePair", output: Path, wanted: "FuseOptions", options: argparse.Namespace
) -> dict[str, Any]:
    """Fuses, writes and draws one pair, says what it is, and gives what a table tells of it."""
    from hocket.audio.streams import work_folder
    from hocket.inference import fusing_pair

    begin = time.perf_counter()
    with (
        audio_progress(_expected_seconds(pair, wanted)) as progress,
        fusing_pair(
            fuser, pair, options=wanted, folder=work_folder(output.parent), on_progress=progress
        ) as fusion,
    ):
        seconds = time.perf_counter() - begin
        figures, notes = save(fuser, fusion, pair.input, pair.target, output, options.encoding, seconds)
        if pair.starts_seconds is not None:
            save_sources(fusion, output)
        if options.pictures:
            draw(fuser, fusion, figures, output)
        _say(fusion, figures, notes, seconds)
        told = figures.as_dict() if figures is not None else {}
        return {"output": output.name, "error": ""} | told | fusion.mask_figures


def _expected_seconds(pair: "SourcePair", wanted: "FuseOptions") -> float:
    """How long the output will be, for the progress; alignment may change that a little."""
    from hocket import audio
    from hocket.inference.batch import SAMPLE_SECONDS

    if pair.starts_seconds is not None:
        return SAMPLE_SECONDS
    input, target = (audio.info(path).duration_seconds for path in (pair.input, pair.target))
    known = {"input": input, "target": target, "shortest": min(input, target), "longest": max(input, target)}
    return known[wanted.length]


def _say(fusion: "Fusion", figures: "Figures | None", notes: list[str], seconds: float) -> None:
    from hocket.diagnostics.wording import verdict_words

    for note in notes:
        print(f"  note: {note}")
    duration = fusion.output.duration_seconds
    words = "no diagnosis"
    if figures is not None:
        words = verdict_words(figures)
        print(
            f"  output→input {figures.output_input_correlation:.2f}   "
            f"output→target {figures.output_target_correlation:.2f}   margins: rhythm {figures.rhythm_margin:.2f}, "
            f"harmony {figures.harmony_margin:.2f}, articulation {figures.articulation_margin:.2f}   ({figures.rung})"
        )
    speed = duration / max(seconds, 1e-9)
    print(f"  {words}   {duration:.1f} s in {seconds:.1f} s ({speed:.1f}x real time)")

"""`hocket fuse`: one pair, the rows of a pairs file, or samples of a run's own validation songs."""

import argparse
import sys
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hocket import outputs
from hocket.cli.flags import INCLUDED, VerbParser, add_device, with_note
from hocket.cli.progress import audio_progress, clock, say
from hocket.cli.results import Places, claim, draw, judge, merge_tables, save, table_paths, write_tables
from hocket.errors import ConfigError, HocketError
from hocket.files import WRITABLE
from hocket.options import Choice, FuseOptions, KeyChoice, make_options, table
from hocket.shards import HELP, parse_shard

if TYPE_CHECKING:
    from hocket.diagnostics import Figures
    from hocket.fusing import Fuser, Fusion, SourcePair
    from hocket.score.timeline import Timeline

EXIT_SOME_FAILED = 1
ENDINGS = f"{', '.join(WRITABLE[:-1])} or {WRITABLE[-1]}"
CHANNELS = {1: "mono", 2: "stereo"}


def run(argv: list[str]) -> int:
    """Fuses, and returns 0, or 1 when some of several pairs failed."""
    options = _parser().parse_args(argv)
    _check(options)
    if options.chords is not None:
        from hocket.score.chords import Progression

        options.target = Progression(options.chords, options.bars_per_chord or 1.0)
    wanted = make_options({option.name: getattr(options, option.name) for option in table()})
    several = options.pairs is not None or options.num_samples is not None
    if options.output is None:
        options.output = outputs.unused(Path(f"{outputs.fusion_name(options.input, options.target)}.wav"))
    options.pictures = options.pictures or options.num_samples is not None
    if options.pictures:
        from hocket.pictures import require_matplotlib

        require_matplotlib()
    pairs = _pairs(options)
    if pairs is not None:
        _claim(pairs, options)

    from hocket.fusing import Fuser

    fuser = Fuser.from_checkpoint(options.checkpoint, device=with_note(options.device))
    if pairs is None:
        from hocket.fusing import validation_samples

        pairs = validation_samples(fuser, options.num_samples, seed=options.seed)
        _claim(pairs, options)
    if several:
        outputs.make_folder(options.output)
        return _fuse_several(fuser, pairs, wanted, options)
    _fuse_pair(fuser, pairs[0], wanted, options)
    return 0


def _parser() -> VerbParser:
    parser = VerbParser(
        "fuse",
        "Fuses the rhythm of INPUT with the harmony of TARGET. The output has the sample rate, channels and "
        "length of INPUT; a longer TARGET is cut, and a shorter one is looped.",
        usage="hocket fuse INPUT [TARGET | --chords CHORDS] [-o OUT] [flags]",
    )
    _add_sources(parser)
    _add_files(parser)
    _add_options(parser)
    parser.add_argument(
        "--encoding",
        choices=("pcm16", "pcm24", "float32"),
        default="pcm24",
        help="sample format of WAV and FLAC",
    )
    add_device(parser)
    return parser


def _add_sources(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("input", type=Path, nargs="?", metavar="INPUT", help="the recording that gives the rhythm")
    add(
        "target",
        type=Path,
        nargs="?",
        metavar="TARGET",
        help="the recording or MIDI file that gives the harmony",
    )
    add(
        "--chords",
        metavar="CHORDS",
        help='chords to play on the beat of INPUT instead of TARGET, such as "Am F C/E G7"',
    )
    add(
        "--bars-per-chord",
        type=float,
        metavar="N",
        help="bars of INPUT for each chord: 0.5, 1, 2 or 4 (default: 1)",
    )


def _add_files(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "-o",
        "--output",
        type=Path,
        metavar="OUT",
        help=f"{ENDINGS} file, or a folder for several fusions (default: 'INPUT x TARGET.wav' in this folder)",
    )
    add(
        "--stems",
        action="store_true",
        help="also write OUT.rhythm.wav and OUT.harmony.wav, which add up to OUT",
    )
    add(
        "--markers",
        action="store_true",
        help="also write beats, bars and chords: OUT.mid (tempo map) and OUT.labels.txt (Audacity)",
    )
    add(
        "--no-check",
        dest="check",
        action="store_false",
        help="skip the check of how well it worked (faster)",
    )
    add("-v", "--verbose", action="store_true", help="also print the figures of the check")
    add("--pictures", action="store_true", help="draw waveforms, onsets, chroma and masks (PNG)")
    add("--overwrite", action="store_true", help="replace existing recordings")
    add(
        "--checkpoint",
        type=Path,
        metavar="RUN/best",
        help=f"weights of your own training, or hub:OWNER/NAME (default: {INCLUDED})",
    )
    add("--pairs", type=Path, metavar="CSV", help="fuse all pairs of a CSV file (columns input and target)")
    add("--shard", type=parse_shard, metavar="3/16", help=f"of the pairs, {HELP}")
    add("--num-samples", type=int, metavar="N", help="fuse N pairs of excerpts of the validation songs")
    add("--seed", type=int, default=0, metavar="N", help="random seed for --num-samples")


def _add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("sound")
    for option in table():
        how: dict[str, Any] = {"default": option.default, "help": option.help, "dest": option.name}
        if isinstance(option, KeyChoice):
            how["metavar"] = option.metavar
        elif isinstance(option, Choice):
            how["choices"] = tuple(option.labels)
        else:
            how |= {"type": option.type, "metavar": option.metavar}
        group.add_argument(f"--{(option.flag or option.name).replace('_', '-')}", **how)


def _check(options: argparse.Namespace) -> None:
    ways = [options.input is not None, options.pairs is not None, options.num_samples is not None]
    if sum(ways) != 1:
        raise ConfigError("give either INPUT and TARGET, or --pairs CSV, or --num-samples N.")
    if options.input is None and options.output is None:
        raise ConfigError("several fusions need an output folder: give it with -o FOLDER.")
    if options.input is not None and options.shard is not None:
        raise ConfigError("--shard is for lists of pairs: give them with --pairs CSV.")
    if options.chords is not None and (options.input is None or options.target is not None):
        raise ConfigError("--chords replaces TARGET: give INPUT, and either TARGET or --chords.")
    if options.bars_per_chord is not None and options.chords is None:
        raise ConfigError("--bars-per-chord needs --chords: give both, or neither.")
    if options.input is not None and options.target is None and options.chords is None:
        raise ConfigError(f"{options.input} has no TARGET to be fused with: give one, or --chords.")
    suffix = options.output.suffix.lower() if options.output is not None else ".wav"
    if options.input is not None and suffix not in WRITABLE:
        raise ConfigError(f"{options.output} does not end in {ENDINGS}: choose one of these endings.")
    if options.input is not None and suffix == ".m4a":
        from hocket.audio.lossy import require_pyav

        require_pyav(options.output)
    if options.encoding == "float32" and suffix == ".flac":
        raise ConfigError("FLAC cannot store float32: choose --encoding pcm24 or a .wav output.")
    if options.num_samples is not None and options.num_samples < 1:
        raise ConfigError(f"--num-samples is {options.num_samples}: give at least 1.")


def _pairs(options: argparse.Namespace) -> "list[SourcePair] | None":
    """The pairs to fuse; None for samples, which only the checkpoint can tell."""
    from hocket.audio.writing import require_holds
    from hocket.data.pairs import read_pairs
    from hocket.fusing import SourcePair, from_pairs
    from hocket.fusing.written import source_infos

    if options.pairs is not None:
        return from_pairs(read_pairs(options.pairs))
    if options.num_samples is not None:
        return None
    # Looked at before the weights are loaded.
    first, _ = source_infos(options.input, options.target)
    require_holds(
        options.output,
        sample_rate=options.sample_rate or first.sample_rate,
        num_channels=options.num_channels or first.num_channels,
    )
    outputs.require_place(options.output)
    return [SourcePair(options.output.stem, options.input, options.target)]


def _places(pair: "SourcePair", options: argparse.Namespace) -> Places:
    return Places(
        options.output if options.input is not None else options.output / f"{pair.title or pair.name}.wav",
        with_pictures=options.pictures,
        with_excerpts=pair.starts_seconds is not None,
        with_stems=options.stems,
        with_markers=options.markers,
    )


def _share(pairs: "list[SourcePair]", options: argparse.Namespace) -> "list[SourcePair]":
    return options.shard.of(pairs) if options.shard is not None else pairs


def _claim(pairs: "list[SourcePair]", options: argparse.Namespace) -> None:
    """Makes sure that no file of the user's will be lost, whatever pair it belongs to."""
    from hocket.model.weights import default_weights
    from hocket.runs import find_checkpoint

    checkpoint = default_weights() if options.checkpoint is None else find_checkpoint(options.checkpoint)
    read = (source for pair in pairs for source in (pair.input, pair.target) if isinstance(source, Path))
    sources = [checkpoint, *read]
    claim(
        [_places(pair, options) for pair in _share(pairs, options)],
        tables=table_paths(options.output, options.shard) if options.input is None else (),
        sources=sources if options.pairs is None else [options.pairs, *sources],
        overwrite=options.overwrite,
    )


def _fuse_several(
    fuser: "Fuser",
    pairs: "list[SourcePair]",
    wanted: FuseOptions,
    options: argparse.Namespace,
) -> int:
    """One file a row and a table of what became of each; a bad row does not stop the others."""
    rows: list[dict[str, Any]] = []
    share = _share(pairs, options)
    try:
        for pair in share:
            row: dict[str, Any] = {"name": pair.name, "input": str(pair.input), "target": str(pair.target)}
            try:
                place = f"   ({len(rows) + 1}/{len(share)})"
                rows.append(row | _fuse_pair(fuser, pair, wanted, options, place))
            except HocketError as error:
                rows.append(row | {"output": "", "error": str(error)})
                print(f"{pair.name}: {error}", file=sys.stderr)
    finally:
        # Of a list that is stopped, the rows that were done.
        if rows:
            write_tables(options.output, rows, options.shard)
    missing = 0 if options.shard is None else merge_tables(options.output, options.shard, pairs)
    failed = sum(bool(row["error"]) for row in rows)
    table = options.output / "results.csv"
    waits = f", which is written when other shards have fused the {missing} pairs left" if missing else ""
    print(f"{len(rows) - failed} fused, {failed} failed: {table}{waits}")
    return EXIT_SOME_FAILED if failed else 0


def _fuse_pair(
    fuser: "Fuser", pair: "SourcePair", wanted: FuseOptions, options: argparse.Namespace, place: str = ""
) -> dict[str, Any]:
    """Fuses, writes, checks and draws one pair, and gives what a table tells of it.

    The recording is whole, and said to be, before it is checked.
    """
    from hocket.audio.streams import work_folder

    places, folder = _places(pair, options), _places(pair, options).sound.parent
    begin = time.perf_counter()
    with ExitStack() as stack:
        with audio_progress(_expected_seconds(pair, wanted)) as progress:
            work = fuser.fusing_pair(
                pair, options=wanted, folder=work_folder(folder), apart=options.stems, on_progress=progress
            )
            fusion = stack.enter_context(work)
            seconds = time.perf_counter() - begin
            fusion, timeline = _marked(fusion) if options.markers else (fusion, None)
            facts = save(
                fuser, fusion, pair, places, encoding=options.encoding, seconds=seconds, timeline=timeline
            )
        print(f"Saved {_sound_words(places.sound, fusion)}{place}", flush=True)
        figures: Figures | None = None
        if options.check:
            with audio_progress(fusion.output.duration_seconds, "checking") as progress:
                figures, notes = judge(fusion, facts, places, progress)
            _say(pair, figures, notes)
        else:
            _say_notes(fusion.notes)
        if options.verbose:
            _say_figures(fusion, figures, seconds)
        if options.pictures:
            draw(fuser, fusion, figures, places)
        told = figures.as_dict() if figures is not None else {}
        return {"output": places.sound.name, "error": ""} | told | fusion.mask_figures


def _marked(fusion: "Fusion") -> "tuple[Fusion, Timeline]":
    """A fusion's beats, bars and chords; it says so itself where there are no beats."""
    from hocket.fusing.written import NO_BEATS

    timeline = fusion.marks()
    if len(timeline.beats_seconds) == 0:
        fusion = replace(fusion, notes=(*fusion.notes, NO_BEATS))
    return fusion, timeline


def _sound_words(path: Path, fusion: "Fusion") -> str:
    """Like `new.wav (0:12, stereo, 44.1 kHz)`."""
    output = fusion.output
    channels = CHANNELS.get(output.num_channels, f"{output.num_channels} channels")
    return f"{path} ({clock(output.duration_seconds)}, {channels}, {output.sample_rate / 1000:g} kHz)"


def _expected_seconds(pair: "SourcePair", wanted: FuseOptions) -> float:
    """Expected length of the output, for the progress; alignment may change that a little."""
    from hocket.fusing.fuser import SAMPLE_SECONDS
    from hocket.fusing.written import source_infos

    if pair.starts_seconds is not None:
        return SAMPLE_SECONDS
    input, target = (info.duration_seconds for info in source_infos(pair.input, pair.target))
    known = {"input": input, "target": target, "shortest": min(input, target), "longest": max(input, target)}
    return known[wanted.length]


def _say(pair: "SourcePair", figures: "Figures | None", notes: list[str]) -> None:
    """The verdict in one sentence, and what the user should know of how the output came about."""
    from hocket.diagnostics import Level
    from hocket.diagnostics.wording import worded

    if figures is None:
        _say_notes(notes)
        return
    verdict = worded(figures)
    whose = ""
    if verdict.level is Level.FUSION:
        harmony = pair.target.stem if isinstance(pair.target, Path) else pair.target
        whose = f": the rhythm of {pair.input.stem}, the harmony of {harmony}"
    say(f"  {verdict.line}{whose}")
    _say_notes(notes)


def _say_notes(notes: Iterable[str]) -> None:
    for note in notes:
        say(f"  note: {note}")


def _say_figures(fusion: "Fusion", figures: "Figures | None", seconds: float) -> None:
    if figures is not None:
        say(
            f"  output→input {figures.output_input_correlation:.2f}   "
            f"output→target {figures.output_target_correlation:.2f}   margins: rhythm {figures.rhythm_margin:.2f}, "
            f"harmony {figures.harmony_margin:.2f}, articulation {figures.articulation_margin:.2f}"
        )
    duration = fusion.output.duration_seconds
    say(f"  fused {duration:.1f} s in {seconds:.1f} s ({duration / max(seconds, 1e-9):.1f}x real time)")

"""`hocket prepare`: scans folders of music, splits them by song, and says what is used and what is not."""

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from hocket.cli.flags import VerbParser
from hocket.cli.progress import FileProgress, duration, say
from hocket.data.workers import num_cores
from hocket.errors import ConfigError
from hocket.shards import HELP, parse_shard

if TYPE_CHECKING:
    from hocket.data.manifest import Manifest, Recording
    from hocket.data.prepare import Prepared

MOST_ROWS = 200
MOST_NAMES = 20
SIDES = ("training", "validation", "test")


def run(argv: list[str]) -> int:
    """Prepares the folder and returns 0; whatever could not be read is named, and the rest is used anyway."""
    arguments = _parser().parse_args(argv)
    if arguments.jobs < 1:
        raise ConfigError(f"--jobs is {arguments.jobs}: give at least 1")
    from hocket.data.prepare import prepare

    if arguments.shard is not None:
        return _scan_shard(arguments)
    start = time.perf_counter()
    with FileProgress() as progress:
        prepared = prepare(
            arguments.folders,
            arguments.output,
            validation_fraction=arguments.validation_fraction,
            test_fraction=arguments.test_fraction,
            seed=arguments.seed,
            minimum_seconds=arguments.minimum_seconds,
            resplit=arguments.resplit,
            jobs=arguments.jobs,
            progress=progress.advance,
        )
    lines = _report(prepared, arguments.output, time.perf_counter() - start)
    say("\n".join(shown(line) for line in lines))
    return 0


def _scan_shard(arguments: argparse.Namespace) -> int:
    """Measures a share of the recordings; the manifest is written by a call without `--shard`."""
    from hocket.data.prepare import prepare_shard

    with FileProgress() as progress:
        found, kept = prepare_shard(
            arguments.folders,
            arguments.output,
            arguments.shard,
            jobs=arguments.jobs,
            progress=progress.advance,
        )
    say(f"shard {arguments.shard}: looked at {found - kept} of {found} recordings, {kept} known from before")
    say("next, when all shards are done: the same command without --shard, which writes the manifest")
    return 0


def shown(text: str) -> str:
    """A sentence for a terminal: names may hold line breaks, control characters and bytes that are no text."""
    printable = "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )
    return printable.encode("utf-8", "backslashreplace").decode()


def _parser() -> VerbParser:
    parser = VerbParser(
        "prepare",
        "Measures every recording in folders of music, and splits them by song for training and validation. Running it "
        "again only reads files that are new or have changed, and keeps every song in its split.",
    )
    add = parser.add_argument
    add("folders", type=Path, nargs="+", metavar="MUSIC_DIR", help="one or more folders of music")
    add("-o", "--output", type=Path, required=True, metavar="DATA", help="folder for the prepared data")
    add("--jobs", type=int, default=num_cores(), metavar="N", help="processes that read files")
    add("--shard", type=parse_shard, metavar="3/16", help=f"of the recordings, {HELP}; then once without it")
    add("--validation-fraction", type=float, metavar="X", help="share of songs to validate on (default: 0.1)")
    add("--test-fraction", type=float, metavar="X", help="share of songs kept for a test (default: 0)")
    add("--seed", type=int, metavar="N", help="random seed of the split (default: 0)")
    add("--minimum-seconds", type=float, metavar="S", help="shortest recording that is used (default: 4.4)")
    add("--resplit", action="store_true", help="split again; training songs may move to validation")
    return parser


def _report(prepared: "Prepared", output: Path, wall_seconds: float) -> Iterator[str]:
    manifest = prepared.manifest
    recordings = [recording for recording in manifest.recordings if recording.status != "gone"]
    yield from _table(manifest, recordings, output)
    for reason, missing in prepared.left_out().items():
        yield f"left out, {reason}: {len(missing)}"
        yield from (f"  {recording.sentence}" for recording in missing[:MOST_NAMES])
        if len(missing) > MOST_NAMES:
            yield f"  and {len(missing) - MOST_NAMES} more, in {output / 'report.csv'}"
    if prepared.other_files:
        kinds = ", ".join(f"{number} {ending}" for ending, number in prepared.other_files.most_common())
        yield f"other files, ignored: {prepared.other_files.total()} ({kinds})"
    yield from (f"note: {note}" for note in prepared.notes)
    if manifest.settings.validation_fraction > 0 and not manifest.used("validation"):
        num_songs = len({recording.group for recording in manifest.used()})
        yield (
            f"note: {num_songs} songs are too few to hold some out, or all have been trained on: validation "
            "will use other excerpts of the same songs (--resplit splits them again)"
        )
    yield (
        f"{len(recordings)} recordings in {wall_seconds:.1f} s: {prepared.num_looked_at} measured, "
        f"{prepared.num_kept} unchanged"
    )
    for side in SIDES:
        if used := manifest.used(side):  # type: ignore[arg-type]
            seconds = sum(recording.duration_seconds or 0.0 for recording in used)
            songs = len({recording.group for recording in used})
            yield f"{side}: {len(used)} recordings of {songs} songs ({duration(seconds)})"
    yield f"next: hocket train {output} --run RUN_DIR"


def _table(manifest: "Manifest", recordings: "list[Recording]", output: Path) -> Iterator[str]:
    """A row for each recording: verdict, side and figures; for large libraries in the CSV file only."""
    if len(recordings) > MOST_ROWS:
        yield f"all {len(recordings)} recordings are listed in {output / 'report.csv'}"
        return
    yield (
        f"{'verdict':<12} {'side':<10} {'length':>8} {'rate':>6} {'level':>9} {'tempo (sure)':>13} "
        f"{'percussive':>10} {'tonal':>6}  file"
    )
    for recording in recordings:
        verdict = recording.reason or recording.status
        figures = " " * 57 if recording.duration_seconds is None else _figures(recording)
        yield f"{verdict:<12} {recording.split:<10} {figures}  {manifest.path_of(recording)}"


def _figures(recording: "Recording") -> str:
    formats: tuple[tuple[str, Callable[[float], str]], ...] = (
        ("duration_seconds", lambda value: f"{value:.1f} s".rjust(8)),
        ("sample_rate", lambda value: f"{value:.0f}".rjust(6)),
        ("rms_db", lambda value: f"{value:.1f} dB".rjust(9)),
        ("tempo_bpm", lambda value: f"{value:.0f}".rjust(6)),
        ("tempo_confidence", lambda value: f"({value:.2f})"),
        ("percussiveness", lambda value: f"{value:.2f}".rjust(10)),
        ("tonality", lambda value: f"{value:.2f}".rjust(6)),
    )
    return " ".join(show(getattr(recording, name) or 0.0) for name, show in formats)

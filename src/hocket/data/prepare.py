"""Preparing music to train on: look through folders, divide by song, write it down."""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hocket import files, outputs
from hocket.data.looks import LookBook, is_torn
from hocket.data.manifest import (
    NAME,
    Manifest,
    Recording,
    Settings,
    read_manifest,
    write_manifest,
)
from hocket.data.scan import Look, Unread, look_in_child
from hocket.data.verdicts import Seen, judge
from hocket.data.walk import Found, Place, find_recordings
from hocket.data.workers import Failure, run_in_children
from hocket.errors import ConfigError, DataError

LOOKS, REPORT = "looks.jsonl", "report.csv"
OWN = {NAME, LOOKS, REPORT}
HALF_WRITTEN = re.compile(r"\.hocket-\w+\.tmp|\.(?:manifest\.jsonl|looks\.jsonl|report\.csv)\.\w+\.partial")
"""What a kill leaves; the second kind is that of version 0.1.0."""
SECONDS_AT_LEAST, SECONDS_A_MEGABYTE = 300.0, 2.0
SHORTEST_SECONDS = 0.5

Progress = Callable[[int, int, str], None]
Function = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Prepared:
    """What came of it: the manifest, how much of it was known from before, and what should be known about it."""

    manifest: Manifest
    num_looked_at: int
    num_kept: int
    other_files: Counter[str]
    notes: tuple[str, ...]

    def left_out(self) -> dict[str, list[Recording]]:
        """What is not used, by reason: the most frequent first."""
        reasons: dict[str, list[Recording]] = {}
        for recording in self.manifest.recordings:
            if recording.status != "used":
                reasons.setdefault(recording.reason, []).append(recording)
        return dict(sorted(reasons.items(), key=lambda item: -len(item[1])))


def prepare(
    folders: Sequence[Path],
    data: Path,
    *,
    validation_fraction: float | None = None,
    test_fraction: float | None = None,
    seed: int | None = None,
    minimum_seconds: float | None = None,
    resplit: bool = False,
    jobs: int = 1,
    progress: Progress | None = None,
    function: Function = look_in_child,
) -> Prepared:
    """Looks at every recording below `folders` that is new or changed, and writes the folder `data`.

    That is `manifest.jsonl`, `report.csv` (the same as a table) and `looks.jsonl` (all that was measured, for the next
    time). Settings that are None are those of before. `progress` is told (files done, files to look at, path).

    Raises:
        DataError: a folder cannot be read, `data` not be written, or no recording be used.
        ConfigError: a setting is out of its range, or would move songs to the other side without `resplit`.
    """
    folders, data = [folder.resolve() for folder in folders], data.resolve()
    _claim(data)
    before = read_manifest(data) if (data / NAME).exists() else None
    wanted = {
        "validation_fraction": validation_fraction,
        "test_fraction": test_fraction,
        "seed": seed,
        "minimum_seconds": minimum_seconds,
    }
    settings = _settings(
        data, before, {name: value for name, value in wanted.items() if value is not None}, resplit
    )
    found = find_recordings(folders, passed_over=data)
    with LookBook(data / LOOKS) as book:
        seen, num_kept = _look(found, book, jobs, progress or (lambda done, total, path: None), function)
    roots = [str(folder) for folder in folders]
    manifest, notes = judge(roots, seen, before, book.by_content, settings, resplit=resplit)
    if not manifest.used():
        raise DataError(_nothing(folders, manifest, found))
    book.compact(
        paths=[str(place.path) for place in found.recordings],
        contents=[recording.content for recording in manifest.recordings if recording.status == "gone"],
    )
    files.write_bytes(data / REPORT, _table(manifest))
    write_manifest(data / NAME, manifest)
    return Prepared(
        manifest,
        len(found.recordings) - num_kept,
        num_kept,
        found.other_files,
        (*found.closed_folders, *notes),
    )


def _claim(data: Path) -> None:
    """Makes sure, before anything is looked at, that `data` is ours and can be written to."""
    outputs.require_short(data)
    if data.exists() and not data.is_dir():
        raise DataError(f"{data} is a file: give a folder for the prepared data.")
    try:
        data.mkdir(parents=True, exist_ok=True)
        names = {path.name for path in data.iterdir()}
        for name in names:
            if HALF_WRITTEN.fullmatch(name):
                (data / name).unlink()
        outputs.probe(data)
    except OSError as error:
        raise DataError(f"{data} cannot be written to ({error.strerror}): give another folder.") from error
    strangers = {name for name in names if not name.startswith(".")} - OWN
    if strangers and NAME not in names:
        raise DataError(f"{data} holds something else ('{min(strangers)}'): give a new or empty folder.")
    planned = [data / REPORT]
    # Beside a manifest they are ours, whatever became of them.
    if LOOKS in names and NAME not in names and not is_torn(data / LOOKS):
        planned.append(data / LOOKS)
    outputs.check_outputs(planned, sources=[], overwrite=False)


def _settings(data: Path, before: Manifest | None, wanted: dict[str, Any], resplit: bool) -> Settings:
    base = before.settings if before else Settings()
    settings = replace(base, **wanted)
    for name in ("validation_fraction", "test_fraction"):
        if not 0.0 <= getattr(settings, name) <= 0.5:
            raise ConfigError(f"{name} is {getattr(settings, name)}: give 0 to 0.5")
    if not SHORTEST_SECONDS <= settings.minimum_seconds <= 3600.0:
        raise ConfigError(f"minimum_seconds is {settings.minimum_seconds}: give {SHORTEST_SECONDS} to 3600")
    for name in ("validation_fraction", "test_fraction", "seed"):
        old, new = getattr(base, name), getattr(settings, name)
        if before is not None and old != new and not resplit:
            raise ConfigError(
                f"{data} was divided with {name} = {old}, not {new}: leave the flag out, or give --resplit to divide "
                "anew, after which songs that were trained on may be validated on."
            )
    return settings


def _look(
    found: Found, book: LookBook, jobs: int, progress: Progress, function: Function
) -> tuple[list[Seen], int]:
    """Looks at all recordings, in their order, and says how many had been looked at before."""
    results: dict[Place, Look | Unread] = {
        place: Unread(
            str(place.path), "dead link", f"{place.path} is a link to nothing: mend it or remove it."
        )
        for place in found.dead_links
    }
    moved = {(Path(look.path).name, look.num_bytes): look for look in book.latest.values()}
    tasks: list[tuple[Place, dict[str, Any]]] = []
    largest = 0
    for place in found.recordings:
        known = book.latest.get(str(place.path))
        size, mtime_ns = _stamp(place.path)
        if known is not None and (known.num_bytes, known.mtime_ns) == (size, mtime_ns):
            results[place] = known
            continue
        known = known or moved.get((place.path.name, size))
        tasks.append((place, {"path": str(place.path), "known": known.as_dict() if known else None}))
        largest = max(largest, size)
    num_kept = len(found.recordings) - len(tasks)
    limit_seconds = SECONDS_AT_LEAST + SECONDS_A_MEGABYTE * largest / 2**20
    outcomes = run_in_children(function, [task for _, task in tasks], jobs=jobs, limit_seconds=limit_seconds)
    for done, (number, outcome) in enumerate(outcomes, start=1):
        place = tasks[number][0]
        results[place] = result = _result(place, outcome)
        if isinstance(result, Look):
            book.add(result)
        progress(done, len(tasks), str(place.path))
    order = sorted(results, key=lambda place: (place.root, place.name))
    return [(place, results[place]) for place in order], num_kept


def _stamp(path: Path) -> tuple[int, int]:
    """Size and time, by which a file that was looked at is known again; (0, 0) where it has just gone."""
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns


def _result(place: Place, outcome: Any) -> Look | Unread:
    if isinstance(outcome, Failure):
        sentence = f"{place.path} could not be looked at ({outcome.what}): leave it out or save it anew."
        return Unread(str(place.path), outcome.reason, sentence)
    if "look" in outcome:
        return Look.from_dict(outcome["look"])
    return Unread(**outcome["unread"])


def _nothing(folders: Sequence[Path], manifest: Manifest, found: Found) -> str:
    where = ", ".join(map(str, folders))
    left_out = [recording for recording in manifest.recordings if recording.status == "left out"]
    if not left_out:
        others = f" ({sum(found.other_files.values())} files of other kinds)" if found.other_files else ""
        return f"{where} holds no recordings{others}: give folders with music in files that end in .wav, .flac, .mp3 …"
    counts = Counter(recording.reason for recording in left_out)
    summary = ", ".join(f"{number} {reason}" for reason, number in counts.most_common())
    return (
        f"{where} holds no recording that can be used ({summary}; the first: {left_out[0].sentence.rstrip('.')}): "
        "give other music or a smaller --minimum-seconds."
    )


def _table(manifest: Manifest) -> bytes:
    table = io.StringIO(newline="")
    csv.writer(table, lineterminator="\n").writerows(_rows(manifest))
    # Names that are not UTF-8 stay the bytes that they are.
    return table.getvalue().encode("utf-8", errors="surrogateescape")


def _rows(manifest: Manifest) -> Iterator[list[object]]:
    figures = (
        "duration_seconds",
        "sample_rate",
        "num_channels",
        "format",
        "rms_db",
        "peak_db",
        "tempo_bpm",
        "tempo_confidence",
        "percussiveness",
        "tonality",
        "group",
        "content",
    )
    yield ["file", "status", "split", "reason", *figures, "sentence"]
    for recording in manifest.recordings:
        values = [getattr(recording, name) for name in figures]
        path = manifest.path_of(recording)
        yield [path, recording.status, recording.split, recording.reason, *values, recording.sentence]

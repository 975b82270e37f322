"""Preparing music to train on: scan its recordings, divide them by song, write it down."""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hocket import files, outputs
from hocket.data.manifest import (
    NAME,
    Manifest,
    Recording,
    Settings,
    read_manifest,
    write_manifest,
)
from hocket.data.pairs import read_pairs
from hocket.data.scan import ScanCache, ScanError, ScanResult, is_torn, scan_in_child
from hocket.data.splits import Scanned, assign_splits
from hocket.data.walk import Found, Place, find_recordings
from hocket.data.workers import Failure, run_in_children
from hocket.errors import ConfigError, DataError
from hocket.shards import Shard, parts

CACHE, REPORT = "looks.jsonl", "report.csv"
OWN = re.compile(r"manifest\.jsonl|report\.csv|looks(\.shard-\d+-of-\d+)?\.jsonl")
HALF_WRITTEN = re.compile(r"\.hocket-\w+\.tmp|\.(?:manifest\.jsonl|looks\.jsonl|report\.csv)\.\w+\.partial")
"""Files that a killed run leaves; the second kind is that of version 0.1.0."""
SECONDS_AT_LEAST, SECONDS_A_MEGABYTE = 300.0, 2.0
SHORTEST_SECONDS = 0.5

Progress = Callable[[int, int, str], None]
Function = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Prepared:
    """Result of preparing: the manifest, how much was known from before, and notes for the user."""

    manifest: Manifest
    num_looked_at: int
    num_kept: int
    other_files: Counter[str]
    notes: tuple[str, ...]

    def left_out(self) -> dict[str, list[Recording]]:
        """Recordings that are not used, by reason: the most frequent first."""
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
    function: Function = scan_in_child,
    found: Found | None = None,
    validated: Collection[Path] | None = None,
    require: Callable[[Manifest], None] | None = None,
) -> Prepared:
    """Scans every recording below `folders` that is new or changed, and writes the folder `data`.

    That is `manifest.jsonl`, `report.csv` (the same as a table) and `looks.jsonl` (all that was measured, for the next
    time). Settings that are None are those of before. `progress` receives (files done, files to scan, path). With 0
    `jobs` the files are scanned in this process, which a broken decoder may end. `found` are the recordings where the
    folders have been walked through already, and `validated` the files of a run's own split (see `assign_splits`).
    `require` raises DataError where the manifest will not do; by default it has to use a recording.

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
    found = found or find_recordings(folders, passed_over=data)
    of_shards = parts(data / CACHE).values()
    with ScanCache(data / CACHE, of_shards) as cache:
        scanned, num_kept = _scan(found, cache, jobs, progress or (lambda done, total, path: None), function)
    roots = [str(folder) for folder in folders]
    manifest, notes = assign_splits(
        roots, scanned, before, cache.by_content, settings, resplit=resplit, validated=validated
    )
    if require is not None:
        require(manifest)
    elif not manifest.used():
        raise DataError(_nothing(folders, manifest, found))
    _keep(data, manifest, cache, found)
    for path in of_shards:
        path.unlink(missing_ok=True)
    notes = (*found.closed_folders, *notes)
    return Prepared(manifest, len(found.recordings) - num_kept, num_kept, found.other_files, notes)


def prepare_shard(
    folders: Sequence[Path], data: Path, shard: Shard, *, jobs: int = 1, progress: Progress | None = None
) -> tuple[int, int]:
    """Scans a shard of the recordings, for a `prepare` that comes when all shards are done and writes the manifest.

    Processes of different shards may work in one folder at the same time. Returns how many recordings the shard has,
    and how many of them had been scanned before.

    Raises:
        DataError: a folder cannot be read, or `data` not be written.
    """
    folders, data = [folder.resolve() for folder in folders], data.resolve()
    _claim(data)
    found = find_recordings(folders, passed_over=data)
    share = Found(shard.of(found.recordings))
    with ScanCache(shard.part(data / CACHE), [data / CACHE, *parts(data / CACHE).values()]) as cache:
        _, num_kept = _scan(share, cache, jobs, progress or (lambda done, total, path: None), scan_in_child)
    return len(share.recordings), num_kept


def _keep(data: Path, manifest: Manifest, cache: ScanCache, found: Found) -> None:
    """Writes what was found; the manifest comes last, as the others are nothing without it."""
    cache.compact(
        paths=[str(place.path) for place in found.recordings],
        contents=[recording.content for recording in manifest.recordings if recording.status == "gone"],
    )
    files.write_bytes(data / REPORT, _table(manifest))
    write_manifest(data / NAME, manifest)


def find_music(source: Path) -> Found:
    """The recordings of a music folder, or those that a file of pairs names.

    Raises:
        DataError: there is no such folder or file, or no recording in it.
    """
    if not source.is_file():
        found = find_recordings([source])
        if not found.recordings and not found.dead_links:
            raise DataError(_nothing([source], None, found))
        return found
    paths = {path for pair in read_pairs(source) for path in (pair.input, pair.target)}
    folder = source.parent
    names = {str(path.relative_to(folder) if path.is_relative_to(folder) else path): path for path in paths}
    return Found([Place(0, name, names[name]) for name in sorted(names)])


def prepare_music(
    source: Path, data: Path, *, excerpt_seconds: float, found: Found | None = None, **options: Any
) -> Prepared:
    """Prepares a music folder or a file of pairs on the way into a training; the options are those of `prepare`.

    Raises:
        DataError: as `prepare` does, and where there are not two different songs of an excerpt's length.
    """
    source = source.resolve()

    def require_two(manifest: Manifest) -> None:
        used = manifest.used()
        if len({recording.group for recording in used}) < 2:
            left_out = [one.sentence for one in manifest.recordings if one.status == "left out"]
            raise DataError(too_few_songs(source, len(used), left_out, excerpt_seconds))

    return prepare(
        [source.parent if source.is_file() else source],
        data,
        minimum_seconds=excerpt_seconds,
        found=found or find_music(source),
        require=require_two,
        **options,
    )


def too_few_songs(source: Path, num_usable: int, left_out: Sequence[str], excerpt_seconds: float) -> str:
    """The sentence where there are not two different songs."""
    reason = f" (left out: {left_out[0].rstrip('.')})" if left_out else ""
    alike = ", all of the same music" if num_usable > 1 else ""
    return (
        f"{source} has {num_usable} usable song{'s' * (num_usable != 1)}{alike}{reason}: give at least two "
        f"different recordings of {excerpt_seconds:g} s or more."
    )


def _claim(data: Path) -> None:
    """Makes sure, before anything is scanned, that `data` is ours and can be written to."""
    outputs.require_short(data)
    if data.exists() and not data.is_dir():
        raise DataError(f"{data} is a file: give a folder for the prepared data.")
    try:
        data.mkdir(parents=True, exist_ok=True)
        names = {path.name for path in data.iterdir()}
        for name in names:
            if HALF_WRITTEN.fullmatch(name):
                (data / name).unlink(missing_ok=True)
        outputs.probe(data)
    except OSError as error:
        raise DataError(f"{data} cannot be written to ({error.strerror}): give another folder.") from error
    strangers = _strangers(names)
    if strangers and NAME not in names:
        raise DataError(f"{data} contains something else ('{min(strangers)}'): give a new or empty folder.")
    planned = [data / REPORT]
    # Beside a manifest they are ours, whatever became of them.
    if NAME not in names:
        looks = [data / name for name in names if OWN.fullmatch(name) and name != REPORT]
        planned += [path for path in looks if not is_torn(path)]
    outputs.check_outputs(planned, sources=[], overwrite=False)


def _strangers(names: Iterable[str]) -> list[str]:
    return [name for name in names if not (name.startswith(".") or OWN.fullmatch(name))]


def holds_only_own(data: Path) -> bool:
    """Tells whether a folder holds nothing but prepared data, whole or begun."""
    return data.is_dir() and not _strangers(path.name for path in data.iterdir())


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
                f"{data} was split with {name} = {old}, not {new}: leave the flag out, or split again with "
                "--resplit, after which training songs may be used for validation."
            )
    return settings


def _scan(
    found: Found, cache: ScanCache, jobs: int, progress: Progress, function: Function
) -> tuple[list[Scanned], int]:
    """Scans all recordings, in their order, and says how many were known from before."""
    results: dict[Place, ScanResult | ScanError] = {
        place: ScanError(str(place.path), "dead link", f"{place.path} is a broken link: repair or remove it.")
        for place in found.dead_links
    }
    moved = {(Path(result.path).name, result.num_bytes): result for result in cache.latest.values()}
    tasks: list[tuple[Place, dict[str, Any]]] = []
    largest = 0
    for place in found.recordings:
        known = cache.latest.get(str(place.path))
        size, mtime_ns = _stamp(place.path)
        if known is not None and (known.num_bytes, known.mtime_ns) == (size, mtime_ns):
            results[place] = known
            continue
        known = known or moved.get((place.path.name, size))
        tasks.append((place, {"path": str(place.path), "known": known.as_dict() if known else None}))
        largest = max(largest, size)
    num_kept = len(found.recordings) - len(tasks)
    limit_seconds = SECONDS_AT_LEAST + SECONDS_A_MEGABYTE * largest / 2**20
    outcomes: Iterator[tuple[int, Any]] = ((number, function(task)) for number, (_, task) in enumerate(tasks))
    if jobs:
        outcomes = run_in_children(
            function, [task for _, task in tasks], jobs=jobs, limit_seconds=limit_seconds
        )
    for done, (number, outcome) in enumerate(outcomes, start=1):
        place = tasks[number][0]
        results[place] = result = _result(place, outcome)
        if isinstance(result, ScanResult):
            cache.add(result)
        progress(done, len(tasks), str(place.path))
    order = sorted(results, key=lambda place: (place.root, place.name))
    return [(place, results[place]) for place in order], num_kept


def _stamp(path: Path) -> tuple[int, int]:
    """Size and time, by which a file that was scanned is known again; (0, 0) where it has just gone."""
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns


def _result(place: Place, outcome: Any) -> ScanResult | ScanError:
    if isinstance(outcome, Failure):
        sentence = f"{place.path} could not be analysed ({outcome.what}): leave it out or save it again."
        return ScanError(str(place.path), outcome.reason, sentence)
    if "result" in outcome:
        return ScanResult.from_dict(outcome["result"])
    return ScanError(**outcome["error"])


def _nothing(folders: Sequence[Path], manifest: Manifest | None, found: Found) -> str:
    where = ", ".join(map(str, folders))
    recordings = manifest.recordings if manifest else ()
    left_out = [recording for recording in recordings if recording.status == "left out"]
    if not left_out:
        others = f" ({sum(found.other_files.values())} files of other kinds)" if found.other_files else ""
        return f"{where} contains no recordings{others}: give folders with .wav, .flac, .mp3 … files."
    counts = Counter(recording.reason for recording in left_out)
    summary = ", ".join(f"{number} {reason}" for reason, number in counts.most_common())
    return (
        f"{where} contains no usable recording ({summary}; the first: {left_out[0].sentence.rstrip('.')}): "
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

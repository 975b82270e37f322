"""Opening the music of a run: prepared data as it is; a folder or pairs are prepared in the run's own folder first."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from hocket.data.library import Library, open_prepared
from hocket.data.manifest import NAME, is_manifest, read_manifest
from hocket.data.prepare import find_music, holds_only_own, prepare_music
from hocket.data.walk import Found
from hocket.data.workers import num_cores
from hocket.errors import CheckpointError
from hocket.model.weights import load_checkpoint
from hocket.runs import DATA, RunLock, claim, clear, newest_first
from hocket.settings import RunConfig
from hocket.training.runtime import Processes

Progress = Callable[[int, int, str], None]


def open_music(
    config: RunConfig,
    run: Path,
    processes: Processes,
    *,
    fresh: bool,
    lock: RunLock,
    progress: Progress | None = None,
) -> Library:
    """Claims the run's folder and opens its music; one process prepares while the others wait.

    What a run is trained on is prepared once: one that is continued keeps its songs and their sides.

    Raises:
        DataError: there is no such music, or too little of it.
        CheckpointError: the run's folder cannot be used, or the run was trained on other music.
    """
    source = Path(config.data.music).resolve()
    seconds = config.data.excerpt_seconds * (1 + config.data.max_speed_change)
    if is_manifest(source):
        library = open_prepared(source, excerpt_seconds=seconds)
        # Only now: a wrong music folder must not cost an older run its checkpoint.
        processes.on_rank_zero(lambda: claim(run, fresh=fresh, lock=lock, is_prepared=holds_only_own))
        return library

    def prepared() -> dict[str, Any]:
        found = find_music(source)
        claim(run, fresh=False, lock=lock, is_prepared=holds_only_own)
        return _prepare(config, source, run, found, seconds=seconds, fresh=fresh, progress=progress)

    told = processes.on_rank_zero(prepared, patient=True)
    library = open_prepared(run / DATA, excerpt_seconds=seconds, source=source)
    if fresh:
        processes.on_rank_zero(lambda: clear(run))
    return replace(library, notes=(*told["notes"], *library.notes), continues=told["continues"])


def _prepare(
    config: RunConfig,
    source: Path,
    run: Path,
    found: Found,
    *,
    seconds: float,
    fresh: bool,
    progress: Progress | None,
) -> dict[str, Any]:
    """Prepares the run's music unless that is done; gives notes, and the fingerprint that an older version gave it."""
    data = run / DATA
    begun = None if fresh else _last_checkpoint(run)
    is_known = begun is not None and (data / NAME).exists()
    is_older = begun is not None and "manifest" not in begun
    notes, validated = [], None
    if begun is not None and (is_older or not is_known):
        validated = _validated(run, source, begun, found)
    if validated is not None and is_older:
        notes.append(
            f"an older version began this run and recorded only its {len(validated)} validation songs: they "
            "are kept, but it cannot be checked that the other songs are the same as before"
        )
    result = {"notes": notes, "continues": str(begun.get("library", "")) if begun and is_older else ""}
    if is_known and (num_new := _num_new(data, found)) is not None:
        if num_new:
            notes.append(
                f"{num_new} recording{'s have' if num_new > 1 else ' has'} been added since the run began "
                "and will not be used (--fresh starts over with all)"
            )
        return result
    prepared = prepare_music(
        source,
        data,
        excerpt_seconds=seconds,
        # Sides that were given once stay; another fraction or seed is for the checkpoint to refuse.
        validation_fraction=None if is_known else config.data.validation_fraction,
        seed=None if is_known else config.training.seed,
        resplit=begun is None,
        validated=validated,
        jobs=num_cores(),
        progress=progress,
        found=found,
    )
    notes[:0] = prepared.notes
    return result


def _last_checkpoint(run: Path) -> dict[str, Any] | None:
    """The metadata of the newest whole checkpoint; None where there is none."""
    for path in newest_first(run):
        with suppress(CheckpointError):
            return load_checkpoint(path)[1]
    return None


def _num_new(data: Path, found: Found) -> int | None:
    """The number of recordings that the manifest lacks; None where it is not up to date with the others."""
    manifest = read_manifest(data)
    paths = {place.path for place in found.recordings}
    known = {manifest.path_of(recording): recording.status for recording in manifest.recordings}
    if any((status == "used") != (path in paths) for path, status in known.items() if status != "left out"):
        return None
    return len(paths - known.keys())


def _validated(run: Path, source: Path, begun: dict[str, Any], found: Found) -> set[Path]:
    """The files that a run has validated on, where the music is now.

    Raises:
        CheckpointError: one of them is not there.
    """
    try:
        before, songs = Path(begun["config"]["music"]), [Path(song) for song in begun["validation_songs"]]
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"{run} lacks part of the training state ({error}): use --fresh.") from error
    there = {place.path.resolve() for place in found.recordings}
    if before != source:
        # The music may have moved as a whole.
        old, new = (before.parent, source.parent) if source.is_file() else (before, source)
        songs = [
            (new / song.relative_to(old)).resolve() if song.is_relative_to(old) else before for song in songs
        ]
    if missing := [song for song in songs if song not in there]:
        raise CheckpointError(
            f"{run} was trained on different music ({missing[0]} is missing here): give the same music, "
            "another --run, or --fresh to start over."
        )
    return set(songs)

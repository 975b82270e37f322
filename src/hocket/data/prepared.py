"""Opening what `hocket prepare` wrote."""

from dataclasses import dataclass
from pathlib import Path

from hocket.data.manifest import Manifest, Recording, read_manifest
from hocket.data.scan import content_hash
from hocket.data.song import Song
from hocket.errors import AudioError, DataError

FINGERPRINT_LETTERS = 16


@dataclass(frozen=True)
class PreparedSongs:
    """The songs of each side, sentences on those that cannot be used now, and notes."""

    training: tuple[Song, ...]
    validation: tuple[Song, ...]
    left_out: tuple[str, ...]
    notes: tuple[str, ...]


def open_prepared(source: Path, *, excerpt_seconds: float) -> PreparedSongs:
    """The songs of a prepared folder, each looked up on the disk: it must be there, with the content recorded.

    Only files whose date is not the one recorded are read for that.

    Raises:
        DataError: the manifest is missing or damaged, or fewer than two different songs to train on are left.
    """
    manifest = read_manifest(source)
    left_out: list[str] = []
    sides: dict[str, list[Song]] = {"training": [], "validation": [], "test": []}
    for recording in manifest.used():
        path = manifest.path_of(recording)
        if fault := _fault(path, recording, excerpt_seconds):
            left_out.append(f"{path} {fault}")
        else:
            sides[recording.split].append(_song(path, recording))
    if len({song.group for song in sides["training"]}) < 2:
        reason = f" (left out: {left_out[0]})" if left_out else ""
        raise DataError(
            f"{source} holds {len(sides['training'])} songs to train on{reason}: run `hocket prepare` again, on at "
            f"least two different recordings of {excerpt_seconds:g} s or more."
        )
    notes = _notes(manifest, len(sides["test"]))
    if len({song.group for song in sides["validation"]}) < 2:
        few = "no song is" if not sides["validation"] else "only one song is"
        notes.append(f"{few} held out: validation uses other excerpts of the training songs")
        sides["validation"] = sides["training"]
    return PreparedSongs(tuple(sides["training"]), tuple(sides["validation"]), tuple(left_out), tuple(notes))


def _fault(path: Path, recording: Recording, excerpt_seconds: float) -> str:
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        return f"cannot be found ({reason}): put it back or run `hocket prepare` again."
    if status.st_size != recording.num_bytes:
        return (
            f"has changed since it was prepared ({status.st_size} bytes, not {recording.num_bytes}): "
            "run `hocket prepare` again."
        )
    seconds = recording.duration_seconds or 0.0
    if seconds < excerpt_seconds:
        return f"is too short ({seconds:.3g} s): give recordings of at least {excerpt_seconds:g} s."
    if status.st_mtime_ns != recording.mtime_ns:
        try:
            is_other = content_hash(path) != recording.content
        except (AudioError, OSError) as error:
            return f"cannot be read ({str(error).rstrip('.')}): put it back or run `hocket prepare` again."
        if is_other:
            return "has changed since it was prepared (other content): run `hocket prepare` again."
    return ""


def _song(path: Path, recording: Recording) -> Song:
    return Song(
        path,
        recording.duration_seconds or 0.0,
        recording.content[:FINGERPRINT_LETTERS],
        group=recording.group,
        percussiveness=recording.percussiveness,
        tonality=recording.tonality,
    )


def _notes(manifest: Manifest, num_test: int) -> list[str]:
    notes = [f"prepared data {manifest.hash}: divided by song beforehand"]
    if num_test:
        notes.append(f"{num_test} test songs are kept out of the training")
    return notes

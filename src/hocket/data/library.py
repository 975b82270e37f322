"""The songs of prepared data, as training reads them: two sides that share no song, and given pairs of songs."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hocket.data.manifest import Manifest, Recording, read_manifest
from hocket.data.pairs import read_pairs
from hocket.data.prepare import too_few_songs
from hocket.data.scan import content_hash
from hocket.data.splits import MIN_GROUPS
from hocket.errors import AudioError, DataError

FINGERPRINT_LETTERS = 16
SongPair = tuple["Song", "Song"]


@dataclass(frozen=True)
class Song:
    """A recording to train on; `fingerprint` is equal for files of equal content.

    `group` is equal for the same music, where that is known, else empty; percussiveness and tonality lie in [0, 1].
    """

    path: Path
    duration_seconds: float
    fingerprint: str
    group: str = ""
    percussiveness: float | None = None
    tonality: float | None = None

    @property
    def music(self) -> str:
        """Equal for the same music, as far as that is known."""
        return self.group or self.fingerprint

    @property
    def facts(self) -> str:
        """All that decides which excerpts are drawn, in one word."""
        measures = (self.music, f"{self.duration_seconds:.3f}", self.percussiveness, self.tonality)
        return "/".join(map(str, (self.fingerprint, *measures)))


@dataclass(frozen=True)
class Library:
    """The songs to train and to validate on; the pairs are explicit ones, by song, or empty for random pairing.

    `manifest` is the hash of the manifest that it was read from. `continues` is the fingerprint that an older version
    gave to the same music.
    """

    training: tuple[Song, ...]
    validation: tuple[Song, ...]
    training_pairs: tuple[SongPair, ...]
    validation_pairs: tuple[SongPair, ...]
    left_out: tuple[str, ...]
    notes: tuple[str, ...]
    manifest: str = ""
    continues: str = ""

    @property
    def fingerprint(self) -> str:
        """One word for all songs' contents, what was measured of them, and their parts in the split."""
        parts = [",".join(song.facts for song in side) for side in (self.training, self.validation)]
        parts += [
            ",".join(first.fingerprint + second.fingerprint for first, second in pairs)
            for pairs in (self.training_pairs, self.validation_pairs)
        ]
        return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]


def open_prepared(data: Path, *, excerpt_seconds: float, source: Path | None = None) -> Library:
    """Opens what was prepared, each song looked up on the disk: it must be there, with the content recorded.

    Only files whose date is not the one recorded are read for that. `source` is the music folder or the file of pairs
    that `data` was prepared from on the way into a run: messages name it, `left_out` has what preparing left out as
    well, and its pairs are taken.

    Raises:
        DataError: the manifest is missing or damaged, or fewer than two different songs to train on are left.
    """
    manifest = read_manifest(data)
    is_list = source is not None and source.is_file()
    left_out = [] if source is None else _left_out(manifest, with_copies=not is_list)
    songs: dict[str, Song] = {}
    sides: dict[str, list[Song]] = {"training": [], "validation": [], "test": []}
    for recording in manifest.used():
        path = manifest.path_of(recording)
        if fault := _fault(path, recording, excerpt_seconds):
            left_out.append(f"{path} {fault}")
        else:
            songs[recording.content] = song = _song(path, recording)
            sides[recording.split].append(song)
    if len({song.group for song in sides["training"]}) < 2:
        if source is not None:
            raise DataError(too_few_songs(source, len(songs), left_out, excerpt_seconds))
        reason = f" (left out: {left_out[0].rstrip('.')})" if left_out else ""
        raise DataError(
            f"{data} has {len(sides['training'])} songs to train on{reason}: run `hocket prepare` again, on "
            f"at least two different recordings of {excerpt_seconds:g} s or more."
        )
    notes = [] if source else [f"prepared data {manifest.hash}: split by song beforehand"]
    if sides["test"]:
        notes.append(f"{len(sides['test'])} test songs are kept out of the training")
    held_out = {song.group for song in sides["validation"]}
    if len(held_out) < 2:
        notes.append(
            f"{_few(manifest, songs, held_out)}: validation uses other excerpts of the training songs"
        )
        sides["validation"] = sides["training"]
    training, validation = tuple(sides["training"]), tuple(sides["validation"])
    library = Library(training, validation, (), (), tuple(left_out), tuple(notes), manifest.hash)
    if source is None or not is_list:
        return library
    return _with_pairs(library, source.resolve(), manifest, songs)


def _left_out(manifest: Manifest, *, with_copies: bool) -> list[str]:
    """Sentences on the recordings that preparing left out; copies in a list of pairs are used."""
    return [
        recording.sentence
        for recording in manifest.recordings
        if recording.status != "used" and (with_copies or recording.reason != "duplicate")
    ]


def _few(manifest: Manifest, songs: Mapping[str, Song], held_out: set[str]) -> str:
    """Explains why there are not two songs to validate on."""
    if held_out:
        return "only one song is held out"
    number = len({song.group for song in songs.values()})
    if manifest.settings.validation_fraction and number < MIN_GROUPS:
        return f"{number} songs are too few to hold some out"
    return "no song is held out"


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
            return "has changed since it was prepared (different content): run `hocket prepare` again."
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


def _with_pairs(library: Library, source: Path, manifest: Manifest, songs: Mapping[str, Song]) -> Library:
    """The library with the pairs of a file; those that join a training with a validation song are not used."""
    contents = {manifest.path_of(recording): recording.content for recording in manifest.recordings}
    found = [
        [songs.get(contents.get(path, "")) for path in (pair.input, pair.target)]
        for pair in read_pairs(source)
    ]
    usable = [(first, second) for first, second in found if first and second]
    if not usable:
        raise DataError(f"{source} contains no usable pair of recordings: {library.left_out[0]}")
    training, validation = (_pairs_within(usable, side) for side in (library.training, library.validation))
    if library.training == library.validation:
        return replace(library, training_pairs=training, validation_pairs=validation)
    if not training or not validation:
        # Pairs that share their songs cannot be split by song without losing them all.
        note = "the pairs all share songs: validation uses other excerpts of the training pairs"
        everything, pairs = tuple(songs.values()), tuple(usable)
        return replace(
            library,
            training=everything,
            validation=everything,
            training_pairs=pairs,
            validation_pairs=pairs,
            notes=(*library.notes, note),
        )
    notes = library.notes
    if lost := len(usable) - len(training) - len(validation):
        notes += (f"{lost} of {len(usable)} pairs mix training and validation songs and are not used",)
    return replace(library, training_pairs=training, validation_pairs=validation, notes=notes)


def _pairs_within(pairs: Sequence[SongPair], side: Sequence[Song]) -> tuple[SongPair, ...]:
    members = set(side)
    return tuple(pair for pair in pairs if members.issuperset(pair))

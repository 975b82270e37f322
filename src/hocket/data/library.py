"""A collection of songs: found, looked into, and split so that no song is on both sides."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hocket import audio
from hocket.data.manifest import is_manifest
from hocket.data.pairs import Pair, read_pairs
from hocket.data.prepared import open_prepared
from hocket.data.scan import measure
from hocket.data.song import Song
from hocket.errors import AudioError, DataError
from hocket.files import open_regular
from hocket.hearing import audible

NUM_PROBES = 3
PROBE_SECONDS = 2.0
SILENCE_RMS = 1e-4
NUM_FINGERPRINT_BLOCKS = 32
FINGERPRINT_BYTES = 1 << 14

__all__ = ["SILENCE_RMS", "Library", "Song", "open_library"]


@dataclass(frozen=True)
class Library:
    """What there is to train and to validate on; `pairs` are explicit ones, by song, or empty for random pairing."""

    training: tuple[Song, ...]
    validation: tuple[Song, ...]
    training_pairs: tuple[tuple[Song, Song], ...]
    validation_pairs: tuple[tuple[Song, Song], ...]
    left_out: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def fingerprint(self) -> str:
        """One word for all songs' contents, what was measured of them, and their parts in the split."""
        parts = [",".join(song.facts for song in side) for side in (self.training, self.validation)]
        parts += [
            ",".join(first.fingerprint + second.fingerprint for first, second in pairs)
            for pairs in (self.training_pairs, self.validation_pairs)
        ]
        return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]


def open_library(
    source: Path,
    *,
    excerpt_seconds: float,
    validation_fraction: float,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
    measure_roles: bool = False,
) -> Library:
    """Reads a music folder or a file of pairs (CSV, JSON lines) and splits it by song, or opens prepared data.

    Songs that cannot be used (broken, silent, shorter than an excerpt, equal to another) are left out and named in
    `left_out`. Prepared data (the folder or its manifest) is split as it was prepared, whatever fraction and seed are.
    `measure_roles` looks through whole songs of a music folder for how percussive and tonal they are, which prepared
    data knows already.

    Raises:
        DataError: there is no such folder or file, or too few usable songs.
    """
    if is_manifest(source):
        opened = open_prepared(source, excerpt_seconds=excerpt_seconds)
        return Library(opened.training, opened.validation, (), (), opened.left_out, opened.notes)
    pairs: list[Pair] = []
    if source.is_file():
        pairs = read_pairs(source)
        paths = sorted({path for pair in pairs for path in (pair.input, pair.target)})
    else:
        paths = audio.find_audio_files(source)
    songs: dict[Path, Song] = {}
    left_out: list[str] = []
    for index, path in enumerate(paths):
        try:
            songs[path] = _inspect(path, excerpt_seconds)
            if measure_roles and not pairs:
                songs[path] = _measured(songs[path])
        except AudioError as error:
            left_out.append(str(error))
        if progress:
            progress(index + 1, len(paths))
    unique = _without_doubles(songs, left_out, keep_doubles=bool(pairs))
    if len({song.fingerprint for song in unique}) < 2:
        reason = f" (left out: {left_out[0]})" if left_out else ""
        raise DataError(
            f"{source} holds {len(unique)} usable song{'s' * (len(unique) != 1)}{reason}: give at least two different "
            f"recordings of {excerpt_seconds:g} s or more."
        )
    return _split(source, unique, songs, pairs, left_out, validation_fraction, seed)


def _inspect(path: Path, excerpt_seconds: float) -> Song:
    """Decodes a few places of a recording: broken and silent ones are found before training starts."""
    header = audio.info(path)
    if header.duration_seconds < excerpt_seconds:
        raise AudioError(
            f"{path} is too short ({header.duration_seconds:.3g} s): give recordings of at least {excerpt_seconds:g} s."
        )
    duration = min(PROBE_SECONDS, header.duration_seconds)
    loudest = 0.0
    for start in np.linspace(0.0, header.duration_seconds - duration, NUM_PROBES):
        probe = audio.load(path, mono=True, start_seconds=float(start), duration_seconds=duration)
        heard = audible(probe.samples, probe.sample_rate)
        loudest = max(loudest, float(np.sqrt(np.mean(heard**2))))
    if loudest < SILENCE_RMS:
        whole = audio.load(path, mono=True)
        whole = replace(whole, samples=audible(whole.samples, whole.sample_rate))
        audio.require_sound(whole, path, minimum_seconds=excerpt_seconds)
        window = round(excerpt_seconds * whole.sample_rate)
        energy = np.add.reduceat(whole.samples[0] ** 2, np.arange(0, whole.num_samples, window)) / window
        if np.sqrt(energy.max()) < SILENCE_RMS:
            raise AudioError(f"{path} is nearly silent throughout: raise its level or leave it out.")
    return Song(path, header.duration_seconds, _fingerprint(path))


def _measured(song: Song) -> Song:
    found = measure(song.path)
    return replace(song, percussiveness=found.percussiveness, tonality=found.tonality)


def _fingerprint(path: Path) -> str:
    """Size and blocks spread over the whole file: enough to know a copy without reading gigabytes."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with open_regular(path, failure=AudioError) as handle:
        for place in np.linspace(0, max(0, size - FINGERPRINT_BYTES), NUM_FINGERPRINT_BLOCKS):
            handle.seek(int(place))
            digest.update(handle.read(FINGERPRINT_BYTES))
    return digest.hexdigest()[:16]


def _without_doubles(songs: dict[Path, Song], left_out: list[str], *, keep_doubles: bool) -> list[Song]:
    unique: dict[str, Song] = {}
    for song in songs.values():
        first = unique.setdefault(song.fingerprint, song)
        if first is not song and not keep_doubles:
            left_out.append(f"{song.path} is the same recording as {first.path}: it is used once.")
    return list(songs.values()) if keep_doubles else list(unique.values())


def _split(
    source: Path,
    unique: list[Song],
    songs: dict[Path, Song],
    pairs: Sequence[Pair],
    left_out: list[str],
    validation_fraction: float,
    seed: int,
) -> Library:
    fingerprints = sorted({song.fingerprint for song in unique})
    held_out = _held_out(fingerprints, validation_fraction, seed)
    notes: list[str] = []
    if not held_out:
        reason = (
            f"{len(fingerprints)} songs are too few to hold some out"
            if validation_fraction
            else "no song is held out"
        )
        notes.append(f"{reason}: validation uses other excerpts of the same songs")
    validation = [song for song in unique if not held_out or song.fingerprint in held_out]
    training = [song for song in unique if song.fingerprint not in held_out]
    usable = [
        (songs[pair.input], songs[pair.target])
        for pair in pairs
        if pair.input in songs and pair.target in songs
    ]
    if pairs and not usable:
        raise DataError(f"{source} names no pair of usable recordings: {left_out[0]}")
    inside = [_pairs_within(usable, side) for side in (training, validation)]
    if pairs and held_out and not all(inside):
        # Pairs that share their songs cannot be split by song without losing them all.
        notes.append("the pairs share their songs: validation uses other excerpts of the training pairs")
        inside, training, validation = [usable, usable], unique, unique
    elif pairs and (lost := len(usable) - len(inside[0]) - len(inside[1])) and held_out:
        notes.append(f"{lost} of {len(usable)} pairs join a training with a validation song and are not used")
    return Library(
        tuple(training), tuple(validation), tuple(inside[0]), tuple(inside[1]), tuple(left_out), tuple(notes)
    )


def _held_out(fingerprints: list[str], fraction: float, seed: int) -> set[str]:
    """At least two songs of at least six, so that a validation pair is of two unseen songs."""
    count = max(2, round(fraction * len(fingerprints))) if fraction > 0 else 0
    if len(fingerprints) - count < 4:
        return set()
    order = np.random.default_rng(seed).permutation(len(fingerprints))
    return {fingerprints[index] for index in order[:count]}


def _pairs_within(pairs: list[tuple[Song, Song]], side: list[Song]) -> list[tuple[Song, Song]]:
    members = {song.fingerprint for song in side}
    return [pair for pair in pairs if all(song.fingerprint in members for song in pair)]

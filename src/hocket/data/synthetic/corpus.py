"""Writes a corpus: songs to train on, pairs of them, the true fusion of each pair, and what everything is.

Layout of the folder: `music/song_000.flac …`, `truth/000.flac …`, `pairs.csv` (input, target, truth, pair; paths
relative to it) and `corpus.json`.
"""

import csv
import io
import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hocket import files, outputs
from hocket.audio import Audio, save
from hocket.data.synthetic.render import SAMPLE_RATE, render_song, render_truth
from hocket.data.synthetic.songs import Song, make_song
from hocket.errors import AudioError, ConfigError, DataError, HocketError

FORMAT = 1
PARTS = ("music", "truth", "pairs.csv", "corpus.json")  # the last one marks a complete corpus
MIN_DURATION_SECONDS, MAX_DURATION_SECONDS = 2.0, 600.0
MIN_SAMPLE_RATE, MAX_SAMPLE_RATE = 8_000, 96_000
MAX_SONGS = 2_000
MOST_DESCRIPTION_BYTES = 2**26
RENDERED = {"music": re.compile(r"song_\d+\.flac"), "truth": re.compile(r"\d+\.flac")}
"""Only files of such names are ever removed from the two folders."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class CorpusSettings:
    """Settings that a corpus is a function of; raises ConfigError, with the field's name, if a value is out of range.

    `num_pairs` None means half as many as there are songs.
    """

    num_songs: int = 24
    num_pairs: int | None = None
    duration_seconds: float = 20.0
    seed: int = 0
    sample_rate: int = SAMPLE_RATE

    def __post_init__(self) -> None:
        _require("num_songs", self.num_songs, 2, MAX_SONGS)
        if self.num_pairs is not None:
            _require("num_pairs", self.num_pairs, 0, MAX_SONGS**2)
        _require("duration_seconds", self.duration_seconds, MIN_DURATION_SECONDS, MAX_DURATION_SECONDS)
        _require("seed", self.seed, 0, 2**63 - 1)
        _require("sample_rate", self.sample_rate, MIN_SAMPLE_RATE, MAX_SAMPLE_RATE)

    def make_songs(self) -> list[Song]:
        """The songs; raises ConfigError where they cannot make as many pairs as asked for."""
        songs = [make_song(self.seed, index) for index in range(self.num_songs)]
        possible = num_possible_pairs(songs)
        if self.pairs_wanted > possible:
            raise ConfigError(
                f"num_pairs is {self.num_pairs}, but {self.num_songs} songs make only {possible} different "
                "pairs: ask for fewer pairs or for more songs."
            )
        return songs

    @property
    def pairs_wanted(self) -> int:
        """The number of pairs."""
        return self.num_songs // 2 if self.num_pairs is None else self.num_pairs


def render_corpus(
    folder: str | Path,
    *,
    num_songs: int = 24,
    num_pairs: int | None = None,
    duration_seconds: float = 20.0,
    seed: int = 0,
    sample_rate: int = SAMPLE_RATE,
    force: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Renders a corpus into a folder and returns its path.

    Everything is written next to the folder under another name and moved there when it is complete.

    Args:
        folder: where to; it must not exist, or be empty.
        num_songs: songs in `music/`.
        num_pairs: true fusions in `truth/`; by default half as many as there are songs.
        duration_seconds: of each file.
        seed: another seed, other songs.
        sample_rate: Hz.
        force: replaces a corpus that is there already; never anything else.
        progress: called with (files written, files in all).

    Raises:
        ConfigError: a number is out of its range.
        DataError: the folder holds something already, or cannot be written.
    """
    settings = CorpusSettings(num_songs, num_pairs, duration_seconds, seed, sample_rate)
    songs = settings.make_songs()
    folder = Path(folder).absolute()
    _require_free(folder, force=force)
    partial = folder.with_name(f"{files.TEMPORARY_PREFIX}{secrets.token_hex(8)}.partial")
    try:
        partial.parent.mkdir(parents=True, exist_ok=True)
        partial.mkdir()
        for name in ("music", "truth"):
            (partial / name).mkdir()
        _write(partial, settings, songs, progress or (lambda done, total: None))
        _install(partial, folder)
    except (OSError, AudioError, DataError) as error:
        raise DataError(f"{folder} cannot be written ({_reason(error)}): choose another folder.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def _reason(error: OSError | HocketError) -> str:
    """Words of the system; the sentence of a HocketError would name a file that is gone by now."""
    cause = error.__cause__ if isinstance(error, HocketError) else error
    return cause.strerror or str(cause) if isinstance(cause, OSError) else str(error)


def _require(name: str, value: float, lowest: float, highest: float) -> None:
    # A comparison with NaN is false, so NaN is refused as well.
    if not lowest <= value <= highest:
        raise ConfigError(f"{name} is {value}: give a number from {lowest:g} to {highest:g}.")


def _require_free(folder: Path, *, force: bool) -> None:
    outputs.require_short(folder)
    if not folder.exists():
        return
    if not folder.is_dir():
        raise DataError(f"{folder} is a file: give the name of a folder to make.")
    names = {path.name for path in folder.iterdir()}
    if not names:
        return
    strangers = sorted(names - set(PARTS))
    for part, rendered in RENDERED.items():
        inside = sorted((folder / part).glob("*"))
        strangers += [f"{part}/{path.name}" for path in inside if not rendered.fullmatch(path.name)]
    if "corpus.json" not in names or strangers or not _is_corpus(folder / "corpus.json"):
        what = f" ('{strangers[0]}')" if strangers else ""
        raise DataError(
            f"{folder} contains something other than a rendered corpus{what}: give an empty or new folder."
        )
    if not force:
        raise DataError(f"{folder} already contains a rendered corpus: replace it with --force.")


def _is_corpus(path: Path) -> bool:
    """True if a description is one of ours."""
    try:
        description = files.parse_json(files.read_bytes(path, max_bytes=MOST_DESCRIPTION_BYTES), path)
    except DataError:
        return False
    return isinstance(description, dict) and {"format", "settings", "songs"} <= description.keys()


def _write(folder: Path, settings: CorpusSettings, songs: list[Song], progress: Progress) -> None:
    pairs = choose_pairs(songs, settings.pairs_wanted, settings.seed)
    total = len(songs) + len(pairs)
    seconds, rate = settings.duration_seconds, settings.sample_rate
    names = [f"music/song_{song.index:03d}.flac" for song in songs]
    rows = []
    for done, (song, file) in enumerate(zip(songs, names, strict=True), start=1):
        _save(folder / file, render_song(song, duration_seconds=seconds, sample_rate=rate), rate)
        progress(done, total)
    for number, (first, second) in enumerate(pairs):
        truth = f"truth/{number:03d}.flac"
        fused = render_truth(songs[first], songs[second], duration_seconds=seconds, sample_rate=rate)
        _save(folder / truth, fused, rate)
        rows.append((names[first], names[second], truth, f"{number:03d}"))
        progress(len(songs) + number + 1, total)
    table = io.StringIO(newline="")
    csv.writer(table, lineterminator="\n").writerows([("input", "target", "truth", "pair"), *rows])
    files.write_text(folder / "pairs.csv", table.getvalue())
    description = {
        "format": FORMAT,
        "settings": asdict(settings),
        "songs": [{"file": file} | describe(song, seconds) for song, file in zip(songs, names, strict=True)],
    }
    text = json.dumps(description, indent=1, allow_nan=False)
    files.write_text(folder / "corpus.json", text + "\n")


def _save(path: Path, samples: np.ndarray, sample_rate: int) -> None:
    save(path, Audio(samples[None], sample_rate), encoding="pcm24")


def describe(song: Song, duration_seconds: float) -> dict[str, Any]:
    """Describes a song for `corpus.json`: kind, style, tempo, key, chords with times, instruments."""
    rhythm, harmony = song.rhythm, song.harmony
    timeline = harmony.timeline(duration_seconds) if harmony else []
    return {
        "index": song.index,
        "kind": song.kind,
        "style": rhythm.style,
        "tempo_bpm": rhythm.tempo_bpm,
        "beats_per_bar": rhythm.beats_per_bar,
        "first_beat_seconds": round(rhythm.first_beat_seconds, 4),
        "swing": round(rhythm.swing, 3),
        "key": harmony.key if harmony else None,
        "chords": [{"start_seconds": round(start, 3), "name": chord.name} for start, chord in timeline],
        "instruments": song.instruments,
    }


def _install(partial: Path, folder: Path) -> None:
    """Moves the finished parts to their place, the one that marks a complete corpus last.

    An existing folder is kept and filled, because it can be a mount point or somebody's working directory.
    """
    if not folder.exists():
        os.replace(partial, folder)
        return
    for name in reversed(PARTS):
        old = folder / name
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        else:
            old.unlink(missing_ok=True)
    for name in PARTS:
        shutil.move(partial / name, folder / name)


SAME_NOTES_COST = 3.0
SIMILAR_TEMPO_COST = 1.0
SIMILAR_TEMPO_OCTAVES = 0.05
USE_COST = 1.0  # for each pair that a song is in already
DRAW_COST = 0.5  # the most that chance adds


def num_possible_pairs(songs: Sequence[Song]) -> int:
    """Counts the pairs of different songs whose input has drums and whose target has chords."""
    return int(np.isfinite(_costs(songs)).sum())


def choose_pairs(songs: Sequence[Song], num_pairs: int, seed: int) -> list[tuple[int, int]]:
    """(input, target) as positions in `songs`, distinct and deterministic.

    An input has drums, a target chords. Pairs with the same notes in both keys, or with nearly the same tempo
    (where one rhythm could pass for the other), are taken last, and all songs are used about equally often.

    Args:
        songs: the corpus.
        num_pairs: at most `num_possible_pairs(songs)`.
        seed: the corpus's seed.
    """
    costs = _costs(songs)
    # The stream is named by a number of songs that no corpus has, so that it is not a song's own.
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2**32 - 1,)))
    costs = costs + DRAW_COST * rng.random(costs.shape)
    pairs = []
    for _ in range(num_pairs):
        row, column = divmod(int(np.argmin(costs)), len(songs))
        pairs.append((row, column))
        for used in (row, column):
            costs[used, :] += USE_COST
            costs[:, used] += USE_COST
        costs[row, column] = np.inf
    return pairs


def _costs(songs: Sequence[Song]) -> np.ndarray:
    """`[input, target]`: infinite where the two cannot be a pair."""
    has_drums = np.array([song.kit is not None for song in songs])
    has_chords = np.array([song.harmony is not None for song in songs])
    possible = has_drums[:, None] & has_chords[None, :] & ~np.eye(len(songs), dtype=bool)
    octaves = np.log2([song.rhythm.tempo_bpm for song in songs])
    similar_tempo = np.abs(octaves[:, None] - octaves[None, :]) < SIMILAR_TEMPO_OCTAVES
    notes = [song.harmony.scale if song.harmony else None for song in songs]
    same_notes = np.array([[a is not None and a == b for b in notes] for a in notes])
    costs = SAME_NOTES_COST * same_notes + SIMILAR_TEMPO_COST * similar_tempo
    return np.where(possible, costs, np.inf)

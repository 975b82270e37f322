"""`python -m corpus OUT --soundfont FILE`: renders songs into OUT/music and their description into OUT/corpus.json.

A song that is there already is kept, so that a run that was interrupted goes on where it stopped.
"""

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path

from corpus.bank import SAMPLE_RATE, Bank, open_bank
from corpus.mix import render
from corpus.score import make_score
from hocket import files
from hocket.audio import Audio, save
from hocket.errors import ConfigError, HocketError

FORMAT = 1
MAX_SONGS = 100_000
DURATIONS = (4.0, 600.0)
MAX_DESCRIPTION_BYTES = 2**28


def main(argv: list[str]) -> int:
    """Renders, and returns the exit code: 2 for a mistake of the user's, which is one sentence on stderr."""
    arguments = _parser().parse_args(argv)
    try:
        _check(arguments)
        if not arguments.soundfont.is_file():
            raise ConfigError(
                f"{arguments.soundfont} is not there: give a sound font, such as that of Debian's "
                "musescore-general-soundfont-small."
            )
        bank_folder = arguments.bank or arguments.out.with_name(arguments.out.name + "-bank")
        bank = open_bank(bank_folder, arguments.soundfont, _say)
        render_corpus(arguments, bank)
    except HocketError as error:
        _say(f"corpus: error: {error}")
        return 2
    return 0


def render_corpus(arguments: argparse.Namespace, bank: Bank) -> None:
    """Renders the songs that are not there yet, and writes what all of them are."""
    settings = {
        "num_songs": arguments.num_songs,
        "seed": arguments.seed,
        "duration_seconds": arguments.duration,
        "sample_rate": SAMPLE_RATE,
        "sound_set": bank.identity,
    }
    music = arguments.out / "music"
    _require_same(arguments.out / "settings.json", settings)
    music.mkdir(parents=True, exist_ok=True)
    songs, rendered_seconds, started = [], 0.0, time.process_time()
    for index in range(arguments.num_songs):
        score = make_score(arguments.seed, index, bank, arguments.duration)
        path = music / f"song_{index:05d}.flac"
        songs.append({"file": f"music/{path.name}"} | score.describe())
        if path.exists():
            continue
        save(path, Audio(render(score, bank), SAMPLE_RATE), encoding="pcm16")
        rendered_seconds += arguments.duration
        if index % 20 == 19 or index + 1 == arguments.num_songs:
            speed = rendered_seconds / (time.process_time() - started)
            _say(f"{index + 1} of {arguments.num_songs} songs, {speed:.0f} times real time on one core")
    description = {
        "format": FORMAT,
        "settings": settings,
        "sound_set": {"identity": bank.identity, **bank.provenance},
        "styles": dict(Counter(song["style"] for song in songs).most_common()),
        "songs": songs,
    }
    files.write_text(arguments.out / "corpus.json", json.dumps(description, indent=1, allow_nan=False) + "\n")
    _say(f"written: {arguments.out / 'corpus.json'}")


def _require_same(path: Path, settings: dict[str, object]) -> None:
    """Refuses a folder of songs of other settings; more or fewer songs of the same are welcome."""
    if path.exists():
        there = files.parse_json(files.read_bytes(path, max_bytes=MAX_DESCRIPTION_BYTES), path)
        if there | {"num_songs": 0} != settings | {"num_songs": 0}:
            raise ConfigError(f"{path.parent} holds a corpus of other settings: give another folder.")
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_text(path, json.dumps(settings, indent=1) + "\n")


def _check(arguments: argparse.Namespace) -> None:
    for name, value, low, high in (
        ("--num-songs", arguments.num_songs, 1, MAX_SONGS),
        ("--duration", arguments.duration, *DURATIONS),
        ("--seed", arguments.seed, 0, 2**63 - 1),
    ):
        if not low <= value <= high:
            raise ConfigError(f"{name} is {value}: give a number from {low:g} to {high:g}.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m corpus", description="Renders music to make weights from."
    )
    parser.add_argument("out", type=Path, help="folder for music/ and corpus.json")
    parser.add_argument("--soundfont", type=Path, required=True, help="sound font to play (.sf2, .sf3)")
    parser.add_argument("--num-songs", type=int, default=2000, help="default: 2000")
    parser.add_argument("--duration", type=float, default=24.0, help="seconds of each song (default: 24)")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other songs (default: 0)")
    parser.add_argument("--bank", type=Path, help="folder for the rendered notes (4 GB; default: OUT-bank)")
    return parser


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

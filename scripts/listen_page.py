"""Fuses three pairs of rendered songs and writes docs/listen.html, which plays them: `make listen`.

The songs are held out: the weights that come with hocket were not trained on them. They are played by sampled
instruments from scores that a program made (docs/results/corpus.md), so that they can be given away.
"""

import argparse
from pathlib import Path

from player_page import ROLES, make_page, make_section

from hocket import __version__, audio, files
from hocket.audio.writing import encode_mp3
from hocket.errors import DataError
from hocket.fusing import Fuser
from hocket.fusing.loudness import loudness_lufs

SECONDS = 12.0
LUFS = -18.0
PAIRS = {
    "drums-strings": (150, "a drum loop", 20, "strings"),
    "percussion-piano": (146, "percussion", 105, "a piano"),
    "band-choir": (91, "bass and drums", 239, "a choir"),
}
"""For each page entry two songs of `python -m corpus --seed 2026` by number, with what plays in them."""


def main() -> None:
    """Writes the nine sounds and the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "music", type=Path, help="folder of the songs: OUT/music of python -m corpus OUT --seed 2026"
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("docs"), help="folder of the page (default: docs)"
    )
    options = parser.parse_args()
    sounds = options.output / "audio"
    sounds.mkdir(parents=True, exist_ok=True)
    fuser = Fuser.from_checkpoint()
    sections = []
    for name, (first, rhythm, second, harmony) in PAIRS.items():
        pair = [_beginning(options.music / f"song_{number:05d}.flac") for number in (first, second)]
        fused = fuser.fuse(*pair)
        for role, sound in zip(ROLES, (*pair, fused.audio), strict=True):
            files.write_bytes(sounds / f"{name}-{role}.mp3", encode_mp3(_levelled(sound)), failure=DataError)
        places = {role: f"audio/{name}-{role}.mp3" for role in ROLES}
        sections.append(make_section(f"The rhythm of {rhythm}, the harmony of {harmony}", places))
    end = (
        "All are equally loud. The songs are rendered: sampled instruments play scores that a program wrote, and the "
        f"weights were not trained on these songs. Made by <code>make listen</code> with hocket {__version__}."
    )
    files.write_text(
        options.output / "listen.html", make_page("Hocket: listen", sections, end=end), failure=DataError
    )


def _beginning(path: Path) -> audio.Audio:
    return audio.load(path, duration_seconds=SECONDS)


def _levelled(sound: audio.Audio) -> audio.Audio:
    gain = 10 ** ((LUFS - loudness_lufs(sound)) / 20)
    return audio.Audio(sound.samples * gain, sound.sample_rate)


if __name__ == "__main__":
    main()

"""Cuts and fuses the three pairs of examples; writes docs/listen.html and a moving picture: `make listen`.

The songs are held out: the weights that come with hocket were not trained on them. They are played by sampled
instruments from scores that a program made (docs/results/corpus.md), so that they can be given away.
"""

import argparse
import os
from pathlib import Path

from moving_picture import write_gif
from player_page import ROLES, make_page, make_section

from hocket import __version__, audio, examples, files
from hocket.audio.writing import encode_mp3
from hocket.errors import DataError
from hocket.fusing import Fuser
from hocket.fusing.loudness import loudness_lufs

DOCS = Path(__file__).parent.parent / "docs"
SECONDS = 12.0
LUFS = -18.0
SHOWN = "drums-strings"
SONGS = {"drums-strings": (150, 20), "percussion-piano": (201, 105), "band-choir": (91, 239)}
"""For each pair of examples two songs of `python -m corpus --seed 2026` by number."""


def main() -> None:
    """Writes the nine sounds and the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "music", type=Path, help="folder of the songs: OUT/music of python -m corpus OUT --seed 2026"
    )
    options = parser.parse_args()
    fuser = Fuser.from_checkpoint()
    sections = []
    for name, (rhythm, harmony) in examples.PAIRS.items():
        pair = [_beginning(options.music / f"song_{number:05d}.flac") for number in SONGS[name]]
        fused = fuser.fuse(*pair)
        places = {}
        for role, sound in zip(ROLES, (*pair, fused.audio), strict=True):
            folder = DOCS / "audio" if role == "fused" else examples.FOLDER
            path = folder / f"{name}-{role}.mp3"
            files.write_bytes(path, encode_mp3(_levelled(sound)), failure=DataError)
            places[role] = Path(os.path.relpath(path, DOCS)).as_posix()
        if name == SHOWN:
            write_gif(DOCS / "pictures" / "playing.gif", fuser, fused, rhythm=rhythm, harmony=harmony)
        sections.append(make_section(f"The rhythm of {rhythm}, the harmony of {harmony}", places))
    end = (
        "All are equally loud. The songs are rendered: sampled instruments play scores that a program wrote, and the "
        f"weights were not trained on these songs. Made by <code>make listen</code> with hocket {__version__}."
    )
    files.write_text(DOCS / "listen.html", make_page("Hocket: listen", sections, end=end), failure=DataError)


def _beginning(path: Path) -> audio.Audio:
    return audio.load(path, duration_seconds=SECONDS)


def _levelled(sound: audio.Audio) -> audio.Audio:
    gain = 10 ** ((LUFS - loudness_lufs(sound)) / 20)
    return audio.Audio(sound.samples * gain, sound.sample_rate)


if __name__ == "__main__":
    main()

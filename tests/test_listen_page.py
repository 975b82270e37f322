"""The page that plays examples: every sound is there, as long and as loud as the others."""

import os
import re
from pathlib import Path

import pytest

from hocket import audio, examples
from hocket.fusing.loudness import loudness_lufs

DOCS = Path(__file__).parent.parent / "docs"
SOUNDS = re.findall(r'data-src="([^"]+)"', (DOCS / "listen.html").read_text(encoding="utf-8"))


def test_the_page_plays_all_the_sounds_there_are() -> None:
    assert len(SOUNDS) == 9
    there = [*(DOCS / "audio").iterdir(), *examples.FOLDER.glob("*.mp3")]
    assert sorted((DOCS / name).resolve() for name in SOUNDS) == sorted(path.resolve() for path in there)
    assert sum((DOCS / name).stat().st_size for name in SOUNDS) < 2 * 2**20


def test_the_readme_links_each_of_them() -> None:
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    assert all(f"({os.path.relpath(DOCS / name, DOCS.parent)})" in readme for name in SOUNDS)


def test_each_pair_of_examples_is_in_the_package() -> None:
    expected = {f"{name}-{role}.mp3" for name in examples.PAIRS for role in ("rhythm", "harmony")}
    assert {path.name for path in examples.FOLDER.glob("*.mp3")} == expected


@pytest.mark.parametrize("name", SOUNDS)
def test_each_sound_lasts_as_long_and_is_as_loud_as_the_others(name: str) -> None:
    sound = audio.load(DOCS / name)
    assert (sound.sample_rate, sound.num_channels) == (44_100, 2)
    assert sound.duration_seconds == pytest.approx(12.0, abs=0.1)
    # A peak beyond full scale is turned down with all else.
    assert -21.5 < loudness_lufs(sound) < -17.5

"""The page that plays examples: every sound is there, as long and as loud as the others."""

import re
from pathlib import Path

import pytest

from hocket import audio
from hocket.fusing.loudness import loudness_lufs

DOCS = Path(__file__).parent.parent / "docs"
SOUNDS = re.findall(r'data-src="([^"]+)"', (DOCS / "listen.html").read_text(encoding="utf-8"))


def test_the_page_plays_all_the_sounds_there_are() -> None:
    assert len(SOUNDS) == 9
    assert sorted(SOUNDS) == sorted(f"audio/{path.name}" for path in (DOCS / "audio").iterdir())
    assert sum((DOCS / name).stat().st_size for name in SOUNDS) < 2 * 2**20


def test_the_readme_links_each_of_them() -> None:
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    assert all(f"(docs/{name})" in readme for name in SOUNDS)


@pytest.mark.parametrize("name", SOUNDS)
def test_each_sound_lasts_as_long_and_is_as_loud_as_the_others(name: str) -> None:
    sound = audio.load(DOCS / name)
    assert (sound.sample_rate, sound.num_channels) == (44_100, 2)
    assert sound.duration_seconds == pytest.approx(12.0, abs=0.1)
    # A peak beyond full scale is turned down with all else.
    assert -21.5 < loudness_lufs(sound) < -17.5

"""A studio that serves, and two short recordings of different kinds to bring to it."""

import tempfile
from collections.abc import Iterator
from multiprocessing.util import get_temp_dir
from pathlib import Path

import pytest
from visiting import Visitor, drums, pads

from hocket import audio

SMALL_UPLOAD = 2 * 2**20


@pytest.fixture(scope="session")
def drums_wav(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("studio") / "drums.wav"
    audio.save(path, drums(), encoding="pcm16")
    return path


@pytest.fixture(scope="session")
def pads_flac(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("studio") / "pads.flac"
    audio.save(path, pads(), encoding="pcm24")
    return path


@pytest.fixture(scope="session")
def studio_temp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where studios of these tests put their folders, so that what they leave can be seen."""
    folder = tmp_path_factory.mktemp("temp")
    get_temp_dir()  # of multiprocessing's own, which is made once and lasts as long as this process
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(folder))
        yield folder


@pytest.fixture(scope="session")
def studio_url(studio_temp: Path) -> Iterator[str]:
    """A studio with small limits, served in a thread."""
    from visiting import serving

    from hocket.studio.settings import Settings

    settings = Settings(
        port=0, num_threads=1, max_upload_bytes=SMALL_UPLOAD, max_seconds=20.0, idle_seconds=1.5
    )
    with serving(settings) as url:
        yield url
    assert not list(studio_temp.glob("hocket-studio-*")), "the studio left its folder behind"


@pytest.fixture
def visitor(studio_url: str) -> Iterator[Visitor]:
    with Visitor(base_url=studio_url, timeout=60.0) as client:
        yield client

"""Writing where there is no room, no right, or something else of that name: by the system's own refusals."""

import errno
import importlib.util
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hocket.audio import Audio, load, save, writing
from hocket.audio.streams import InMemory
from hocket.errors import AudioError

SOUND = Audio(np.random.default_rng(2).uniform(-0.9, 0.9, (2, 300_000)).astype(np.float32), 44_100)
M4A = pytest.param(
    "a.m4a", marks=pytest.mark.skipif(importlib.util.find_spec("av") is None, reason="needs hocket[formats]")
)
NAMES = ["a.wav", "a.flac", "a.mp3", M4A]
QUIET = Audio(np.full((1, 50), 0.25, dtype=np.float32), 44_100)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    ("container", "coding"),
    [("WAV", "pcm24"), ("WAV", "float32"), ("FLAC", "pcm16"), ("MP3", "MP3"), ("M4A", "M4A")],
)
@pytest.mark.parametrize("tags", [{}, {"title": "a"}])
def test_a_full_device_says_so(container: str, coding: str, tags: dict[str, str]) -> None:
    if container == "M4A":
        pytest.importorskip("av")
    with open("/dev/full", "r+b", buffering=0) as handle, pytest.raises(OSError) as caught:  # noqa: PTH123
        writing._encode(handle, Path("a.wav"), SOUND, container=container, coding=coding, tags=tags)
    assert caught.value.errno == errno.ENOSPC


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(("container", "coding"), [("WAV", "pcm24"), ("FLAC", "pcm24"), ("MP3", "MP3")])
def test_a_long_recording_is_not_read_on_when_the_disk_is_full(container: str, coding: str) -> None:
    class Counted(InMemory):
        num_read = 0

        def read(self, start: int, stop: int) -> np.ndarray:
            Counted.num_read += stop - start
            return super().read(start, stop)

    sound = Counted(np.tile(SOUND.samples, 10), 44_100)
    with open("/dev/full", "r+b", buffering=0) as handle, pytest.raises(OSError):  # noqa: PTH123
        writing._encode(handle, Path("a"), sound, container=container, coding=coding, tags={})
    assert 0 < Counted.num_read < sound.num_samples / 2


CHILD = """
import json, os, resource, sys
import numpy as np
from hocket.audio import Audio, save
from hocket.errors import AudioError
path, limit, user = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
if user and os.geteuid() == 0:
    os.seteuid(user)
try:
    save(path, Audio(np.random.default_rng(2).uniform(-0.9, 0.9, (2, 300_000)).astype(np.float32), 44_100))
    print(json.dumps("written"))
except AudioError as error:
    print(json.dumps(str(error)))
"""


def saved_by_a_child(path: Path, *, limit: int = 0, user: int = 0) -> str:
    command = [sys.executable, "-c", CHILD, str(path), str(limit), str(user)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return str(json.loads(done.stdout))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("limit", [1, 40_000, 150_000])
def test_no_more_room_in_a_process_of_its_own(tmp_path: Path, name: str, limit: int) -> None:
    path = tmp_path / name
    save(path, QUIET)
    old = path.read_bytes()
    said = saved_by_a_child(path, limit=limit)
    assert (
        said.startswith(f"{path} cannot be written ({os.strerror(errno.EFBIG)})") and "larger files" in said
    )
    assert list(tmp_path.iterdir()) == [path] and path.read_bytes() == old
    assert saved_by_a_child(path) == "written"


def test_a_folder_of_somebody_elses(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents[:2]):
        if os.geteuid() == 0 and folder.stat().st_uid == 0:
            folder.chmod(folder.stat().st_mode | 0o055)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    said = saved_by_a_child(closed / "a.wav", user=65_534)
    assert said.startswith(f"{closed / 'a.wav'} cannot be written ({os.strerror(errno.EACCES)})")
    assert list(closed.iterdir()) == []


def test_a_link_is_replaced_and_what_it_points_to_stays(tmp_path: Path) -> None:
    save(tmp_path / "original.wav", QUIET)
    before = (tmp_path / "original.wav").read_bytes()
    (tmp_path / "link.wav").symlink_to("original.wav")
    (tmp_path / "nowhere.wav").symlink_to("missing.wav")
    (tmp_path / "loop.wav").symlink_to("loop.wav")
    for name in ("link.wav", "nowhere.wav", "loop.wav"):
        save(tmp_path / name, SOUND)
        assert stat.S_ISREG((tmp_path / name).lstat().st_mode)
        assert load(tmp_path / name).num_samples == SOUND.num_samples
    assert (tmp_path / "original.wav").read_bytes() == before
    assert not (tmp_path / "missing.wav").exists()


def test_a_folder_that_is_a_link(tmp_path: Path) -> None:
    (tmp_path / "music").mkdir()
    (tmp_path / "link").symlink_to("music")
    save(tmp_path / "link" / "a.wav", QUIET)
    assert load(tmp_path / "music" / "a.wav").num_samples == 50
    (tmp_path / "round").symlink_to("round")
    with pytest.raises(AudioError, match=r"round/a\.wav cannot be written \("):
        save(tmp_path / "round" / "a.wav", QUIET)


@pytest.mark.parametrize("length", [251, 252])
def test_names_up_to_255_bytes(tmp_path: Path, length: int) -> None:
    path = tmp_path / ("n" * length + ".wav")
    if length == 251:
        save(path, QUIET)
        assert load(path).num_samples == 50
        return
    with pytest.raises(AudioError, match=os.strerror(errno.ENAMETOOLONG)):
        save(path, QUIET)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a\nb.wav", "🥁 음악.flac", " .wav", "-o.wav"])
def test_odd_names(tmp_path: Path, name: str) -> None:
    save(tmp_path / name, QUIET)
    np.testing.assert_array_equal(load(tmp_path / name).samples, QUIET.samples)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_is_no_file_is_not_replaced(tmp_path: Path, make: object) -> None:
    path = tmp_path / "a.wav"
    make(path)  # type: ignore[operator]
    with pytest.raises(AudioError, match=r"a\.wav is a (folder|pipe or a device): give the name of a file"):
        save(path, QUIET)
    assert list(tmp_path.iterdir()) == [path] and not path.is_file()


def test_a_name_with_a_zero_in_it() -> None:
    with pytest.raises(AudioError, match="cannot be written"):
        save("a\0b.wav", QUIET)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, OSError(errno.EIO, "Input/output error")])
def test_what_happens_while_libsndfile_writes_is_not_lost(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    name: str,
    error: object,
) -> None:
    class Failing:
        """A file whose second write fails."""

        def __init__(self, handle: object) -> None:
            self.handle, self.num_writes = handle, 0

        def write(self, data: bytes) -> int:
            self.num_writes += 1
            if self.num_writes == 2:
                raise error  # type: ignore[misc]
            return self.handle.write(data)  # type: ignore[attr-defined, no-any-return]

        def __getattr__(self, attribute: str) -> object:
            return getattr(self.handle, attribute)

    sink = writing._Sink
    monkeypatch.setattr(writing, "_Sink", lambda handle: sink(Failing(handle)))
    expected = AudioError if isinstance(error, OSError) else error
    with pytest.raises(expected):  # type: ignore[call-overload]
        save(tmp_path / name, SOUND)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr().err == ""

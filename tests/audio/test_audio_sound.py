"""What counts as a recording, as sound, and as a folder of music."""

from pathlib import Path

import numpy as np
import pytest

from hocket.audio import Audio, find_audio_files, require_sound
from hocket.errors import AudioError, DataError

RATE_HZ = 24_000


def constant_peak(peak: float, num_samples: int = RATE_HZ) -> Audio:
    samples = np.zeros((2, num_samples), dtype=np.float32)
    samples[1, num_samples // 2] = peak
    return Audio(samples, RATE_HZ)


def test_the_facts_of_a_recording() -> None:
    audio = Audio(np.array([[1, 0, 0.5], [0, -1, 0.25]], dtype=np.float32), 2_000)
    assert (audio.num_channels, audio.num_samples, audio.duration_seconds) == (2, 3, 0.0015)
    np.testing.assert_array_equal(audio.mono().samples, [[0.5, -0.5, 0.375]])


@pytest.mark.parametrize(
    ("samples", "rate_hz"),
    [
        (np.zeros(5, dtype=np.float32), RATE_HZ),
        (np.zeros((1, 1, 5), dtype=np.float32), RATE_HZ),
        (np.zeros((1, 5)), RATE_HZ),
        (np.zeros((1, 5), dtype=np.float32), 0),
    ],
)
def test_what_is_no_recording(samples: np.ndarray, rate_hz: int) -> None:
    with pytest.raises(ValueError):
        Audio(samples, rate_hz)


def test_sound_is_accepted_down_to_minus_80_dbfs() -> None:
    require_sound(constant_peak(-0.9), "a.wav", minimum_seconds=1.0)
    require_sound(constant_peak(1.01e-4), "a.wav", minimum_seconds=1.0)
    with pytest.raises(AudioError, match=r"^a\.wav is silent \(peak -80 dBFS\): .*\.$"):
        require_sound(constant_peak(0.99e-4), "a.wav", minimum_seconds=1.0)
    with pytest.raises(AudioError, match=r"^a\.wav is silent \(peak -inf dBFS\): .*\.$"):
        require_sound(constant_peak(0.0), Path("a.wav"), minimum_seconds=1.0)


def test_too_short_is_named_with_both_lengths() -> None:
    with pytest.raises(AudioError, match=r"^b\.wav is too short \(0\.25 s\): .* at least 0\.5 s\.$"):
        require_sound(constant_peak(0.5, RATE_HZ // 4), "b.wav", minimum_seconds=0.5)
    with pytest.raises(AudioError, match=r"^b\.wav contains no sound \(0 samples\)"):
        require_sound(Audio(np.zeros((1, 0), dtype=np.float32), RATE_HZ), "b.wav", minimum_seconds=0.5)


def test_a_folder_is_searched_deep_and_in_order(tmp_path: Path) -> None:
    names = ["b.wav", "a.FLAC", "deep/er/c.mp3", "deep/d.opus", "e.aif", "f.ogg"]
    for name in [*names, "notes.txt", "wav", ".hocket-1234.wav", "._a.wav", ".cache/g.wav", "deep/cover.jpg"]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "broken.wav").symlink_to(tmp_path / "nowhere")
    assert find_audio_files(tmp_path) == sorted(tmp_path / name for name in names)
    assert find_audio_files(str(tmp_path)) == find_audio_files(tmp_path)


def test_loops_of_links_end_and_a_linked_folder_counts_once(tmp_path: Path) -> None:
    (tmp_path / "music" / "album").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "music" / "album" / "a.wav").touch()
    (tmp_path / "elsewhere" / "b.wav").touch()
    (tmp_path / "music" / "album" / "up").symlink_to(tmp_path / "music")
    (tmp_path / "music" / "itself").symlink_to(tmp_path / "music" / "itself")
    (tmp_path / "music" / "more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "music" / "more2").symlink_to(tmp_path / "elsewhere")
    found = [path.relative_to(tmp_path).as_posix() for path in find_audio_files(tmp_path / "music")]
    assert found == ["music/album/a.wav", "music/more/b.wav"]


def test_folders_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file.wav").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").touch()
    with pytest.raises(DataError, match=r"missing does not exist: .*\.$"):
        find_audio_files(tmp_path / "missing")
    with pytest.raises(DataError, match=r"file\.wav is not a folder: .*\.$"):
        find_audio_files(tmp_path / "file.wav")
    with pytest.raises(DataError, match=r"empty contains no recordings: .*\.flac.*\.wav.*\.$"):
        find_audio_files(tmp_path / "empty")


def test_a_subfolder_that_may_not_be_read_is_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    (tmp_path / "locked").mkdir()
    (tmp_path / "a.wav").touch()
    scandir = os.scandir

    def refuse(folder: str) -> object:
        if Path(folder).name == "locked":
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match=r"locked cannot be read \(Permission denied\)"):
        find_audio_files(tmp_path)

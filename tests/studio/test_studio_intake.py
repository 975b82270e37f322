"""Files from strangers: decoded by what is in them, elsewhere, and told of in their owners' words."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from visiting import Visitor, drums

from hocket import audio
from hocket.audio import Audio
from hocket.audio.streams import InMemory
from hocket.data.workers import Failure
from hocket.errors import AudioError, DataError
from hocket.studio import intake
from hocket.studio.intake import EXACT, PLAYED, Played, measure


def _take_in(folder: Path, sound: Audio, suffix: str = ".wav", **limits: Any) -> dict[str, Any]:
    audio.save(folder / f"stranger{suffix}", sound, encoding="float32" if suffix == ".wav" else "pcm24")
    upload = (folder / f"stranger{suffix}").rename(folder / "upload")
    limits = {"max_seconds": 10.0, "max_bytes": 10**9} | limits
    return intake.take_in(upload, folder, name="My Song.mp3", **limits)


def test_the_name_says_nothing_and_the_content_all(tmp_path: Path) -> None:
    facts = _take_in(tmp_path, drums(), ".flac")
    assert facts["format"] == "flac" and facts["num_samples"] == 110_250
    assert {path.name for path in tmp_path.iterdir()} == {EXACT, PLAYED}, "the upload is gone"
    assert np.abs(audio.load(tmp_path / EXACT).samples - drums().samples).max() <= 2.0**-23


def test_what_is_beyond_full_scale_stays_exact_and_is_played_softer(tmp_path: Path) -> None:
    loud = Audio(drums().samples * np.float32(4.0), 44_100)
    facts = _take_in(tmp_path, loud)
    assert np.array_equal(audio.load(tmp_path / EXACT).samples, loud.samples)
    played = audio.load(tmp_path / PLAYED).samples
    assert 0.999 <= np.abs(played).max() <= 1.0 and max(facts["peaks"]) == 1.0


def test_many_channels_are_played_as_one(tmp_path: Path) -> None:
    one = drums().samples[:1]
    facts = _take_in(tmp_path, Audio(np.repeat(one, 6, axis=0), 44_100))
    assert facts["num_channels"] == 6 and audio.load(tmp_path / EXACT).num_channels == 6
    played = audio.load(tmp_path / PLAYED)
    assert played.num_channels == 1 and np.abs(played.samples - one).max() < 2.0**-15


@pytest.mark.parametrize(
    ("sound", "limits", "words"),
    [
        (drums(seconds=3.0), {"max_seconds": 2.0}, "and the limit is"),
        (drums(seconds=3.0), {"max_bytes": 10**6}, "too much for the studio"),
        (drums(seconds=0.05), {}, "too short"),
        (Audio(np.zeros((1, 44_100), dtype=np.float32), 44_100), {}, "silent"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_sentence(
    tmp_path: Path, sound: Audio, limits: dict[str, Any], words: str
) -> None:
    with pytest.raises(AudioError, match=words) as caught:
        _take_in(tmp_path, sound, **limits)
    sentence = str(caught.value)
    assert sentence.count(str(tmp_path)) == 0 and "upload" not in sentence.split()
    assert sentence.startswith(("My Song.mp3 is", "My Song.mp3 would"))
    assert not list(tmp_path.iterdir())


def test_a_decoder_that_dies_is_one_files_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = Failure("crashed", "the decoder process was ended by SIGKILL")
    monkeypatch.setattr(intake, "run_in_children", lambda *_, **__: iter([(0, dead)]))
    with pytest.raises(AudioError, match=r"^My Song.mp3 could not be decoded .*SIGKILL"):
        _take_in(tmp_path, drums())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("num_samples", [1, 7, 1199, 1200, 1201, 500_000])
def test_peaks_cover_every_sample_once(num_samples: int) -> None:
    samples = np.zeros((2, num_samples), dtype=np.float32)
    for place in {0, num_samples // 3, num_samples - 1}:
        samples[:] = 0.0
        samples[1, place] = -0.5
        peaks, rms, highest = measure(InMemory(samples, 48_000))
        assert len(peaks) == min(1200, num_samples) and highest == 0.5
        assert np.flatnonzero(peaks).tolist() == [place * len(peaks) // num_samples] or (
            abs(np.flatnonzero(peaks)[0] - place * len(peaks) / num_samples) <= 1
            and np.count_nonzero(peaks) == 1
        )
        assert rms == pytest.approx(0.5 / np.sqrt(2 * num_samples))


def test_what_is_played_is_never_beyond_full_scale() -> None:
    samples = np.array([[3.0, -3.0, 0.5]], dtype=np.float32)
    played = Played(InMemory(samples, 8_000), highest=3.0).read(0, 3)
    assert np.allclose(played, samples / 3) and np.abs(played).max() <= 1.0


def test_a_machine_without_processes_is_not_the_files_fault(
    visitor: Visitor, drums_wav: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise DataError("a worker process cannot be started (no memory): give fewer --jobs.")

    monkeypatch.setattr(intake, "run_in_children", refuse)
    answer = visitor.post("/api/sources?name=a.wav", content=drums_wav.read_bytes())
    assert answer.status_code == 503 and "--jobs" not in answer.json()["error"]


def test_a_decoder_ends_with_what_it_decodes(tmp_path: Path) -> None:
    upload = tmp_path / "upload"
    upload.touch()
    script = (
        "import sys, time, pathlib; from hocket.studio.intake import end_with; end_with(pathlib.Path(sys.argv[1])); "
        "print('busy', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(upload)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stdout.readline() == b"busy\n"
        assert child.poll() is None
        upload.unlink()
        assert child.wait(10) == 1

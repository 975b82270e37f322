"""Recordings that stay in their files: any span is what loading the whole gives."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from hocket.audio import load
from hocket.audio.reading import FromFile
from hocket.errors import AudioError

RATE_HZ = 24_000


def write(path: Path, *, seconds: float = 9.0, rate_hz: int = 44_100) -> Path:
    """Two channels of tones that rise, so that no two places are alike."""
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    left = 0.5 * np.sin(2 * np.pi * (200 + 90 * time) * time)
    right = 0.3 * np.sin(2 * np.pi * 333 * time) * (1 + time / seconds) / 2
    soundfile.write(path, np.stack([left, right], axis=1), rate_hz)
    return path


@pytest.mark.parametrize(
    ("ending", "tolerance"), [(".wav", 1e-6), (".flac", 1e-6), (".mp3", 1e-5), (".ogg", 1e-5)]
)
def test_every_span_is_that_of_the_whole(tmp_path: Path, ending: str, tolerance: float) -> None:
    path = write(tmp_path / f"a{ending}")
    whole, encoded = load(path, sample_rate=RATE_HZ), FromFile(path, sample_rate=RATE_HZ)
    assert (encoded.num_channels, encoded.sample_rate) == (2, RATE_HZ)
    assert encoded.num_samples == whole.num_samples
    assert encoded.peak == pytest.approx(float(np.abs(whole.samples).max()), rel=0.01)
    last = whole.num_samples
    for start, stop in (
        (0, last),
        (0, 1),
        (7, 50_001),
        (100_003, 100_500),
        (last - 4_000, last),
        (last, last),
    ):
        part = encoded.read(start, stop)
        assert part.shape == (2, stop - start) and part.dtype == np.float32
        np.testing.assert_allclose(part, whole.samples[:, start:stop], atol=tolerance)
    assert encoded.read(last - 10, last + 10).shape == (2, 10)


def test_channels_that_cancel_each_other_have_a_peak(tmp_path: Path) -> None:
    voice = np.random.default_rng(1).uniform(-0.5, 0.5, 20_000)
    soundfile.write(tmp_path / "a.wav", np.stack([voice, -voice], axis=1), RATE_HZ, subtype="FLOAT")
    assert FromFile(tmp_path / "a.wav", sample_rate=RATE_HZ).peak == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("fault", ["cut off", "not finite", "missing"])
def test_what_load_refuses_is_refused_before_anything_is_read(tmp_path: Path, fault: str) -> None:
    path = tmp_path / "a.flac"
    if fault == "cut off":
        data = write(path).read_bytes()
        path.write_bytes(data[: len(data) // 2])
    if fault == "not finite":
        path = tmp_path / "a.wav"
        soundfile.write(path, np.r_[np.zeros(90_000), np.nan], RATE_HZ, subtype="FLOAT")
    said = []
    for way in (load, lambda path: FromFile(path, sample_rate=RATE_HZ)):
        with pytest.raises(AudioError, match=path.name) as caught:
            way(path)
        said.append(str(caught.value))
    assert said[0] == said[1]

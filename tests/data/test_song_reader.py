"""Excerpts of a song, at the speed that is said, from memory or from disk; and the settings of the data."""

from pathlib import Path

import numpy as np
import pytest
import torch

from hocket.audio import Audio, save
from hocket.data.excerpts import SongReader
from hocket.data.library import Song
from hocket.errors import ConfigError
from hocket.settings import DataConfig

RATE_HZ = 8_000


EXCERPT_SECONDS = 1.0


PITCHES_HZ = (300.0, 420.0, 560.0, 710.0)


def sine(
    frequency_hz: float, *, seconds: float = 4.0, rate_hz: int = RATE_HZ, level: float = 0.2
) -> np.ndarray:
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    return (level * np.sin(2 * np.pi * frequency_hz * time)).astype(np.float32)


def put(path: Path, samples: np.ndarray, rate_hz: int = RATE_HZ) -> Song:
    save(path, Audio(samples[None], rate_hz), encoding="float32")
    return Song(path, len(samples) / rate_hz, path.name)


@pytest.fixture
def songs(tmp_path: Path) -> list[Song]:
    """Four sines of different pitch, four seconds each."""
    return [put(tmp_path / f"{pitch_hz:.0f}.wav", sine(pitch_hz)) for pitch_hz in PITCHES_HZ]


def pitch_of(excerpt: torch.Tensor) -> float:
    """The loudest frequency in Hz, to a fraction of a bin."""
    samples = excerpt.double().numpy() * np.hanning(len(excerpt))
    return float(np.abs(np.fft.rfft(samples, n=8 * len(samples))).argmax()) / 8 * RATE_HZ / len(samples)


@pytest.mark.parametrize("cache_megabytes", [0, 100])
@pytest.mark.parametrize("speed", [0.8, 0.95, 1.0, 1.1, 1.5])
def test_speed_moves_the_pitch_by_as_much_and_keeps_the_level(
    songs: list[Song], cache_megabytes: int, speed: float
) -> None:
    reader = SongReader(songs, sample_rate=RATE_HZ, cache_megabytes=cache_megabytes)
    excerpt = torch.from_numpy(reader.read(songs[1], 0.5, RATE_HZ, speed))
    assert pitch_of(excerpt) == pytest.approx(PITCHES_HZ[1] * speed, rel=2e-3)
    assert float(excerpt[100:-100].square().mean().sqrt()) == pytest.approx(0.2 / np.sqrt(2), rel=0.01)


def test_a_faster_excerpt_covers_more_of_the_song(tmp_path: Path) -> None:
    # A tone that begins two seconds in: at 1.25 times the speed it begins after 1.6 s.
    late = np.concatenate([np.zeros(2 * RATE_HZ, np.float32), sine(500.0, seconds=2.0)])
    song = put(tmp_path / "late.wav", late)
    for cache_megabytes in (0, 100):
        reader = SongReader([song], sample_rate=RATE_HZ, cache_megabytes=cache_megabytes)
        excerpt = np.abs(reader.read(song, 0.0, 2 * RATE_HZ, 1.25))
        assert np.argmax(excerpt > 0.05) / RATE_HZ == pytest.approx(1.6, abs=0.01)


@pytest.mark.parametrize("rate_hz", [8000, 11_025, 44_100])
def test_memory_and_disk_give_the_same_excerpt_at_the_songs_own_speed(tmp_path: Path, rate_hz: int) -> None:
    random = np.random.default_rng(0)
    song = put(tmp_path / "a.wav", (0.1 * random.standard_normal(3 * rate_hz)).astype(np.float32), rate_hz)
    readers = [SongReader([song], sample_rate=RATE_HZ, cache_megabytes=megabytes) for megabytes in (0, 100)]
    for start_seconds in (0.0, 0.731, 2.0):
        disk, memory = (reader.read(song, start_seconds, RATE_HZ) for reader in readers)
        np.testing.assert_allclose(disk, memory, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("excerpt_seconds", 0.5),
        ("excerpt_seconds", 61.0),
        ("excerpt_seconds", float("nan")),
        ("batch_size", 0),
        ("num_validation_examples", 0),
        ("num_workers", -1),
        ("cache_megabytes", -1),
        ("validation_fraction", 0.6),
        ("validation_fraction", -0.1),
        ("max_speed_change", 0.51),
        ("max_speed_change", float("nan")),
    ],
)
def test_a_setting_out_of_its_range_is_named(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"^{name} is {value}"):
        DataConfig(**{name: value})  # type: ignore[arg-type]

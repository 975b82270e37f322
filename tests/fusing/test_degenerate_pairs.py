"""Twelve kinds of recordings, most of them hardly music, each as input and as target of each other."""

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from small_fuser import small_fuser

from hocket import audio
from hocket.errors import AudioError
from hocket.fusing import FuseOptions, Fuser

RATE = 24_000
SECONDS = 1.2


def _noise(channels: int, rate: int, *, seconds: float = SECONDS, level: float = 0.1) -> np.ndarray:
    return level * np.random.default_rng(0).standard_normal((round(seconds * rate), channels))


def _click() -> np.ndarray:
    samples = np.zeros((round(SECONDS * RATE), 1))
    samples[RATE // 3] = 0.9
    return samples


def _tone(level: float) -> np.ndarray:
    angle = 2 * np.pi * 220 * np.arange(round(SECONDS * RATE)) / RATE
    return np.clip(level * np.sin(angle), -1, 1)[:, None]


def _long(seconds: float) -> np.ndarray:
    return np.resize(_tone(0.3) + _noise(1, RATE, level=0.02), (round(seconds * RATE), 1))


SOURCES: dict[str, Callable[[float], tuple[np.ndarray, int]]] = {
    "empty": lambda _: (np.zeros((0, 1)), RATE),
    "one_sample": lambda _: (np.full((1, 1), 0.5), RATE),
    "silence": lambda _: (np.zeros((round(SECONDS * RATE), 1)), RATE),
    "dc": lambda _: (np.full((round(SECONDS * RATE), 1), 0.5), RATE),
    "clipped": lambda _: (_tone(1e4), RATE),
    "nan": lambda _: (np.where(_tone(0.5) > 0.49, np.nan, _tone(0.5)), RATE),
    "minus_140_db": lambda _: (_noise(1, RATE, level=1e-7), RATE),
    "click": lambda _: (_click(), RATE),
    "8_khz": lambda _: (_noise(1, 8000), 8000),
    "five_one": lambda _: (_noise(6, 48_000), 48_000),
    "stereo": lambda _: (_noise(2, 44_100), 44_100),
    "long": lambda seconds: (_long(seconds), RATE),
}
REFUSED = {"dc", "empty", "one_sample", "silence", "nan", "minus_140_db"}


def _write(folder: Path, long_seconds: float) -> dict[str, Path]:
    paths = {}
    for name, make in SOURCES.items():
        samples, rate = make(long_seconds)
        paths[name] = folder / f"{name}.wav"
        soundfile.write(paths[name], samples, rate, subtype="FLOAT")
    return paths


def _try_all(fuser: Fuser, paths: dict[str, Path], folder: Path, options: FuseOptions) -> tuple[int, int]:
    """How many pairs were fused and how many refused; asserts that each was rightly."""
    fused, refused = 0, 0
    for input, target in itertools.product(paths, repeat=2):
        output = folder / "out.wav"
        bad = {input, target} & REFUSED
        try:
            facts = fuser.fuse_to_file(paths[input], paths[target], output, options=options)
        except AudioError as error:
            assert any(str(error).startswith(str(paths[name])) for name in bad), (input, target, error)
            assert not output.exists() and "\n" not in str(error)
            refused += 1
            continue
        assert not bad, (input, target)
        written = audio.load(output)
        known = audio.info(paths[input])
        shape = options.num_channels or known.num_channels, known.num_samples
        assert written.samples.shape == shape, (input, target)
        assert written.sample_rate == facts.sample_rate == known.sample_rate
        assert np.isfinite(written.samples).all() and 0 < np.abs(written.samples).max() <= 1.0
        output.unlink()
        fused += 1
    assert not [path for path in folder.iterdir() if path not in paths.values()]
    return fused, refused


@pytest.mark.parametrize("num_channels", [None, 2])
def test_every_pair_is_fused_or_refused_by_name(tmp_path: Path, num_channels: int | None) -> None:
    options = FuseOptions(num_channels=num_channels)
    assert _try_all(small_fuser(), _write(tmp_path, 5.0), tmp_path, options) == (6 * 6, 144 - 6 * 6)


@pytest.mark.slow
def test_every_pair_with_trained_weights_and_half_an_hour(tmp_path: Path) -> None:
    fuser, paths = Fuser.from_checkpoint(), _write(tmp_path, 1800.0)
    assert _try_all(fuser, paths, tmp_path, FuseOptions()) == (6 * 6, 144 - 6 * 6)


@pytest.mark.parametrize("role", ["input", "target"])
def test_what_is_silent_only_as_it_is_heard_is_named(tmp_path: Path, role: str) -> None:
    """A click that is so rare that what is used of the recording is all but silent."""
    bad, good = tmp_path / "bad.wav", tmp_path / "good.wav"
    soundfile.write(bad, np.eye(1, 20 * RATE).T * 1e-3, RATE, subtype="FLOAT")
    soundfile.write(good, _noise(1, RATE, seconds=20.0), RATE, subtype="FLOAT")
    pair = (bad, good) if role == "input" else (good, bad)
    with pytest.raises(AudioError, match="is almost silent in the part that is used") as caught:
        small_fuser().fuse_to_file(*pair, tmp_path / "out.wav")
    assert str(caught.value).startswith(str(bad))


WAVE = _noise(1, RATE)


@pytest.mark.parametrize("opposed", ["input", "target", "both"])
@pytest.mark.parametrize(("num_channels", "asked"), [(2, None), (2, 1), (6, None), (6, 2)])
def test_channels_in_opposition_are_fused(
    tmp_path: Path, opposed: str, num_channels: int, asked: int | None
) -> None:
    against = np.concatenate([WAVE, -WAVE] * (num_channels // 2), axis=1)
    for name in ("input", "target"):
        samples = against if opposed in (name, "both") else np.repeat(_tone(0.3), num_channels, axis=1)
        soundfile.write(tmp_path / f"{name}.wav", samples, RATE, subtype="FLOAT")
    options = FuseOptions(num_channels=asked)
    fused = small_fuser().fuse_files(tmp_path / "input.wav", tmp_path / "target.wav", options=options)
    assert len(fused.audio.samples) == (asked or num_channels)
    assert np.abs(fused.audio.samples).max(axis=1).min() > 0.05
    if opposed == "both" and asked is None:
        np.testing.assert_allclose(fused.audio.samples[1], -fused.audio.samples[0], atol=1e-6)

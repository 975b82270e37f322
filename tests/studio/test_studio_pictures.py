"""The picture of a long fusion's voices is the same as that of a short one."""

import io

import numpy as np
from PIL import Image

from hocket.audio.streams import InMemory
from hocket.pictures import arrays
from hocket.studio import pictures
from hocket.studio.pictures import HOP, LEVEL_RANGE_DB, NUM_COLUMNS, RANGES, voice_levels

RATE = 8_000


def _levels(*voices: np.ndarray) -> np.ndarray:
    """The two levels at each place in dB below the loudest, `[rows, columns, 2]`, high rows first."""
    content, _ = voice_levels([InMemory(voice[None], RATE) for voice in voices])
    pixels = np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(float)
    assert not pixels[..., 2].any()
    return (pixels[..., :2] / 255 - 1) * LEVEL_RANGE_DB


def _voices(num_samples: int) -> tuple[np.ndarray, np.ndarray]:
    """A low tone that the first voice has in the first half, and a high one that the second has in the second."""
    seconds = np.arange(num_samples) / RATE
    is_late = seconds > seconds[-1] / 2
    low, high = np.sin(2 * np.pi * 200 * seconds), 0.1 * np.sin(2 * np.pi * 2000 * seconds)
    return (low * ~is_late).astype(np.float32), (high * is_late).astype(np.float32)


def test_each_voice_is_where_it_sounds_and_as_loud_as_it_is() -> None:
    for num_samples in (20_000, HOP * NUM_COLUMNS - 5, 3 * HOP * NUM_COLUMNS):
        levels = _levels(*_voices(num_samples))
        middle, loud = levels.shape[1] // 2, levels > -40
        # Half a window of 2048 hears across the middle.
        near = 5 + 1024 * levels.shape[1] // num_samples
        assert loud[:, : middle - near, 0].any() and not loud[:, : middle - near, 1].any()
        assert loud[:, middle + near :, 1].any() and not loud[:, middle + near :, 0].any()
        rows = [np.flatnonzero(loud[..., voice].any(axis=1)).mean() for voice in (0, 1)]
        assert rows[1] < rows[0], "higher tones are further up"
        assert levels[..., 0].max() == 0.0


def test_a_tenth_of_the_amplitude_is_20_db_less() -> None:
    low, _ = _voices(30_000)
    levels = _levels(low, 0.1 * low)
    heard = levels[..., 1] > -70
    assert heard.any() and np.abs(levels[heard, 0] - levels[heard, 1] - 20.0).max() < 0.8


def test_a_long_recording_looks_like_a_short_one() -> None:
    short, long = (_levels(*_voices(samples)) for samples in (HOP * NUM_COLUMNS, HOP * NUM_COLUMNS * 2))
    assert short.shape == long.shape == (480, NUM_COLUMNS, 2)
    inner = np.r_[20 : NUM_COLUMNS // 2 - 20, NUM_COLUMNS // 2 + 20 : NUM_COLUMNS - 20]
    difference = np.abs(short[:, inner] - long[:, inner])
    assert difference[short[:, inner] > -60].max() < 1.0 < np.abs(short[:, inner] - long[::-1, inner]).mean()


def test_a_single_stroke_in_a_long_recording_is_not_left_out() -> None:
    samples = np.full(4 * HOP * NUM_COLUMNS, 1e-4, dtype=np.float32)
    place = 3 * HOP * NUM_COLUMNS + 777
    samples[place : place + 200] = np.random.default_rng(0).standard_normal(200).astype(np.float32)
    levels = _levels(samples, 0 * samples)
    brightness = levels[:200, :, 0].sum(axis=0)
    assert abs(int(brightness.argmax()) - place * NUM_COLUMNS // len(samples)) <= 1


def test_the_energy_of_a_range_is_that_of_what_sounds_in_it() -> None:
    low, high = _voices(40_000)
    _, energies = voice_levels([InMemory(voice[None], RATE) for voice in (low, high)])
    by_name = {name: energy for (name, _, _), energy in zip(RANGES, energies, strict=True)}
    # 200 Hz lies on the border of two ranges; 2 kHz likewise.
    assert sum(energy[0] for energy in energies) > 90 * sum(energy[1] for energy in energies)
    assert by_name["High"][1] > 100 * by_name["High"][0] and by_name["Low"][0] > 100 * by_name["Low"][1]


def test_training_examples_are_drawn_on_the_same_rows() -> None:
    for name in ("LOWEST_HZ", "NUM_ROWS", "NUM_COLUMNS"):
        assert getattr(pictures, name) == getattr(arrays, name)


def test_a_fusion_that_is_silent_has_a_picture_all_the_same() -> None:
    silence = np.zeros(9_000, dtype=np.float32)
    assert _levels(silence, silence).shape[0] == 480

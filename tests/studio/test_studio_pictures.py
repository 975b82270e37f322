"""The coloured spectrogram of a long recording is the same picture as that of a short one."""

import io

import numpy as np
from PIL import Image

from hocket.audio.streams import InMemory
from hocket.studio.pictures import HOP, LONG_SAMPLES, NUM_COLUMNS, coloured, coloured_long

RATE = 8_000
FRAME_RATE = 50.0
BIN_HZ = np.linspace(0, RATE / 2, 65)


def _pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


def _scene(num_samples: int) -> tuple[np.ndarray, np.ndarray]:
    """A low tone that the input gives in the first half, and a high one that the target gives in the second."""
    time_seconds = np.arange(num_samples) / RATE
    is_late = time_seconds > time_seconds[-1] / 2
    tone = np.where(is_late, np.sin(2 * np.pi * 2000 * time_seconds), np.sin(2 * np.pi * 200 * time_seconds))
    num_frames = 1 + int(num_samples / RATE * FRAME_RATE)
    masks = np.zeros((2, len(BIN_HZ), num_frames), dtype=np.float32)
    masks[0, :, : num_frames // 2], masks[1, :, num_frames // 2 :] = 1.0, 1.0
    return tone.astype(np.float32), masks


def test_a_long_recording_looks_like_a_short_one() -> None:
    tone, masks = _scene(LONG_SAMPLES - HOP)
    whole = _pixels(
        coloured((masks[0], masks[1]), tone, sample_rate=RATE, frame_rate=FRAME_RATE, bin_hz=BIN_HZ)
    )
    pieces = _pixels(
        coloured_long(
            lambda first, last: masks[:, :, first:last],
            masks.shape[2],
            InMemory(tone[None], RATE),
            frame_rate=FRAME_RATE,
            bin_hz=BIN_HZ,
        )
    )
    width = min(whole.shape[1], pieces.shape[1])
    difference = np.abs(whole[:, :width] - pieces[:, :width]).mean()
    assert difference < 4.0 < np.abs(whole[:, :width] - pieces[::-1, :width]).mean()
    # Blue low in the first half, orange higher up in the second.
    blue, orange = pieces[..., 2] - pieces[..., 0] > 60, pieces[..., 0] - pieces[..., 2] > 60
    middle = NUM_COLUMNS // 2
    assert blue[:, : middle - 5].any() and not orange[:, : middle - 5].any()
    assert orange[:, middle + 5 :].any() and not blue[:, middle + 5 :].any()
    assert np.flatnonzero(orange.any(axis=1)).mean() < np.flatnonzero(blue.any(axis=1)).mean()


def test_a_single_stroke_in_a_long_recording_is_not_left_out() -> None:
    samples = np.full((1, 4 * LONG_SAMPLES), 1e-4, dtype=np.float32)
    place = 3 * LONG_SAMPLES + 777
    samples[0, place : place + 200] = np.random.default_rng(0).standard_normal(200).astype(np.float32)
    num_frames = 1 + int(samples.shape[1] / RATE * FRAME_RATE)
    pixels = _pixels(
        coloured_long(
            lambda first, last: np.ones((2, len(BIN_HZ), last - first), dtype=np.float16),
            num_frames,
            InMemory(samples, RATE),
            frame_rate=FRAME_RATE,
            bin_hz=BIN_HZ,
        )
    )
    brightness = pixels[:200].sum(axis=(0, 2))
    assert abs(int(brightness.argmax()) - place * NUM_COLUMNS // samples.shape[1]) <= 1

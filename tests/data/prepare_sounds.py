"""Small recordings for the tests of preparation: music that differs, and the ways in which files go wrong."""

import io
from pathlib import Path

import numpy as np
import soundfile

from hocket.audio import Audio, save

RATE_HZ = 24_000


def tune(seed: int, *, seconds: float = 8.0) -> np.ndarray:
    """Notes and hits at random times: no two seeds are alike, and every half second is different."""
    random = np.random.default_rng(seed)
    waveform = np.zeros(round((seconds + 1.0) * RATE_HZ), np.float32)
    time = np.arange(round(0.6 * RATE_HZ)) / RATE_HZ
    for start in np.arange(0.0, seconds, 0.1):
        pitch_hz = 110.0 * 2 ** (random.integers(0, 48) / 12)
        partials = sum(np.sin(2 * np.pi * n * pitch_hz * time) / n for n in (1, 2, 3, 5, 8))
        note = random.uniform(0.2, 1.0) * partials * np.exp(-time / random.uniform(0.05, 0.3))
        place = round((start + random.uniform(0.0, 0.1)) * RATE_HZ)
        waveform[place : place + len(note)] += note[: len(waveform) - place].astype(np.float32)
    waveform = waveform[: round(seconds * RATE_HZ)]
    return (0.5 * waveform / np.abs(waveform).max()).astype(np.float32)


def put(path: Path, waveform: np.ndarray, rate_hz: int = RATE_HZ) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save(path, Audio(np.atleast_2d(waveform).astype(np.float32), rate_hz), encoding="pcm16")
    return path


def put_tunes(folder: Path, number: int, *, first: int = 0, seconds: float = 6.0) -> list[Path]:
    return [
        put(folder / f"tune_{index}.wav", tune(index, seconds=seconds))
        for index in range(first, first + number)
    ]


def encode(
    path: Path, waveform: np.ndarray, *, kind: str, rate_hz: int = RATE_HZ, quality: float = 0.5
) -> Path:
    """Writes MP3, Ogg or FLAC; `quality` 0 is the best."""
    coding = {"mp3": ("MP3", "MPEG_LAYER_III"), "ogg": ("OGG", "VORBIS"), "flac": ("FLAC", "PCM_16")}[kind]
    held = io.BytesIO()
    options = {} if kind == "flac" else {"compression_level": quality}
    with soundfile.SoundFile(held, "w", rate_hz, 1, format=coding[0], subtype=coding[1], **options) as file:
        for start in range(0, len(waveform), 8_192):
            file.write(waveform[start : start + 8_192])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(held.getvalue())
    return path

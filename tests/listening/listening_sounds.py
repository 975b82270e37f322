"""Two short recordings with a file of pairs, and a test made of them with a small model."""

from pathlib import Path

import numpy as np

from hocket import audio
from hocket.audio import Audio
from hocket.cli import main

RATE_HZ = 24_000


def write_pairs(folder: Path, *, seconds: float = 2.5, num_pairs: int = 2) -> Path:
    """A beat, louder chords, and `pairs.csv` with both orders of them."""
    random = np.random.default_rng(0)
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    beat = np.exp(-20 * (time % 0.5)) * random.standard_normal(len(time)) * 0.05
    chords = 0.2 * sum(np.sin(2 * np.pi * hz * time) for hz in (220.0, 277.2, 329.6))
    for name, samples in (("beat", beat), ("chords", chords)):
        audio.save(folder / f"{name}.wav", Audio(samples[None].astype(np.float32), RATE_HZ))
    rows = ["beat.wav,chords.wav", "chords.wav,beat.wav"][:num_pairs]
    (folder / "pairs.csv").write_text("\n".join(["input,target", *rows]))
    return folder / "pairs.csv"


def make_test(pairs: Path, folder: Path, *flags: str, names: str = "overlay,layering") -> int:
    """What `hocket listen` does with the weights that come with the program."""
    words = [
        "listen",
        str(pairs),
        "--with",
        names,
        "-o",
        str(folder),
        "--seconds",
        "2",
        "--seed",
        "7",
        *flags,
    ]
    return main(words)

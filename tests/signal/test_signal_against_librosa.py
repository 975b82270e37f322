"""Our differentiable features against librosa's, which shares no code with them, on real recordings."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import uniform_filter1d

from hocket import audio
from hocket.signal import chroma, harmonic_part, onset_strength
from hocket.signal.harmony import smooth

librosa = pytest.importorskip("librosa")
pytestmark = pytest.mark.music

RATE_HZ = 24_000
SECONDS = 5.0
LIBROSA_LAG_FRAMES = 4
"""librosa shifts onset strength by half a window, which is 1024 samples of 256."""


def _clips(music: Path, column: str) -> dict[str, np.ndarray]:
    """The middle of each development recording, `[samples]`."""
    with (music / "pairs.csv").open(encoding="utf-8") as handle:
        names = sorted({row[column] for row in csv.DictReader(handle)})
    return {
        name: audio.load(
            music / name, sample_rate=RATE_HZ, mono=True, start_seconds=3.0, duration_seconds=SECONDS
        ).samples[0]
        for name in names
    }


def _onset_agreement(ours: torch.Tensor, waveform: np.ndarray) -> float:
    theirs = librosa.onset.onset_strength(y=waveform, sr=RATE_HZ, hop_length=256)[LIBROSA_LAG_FRAMES:]
    found = onset_strength(ours, sample_rate=RATE_HZ)[0, : len(theirs)].numpy()
    return float(np.corrcoef(found, theirs[: len(found)])[0, 1])


@pytest.mark.parametrize("column", ["input", "target"])
def test_onset_strength_agrees_with_librosas_on_every_clip(music: Path, column: str) -> None:
    agreement = {
        name: _onset_agreement(torch.from_numpy(clip)[None], clip)
        for name, clip in _clips(music, column).items()
    }
    assert len(agreement) == 12
    assert min(agreement.values()) > 0.93, agreement
    assert np.mean(list(agreement.values())) > 0.98, agreement


def test_the_lag_between_the_two_is_the_one_that_is_documented(music: Path) -> None:
    clip = next(iter(_clips(music, "input").values()))
    ours = onset_strength(torch.from_numpy(clip)[None], sample_rate=RATE_HZ)[0].numpy()
    theirs = librosa.onset.onset_strength(y=clip, sr=RATE_HZ, hop_length=256)
    length = len(ours) - 10
    found = [np.corrcoef(ours[:length], theirs[lag : lag + length])[0, 1] for lag in range(10)]
    assert int(np.argmax(found)) == LIBROSA_LAG_FRAMES


@pytest.mark.parametrize("column", ["input", "target"])
def test_chroma_agrees_with_librosas_on_every_clip(music: Path, column: str) -> None:
    agreement = {}
    for name, clip in _clips(music, column).items():
        ours = smooth(chroma(torch.from_numpy(clip)[None], sample_rate=RATE_HZ), sample_rate=RATE_HZ)[
            0
        ].numpy()
        # DESIGN.md's recipe: hop 512, 23 frames; every fourth of its frames is one of ours.
        theirs = librosa.feature.chroma_cqt(y=clip, sr=RATE_HZ, hop_length=512)
        theirs = uniform_filter1d(theirs, 23, axis=1)[:, ::4]
        length = min(ours.shape[1], theirs.shape[1])
        first, second = (part[:, :length] - part[:, :length].mean(axis=0) for part in (ours, theirs))
        norm = np.sqrt((first**2).sum(axis=0) * (second**2).sum(axis=0))
        agreement[name] = float(np.mean((first * second).sum(axis=0) / norm))
    assert len(agreement) == 12
    # Inputs are mostly drums, where both estimators look at noise; targets are what chroma is for.
    floor = 0.87 if column == "input" else 0.97
    assert min(agreement.values()) > floor, agreement
    assert np.mean(list(agreement.values())) > 0.94, agreement


def test_the_harmonic_part_has_the_onsets_of_librosas(music: Path) -> None:
    clips = _clips(music, "target") | dict(list(_clips(music, "input").items())[4:6])
    clips = {name: clip[: 4 * RATE_HZ] for name, clip in clips.items()}
    agreement = {
        name: _onset_agreement(
            harmonic_part(torch.from_numpy(clip)[None], sample_rate=RATE_HZ), librosa.effects.harmonic(clip)
        )
        for name, clip in clips.items()
    }
    assert len(agreement) == 14
    assert min(agreement.values()) > 0.9, agreement

"""Above 12 kHz, where the model does not listen: what is heard there follows the input as well as below."""

from pathlib import Path

import numpy as np
import pytest
import scipy.signal

from hocket.audio import Audio
from hocket.data.pairs import read_pairs
from hocket.fusing import Fuser

pytestmark = pytest.mark.music

DECIDED_HZ, ABOVE_HZ = (6_000, 10_800), (12_000, 20_000)


def levels_db(audio: Audio, band_hz: tuple[int, int]) -> np.ndarray:
    """The level of a band in each hundredth of a second, against that of the whole recording."""
    mono = audio.samples.mean(axis=0).astype(np.float64)
    sections = scipy.signal.butter(6, band_hz, "bandpass", fs=audio.sample_rate, output="sos")
    length = audio.sample_rate // 100
    frames = scipy.signal.sosfiltfilt(sections, mono)[: len(mono) // length * length].reshape(-1, length)
    return 10.0 * np.log10((frames**2).mean(axis=1) / (mono**2).mean() + 1e-12)


def test_the_highest_octave_keeps_the_rhythm_of_the_input(music: Path) -> None:
    folder = music / "stereo"
    if not (folder / "pairs.csv").is_file():
        pytest.skip(f"no stereo pairs in {folder}")
    fuser = Fuser.from_checkpoint()
    for pair in read_pairs(folder / "pairs.csv"):
        fused = fuser.fuse_files(pair.input, pair.target)
        recordings = (fused.audio, fused.input, fused.target)
        decided, above = ([levels_db(audio, band) for audio in recordings] for band in (DECIDED_HZ, ABOVE_HZ))
        to_input, to_target = (float(np.corrcoef(above[0], source)[0, 1]) for source in above[1:])
        assert to_input > np.corrcoef(decided[0], decided[1])[0, 1] - 0.05, pair.name
        assert to_input > 0.8 and to_target < 0.4, pair.name

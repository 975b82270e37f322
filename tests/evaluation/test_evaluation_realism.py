"""The distance from real mixes: about none for more of the same music, larger for what lacks half of it."""

from pathlib import Path

import numpy as np
import pytest
from evaluation_signals import (
    C_MAJOR_TO_A_MINOR,
    EVEN,
    F_SHARP_TO_E_FLAT,
    ODD,
    RATE_HZ,
    chords,
    clicks,
    noise,
    struck,
)

from hocket.audio import Audio, save
from hocket.errors import AudioError, DataError
from hocket.evaluation.realism import Mixes, describe_windows

SHARED_MIXES = Path(__file__).parents[3] / "shared" / "music" / "train"


def mix(seed: int, seconds: float = 12.0) -> np.ndarray:
    """Chords, hits and some noise, another mix for each seed."""
    random = np.random.default_rng(seed)
    order = [C_MAJOR_TO_A_MINOR, F_SHARP_TO_E_FLAT][:: random.choice([1, -1])]
    hits = tuple(np.sort(random.uniform(0, seconds, 40)))
    chord = struck(chords(order[0] + order[1], seconds=seconds), tuple(np.arange(0, seconds, 0.5)))
    return chord + random.uniform(0.5, 1.5) * clicks(hits, seconds, seed) + 0.02 * noise(seed, seconds)


@pytest.fixture(scope="module")
def mixes() -> Mixes:
    return Mixes(np.concatenate([describe_windows(mix(seed)) for seed in range(8)]))


def test_more_of_the_same_music_is_near_and_its_parts_are_far(mixes: Mixes) -> None:
    same = mixes.distance([describe_windows(mix(seed)) for seed in range(20, 26)])
    hits = mixes.distance([describe_windows(clicks(EVEN + ODD, 12.0, seed)) for seed in range(6)])
    tones = mixes.distance([describe_windows(chords(C_MAJOR_TO_A_MINOR, seconds=12.0)) for _ in range(6)])
    assert min(hits, tones) > 3 * abs(same)


def test_loudness_does_not_matter(mixes: Mixes) -> None:
    wave = mix(30)
    assert describe_windows(0.1 * wave) == pytest.approx(describe_windows(wave), abs=1e-3)


def test_a_window_is_three_seconds_and_shorter_music_is_one_window() -> None:
    assert describe_windows(noise(0, 12.0)).shape == (7, 199)
    assert describe_windows(noise(0, 1.0)).shape == (1, 199)


def test_silence_has_figures(mixes: Mixes) -> None:
    windows = describe_windows(np.zeros(6 * RATE_HZ, dtype=np.float32))
    assert np.isfinite(windows).all()
    assert np.isfinite(mixes.distance([windows]))


def test_a_folder_with_too_little_or_broken_music_is_named(tmp_path: Path) -> None:
    save(tmp_path / "short.wav", Audio(mix(0, 6.0)[np.newaxis], RATE_HZ))
    with pytest.raises(DataError, match=str(tmp_path)):
        Mixes.read(tmp_path)
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    with pytest.raises(AudioError, match=r"broken\.wav"):
        Mixes.read(tmp_path)


def test_real_mixes_are_nearer_to_each_other_than_their_drums_are() -> None:
    paths = sorted(SHARED_MIXES.glob("long*.flac"))
    if not paths:
        pytest.skip("needs the recordings of ../shared/music, which are not part of the repository")
    from hocket.evaluation.conventions import read_folded

    reference = Mixes(np.concatenate([describe_windows(read_folded(path)) for path in paths[::2]]))
    others = reference.distance([describe_windows(read_folded(path)) for path in paths[1::2]])
    drums = [describe_windows(read_folded(path)) for path in sorted(SHARED_MIXES.glob("rhy*.flac"))]
    assert others < 6
    assert reference.distance(drums) > 4 * others

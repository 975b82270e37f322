"""The same music in another file is known again, and other music is not taken for it."""

from pathlib import Path

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from prepare_sounds import RATE_HZ, encode, put, tune

from hocket.data.fingerprints import MOST_DIFFERENT, Fingerprint, Fingerprinter, difference, group_by_music
from hocket.data.scan import ScanResult, scan_file
from hocket.data.synthetic.render import render_song
from hocket.data.synthetic.songs import make_song

Changed = tuple[np.ndarray, str, int, float]


def fingerprint(waveform: np.ndarray, *, block: int = 10**9) -> Fingerprint:
    printer = Fingerprinter()
    for start in range(0, len(waveform), block):
        printer.add(waveform[start : start + block].astype(np.float32))
    return printer.fingerprint()


def of_file(path: Path) -> Fingerprint:
    look = scan_file(path)
    assert isinstance(look, ScanResult), look
    return look.fingerprint()


def song(index: int, seconds: float = 12.0) -> np.ndarray:
    return render_song(make_song(11, index), duration_seconds=seconds, sample_rate=RATE_HZ).astype(np.float32)


@pytest.fixture(scope="module")
def songs() -> list[np.ndarray]:
    """A drum loop, chords and a band, of the rendered corpus, and two more of each."""
    return [song(index) for index in range(9)]


def at_rate(waveform: np.ndarray, rate_hz: int) -> np.ndarray:
    return np.asarray(soxr.resample(waveform, RATE_HZ, rate_hz))


def changed(name: str, waveform: np.ndarray) -> Changed:
    """Waveform, coding, rate and quality of a copy of a recording."""
    return {
        "mp3": (waveform, "mp3", RATE_HZ, 0.6),
        "ogg": (waveform, "ogg", RATE_HZ, 0.6),
        "mp3 at 44.1 kHz": (at_rate(waveform, 44_100), "mp3", 44_100, 0.5),
        "flac at 16 kHz": (at_rate(waveform, 16_000), "flac", 16_000, 0.5),
        "20 dB softer": (0.1 * waveform, "flac", RATE_HZ, 0.5),
        "a second cut off": (waveform[RATE_HZ:], "flac", RATE_HZ, 0.5),
        "ogg, 1.085 s cut off the beginning": (waveform[round(1.085 * RATE_HZ) :], "ogg", RATE_HZ, 0.5),
        "mp3, silence before it": (np.pad(waveform, (RATE_HZ // 2, 0)), "mp3", RATE_HZ, 0.5),
    }[name]


COPIES = (
    "mp3",
    "ogg",
    "mp3 at 44.1 kHz",
    "flac at 16 kHz",
    "20 dB softer",
    "a second cut off",
    "ogg, 1.085 s cut off the beginning",
    "mp3, silence before it",
)


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_is_known_again_among_other_music(songs: list[np.ndarray], name: str, tmp_path: Path) -> None:
    originals = [fingerprint(waveform) for waveform in songs]
    for index, waveform in enumerate(songs[:3]):
        samples, kind, rate_hz, quality = changed(name, waveform)
        path = encode(tmp_path / f"{index}.{kind}", samples, kind=kind, rate_hz=rate_hz, quality=quality)
        found = group_by_music([*originals, of_file(path)])
        assert found[:-1] == list(range(len(songs)))
        assert found[-1] == index


def test_different_songs_are_different_however_they_are_laid_over_each_other(songs: list[np.ndarray]) -> None:
    prints = [fingerprint(waveform) for waveform in songs]
    assert group_by_music(prints) == list(range(len(songs)))
    least = min(
        difference(first, second, offset)[0]
        for place, first in enumerate(prints)
        for second in prints[:place]
        for offset in range(-len(first.words) + 30, len(first.words) - 30)
    )
    assert least > MOST_DIFFERENT + 0.03


def test_an_excerpt_belongs_to_its_whole_wherever_it_is_from() -> None:
    whole = tune(1, seconds=30.0)
    prints = [fingerprint(whole), fingerprint(tune(2, seconds=30.0)), fingerprint(whole[-7 * RATE_HZ :])]
    assert group_by_music(prints) == [0, 1, 0]


def test_copies_of_copies_are_one_group() -> None:
    whole = tune(3, seconds=40.0)
    halves = [whole[: 20 * RATE_HZ], whole[20 * RATE_HZ :]]
    prints = [fingerprint(waveform) for waveform in (*halves, tune(4), whole)]
    # The halves share nothing; that both are in the whole makes them one.
    assert group_by_music(prints[:2]) == [0, 1]
    assert group_by_music(prints) == [0, 0, 2, 0]


def test_silence_is_no_likeness() -> None:
    rests = np.zeros(20 * RATE_HZ, np.float32)
    prints = [fingerprint(np.concatenate([tune(seed, seconds=7.0), rests])) for seed in (5, 6)]
    prints += [fingerprint(rests), fingerprint(rests)]
    assert group_by_music(prints) == [0, 1, 2, 3]


def test_recordings_too_short_for_a_word_are_left_apart() -> None:
    prints = [fingerprint(tune(seed, seconds=0.5)) for seed in (1, 1, 2)]
    assert [len(one.words) for one in prints] == [0, 0, 0]
    assert group_by_music(prints) == [0, 1, 2]
    assert group_by_music([]) == []


@settings(max_examples=20)
@given(block=st.integers(min_value=100, max_value=200_000))
def test_blocks_of_any_length_make_the_same_fingerprint(block: int) -> None:
    waveform = tune(7, seconds=4.0)
    whole, parts = fingerprint(waveform), fingerprint(waveform, block=block)
    np.testing.assert_array_equal(whole.words, parts.words)
    np.testing.assert_array_equal(whole.weak, parts.weak)


def test_a_fingerprint_comes_back_from_its_text() -> None:
    print_ = fingerprint(tune(8))
    again = Fingerprint.decode(print_.encode())
    np.testing.assert_array_equal(again.words, print_.words)
    np.testing.assert_array_equal(again.weak, print_.weak)
    assert np.all(np.bitwise_count(print_.weak) == 3)
    with pytest.raises(ValueError):
        Fingerprint.decode("no base64!")


def test_gain_flips_hardly_a_bit_and_another_song_half(songs: list[np.ndarray]) -> None:
    first = fingerprint(songs[0])
    assert difference(first, fingerprint(0.05 * songs[0]), 0)[0] < 0.01
    assert 0.4 < difference(first, fingerprint(songs[4]), 0)[0] < 0.6
    assert difference(first, first, 0) == (0.0, len(first.words))
    assert difference(first, first, len(first.words)) == (1.0, 0)


def test_a_fold_to_mono_is_known_again(tmp_path: Path) -> None:
    left, right = tune(21), tune(22)
    stereo = put(tmp_path / "stereo.wav", np.stack([left, 0.3 * right]))
    mono = put(tmp_path / "mono.wav", 0.5 * (left + 0.3 * right))
    assert group_by_music([of_file(stereo), of_file(mono), of_file(put(tmp_path / "other.wav", right))]) == [
        0,
        0,
        2,
    ]

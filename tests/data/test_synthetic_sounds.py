from dataclasses import replace
from itertools import product

import librosa
import numpy as np
import pytest

from hocket.data.synthetic import sound
from hocket.data.synthetic.drums import LEVELS, make_kit, strike_drum
from hocket.data.synthetic.harmony import Chord, Harmony
from hocket.data.synthetic.instruments import FAMILIES, QUICK_CHORDS, SLOW_CHORDS, make_timbre, play
from hocket.data.synthetic.render import SAMPLE_RATE, render_song
from hocket.data.synthetic.songs import make_song


def partial_hz(note: np.ndarray, near_hz: float) -> float:
    """The frequency of the strongest partial within a semitone of one, by parabolic interpolation."""
    windowed = np.log(np.abs(np.fft.rfft(note * np.hanning(len(note)), 4 * len(note))) + 1e-12)
    bin_hz = SAMPLE_RATE / (4 * len(note))
    low, high = (int(near_hz * 2 ** (sign / 12) / bin_hz) for sign in (-1, 1))
    peak = low + int(np.argmax(windowed[low:high]))
    left, centre, right = windowed[peak - 1 : peak + 2]
    return float((peak + 0.5 * (left - right) / (left - 2 * centre + right)) * bin_hz)


@pytest.mark.parametrize(
    ("family", "midi"), [*product(FAMILIES, (57,)), *product(("pluck", "upright_bass"), (33, 45, 64, 76))]
)
def test_instruments_are_in_tune(family, midi):
    expected_hz = 440 * 2 ** ((midi - 69) / 12)
    for seed in range(2):
        timbre = replace(make_timbre(np.random.default_rng(seed), family), spread=0.0)
        note = play(timbre, midi, soft=False, num_samples=SAMPLE_RATE, sample_rate=SAMPLE_RATE)
        cents = 1200 * np.log2(partial_hz(note, expected_hz) / expected_hz)
        assert abs(cents) < 9


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_a_note_struck_later_has_the_waveform_of_one_that_rings_already(family):
    """Oscillators run on the clock: what differs is the envelope, and noise of hammer, pick and breath."""
    timbre = make_timbre(np.random.default_rng(5), family)
    for midi, restruck_at in ((45, 7_001), (64, 9_377)):
        early, late = (
            play(
                part,
                midi,
                soft=False,
                num_samples=SAMPLE_RATE - start,
                sample_rate=SAMPLE_RATE,
                start_sample=start,
            )
            for part, start in ((timbre, 0), (timbre.struck(), restruck_at))
        )
        window = slice(restruck_at + 2_400, restruck_at + 9_600)
        early, late = early[window], late[window.start - restruck_at : window.stop - restruck_at]
        assert np.corrcoef(early, late)[0, 1] > 0.7


@pytest.mark.parametrize("family", sorted({*SLOW_CHORDS, *QUICK_CHORDS}))
def test_a_c_major_chord_sounds_c_e_and_g(family):
    song = make_song(0, 1)
    c_major = Harmony(0, "major", (Chord(0, "", (60, 64, 67), 36),), 0.0, 60.0)
    chords = make_timbre(np.random.default_rng(1), family)
    song = replace(song, harmony=c_major, chords=chords, bass=None, lead=None)
    samples = render_song(song, duration_seconds=3.0)
    chroma = librosa.feature.chroma_cqt(y=samples, sr=SAMPLE_RATE, hop_length=512)
    assert set(np.argsort(np.median(chroma, axis=1))[-3:]) == {0, 4, 7}


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_struck_relatives_start_at_once_and_die_away(family):
    timbre = make_timbre(np.random.default_rng(3), family).struck()
    note = play(timbre, 50, soft=False, num_samples=2 * SAMPLE_RATE, sample_rate=SAMPLE_RATE)
    level = [
        sound.root_mean_square(note[int(a * SAMPLE_RATE) : int(b * SAMPLE_RATE)])
        for a, b in ((0.01, 0.11), (1.4, 1.6))
    ]
    assert level[1] < 0.3 * level[0]


def test_soft_notes_are_darker():
    for family in ("piano", "brass", "finger_bass"):
        timbre = make_timbre(np.random.default_rng(0), family)
        loud, soft = (
            play(timbre, 50, soft=soft, num_samples=SAMPLE_RATE, sample_rate=SAMPLE_RATE)
            for soft in (False, True)
        )
        assert centroid_hz(soft) < centroid_hz(loud)


def centroid_hz(samples: np.ndarray) -> float:
    power = np.abs(np.fft.rfft(samples)) ** 2
    return float(np.sum(power * np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)) / np.sum(power))


def test_drums_lie_where_drums_lie():
    for seed in range(3):
        kit = make_kit(np.random.default_rng(seed))
        voices = {v: strike_drum(kit, v, 0, soft=False, sample_rate=SAMPLE_RATE) for v in LEVELS}
        for name, stroke in voices.items():
            assert np.max(np.abs(stroke)) == pytest.approx(LEVELS[name])
            assert abs(stroke[0]) < 1e-6
            assert abs(stroke[-1]) < 1e-4
        centre = {name: centroid_hz(stroke) for name, stroke in voices.items()}
        assert centre["kick"] < 400 < centre["snare"] < 5000 < centre["hat"]
        assert centre["low_tom"] < centre["mid_tom"] < centre["high_tom"] < centre["low_conga"]
        assert len(voices["open_hat"]) > len(voices["hat"])
        other_take = strike_drum(kit, "snare", 1, soft=False, sample_rate=SAMPLE_RATE)
        assert not np.array_equal(other_take, voices["snare"])


def test_a_level_that_the_peaks_forbid_gives_way():
    click = np.zeros(SAMPLE_RATE)
    click[100] = 1.0
    assert np.max(np.abs(sound.at_level(click, level_db=-20.0))) <= 0.97 + 1e-9

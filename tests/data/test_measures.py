"""What recordings are like: levels by arithmetic, noise and tones at their ends, and rendered songs by their truth."""

import numpy as np
import pytest

from hocket.data.measures import RATE_HZ, Gatherer, Measures
from hocket.data.synthetic.render import render_song
from hocket.data.synthetic.songs import make_song
from hocket.signal.beats import find_pulse

SECONDS = 6.0


def measures(waveform: np.ndarray, *, block_seconds: float = 60.0) -> Measures:
    gatherer = Gatherer()
    step = round(block_seconds * RATE_HZ)
    for start in range(0, len(waveform), step):
        gatherer.add(waveform[start : start + step].astype(np.float32))
    return gatherer.measures()


def time(seconds: float = SECONDS) -> np.ndarray:
    return np.arange(round(seconds * RATE_HZ)) / RATE_HZ


def noise(seconds: float = SECONDS) -> np.ndarray:
    return 0.1 * np.random.default_rng(0).standard_normal(round(seconds * RATE_HZ))


def chord(seconds: float = SECONDS) -> np.ndarray:
    return sum(0.1 * np.sin(2 * np.pi * pitch_hz * time(seconds)) for pitch_hz in (220.0, 277.18, 329.63))  # type: ignore[return-value]


def clicks(bpm: float, seconds: float = 12.0) -> np.ndarray:
    since_beat = np.mod(time(seconds), 60.0 / bpm)
    return noise(seconds) * np.exp(-since_beat / 0.02)


def test_levels_are_those_of_a_sine() -> None:
    sine = 0.5 * np.sin(2 * np.pi * 400.0 * time())
    found = measures(np.concatenate([sine, np.zeros_like(sine)]))
    assert found.duration_seconds == 2 * SECONDS
    assert found.peak_db == pytest.approx(-6.02, abs=0.01)
    assert found.loudest_db == pytest.approx(-9.03, abs=0.01)
    assert found.rms_db == pytest.approx(-12.04, abs=0.01)


@pytest.mark.parametrize("bpm", [60.0, 97.0, 128.0, 170.0])
def test_the_tempo_of_clicks_is_theirs_or_half(bpm: float) -> None:
    found = measures(clicks(bpm))
    assert min(abs(found.tempo_bpm * factor / bpm - 1.0) for factor in (1, 2)) < 0.02
    assert found.tempo_confidence > 0.7


@pytest.mark.parametrize("sound", [noise, chord])
def test_what_has_no_beat_has_no_sure_tempo(sound: object) -> None:
    found = measures(sound())  # type: ignore[operator]
    assert found.tempo_confidence < 0.2 and found.percussiveness < 0.05


def test_a_chord_is_tonal_and_noise_and_clicks_are_not() -> None:
    assert measures(chord()).tonality > 0.8
    assert measures(noise()).tonality < 0.1
    assert measures(clicks(120.0)).tonality < 0.3
    assert measures(clicks(120.0)).percussiveness > 0.9


def test_mixing_hits_in_makes_it_more_percussive_and_less_tonal() -> None:
    found = [measures(chord(12.0) + share * clicks(120.0)) for share in (0.0, 1.0, 4.0, 40.0)]
    assert np.all(np.diff([one.percussiveness for one in found]) > 0)
    assert np.all(np.diff([one.tonality for one in found]) <= 0)
    assert found[-1].tonality < 0.5 < 0.9 < found[0].tonality


def test_level_changes_nothing_but_levels() -> None:
    loud, soft = measures(clicks(97.0)), measures(0.03 * clicks(97.0))
    assert soft.rms_db == pytest.approx(loud.rms_db - 30.46, abs=0.02)
    assert (soft.tempo_bpm, soft.percussiveness) == (loud.tempo_bpm, loud.percussiveness)
    assert soft.tonality == pytest.approx(loud.tonality, abs=0.01)


def test_silence_and_a_single_sample_have_finite_figures() -> None:
    for waveform in (np.zeros(3 * RATE_HZ), np.ones(1), np.zeros(1)):
        found = measures(waveform)
        assert all(np.isfinite(value) for value in vars(found).values())
        assert found.percussiveness == found.tempo_bpm == found.tempo_confidence == 0.0


def test_a_long_recording_in_blocks_is_like_its_minutes() -> None:
    whole = np.tile(clicks(120.0), 3)
    once, blocks = measures(whole), measures(whole, block_seconds=12.0)
    assert blocks.duration_seconds == once.duration_seconds and blocks.rms_db == once.rms_db
    assert blocks.tempo_bpm == pytest.approx(once.tempo_bpm, rel=0.02)
    assert blocks.percussiveness == pytest.approx(once.percussiveness, abs=0.05)


def test_rendered_drums_chords_and_tempi_are_told_by_their_truth() -> None:
    songs = [make_song(5, index) for index in range(9)]
    found = [measures(render_song(song, duration_seconds=8.0, sample_rate=RATE_HZ)) for song in songs]
    kinds = {
        kind: [one for song, one in zip(songs, found, strict=True) if song.kind == kind]
        for kind in ("drums", "chords")
    }
    assert all(kinds.values())
    assert min(one.percussiveness for one in kinds["drums"]) > max(
        one.percussiveness for one in kinds["chords"]
    )
    assert min(one.tonality for one in kinds["chords"]) > max(one.tonality for one in kinds["drums"])
    right = [
        min(abs(one.tempo_bpm * factor / song.rhythm.tempo_bpm - 1.0) for factor in (0.5, 1.0, 2.0)) < 0.03
        for song, one in zip(songs, found, strict=True)
    ]
    assert sum(right) >= 8


def test_too_little_to_tell_a_tempo_is_none() -> None:
    for strength in (np.random.default_rng(0).random(20), np.ones(1000)):
        pulse = find_pulse(strength, frames_a_second=93.75, duration_seconds=len(strength) / 93.75)
        assert pulse is None
    assert measures(noise(2.0)).tempo_bpm == 0.0

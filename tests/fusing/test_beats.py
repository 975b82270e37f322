"""Beats: known tempi are found, and nothing is found where there is nothing."""

import numpy as np
import pytest
from timed_sounds import clicks, distances, drone, hits, noise, tone

from hocket.audio import Audio
from hocket.data.measures import RATE_HZ, Gatherer
from hocket.data.synthetic.render import SAMPLE_RATE, render_song
from hocket.data.synthetic.songs import make_song
from hocket.fusing.music import pulse_of
from hocket.signal.harmony import tonality


@pytest.mark.parametrize("bpm", [70.0, 97.0, 120.0, 140.0])
@pytest.mark.parametrize("sound", [clicks, hits])
def test_a_steady_pulse_is_found_to_a_few_milliseconds(sound, bpm: float) -> None:
    times = np.arange(0.31, 12, 60 / bpm)
    pulse = pulse_of(sound(times, seconds=12.0))
    assert pulse is not None and pulse.is_clear
    assert pulse.bpm == pytest.approx(bpm, rel=1e-3)
    assert pulse.period_seconds == pytest.approx(60 / bpm, rel=1e-3)
    assert distances(pulse.beats_seconds, times).max() < 0.005
    assert pulse.clarity > 0.9


def test_rate_and_channels_do_not_matter() -> None:
    times = np.arange(0.31, 8, 0.6)
    pulses = [pulse_of(clicks(times, seconds=8.0, rate_hz=rate)) for rate in (16_000, 48_000)]
    assert all(pulse is not None for pulse in pulses)
    assert pulses[0].bpm == pytest.approx(pulses[1].bpm, rel=1e-3)
    assert pulses[0].beats_seconds == pytest.approx(pulses[1].beats_seconds, abs=0.005)


def test_beats_follow_a_player_who_slows_down() -> None:
    times = 0.4 + np.cumsum(0.5 * np.linspace(0.97, 1.03, 28))
    pulse = pulse_of(hits(times, seconds=15.0))
    assert pulse is not None and pulse.is_clear
    assert distances(pulse.beats_seconds, times).max() < 0.015


def test_a_beat_that_nobody_strikes_keeps_its_place() -> None:
    times = np.arange(0.3, 12, 0.5)
    struck = np.delete(times, [5, 6, 13])
    pulse = pulse_of(hits(struck, seconds=12.0))
    assert pulse is not None and pulse.is_clear
    assert distances(times[2:-2], pulse.beats_seconds).max() < 0.01


@pytest.mark.parametrize("kind", ["drums", "band"])
def test_the_tempo_of_rendered_songs_is_found(kind) -> None:
    for index in range(4):
        song = make_song(5, index, kind)
        rendered = render_song(song, duration_seconds=12.0)
        pulse = pulse_of(Audio(rendered[None], SAMPLE_RATE))
        assert pulse is not None and pulse.is_clear
        octaves = np.log2(pulse.bpm / song.rhythm.tempo_bpm)
        assert abs(octaves - round(octaves)) < 0.01 and abs(octaves) < 1.1


@pytest.mark.parametrize("seconds", [3.0, 6.0, 12.0])
@pytest.mark.parametrize("seed", range(3))
def test_noise_has_no_clear_beat(seconds: float, seed: int) -> None:
    pulse = pulse_of(noise(seconds=seconds, seed=seed))
    assert pulse is not None and not pulse.is_clear


@pytest.mark.parametrize("seed", range(3))
def test_hits_at_random_times_have_no_clear_beat(seed: int) -> None:
    times = np.cumsum(np.random.default_rng(seed).exponential(0.35, 100))
    pulse = pulse_of(hits(times[times < 12], seconds=12.0))
    assert pulse is not None and not pulse.is_clear


def test_drones_and_tones_have_no_clear_beat() -> None:
    for recording in (drone(seconds=12.0), drone(seconds=12.0, seed=1), tone(440.0, seconds=12.0)):
        pulse = pulse_of(recording)
        assert pulse is None or not pulse.is_clear


def test_silence_and_short_recordings_have_no_pulse() -> None:
    assert pulse_of(Audio(np.zeros((1, 240_000), dtype=np.float32), 24_000)) is None
    assert pulse_of(clicks([0.0, 0.5, 1.0, 1.5], seconds=2.9)) is None
    assert pulse_of(noise(seconds=0.1)) is None


def test_prepare_and_fuse_show_one_tempo_and_one_tonality() -> None:
    for song in (make_song(5, 1, "drums"), make_song(5, 2, "band")):
        rendered = render_song(song, duration_seconds=20.0, sample_rate=RATE_HZ).astype(np.float32)
        gatherer = Gatherer()
        for block in np.split(rendered, [8 * RATE_HZ, 16 * RATE_HZ]):
            gatherer.add(block)
        prepared, pulse = gatherer.measures(), pulse_of(Audio(rendered[None], RATE_HZ))
        assert pulse is not None and pulse.is_clear
        assert prepared.tempo_bpm == pytest.approx(pulse.bpm, abs=0.06)
        assert prepared.tempo_confidence == pytest.approx(pulse.clarity, abs=0.01)
        # The parts that are looked at are a minute there, and 8 s here.
        assert prepared.tonality == pytest.approx(tonality(rendered, sample_rate=RATE_HZ), abs=0.02)

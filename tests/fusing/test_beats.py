"""Beats: known tempi are found, and nothing is found where there is nothing."""

import numpy as np
import pytest
from timed_sounds import clicks, distances, drone, hits, noise, tone

from hocket.audio import Audio
from hocket.data.synthetic import SAMPLE_RATE, make_song, render_song
from hocket.fusing.beats import BLOCK_SECONDS, find_pulse, onsets


@pytest.mark.parametrize("bpm", [70.0, 97.0, 120.0, 140.0])
@pytest.mark.parametrize("sound", [clicks, hits])
def test_a_steady_pulse_is_found_to_a_few_milliseconds(sound, bpm: float) -> None:
    times = np.arange(0.31, 12, 60 / bpm)
    pulse = find_pulse(sound(times, seconds=12.0))
    assert pulse is not None and pulse.is_clear
    assert pulse.bpm == pytest.approx(bpm, rel=1e-3)
    assert pulse.period_seconds == pytest.approx(60 / bpm, rel=1e-3)
    assert distances(pulse.beats_seconds, times).max() < 0.005
    assert pulse.clarity > 0.9


def test_rate_and_channels_do_not_matter() -> None:
    times = np.arange(0.31, 8, 0.6)
    pulses = [find_pulse(clicks(times, seconds=8.0, rate_hz=rate)) for rate in (16_000, 48_000)]
    assert all(pulse is not None for pulse in pulses)
    assert pulses[0].bpm == pytest.approx(pulses[1].bpm, rel=1e-3)
    assert pulses[0].beats_seconds == pytest.approx(pulses[1].beats_seconds, abs=0.005)


def test_beats_follow_a_player_who_slows_down() -> None:
    times = 0.4 + np.cumsum(0.5 * np.linspace(0.97, 1.03, 28))
    pulse = find_pulse(hits(times, seconds=15.0))
    assert pulse is not None and pulse.is_clear
    assert distances(pulse.beats_seconds, times).max() < 0.015


def test_a_beat_that_nobody_strikes_keeps_its_place() -> None:
    times = np.arange(0.3, 12, 0.5)
    struck = np.delete(times, [5, 6, 13])
    pulse = find_pulse(hits(struck, seconds=12.0))
    assert pulse is not None and pulse.is_clear
    assert distances(times[2:-2], pulse.beats_seconds).max() < 0.01


@pytest.mark.parametrize("kind", ["drums", "band"])
def test_the_tempo_of_rendered_songs_is_found(kind) -> None:
    for index in range(4):
        song = make_song(5, index, kind)
        rendered = render_song(song, duration_seconds=12.0)
        pulse = find_pulse(Audio(rendered[None], SAMPLE_RATE))
        assert pulse is not None and pulse.is_clear
        octaves = np.log2(pulse.bpm / song.rhythm.tempo_bpm)
        assert abs(octaves - round(octaves)) < 0.01 and abs(octaves) < 1.1


@pytest.mark.parametrize("seconds", [3.0, 6.0, 12.0])
@pytest.mark.parametrize("seed", range(3))
def test_noise_has_no_clear_beat(seconds: float, seed: int) -> None:
    pulse = find_pulse(noise(seconds=seconds, seed=seed))
    assert pulse is not None and not pulse.is_clear


@pytest.mark.parametrize("seed", range(3))
def test_hits_at_random_times_have_no_clear_beat(seed: int) -> None:
    times = np.cumsum(np.random.default_rng(seed).exponential(0.35, 100))
    pulse = find_pulse(hits(times[times < 12], seconds=12.0))
    assert pulse is not None and not pulse.is_clear


def test_drones_and_tones_have_no_clear_beat() -> None:
    for recording in (drone(seconds=12.0), drone(seconds=12.0, seed=1), tone(440.0, seconds=12.0)):
        pulse = find_pulse(recording)
        assert pulse is None or not pulse.is_clear


def test_silence_and_short_recordings_have_no_pulse() -> None:
    assert find_pulse(Audio(np.zeros((1, 240_000), dtype=np.float32), 24_000)) is None
    assert find_pulse(clicks([0.0, 0.5, 1.0, 1.5], seconds=2.9)) is None
    assert find_pulse(noise(seconds=0.1)) is None


def test_parts_of_a_long_recording_meet_without_a_seam() -> None:
    recording = noise(seconds=BLOCK_SECONDS + 5)
    whole = onsets(recording)
    assert len(whole) == 1 + recording.num_samples // 256
    around = round(BLOCK_SECONDS * 24_000 / 256)
    assert whole[around - 3 : around + 4].max() < 1.5 * whole[10:-10].mean()
    assert whole[around - 3 : around + 4].min() > 0.5 * whole[10:-10].mean()

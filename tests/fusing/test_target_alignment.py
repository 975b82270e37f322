"""Alignment: tempo and beats of the target come to be the input's, and are left alone where that makes no sense."""

import numpy as np
import pytest
from timed_sounds import click_times, clicks, distances, drone, hits, noise

from hocket.errors import HocketError
from hocket.fusing import stretching
from hocket.fusing.alignment import align_target, time_map
from hocket.signal.bars import Bars
from hocket.signal.beats import Pulse


def pulse(bpm: float, *, first: float, seconds: float) -> Pulse:
    return Pulse(bpm, np.arange(first, seconds, 60 / bpm), 0.9, 10.0, seconds)


@pytest.mark.parametrize(
    ("input_bpm", "target_bpm", "ratio"),
    [(120, 100, 100 / 120), (140, 70, 1.0), (75, 140, 140 / 150), (130, 75, 150 / 130)],
)
def test_tempo_makes_one_stretch_to_the_nearest_octave(input_bpm, target_bpm, ratio) -> None:
    times = np.arange(0.13, 13, 60 / target_bpm)
    target = clicks(times, seconds=13.0)
    aligned = align_target(target, hits(np.arange(0.4, 12, 60 / input_bpm), seconds=12.0), mode="tempo")
    assert aligned.mode == "tempo"
    assert aligned.ratio == pytest.approx(ratio, rel=2e-3)
    assert aligned.target.num_samples == pytest.approx(target.num_samples * ratio, rel=2e-3)
    assert aligned.target.sample_rate == 44_100 and aligned.target.num_channels == 2
    assert click_times(aligned.target) == pytest.approx(times * ratio, abs=0.03)
    assert aligned.input_bpm == pytest.approx(input_bpm, rel=2e-3)
    assert f"to {aligned.target_bpm / aligned.ratio:.1f}" in aligned.note or "already" in aligned.note


@pytest.mark.parametrize(
    ("input_start", "target_start", "target_bpm"),
    [(0.4, 0.13, 100), (0.02, 0.5, 110), (4.1, 0.3, 100), (0.3, 4.2, 130)],
)
def test_beats_fall_on_the_inputs_beats(input_start, target_start, target_bpm) -> None:
    times = np.arange(target_start, 15, 60 / target_bpm)
    grid = np.arange(input_start, 14, 0.5)
    aligned = align_target(clicks(times, seconds=15.0), hits(grid, seconds=14.0), mode="beats")
    assert aligned.mode == "beats" and aligned.beat_seconds == pytest.approx(0.5, rel=2e-3)
    found = click_times(aligned.target)
    assert len(times) - 1 <= len(found) <= len(times), "at most the first beat is cut off"
    # The input's beats as they would go on to both sides of it.
    assert distances(found, np.arange(-10, 40) * 0.5 + input_start).max() < 0.01


def test_beats_follow_an_input_that_slows_down() -> None:
    grid = 0.4 + np.cumsum(0.5 * np.linspace(0.97, 1.03, 28))
    aligned = align_target(
        clicks(np.arange(0.13, 15, 0.55), seconds=15.0), hits(grid, seconds=15.0), mode="beats"
    )
    found = click_times(aligned.target)
    found = found[(found > grid[1]) & (found < grid[-2])]
    assert len(found) > 20
    # 8 ms of tolerance to save joins, and the trackers' own few.
    assert distances(found, grid).max() < 0.016


def test_a_target_of_half_the_tempo_comes_on_every_second_beat() -> None:
    grid = np.arange(0.2, 12, 60 / 140)
    aligned = align_target(
        clicks(np.arange(0.5, 16, 60 / 75), seconds=16.0), hits(grid, seconds=12.0), mode="beats"
    )
    assert aligned.ratio == pytest.approx(75 * 2 / 140, rel=2e-3)
    assert aligned.beat_seconds == pytest.approx(2 * 60 / 140, rel=2e-3)
    found = click_times(aligned.target)
    found = found[found < 12]
    assert distances(found, grid).max() < 0.01
    assert np.diff(found) == pytest.approx(2 * 60 / 140, abs=0.01)


def test_a_target_that_is_the_input_stays_as_it_is() -> None:
    recording = clicks(np.arange(0.4, 10, 0.5), seconds=10.0)
    for mode in ("tempo", "beats"):
        aligned = align_target(recording, recording, mode=mode)
        assert aligned.ratio == 1.0 and "already" in aligned.note
        np.testing.assert_allclose(aligned.target.samples, recording.samples, atol=1e-6)


def test_none_looks_at_nothing() -> None:
    target = noise(seconds=0.5)
    aligned = align_target(target, target, mode="none")
    assert aligned.target is target and aligned.note == "the target keeps its own timing."
    assert aligned.input_bpm is None and aligned.ratio == 1.0


@pytest.mark.parametrize("mode", ["tempo", "beats"])
def test_without_a_beat_the_target_keeps_its_timing_and_the_note_says_who(mode) -> None:
    beat = hits(np.arange(0.4, 8, 0.5), seconds=8.0)
    for target, source, words in (
        (drone(seconds=8.0), beat, "because the target has no clear beat."),
        (beat, noise(seconds=8.0), "because the input has no clear beat."),
        (
            beat,
            noise(seconds=0.1),
            "because the input has no clear beat (it lasts 0.1 s, and 3 s are needed).",
        ),
        (
            drone(seconds=8.0),
            noise(seconds=8.0),
            "the input has no clear beat and the target has no clear beat.",
        ),
    ):
        aligned = align_target(target, source, mode=mode)
        assert aligned.target is target and aligned.mode == "none" and aligned.ratio == 1.0
        assert aligned.beat_seconds is None and aligned.note.endswith(words)
    assert align_target(beat, noise(seconds=8.0), mode=mode).target_bpm == pytest.approx(120, rel=2e-3)


def test_tempi_too_far_apart_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    target, source = hits([0.1], seconds=4.0), hits([0.2], seconds=4.0)
    known = {
        id(target): pulse(48.0, first=0.1, seconds=60.0),
        id(source): pulse(215.0, first=0.1, seconds=60.0),
    }
    monkeypatch.setattr("hocket.fusing.alignment.pulse_of", lambda recording: known[id(recording)])
    aligned = align_target(target, source, mode="beats")
    assert aligned.target is target and aligned.mode == "none"
    assert aligned.note == (
        "the target keeps its own timing, because its tempo, 48.0 BPM, is too far from the input's, 215.0 BPM."
    )


def test_the_map_waits_a_little_rather_than_cutting_a_beat() -> None:
    own = pulse(120.0, first=0.02, seconds=8.0)
    for other_start, first_place in ((0.1, -0.08), (0.3, 0.22)):
        other = pulse(120.0, first=other_start, seconds=8.0)
        places, new = time_map(other, own, octave=0, ratio=1.0, duration_seconds=8.0)
        assert places[0] == pytest.approx(first_place) and new[0] == 0
        assert places[-1] == 8.0 and new[-1] == pytest.approx(8.0 - first_place)


def test_a_beat_that_was_lost_does_not_break_the_map() -> None:
    own = pulse(120.0, first=0.25, seconds=10.0)
    other = Pulse(120.0, np.delete(own.beats_seconds, [7, 8]), 0.9, 10.0, 10.0)
    places, new = time_map(other, own, octave=0, ratio=1.0, duration_seconds=10.0)
    slopes = np.diff(new) / np.diff(places)
    assert (np.diff(places) > 0).all() and slopes.min() >= 0.5 and slopes.max() <= 2.0


def test_rates_may_differ_and_the_result_is_the_same_each_time() -> None:
    target = clicks(np.arange(0.13, 8, 0.6), seconds=8.0, rate_hz=48_000)
    source = hits(np.arange(0.4, 8, 0.5), seconds=8.0)
    first, second = (align_target(target, source, mode="beats") for _ in range(2))
    assert first.target is not target and first.target.sample_rate == 48_000
    np.testing.assert_array_equal(first.target.samples, second.target.samples)


def test_faults_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="mode must be one of none, tempo, beats, bars"):
        align_target(noise(seconds=1.0), noise(seconds=1.0), mode="chords")
    monkeypatch.setattr(stretching, "find_spec", lambda name: None)
    with pytest.raises(HocketError, match=r"pip install python-stretch"):
        align_target(noise(seconds=1.0), noise(seconds=1.0), mode="beats")


@pytest.mark.parametrize("octave", [0, 1, -1])
@pytest.mark.parametrize("metre", [3, 4])
def test_bars_begin_on_bars_in_the_map(octave: int, metre: int) -> None:
    input_bpm = 120.0
    own = pulse(110.0 * 2.0**-octave, first=0.31, seconds=40.0)
    other = pulse(input_bpm, first=0.2, seconds=40.0)
    ratio = 110.0 / input_bpm
    for first in range(metre):
        for own_first in range(metre):
            bars = Bars(metre, first, 0.9), Bars(metre, own_first, 0.9)
            places, new = time_map(other, own, octave=octave, ratio=ratio, duration_seconds=40.0, bars=bars)
            own_bars = own.beats_seconds[own_first::metre]
            placed = np.interp(own_bars[own_bars >= places[0]], places, new)
            input_bars = (np.arange(-2, 60) * metre + first) * 60 / input_bpm + 0.2
            bar_seconds = metre * max(60 / own.bpm, 60 / input_bpm / ratio * 2.0**octave)
            assert places[0] < bar_seconds + 0.01 and places[0] >= -0.25 * own.period_seconds - 1e-9
            if octave == -1:
                # The target's bars are half as long as the input's: every second one begins with one.
                assert min(distances(placed[k::2], input_bars).max() for k in (0, 1)) < 0.01
            else:
                assert distances(placed, input_bars).max() < 0.01


def test_bars_that_differ_or_are_not_clear_fall_back_to_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    target, source = clicks(np.arange(0.13, 8, 0.6), seconds=8.0), hits(np.arange(0.4, 8, 0.5), seconds=8.0)
    aligned = align_target(target, source, mode="bars")
    assert aligned.mode == "beats" and aligned.beat_seconds == pytest.approx(0.5, rel=2e-3)
    assert aligned.note.endswith(
        "; bars were not aligned, because the bars of the input are not clear and the bars of "
        "the target are not clear."
    )
    known = {id(target): Bars(3, 1, 0.9), id(source): Bars(4, 0, 0.9)}
    monkeypatch.setattr("hocket.fusing.alignment.bars_of", lambda recording, pulse: known[id(recording)])
    aligned = align_target(target, source, mode="bars")
    assert aligned.mode == "beats"
    assert aligned.note.endswith(
        "bars were not aligned, because the input's bars have 4 beats and the target's 3."
    )
    known[id(target)] = Bars(4, 1, 0.9)
    aligned = align_target(target, source, mode="bars")
    assert aligned.mode == "bars" and aligned.beat_seconds == pytest.approx(2.0, rel=2e-3)
    assert "its bars were aligned to the input's" in aligned.note
    # The target's second click begins its bar, and comes where the input's first or a later bar begins.
    assert distances(click_times(aligned.target)[:1], np.arange(4) * 0.5 + 0.4).max() < 0.01

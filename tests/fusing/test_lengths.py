"""Lengths: the named source's wins, and what is looped, cut or stretched sounds as it should."""

import numpy as np
import pytest
from timed_sounds import click_times, clicks, hits, noise, tone

from hocket.audio import Audio
from hocket.audio.streams import recording
from hocket.audio.views import Looped
from hocket.errors import AudioError
from hocket.fusing.alignment import align_target, match_lengths

RATE = 24_000


def loop(source: Audio, num_samples: int, *, beat_seconds: float | None = None) -> tuple[Audio, int]:
    looped = Looped(recording(source), num_samples, beat_seconds=beat_seconds)
    return looped.whole(), looped.period


@pytest.mark.parametrize(
    ("length", "seconds"), [("input", 3.0), ("target", 5.0), ("shortest", 3.0), ("longest", 5.0)]
)
@pytest.mark.parametrize("fit", ["loop", "stretch"])
def test_both_get_the_length_that_was_asked_for(length, seconds, fit) -> None:
    source, target = noise(seconds=3.0), noise(seconds=5.0, channels=2)
    outputs = match_lengths(source, target, length=length, fit=fit)
    assert [recording.num_samples for recording in outputs[:2]] == [seconds * RATE] * 2
    assert [recording.num_channels for recording in outputs[:2]] == [1, 2]
    assert [recording.sample_rate for recording in outputs[:2]] == [RATE] * 2
    # The one that has the length already is left alone.
    assert (outputs[0] is source) == (seconds == 3.0) and (outputs[1] is target) == (seconds == 5.0)


def test_the_note_says_what_was_done() -> None:
    short, long = noise(seconds=3.0), noise(seconds=5.0)
    assert match_lengths(long, short)[2] == "the target was looped 1.7 times."
    assert match_lengths(short, long)[2] == "the target was cut to its first 3.0 s."
    assert (
        match_lengths(short, long, fit="stretch")[2] == "the target was stretched to 0.60 times its length."
    )
    assert match_lengths(short, long, length="longest")[2] == "the input was looped 1.7 times."
    assert match_lengths(short, short)[2] == ""


def test_a_cut_takes_the_beginning() -> None:
    short, long = noise(seconds=2.0), noise(seconds=5.0, seed=1)
    np.testing.assert_array_equal(match_lengths(short, long)[1].samples, long.samples[:, : 2 * RATE])


def test_a_loop_repeats_after_its_length_less_the_fade() -> None:
    source = noise(seconds=1.0, channels=2)
    looped, period = loop(source, 5 * RATE)
    assert period == RATE - 720
    np.testing.assert_array_equal(looped.samples[:, :period], source.samples[:, :period])
    rounds = looped.samples[:, period : 4 * period].reshape(2, 3, period)
    np.testing.assert_allclose(rounds[:, 0], rounds[:, 1], atol=1e-6)
    np.testing.assert_array_equal(rounds[:, 0, 720:], source.samples[:, 720:period])


def test_a_loop_neither_clicks_nor_loses_level() -> None:
    looped, period = loop(noise(seconds=2.0), 60 * RATE)
    seams = np.concatenate(
        [looped.samples[0, start : start + 720] for start in range(period, 58 * RATE, period)]
    )
    assert np.sqrt(np.mean(seams**2)) == pytest.approx(0.1, rel=0.05)
    sweep = tone(100.0, seconds=1.013, rate_hz=RATE)
    steps = np.abs(np.diff(loop(sweep, 5 * RATE)[0].samples[0]))
    # A cut would step by up to 0.6; a sine of 100 Hz at 0.3 steps by 0.008, and two of them by 0.011 and the fade.
    assert steps.max() < 0.013


def test_a_loop_of_whole_beats_stays_in_step() -> None:
    times = np.arange(0.1, 3.9, 0.5)
    source = clicks(times, seconds=4.2, rate_hz=RATE)
    looped, period = loop(source, 12 * RATE, beat_seconds=0.5)
    assert period == 4 * RATE
    assert click_times(looped) == pytest.approx(np.arange(0.1, 12, 0.5), abs=1e-4)
    _, without_room = loop(source, 12 * RATE, beat_seconds=7.0)
    assert without_room == source.num_samples - 720


def test_an_aligned_target_is_looped_on_the_beat() -> None:
    grid = np.arange(0.4, 14, 0.5)
    source = hits(grid, seconds=14.0)
    aligned = align_target(clicks(np.arange(0.13, 6, 0.6), seconds=6.0, rate_hz=RATE), source, mode="beats")
    _, target, note = match_lengths(source, aligned.target, beat_seconds=aligned.beat_seconds)
    found = click_times(target)
    assert "looped" in note and len(found) > 24
    offsets = (found - 0.4 + 0.25) % 0.5 - 0.25
    assert np.abs(offsets).max() < 0.01


@pytest.mark.parametrize("num_samples", [1, 2, 5, 100, 2400])
def test_very_short_sources_are_looped_too(num_samples: int) -> None:
    source = Audio(np.full((1, num_samples), 0.5, dtype=np.float32), RATE)
    looped, _ = loop(source, 10_000)
    assert looped.num_samples == 10_000
    assert (
        looped.samples.min() > 0.49 and looped.samples.max() < 0.75
    )  # equal power: up to 3 dB for what is alike


def test_stretching_keeps_the_pitch() -> None:
    source, target = noise(seconds=3.0), tone(440.0, seconds=2.0, rate_hz=RATE)
    stretched = match_lengths(source, target, fit="stretch")[1].samples[0]
    spectrum = np.abs(np.fft.rfft(stretched * np.hanning(len(stretched))))
    assert spectrum.argmax() / 3.0 == pytest.approx(440.0, abs=0.5)


@pytest.mark.parametrize("seconds", [1.0, 4.5])
def test_too_much_stretching_is_refused_with_the_cure(seconds: float) -> None:
    words = r"the target would have to .* to 2\.2 s: loop or cut it instead, or use one of 1\.1 to 4\.4 s\."
    with pytest.raises(AudioError, match=words):
        match_lengths(noise(seconds=2.2), noise(seconds=seconds), fit="stretch")


def test_faults_are_named() -> None:
    empty = Audio(np.zeros((1, 0), dtype=np.float32), RATE)
    with pytest.raises(AudioError, match="the target contains no sound"):
        match_lengths(noise(seconds=1.0), empty)
    with pytest.raises(ValueError, match="rates differ"):
        match_lengths(noise(seconds=1.0), noise(seconds=1.0, rate_hz=44_100))
    with pytest.raises(ValueError, match="unknown"):
        match_lengths(noise(seconds=1.0), noise(seconds=1.0), fit="squeeze")

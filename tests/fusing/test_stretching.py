"""Stretching: pitch and level stay, attacks come where they belong, lengths are exact."""

import numpy as np
import pytest
from scipy.signal import hilbert
from timed_sounds import click_times, clicks, noise, tone

from hocket.audio.streams import InMemory, Workspace
from hocket.errors import HocketError
from hocket.fusing import stretching
from hocket.fusing.stretching import stretched, warped

RATE = 44_100


def stretch(samples: np.ndarray, *, num_samples: int, sample_rate: int) -> np.ndarray:
    """`stretched`, all in memory."""
    return stretched(InMemory(samples, sample_rate), num_samples=num_samples, workspace=Workspace()).samples


def warp(samples: np.ndarray, *, places: np.ndarray, new_places: np.ndarray, sample_rate: int) -> np.ndarray:
    """`warped`, all in memory."""
    source = InMemory(samples, sample_rate)
    return warped(source, places=places, new_places=new_places, workspace=Workspace()).samples


def pitch_and_level(wave: np.ndarray, *, reference_hz: float) -> tuple[float, np.ndarray]:
    """Cents above the reference, and the level in dB of each 50 ms, without the ends."""
    edge = RATE // 4
    angle = np.unwrap(np.angle(hilbert(wave)))[edge:-edge]
    cents = 1200 * np.log2((angle[-1] - angle[0]) / (len(angle) - 1) * RATE / (2 * np.pi) / reference_hz)
    frames = wave[edge:-edge]
    frames = frames[: len(frames) // 2205 * 2205].reshape(-1, 2205)
    return float(cents), 20 * np.log10(np.sqrt(2 * np.mean(frames**2, axis=1)))


@pytest.mark.parametrize("ratio", [0.5, 0.8, 0.97, 1.1, 1.5, 2.0])
def test_a_tone_keeps_its_pitch_and_level(ratio: float) -> None:
    recording = tone(440.0, seconds=3.0)
    output = stretch(recording.samples, num_samples=round(ratio * 3 * RATE), sample_rate=RATE)
    assert output.shape == (1, round(ratio * 3 * RATE)) and output.dtype == np.float32
    cents, level_db = pitch_and_level(output[0], reference_hz=440.0)
    assert abs(cents) < 2
    assert np.abs(level_db - 20 * np.log10(0.3)).max() < 0.5


@pytest.mark.parametrize("frequency_hz", [110.0, 440.0, 3000.0])
def test_joins_are_not_heard_in_a_tone(frequency_hz: float) -> None:
    recording = tone(frequency_hz, seconds=6.0)
    new = np.concatenate([[0.0], np.cumsum([0.85, 1.2, 0.9, 1.1, 0.8, 1.25])]) * RATE
    output = warp(recording.samples, places=np.arange(7) * RATE, new_places=new, sample_rate=RATE)
    cents, level_db = pitch_and_level(output[0], reference_hz=frequency_hz)
    assert abs(cents) < 5
    assert np.abs(level_db - 20 * np.log10(0.3)).max() < 1


@pytest.mark.parametrize("ratio", [0.6, 0.9, 1.25, 1.7])
def test_clicks_come_where_they_belong(ratio: float) -> None:
    times = np.arange(0.02, 3.9, 0.37)
    output = stretch(
        clicks(times, seconds=4.0).samples, num_samples=round(ratio * 4 * RATE), sample_rate=RATE
    )
    places = [RATE * time * ratio for time in times]
    for place in places:
        near = np.abs(output[0, max(0, round(place) - 1500) : round(place) + 1500])
        assert max(0, round(place) - 1500) + near.argmax() == pytest.approx(place, abs=0.002 * RATE)


def test_clicks_follow_a_map_of_changing_ratios() -> None:
    times = np.arange(0.2, 6, 0.4)
    places, new = np.arange(7.0), np.concatenate([[0.0], np.cumsum([0.85, 1.2, 0.9, 1.1, 0.8, 1.25])])
    recording = clicks(times, seconds=6.0)
    output = warp(recording.samples, places=places * RATE, new_places=new * RATE, sample_rate=RATE)
    assert output.shape == (2, round(new[-1] * RATE))
    found = click_times(type(recording)(output, RATE))
    # A join looks for the best place within 5 ms.
    assert found == pytest.approx(np.interp(times, places, new), abs=0.006)


def test_a_long_recording_is_stretched_in_parts_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stretching, "MAX_PIECE_SECONDS", 1.0)
    recording = tone(440.0, seconds=6.0)
    output = stretch(recording.samples, num_samples=round(6.6 * RATE), sample_rate=RATE)
    assert output.shape[1] == round(6.6 * RATE)
    cents, level_db = pitch_and_level(output[0], reference_hz=440.0)
    assert abs(cents) < 5
    assert np.abs(level_db - 20 * np.log10(0.3)).max() < 1


def test_the_level_of_noise_stays() -> None:
    recording = noise(seconds=6.0, rate_hz=RATE)
    new = np.array([0.0, 1.9, 4.1, 6.0]) * RATE
    output = warp(recording.samples, places=np.array([0, 2, 4, 6]) * RATE, new_places=new, sample_rate=RATE)
    assert np.sqrt(np.mean(output**2)) == pytest.approx(0.1, rel=0.1)


def test_without_a_change_nothing_changes() -> None:
    recording = noise(seconds=3.0, rate_hz=RATE, channels=2)
    same = stretch(recording.samples, num_samples=recording.num_samples, sample_rate=RATE)
    np.testing.assert_array_equal(same, recording.samples)


def test_what_lies_outside_the_recording_is_silent() -> None:
    recording = noise(seconds=2.0, rate_hz=RATE)
    places = np.array([-0.5, 2.5]) * RATE
    output = warp(recording.samples, places=places, new_places=places, sample_rate=RATE)
    assert not output[:, : RATE // 2].any() and not output[:, -RATE // 2 :].any()
    np.testing.assert_array_equal(output[:, RATE // 2 : -RATE // 2], recording.samples)


def test_equal_channels_stay_alike_and_all_are_kept() -> None:
    recording = tone(440.0, seconds=1.0, channels=5)
    output = stretch(recording.samples, num_samples=round(1.3 * RATE), sample_rate=RATE)
    assert output.shape == (5, round(1.3 * RATE))
    np.testing.assert_array_equal(output[0], output[2])
    np.testing.assert_allclose(output[1:], output[:1].repeat(4, axis=0), atol=0.003)


def test_the_same_samples_give_the_same_result() -> None:
    recording = noise(seconds=2.0, rate_hz=RATE, channels=2)
    first, second = (stretch(recording.samples, num_samples=2 * 40_000, sample_rate=RATE) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("num_samples", [1, 10, 441, 4410])
def test_very_short_recordings_have_the_exact_length_too(num_samples: int) -> None:
    samples = noise(seconds=1.0).samples[:, :num_samples]
    assert stretch(samples, num_samples=2 * num_samples, sample_rate=24_000).shape == (1, 2 * num_samples)


@pytest.mark.parametrize("ratio", [0.3, 2.5])
def test_ratios_beyond_the_limits_are_refused(ratio: float) -> None:
    with pytest.raises(ValueError, match=r"outside 0\.5 to 2"):
        stretch(noise(seconds=1.0).samples, num_samples=round(24_000 * ratio), sample_rate=24_000)


def test_a_missing_library_is_named_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stretching, "find_spec", lambda name: None)
    with pytest.raises(HocketError, match=r"python-stretch.*pip install python-stretch"):
        stretch(noise(seconds=1.0).samples, num_samples=30_000, sample_rate=24_000)

"""The attack times are those of voices whose rise is known."""

import math

import numpy as np
import pytest

from hocket.evaluation.attack import RATE_HZ, onset_seconds, probe, rise_times


def voice(rise_seconds: float, delay_seconds: float = 0.0) -> np.ndarray:
    """A steady tone, let in at each onset by a straight ramp, and shut again 200 ms later."""
    times = np.arange(10 * RATE_HZ) / RATE_HZ
    gain = np.zeros_like(times)
    for onset in onset_seconds() + delay_seconds:
        since = times - onset
        gain += np.clip(since / rise_seconds, 0, 1) * (since < 0.2)
    return np.sin(2 * np.pi * 1000 * times) * gain


@pytest.mark.parametrize("rise_ms", [20.0, 60.0, 100.0])
def test_a_straight_rise_has_its_shares_at_its_shares(rise_ms: float) -> None:
    times = rise_times(voice(rise_ms / 1000))
    for percent in (10, 50, 90):
        assert times[f"attack_{percent}_ms"] == pytest.approx(rise_ms * percent / 100, abs=8)


def test_a_delay_is_seen_in_all_of_them() -> None:
    now, later = rise_times(voice(0.03)), rise_times(voice(0.03, delay_seconds=0.02))
    for name, time in now.items():
        assert later[name] - time == pytest.approx(20, abs=5)


def test_a_voice_that_is_always_there_has_risen_before_the_onset() -> None:
    assert rise_times(probe()[1])["attack_10_ms"] <= -100


def test_a_voice_that_never_sounds_has_no_rise() -> None:
    assert all(math.isnan(time) for time in rise_times(np.zeros(10 * RATE_HZ)).values())

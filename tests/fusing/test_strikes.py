"""Where the input strikes, and the gain that strikes the target there."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fusion_samples import RATE_HZ
from hocket.audio.streams import InMemory
from hocket.fusing.strikes import StrikeGain, Strikes, find_strikes


def recording(samples: np.ndarray, rate: int = RATE_HZ) -> InMemory:
    level = np.sqrt(np.mean(samples**2))
    return InMemory((0.1 * samples / max(level, 1e-9)).astype(np.float32)[None], rate)


def bursts(
    seconds: list[float], rate: int = RATE_HZ, *, length: float = 3.0, noise: float = 0.0
) -> np.ndarray:
    generator = np.random.default_rng(0)
    samples = noise * generator.standard_normal(round(length * rate))
    decay = np.exp(-np.arange(rate // 10) / (0.02 * rate))
    for second in seconds:
        start = round(second * rate)
        samples[start : start + len(decay)] += decay * generator.standard_normal(len(decay))
    return samples


def struck_at(*seconds: float) -> Strikes:
    """Strikes that are all as hard as can be."""
    times = torch.tensor(seconds, dtype=torch.float64)
    return Strikes(times, torch.ones_like(times))


NONE = struck_at()


def after_the_start(strikes: Strikes) -> Strikes:
    """Without that of a recording that begins in the middle of a sound."""
    later = strikes.seconds > 0.05
    return Strikes(strikes.seconds[later], strikes.strengths[later])


@pytest.mark.parametrize("rate", [22_050, 24_000, 48_000])
@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_strikes_are_found_within_four_milliseconds(rate: int, noise: float) -> None:
    seconds = [0.4, 0.75, 1.3, 2.005]
    found = after_the_start(find_strikes(recording(bursts(seconds, rate, noise=noise), rate)))
    assert len(found.seconds) == 4
    np.testing.assert_allclose(found.seconds, seconds, atol=0.004)
    assert float(found.strengths.min()) > 0.6 and float(found.strengths.max()) <= 1.0


def test_softer_ones_strike_less_and_a_steady_sound_not_at_all() -> None:
    samples = bursts([0.5, 1.0, 1.5, 2.0], noise=0.02)
    samples[round(0.9 * RATE_HZ) : round(1.4 * RATE_HZ)] *= 0.03
    strengths = after_the_start(find_strikes(recording(samples))).strengths
    assert float(strengths[1]) < 0.8 * float(strengths[0])
    time = np.arange(3 * RATE_HZ) / RATE_HZ
    steady = find_strikes(recording(np.sin(2 * np.pi * 440 * time) * np.minimum(time, 1.0)))
    assert len(steady.seconds) == 0 or float(steady.seconds.max()) < 0.1


def test_silence_strikes_nothing_and_is_left_alone() -> None:
    strikes = find_strikes(recording(np.zeros(RATE_HZ)))
    assert len(strikes.seconds) == 0
    gain = StrikeGain.over(strikes, strikes, 2.0, seconds=1.0).between(0, RATE_HZ, RATE_HZ)
    torch.testing.assert_close(gain, torch.ones(RATE_HZ))


def test_parts_of_a_long_recording_are_those_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    source = recording(bursts([0.4, 1.0, 1.004, 5.5, 9.99, 10.4, 12.0], length=13.0, noise=0.005))
    found = find_strikes(source)
    whole = find_strikes(InMemory(source.samples[:, : 9 * RATE_HZ], RATE_HZ))
    before = found.seconds < 8.9
    torch.testing.assert_close(found.seconds[before], whole.seconds[whole.seconds < 8.9])


def test_the_gain_dips_rises_in_four_milliseconds_and_halves_every_sixty() -> None:
    strikes = Strikes(
        torch.tensor([0.5, 1.0], dtype=torch.float64), torch.tensor([1.0, 0.5], dtype=torch.float64)
    )
    gain = StrikeGain(strikes, NONE, 2.0).between(0, 2 * RATE_HZ, RATE_HZ)

    def at(seconds: float) -> float:
        return float(gain[round(seconds * RATE_HZ)])

    assert at(0.3) == pytest.approx(1.0) and at(0.497) == pytest.approx(0.7, abs=0.02)
    assert at(0.503) == pytest.approx(3.0, abs=0.12) and at(0.56) == pytest.approx(2.0, abs=0.05)
    assert at(1.003) == pytest.approx(2.0, abs=0.1), "the softer one is half as much"
    assert at(1.9) == pytest.approx(1.0, abs=0.01)
    parts = [
        StrikeGain(strikes, NONE, 2.0).between(first, first + 7000, RATE_HZ)
        for first in range(0, 42_000, 7000)
    ]
    assert torch.equal(torch.cat(parts), gain[:42_000])


def test_a_hard_strike_is_still_heard_under_a_soft_one_and_the_mean_stays() -> None:
    strikes = Strikes(
        torch.tensor([0.5, 0.52], dtype=torch.float64), torch.tensor([1.0, 0.2], dtype=torch.float64)
    )
    gain = StrikeGain.over(strikes, NONE, 3.0, seconds=1.0)
    assert gain.between(0, 48_000, 48_000).mean() == pytest.approx(1.0, abs=0.02)
    unscaled = StrikeGain(strikes, NONE, 3.0).between(0, RATE_HZ, RATE_HZ)
    assert float(unscaled[round(0.53 * RATE_HZ)]) == pytest.approx(1.0 + 3.0 * 0.5**0.5, abs=0.05)


def test_where_the_target_is_struck_by_itself_it_is_softened_and_comes_back() -> None:
    gain = StrikeGain.over(struck_at(1.0), struck_at(0.3, 1.04, 1.7), 1.0, seconds=2.0)
    assert gain.own.seconds.tolist() == [0.3, 1.7], "what both are struck at is left"
    unscaled = StrikeGain(gain.strikes, gain.own, 1.0).between(0, 2 * RATE_HZ, RATE_HZ)

    def at(seconds: float) -> float:
        return float(unscaled[round(seconds * RATE_HZ)])

    assert at(0.28) == pytest.approx(1.0) and at(0.3) < 0.45
    assert at(0.292 + 0.1) == pytest.approx(0.7, abs=0.02) and at(0.9) > 0.97
    assert at(1.003) == pytest.approx(2.0, abs=0.1) and at(1.7) < 0.45
    half = StrikeGain(gain.strikes, gain.own, 0.5).between(0, RATE_HZ, RATE_HZ)
    assert float(half[round(0.3 * RATE_HZ)]) == pytest.approx(0.72, abs=0.03)


@given(st.lists(st.floats(0, 20), max_size=30), st.lists(st.floats(0, 20), max_size=30))
def test_strikes_apart_from_others_have_none_of_them_near(own: list[float], others: list[float]) -> None:
    mine, theirs = struck_at(*sorted(own)), struck_at(*sorted(others))
    wanted = [second for second in sorted(own) if all(abs(second - other) > 0.05 for other in others)]
    found = mine.apart_from(theirs).seconds.tolist()
    # Exactly 50 ms apart may fall on either side.
    close = [second for second in own if any(abs(abs(second - other) - 0.05) < 1e-9 for other in others)]
    assert set(found) ^ set(wanted) <= set(close)

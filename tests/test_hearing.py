"""What cannot be heard is taken out, what can be heard stays; channels that cancel are found, others are left alone."""

import numpy as np
import pytest

from hocket.audio import Audio
from hocket.audio.streams import recording
from hocket.audio.views import audible as audible_recording
from hocket.audio.views import folded, together
from hocket.hearing import array_cancels, audible, fold, low_band, side_by_side

RATES = (1000, 8000, 22_050, 24_000, 44_100, 96_000)


def tone(hz: float, *, seconds: float = 4.0, rate: int = 24_000, level: float = 0.3) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)[None]


def noise(seed: int = 0, *, seconds: float = 4.0, rate: int = 24_000, channels: int = 1) -> np.ndarray:
    samples = np.random.default_rng(seed).standard_normal((channels, round(seconds * rate)))
    return (0.1 * samples).astype(np.float32)


def kicks(*, seconds: float = 4.0, rate: int = 24_000) -> np.ndarray:
    """Hits that lean to one side and start at exactly 0, with as much below 20 Hz as they have."""
    time = np.arange(round(seconds * rate)) / rate % 0.5
    return (0.5 * np.sin(2 * np.pi * 50 * time) * np.exp(-12 * time)).astype(np.float32)[None]


def decibels(part: np.ndarray, whole: np.ndarray) -> float:
    return float(10 * np.log10(np.square(part).mean() / np.square(whole).mean() + 1e-20))


SOUNDS = {
    "chord": tone(220) + tone(277.2) + tone(330),
    "bass at 30 Hz": tone(30),
    "noise": noise(),
    "kicks": kicks(),
}


@pytest.mark.parametrize("name", SOUNDS)
def test_what_has_no_inaudible_energy_is_left_alone(name: str) -> None:
    assert audible(SOUNDS[name], 24_000) is SOUNDS[name]


@pytest.mark.parametrize("offset", [0.01, -0.01, 0.1])
@pytest.mark.parametrize("name", SOUNDS)
def test_a_constant_is_taken_out_and_nothing_else(name: str, offset: float) -> None:
    sound = SOUNDS[name]
    assert decibels(audible(sound + np.float32(offset), 24_000) - sound, sound) < -45


@pytest.mark.parametrize("hz", [0.3, 2.0, 5.0, 10.0, 15.0])
@pytest.mark.parametrize("name", ["chord", "bass at 30 Hz", "noise"])
def test_rumble_is_taken_out(name: str, hz: float) -> None:
    sound = SOUNDS[name]
    heard = audible(sound + tone(hz, level=0.1), 24_000)
    # White noise has -28 dB down there itself. How it went on before and after its ends nobody knows.
    inner = slice(6000, -6000)
    assert decibels((heard - sound)[:, inner], sound) < -25


@pytest.mark.parametrize("rate", RATES)
def test_any_rate_and_any_span(rate: int) -> None:
    sound = tone(110, rate=rate) + tone(5, rate=rate, level=0.2) + np.float32(0.05)
    low = low_band(lambda start, stop: sound[:, start:stop], sound.shape[1], rate)
    assert low is not None
    whole = low.read(0, sound.shape[1])
    assert whole.shape == sound.shape and whole.dtype == np.float32
    for start, stop in ((0, 1), (7, 8), (777, 2001), (sound.shape[1] - 3, sound.shape[1]), (5, 5)):
        np.testing.assert_allclose(low.read(start, stop), whole[:, start:stop], atol=1e-7)
    inner = slice(rate // 4, -rate // 4)
    assert decibels((sound - whole - tone(110, rate=rate))[:, inner], sound) < -40
    view = audible_recording(recording(Audio(sound, rate)))
    np.testing.assert_array_equal(view.samples, sound - whole)


@pytest.mark.parametrize("added", [tone(5, level=0.1), np.full((1, 96_000), 0.05, dtype=np.float32)])
def test_what_starts_and_ends_at_zero_does_so_without_its_rumble(added: np.ndarray) -> None:
    sound = kicks() + added
    sound[:, [0, -1]] = 0.0
    heard = audible(sound, 24_000)
    assert heard is not sound and np.abs(heard[:, [0, -1]]).max() < 1e-6
    assert abs(heard[:, 6000:-6000].mean()) < 0.01


@pytest.mark.parametrize("count", [1, 2, 5, 100, 3000])
def test_a_constant_alone_is_silence(count: int) -> None:
    assert np.abs(audible(np.full((2, count), 0.5, dtype=np.float32), 24_000)).max() < 1e-6


def test_nothing_comes_of_nothing() -> None:
    for samples in (np.zeros((1, 0), dtype=np.float32), np.zeros((2, 500), dtype=np.float32)):
        assert audible(samples, 24_000) is samples


OPPOSED = {
    "all": np.concatenate([noise(), -noise()]),
    "all, one side softer": np.concatenate([noise(), -0.4 * noise()]),
    "half of the time": np.concatenate(
        [noise(), noise() * np.float32(np.arange(96_000) < 48_000) * 2 - noise()]
    ),
    "one instrument": np.concatenate([kicks() + noise(), kicks() - noise()]),
    "highs": np.concatenate([tone(100) + tone(3000), tone(100) - tone(3000)]),
    "six channels": np.concatenate([noise(), -noise()] * 3),
}
AGREED = {
    "mono": noise(),
    "both the same": np.concatenate([noise(), noise()]),
    "unrelated": noise(channels=2),
    "unrelated, six channels": noise(channels=6),
    "one side only": np.concatenate([noise(), 0 * noise()]),
    "panned": np.concatenate([kicks(), tone(220)]),
    "silence": np.zeros((2, 24_000), dtype=np.float32),
    "too short to say": np.array([[1, 0, 0.5], [0, -1, 0.25]], dtype=np.float32),
}


@pytest.mark.parametrize("name", OPPOSED)
def test_channels_in_opposition_are_found(name: str) -> None:
    samples = OPPOSED[name]
    assert array_cancels(samples)
    assert decibels(fold(samples), samples) > -1
    assert folded(recording(Audio(samples, 24_000))).num_channels == 1
    np.testing.assert_array_equal(folded(recording(Audio(samples, 24_000))).samples[0], fold(samples))


@pytest.mark.parametrize("name", AGREED)
def test_where_nothing_cancels_the_mean_is_taken(name: str) -> None:
    samples = AGREED[name]
    assert not array_cancels(samples)
    np.testing.assert_array_equal(fold(samples), samples.mean(axis=0))
    np.testing.assert_array_equal(
        together([recording(Audio(samples, 24_000))])[0].samples[0], samples.mean(axis=0)
    )


def test_one_in_opposition_is_enough_to_compare_all_channels() -> None:
    voices = [OPPOSED["one instrument"], kicks(), noise()]
    output, input, target = side_by_side(voices)
    assert len(output) == len(input) == len(target) == 2 * 96_000
    np.testing.assert_array_equal(input, np.concatenate([kicks()[0]] * 2))
    # The noise runs against itself in the right channel, and polarity does not count.
    np.testing.assert_array_equal(target, np.concatenate([noise()[0], -noise()[0]]))
    alike = side_by_side([AGREED["both the same"], kicks(), AGREED["panned"]])
    assert [len(voice) for voice in alike] == [96_000] * 3

"""Bars: metre and down-beats of patterns whose bars are known, and none where there are none."""

import numpy as np
import pytest

from hocket.audio import Audio
from hocket.data.synthetic.render import SAMPLE_RATE
from hocket.fusing.music import bars_of, pulse_of
from hocket.signal.bars import Bars

BEAT_SECONDS = 0.5
ROOTS = (45, 41, 48, 43)


def band(
    pattern: str, *, num_bars: int = 8, start_seconds: float = 0.6, first: int = 0, chords: bool = True
) -> Audio:
    """A bar in letters, one a beat: `k` kick, `s` snare, `h` hat; over chords that change with the bar.

    It begins with the beat `first` of its first bar.
    """
    random, beats = np.random.default_rng(0), len(pattern)
    samples = 0.0005 * random.standard_normal(
        round((start_seconds + num_bars * beats * BEAT_SECONDS) * SAMPLE_RATE)
    )
    for number in range(first, num_bars * beats):
        time = start_seconds + (number - first) * BEAT_SECONDS
        _add(samples, _drum(pattern[number % beats], random), time)
        _add(samples, _drum("h", random), time + BEAT_SECONDS / 2)
        if chords:
            root = ROOTS[number // beats % 4]
            _add(samples, sum(_note(root + step) for step in (0, 12, 16, 19)), time)
    return Audio(samples.astype(np.float32)[None], SAMPLE_RATE)


def _drum(name: str, random: np.random.Generator) -> np.ndarray:
    time = np.arange(SAMPLE_RATE // 5) / SAMPLE_RATE
    hiss = random.standard_normal(len(time))
    if name == "k":
        return np.asarray(
            0.5 * np.sin(2 * np.pi * 55 * time) * np.exp(-time / 0.05) + 0.02 * hiss * np.exp(-time / 0.01)
        )
    return np.asarray({"s": 0.2, "h": 0.03}[name] * hiss * np.exp(-time / {"s": 0.05, "h": 0.02}[name]))


def _note(midi: int) -> np.ndarray:
    time = np.arange(round(BEAT_SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    return np.asarray(0.03 * np.sin(2 * np.pi * 440 * 2 ** ((midi - 69) / 12) * time) * np.exp(-time / 0.6))


def _add(samples: np.ndarray, sound: np.ndarray, seconds: float) -> None:
    first = round(seconds * SAMPLE_RATE)
    samples[first : first + len(sound)] += sound[: len(samples) - first]


def found_in(sound: Audio) -> tuple[Bars | None, float]:
    """The bars, and when the first of them begins."""
    pulse = pulse_of(sound)
    assert pulse is not None and pulse.is_clear
    bars = bars_of(sound, pulse)
    return bars, float(pulse.beats_seconds[bars.first]) if bars else 0.0


@pytest.mark.parametrize("pattern", ["kshs", "kskh", "khh", "kss"])
@pytest.mark.parametrize("first", [0, 1, 2])
def test_metre_and_down_beat_are_found_wherever_the_recording_begins(pattern: str, first: int) -> None:
    bars, begin = found_in(band(pattern, num_bars=10, first=first))
    assert bars is not None and bars.metre == len(pattern)
    metre_seconds = len(pattern) * BEAT_SECONDS
    late = (begin - 0.6 + first * BEAT_SECONDS) % metre_seconds
    # What begins out of silence in the middle of a bar of four may be doubted, but not be put in a wrong place.
    assert bars.is_clear or first == 2
    assert not bars.is_clear or min(late, metre_seconds - late) < 0.04


def test_five_beats_are_no_bars_of_four_or_three() -> None:
    bars, _ = found_in(band("kshsh", num_bars=8))
    assert bars is None or not bars.is_clear


def test_a_change_of_metre_is_not_clear() -> None:
    first, second = band("kshs", num_bars=4, start_seconds=0.5), band("khs", num_bars=5, start_seconds=0.0)
    bars, _ = found_in(Audio(np.concatenate([first.samples, second.samples], axis=1), SAMPLE_RATE))
    assert bars is None or not bars.is_clear


def test_beats_that_are_all_alike_have_no_bars() -> None:
    bars, _ = found_in(band("kkkk", chords=False, start_seconds=0.3))
    assert bars is None or not bars.is_clear


def test_under_twelve_beats_there_are_no_bars() -> None:
    assert found_in(band("kshs", num_bars=2))[0] is None

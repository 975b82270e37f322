"""Roles: sources that cannot carry theirs are named, and music is not."""

import csv
import itertools

import numpy as np
import pytest
import torch

from hocket.data.synthetic.render import SAMPLE_RATE, render_song
from hocket.data.synthetic.songs import make_song
from hocket.diagnostics.roles import (
    TONALITY,
    Sources,
    attack_rate,
    describe_sources,
    is_one_recording,
    weak_roles,
)
from hocket.signal import harmony
from hocket.signal.harmony import tonality

RATE = 24_000
TIME = np.arange(8 * RATE) / RATE


def noise(seed: int = 0, *, exponent: float = 0.0) -> np.ndarray:
    """Noise whose power falls with frequency to the exponent, at RMS 0.1."""
    white = np.fft.rfft(np.random.default_rng(seed).standard_normal(len(TIME)))
    frequency = np.maximum(np.fft.rfftfreq(len(TIME), 1 / RATE), 20.0)
    wave = np.fft.irfft(white / frequency ** (exponent / 2), len(TIME))
    return (0.1 * wave / wave.std()).astype(np.float32)


def chord(*, swell_hz: float = 0.0) -> np.ndarray:
    wave = sum(np.sin(2 * np.pi * frequency * TIME) for frequency in (220.0, 277.2, 329.6, 440.0))
    return (0.05 * wave * (1 + 0.5 * np.sin(2 * np.pi * swell_hz * TIME))).astype(np.float32)


def pulse(every_seconds: float) -> np.ndarray:
    """Decaying bursts of noise."""
    place = (TIME - 0.2) % every_seconds
    return (noise(3) * np.exp(-place / 0.03)).astype(np.float32)


def test_a_pulse_and_a_chord_can_carry_their_roles() -> None:
    assert weak_roles(input=pulse(0.5), target=chord(), sample_rate=RATE) == []


def test_attacks_are_counted() -> None:
    assert attack_rate(pulse(0.5), sample_rate=RATE) == pytest.approx(2.0, abs=0.15)
    assert attack_rate(pulse(0.25), sample_rate=RATE) == pytest.approx(4.0, abs=0.15)


@pytest.mark.parametrize(
    "wave", [chord(), chord(swell_hz=0.2), noise(), noise(exponent=1.0), 0 * noise()], ids=str
)
def test_drones_pads_noise_and_silence_give_no_rhythm(wave: np.ndarray) -> None:
    (weakness,) = weak_roles(input=wave, target=chord(), sample_rate=RATE)
    assert weakness.source == "input" and weakness.figure < 0.2
    assert weakness.sentence == (
        f"the input has hardly any attacks ({weakness.figure:.1f} per second): it has little rhythm to give."
    )


@pytest.mark.parametrize("wave", [noise(), noise(exponent=1.0), pulse(0.5), 0 * noise()], ids=str)
def test_noise_and_its_bursts_give_no_harmony(wave: np.ndarray) -> None:
    (weakness,) = weak_roles(input=pulse(0.5), target=wave, sample_rate=RATE)
    assert weakness.source == "target" and weakness.figure < TONALITY
    assert f"tonality {weakness.figure:.2f}" in weakness.sentence
    assert weakness.sentence.endswith("it has little harmony to give.")


def test_both_may_be_weak() -> None:
    weaknesses = weak_roles(input=chord(), target=noise(), sample_rate=RATE)
    assert [weakness.source for weakness in weaknesses] == ["input", "target"]


def test_rendered_drums_and_chords_are_told_apart() -> None:
    for index in range(2):
        drums, chords = (
            render_song(make_song(9, index, kind), duration_seconds=8.0) for kind in ("drums", "chords")
        )
        assert weak_roles(input=drums, target=chords, sample_rate=SAMPLE_RATE) == []
        found = weak_roles(input=drums, target=drums, sample_rate=SAMPLE_RATE)
        assert [weakness.source for weakness in found] == ["target"]


def test_level_does_not_matter() -> None:
    for wave in (pulse(0.5), chord()):
        assert attack_rate(0.01 * wave, sample_rate=RATE) == attack_rate(wave, sample_rate=RATE)
        assert tonality(0.01 * wave, sample_rate=RATE) == pytest.approx(
            tonality(wave, sample_rate=RATE), abs=0.01
        )


def test_pauses_do_not_count_against_a_chord() -> None:
    paused = np.where(TIME < 2, chord(), 0)
    assert tonality(paused, sample_rate=RATE) > 0.9 * tonality(chord(), sample_rate=RATE)


def test_long_recordings_are_worked_out_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    wave = pulse(0.25) + 0.1 * chord()
    whole = attack_rate(wave, sample_rate=RATE), tonality(wave, sample_rate=RATE)
    monkeypatch.setattr(harmony, "PART_SECONDS", 3.0)
    parts = attack_rate(wave, sample_rate=RATE), tonality(wave, sample_rate=RATE)
    assert parts == pytest.approx(whole, rel=0.1)


def test_tensors_and_short_recordings_are_taken() -> None:
    wave = torch.from_numpy(chord()[: RATE // 10])
    assert [weakness.source for weakness in weak_roles(input=wave, target=wave, sample_rate=RATE)] == [
        "input"
    ]


@pytest.mark.music
def test_no_source_of_the_pairs_is_weak(music) -> None:
    import soundfile

    with (music / "pairs.csv").open(newline="") as lines:
        for row in csv.DictReader(lines):
            waves = {
                role: soundfile.read(music / row[role], dtype="float32")[0] for role in ("input", "target")
            }
            assert weak_roles(**waves, sample_rate=RATE) == [], row["pair"]


def test_the_other_way_round_is_recommended_where_both_then_suit_their_roles() -> None:
    wrong = describe_sources(input=chord(), target=pulse(0.5), sample_rate=RATE)
    assert [weakness.source for weakness in wrong.weaknesses] == ["input", "target"] and wrong.swap_helps
    right = describe_sources(input=pulse(0.5), target=chord(), sample_rate=RATE)
    assert right == Sources()
    hopeless = describe_sources(input=chord(), target=noise(), sample_rate=RATE)
    assert len(hopeless.weaknesses) == 2 and not hopeless.swap_helps


def melody(seed: int) -> np.ndarray:
    """Notes of a quarter of a second, no two phrases alike."""
    pitches = 220 * 2 ** (np.random.default_rng(seed).integers(0, 24, 32) / 12)
    waves = [np.sin(2 * np.pi * hz * TIME[: RATE // 4]) * np.exp(-8 * TIME[: RATE // 4]) for hz in pitches]
    return (0.2 * np.concatenate(waves)).astype(np.float32)


@pytest.mark.parametrize(
    "wave", [melody(0), pulse(0.5), noise(), chord()], ids=["melody", "pulse", "noise", "chord"]
)
def test_two_copies_of_one_recording_are_one(wave: np.ndarray) -> None:
    hiss = 0.1 * wave.std() * np.random.default_rng(8).standard_normal(len(wave)).astype(np.float32)
    for copy in (wave, 0.1 * wave, -wave, wave + hiss):
        found = describe_sources(input=wave, target=copy, sample_rate=RATE)
        assert found == Sources(is_one_recording=True)


def test_a_copy_that_begins_later_is_the_same_recording() -> None:
    for late in (25, 1105, 5000):
        shifted = np.concatenate([np.zeros(late, np.float32), melody(0)[:-late]])
        assert is_one_recording(melody(0), shifted, sample_rate=RATE)
        assert is_one_recording(shifted, -melody(0), sample_rate=RATE)


def test_two_recordings_are_not_one() -> None:
    waves = [melody(0), melody(1), pulse(0.5), pulse(0.25), noise(1), chord(), 0 * noise()]
    for first, second in itertools.combinations(waves, 2):
        assert not is_one_recording(first, second, sample_rate=RATE)

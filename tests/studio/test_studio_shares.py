"""Sources by frequency: the energy of the two voices in each range of pitch."""

import numpy as np
import pytest

from hocket import audio
from hocket.fusing import FuseOptions, Fuser
from hocket.studio.pictures import RANGES, voice_levels

RATE_HZ = 32_000


@pytest.fixture(scope="module")
def fuser() -> Fuser:
    return Fuser.from_checkpoint()


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Hiss above 4 kHz in bursts, and a deep chord."""
    folder = tmp_path_factory.mktemp("shares")
    seconds = np.arange(4 * RATE_HZ) / RATE_HZ
    noise = np.fft.rfft(np.random.default_rng(0).standard_normal(len(seconds)))
    noise[: 4000 * 4] = 0
    hiss = np.fft.irfft(noise, n=len(seconds)) * np.exp(-20 * (seconds % 0.5))
    chord = sum(np.sin(2 * np.pi * hz * seconds) for hz in (82.4, 123.5, 164.8)) * 0.1
    for name, wave in (("hiss", hiss), ("chord", chord)):
        audio.save(
            folder / f"{name}.wav",
            audio.Audio((0.5 * wave / np.abs(wave).max())[None].astype(np.float32), RATE_HZ),
        )
    return folder / "hiss.wav", folder / "chord.wav"


def parts(fuser: Fuser, pair, **controls: float) -> dict[str, float | None]:
    with fuser.fusing(*pair, options=FuseOptions(**controls), apart=True) as fusion:
        _, energies = voice_levels(fusion.stems)
    whole = sum(map(sum, energies))
    return {
        name.lower(): float(first / (first + second)) if first + second > 1e-6 * whole else None
        for (name, _, _), (first, second) in zip(RANGES, energies, strict=True)
    }


def test_each_range_is_said_to_be_of_the_source_that_sounds_there(fuser, pair) -> None:
    given = parts(fuser, pair)
    assert given["low"] < 0.02
    assert given["high"] > 0.98


def test_roles_turned_round_turn_the_shares_round(fuser, pair) -> None:
    given = parts(fuser, pair[::-1])
    assert given["low"] > 0.98
    assert given["high"] < 0.02


@pytest.mark.parametrize(
    ("controls", "wanted"), [({"target_amount": 0.0}, 1.0), ({"input_amount": 0.0}, 0.0)]
)
def test_a_source_that_is_turned_off_gave_nothing(fuser, pair, controls, wanted) -> None:
    for name, part in parts(fuser, pair, **controls).items():
        assert part is None or part == wanted, name


def test_twice_the_amount_is_four_times_the_energy(fuser, tmp_path) -> None:
    generator = np.random.default_rng(1)
    for name in "ab":
        wave = 0.1 * generator.standard_normal((1, 3 * RATE_HZ)).astype(np.float32)
        audio.save(tmp_path / f"{name}.wav", audio.Audio(wave, RATE_HZ))
    files = (tmp_path / "a.wav", tmp_path / "b.wav")
    once, twice = parts(fuser, files), parts(fuser, files, input_amount=2.0)
    for name, part in once.items():
        odds = part / (1 - part)
        assert twice[name] / (1 - twice[name]) == pytest.approx(4 * odds, rel=1e-3)

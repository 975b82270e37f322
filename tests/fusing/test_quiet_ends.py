"""Outputs start and end as quietly as their sources, and pass through chunks, blocks and loops without a step."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from small_fuser import small_fuser

from hocket.audio import Audio
from hocket.audio.streams import recording
from hocket.audio.views import Faded
from hocket.fusing import Fuser

RATE = 22_050
SECONDS = 2.0
PAIRS = range(20)
NEAR = round(0.01 * RATE)


@pytest.fixture(scope="module")
def fuser() -> Fuser:
    return small_fuser()


def drums(seed: int, *, seconds: float = SECONDS, rate: int = RATE) -> np.ndarray:
    """Hits on a grid, the first one at once: each starts at exactly 0, and the last one has died away at the end."""
    random = np.random.default_rng(seed)
    samples = np.zeros(round(seconds * rate))
    for begin in np.arange(0.0, seconds - 0.2, random.choice([0.2, 0.25, 0.4])):
        time = np.arange(round(0.15 * rate)) / rate
        noise = np.convolve(random.standard_normal(len(time)), np.ones(8) / 8, mode="same")
        hit = np.sin(2 * np.pi * (60 + 20 * (seed % 4)) * time) + (seed % 3) * 0.3 * noise * np.minimum(
            1, time * 2000
        )
        start = round(begin * rate)
        samples[start : start + len(time)] += hit * np.exp(-time * 30) * np.linspace(1, 0, len(time))
    return 0.5 * samples / np.abs(samples).max()


def loop(seed: int, *, seconds: float = SECONDS, rate: int = RATE, top_hz: float = 1000.0) -> np.ndarray:
    """A chord whose notes all come round with the recording: its last sample runs on into its first."""
    random = np.random.default_rng(100 + seed)
    time = np.arange(round(seconds * rate)) / rate
    notes = np.round(random.uniform(150, top_hz, 4) * seconds) / seconds
    chord = sum(np.sin(2 * np.pi * (hz * time + random.uniform())) for hz in notes)
    return 0.1 * np.asarray(chord)


def pad(seed: int) -> np.ndarray:
    """A chord that starts and ends at 0."""
    return loop(seed) * np.sin(np.pi * np.arange(round(SECONDS * RATE)) / (round(SECONDS * RATE) - 1)) ** 0.5


def fused(fuser: Fuser, input: np.ndarray, target: np.ndarray, way: str) -> np.ndarray:
    if way == "arrays":
        return np.asarray(fuser.model.inference(input.astype(np.float32), target.astype(np.float32)))
    first, second = (Audio(samples[None].astype(np.float32), RATE) for samples in (input, target))
    return fuser.fuse(first, second).audio.samples[0]


def largest_step(samples: np.ndarray) -> float:
    return float(np.abs(np.diff(samples)).max())


@pytest.mark.parametrize("way", ["files", "arrays"])
@pytest.mark.parametrize("seed", PAIRS)
def test_what_starts_and_ends_at_zero_does_so_when_fused(fuser: Fuser, seed: int, way: str) -> None:
    output = fused(fuser, drums(seed), pad(seed), way)
    assert abs(output[0]) < 1e-6 and abs(output[-1]) < 1e-6
    inside = largest_step(output[NEAR:-NEAR])
    assert largest_step(output[:NEAR]) < 1.5 * inside and largest_step(output[-NEAR:]) < 1.5 * inside


@pytest.mark.parametrize("way", ["files", "arrays"])
@pytest.mark.parametrize("seed", PAIRS)
def test_the_fusion_of_two_loops_is_a_loop(fuser: Fuser, seed: int, way: str) -> None:
    output = fused(fuser, loop(seed), loop(seed + 50), way)
    assert abs(output[0] - output[-1]) < 1.2 * largest_step(output[NEAR:-NEAR])


@pytest.mark.parametrize("seed", range(5))
def test_an_attack_at_the_very_start_keeps_its_energy(
    fuser: Fuser, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    input, target = (make(seed, rate=8000).astype(np.float32) for make in (drums, loop))
    settled = np.asarray(fuser.model.inference(input, target))
    monkeypatch.setattr("hocket.fusing.mixing.END_SECONDS", 0.0)
    as_mixed = np.asarray(fuser.model.inference(input, target))
    assert not np.array_equal(settled, as_mixed)
    energies = [float(np.square(output[:80]).sum()) for output in (settled, as_mixed)]
    assert 10 * np.log10(energies[0] / energies[1]) == pytest.approx(0.0, abs=1.5)


@pytest.mark.parametrize("seed", range(4))
def test_chunks_and_blocks_leave_no_step(fuser: Fuser, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chords change by little from sample to sample, and so must what is fused of them, at every chunk and block."""
    monkeypatch.setattr("hocket.fusing.mixing.BLOCK_SECONDS", 0.7)
    input, target = (loop(seed + k, seconds=9.0, rate=8000, top_hz=300).astype(np.float32) for k in (0, 50))
    steps = np.abs(np.diff(fuser.model.inference(input, target, chunk_seconds=4.0)))
    whole = np.abs(np.diff(fuser.model.inference(input, target)))
    assert steps.max() < 1.2 * whole.max()


@pytest.mark.parametrize("seed", range(4))
def test_a_short_target_is_looped_and_cut_without_a_step(fuser: Fuser, seed: int, tmp_path: Path) -> None:
    """The target ends in the middle of its sound where it is cut, and its rounds meet where it is looped."""
    time = np.arange(round(3.1 * RATE)) / RATE
    quiet = loop(seed, seconds=3.1) * np.sin(np.pi * time / 3.1) ** 2
    for name, samples in (
        ("a", quiet),
        ("short", loop(seed + 1, seconds=0.83)),
        ("long", loop(seed + 2, seconds=4.2)),
    ):
        soundfile.write(tmp_path / f"{name}.wav", samples, RATE, subtype="FLOAT")
    for name in ("short", "long"):
        output = fuser.fuse_files(tmp_path / "a.wav", tmp_path / f"{name}.wav").audio.samples[0]
        assert abs(output[-1]) < 1e-4, name
        # A chord of at most 1 kHz: between two samples it moves by less than a third of its height.
        assert largest_step(output) < 0.3 * np.abs(output).max(), name


@pytest.mark.parametrize("start", [0, 900, 990, 999])
def test_any_part_of_a_fade_is_that_of_the_whole(start: int) -> None:
    faded = Faded(recording(Audio(np.ones((2, 1000), dtype=np.float32), RATE)))
    whole = faded.samples
    assert whole[:, -1] == pytest.approx(0.0, abs=1e-6) and whole[:, :880].min() == 1.0
    assert (np.diff(whole[:, 900:]) < 0).all()
    for stop in (start, start + 1, 1000):
        np.testing.assert_array_equal(faded.read(start, stop), whole[:, start:stop])


def test_the_shortest_of_outputs_has_ends_too(fuser: Fuser) -> None:
    input, target = (torch.rand(1, 800, generator=torch.Generator().manual_seed(k)) - 0.5 for k in (0, 1))
    assert bool(torch.isfinite(fuser.model.inference(input, target)).all())

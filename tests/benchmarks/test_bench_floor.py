"""The floor, and that the work stays near it: a ratio, never a time."""

from pathlib import Path

import pytest
import torch
from benchmarks.floor import Transform
from benchmarks.learning import Trainee, configuration, draw, optimizer_of
from benchmarks.plan import Plan, loop
from benchmarks.timing import ALONE, side_by_side, threads
from tests.reference.step import plain_copy, plain_step

from benchmarks import floor
from hocket.fusing import Fuser
from hocket.memory import keep_freed_memory

SECONDS = 10.0
HIGHEST_RATIO = 14.0
"""Of `inference` above torch's transforms, in processor time; what it is: docs/results/performance.md."""
LEAST_GAIN = 1.8
"""How many times as fast as the straightforward version a training step has to be."""
ATTEMPTS = 3


def test_inference_stays_near_its_floor() -> None:
    """The quickest of some rounds in turns; a neighbour that disturbs one attempt has to disturb them all."""
    # As the command does: else what is measured is the system's pages as well.
    keep_freed_memory()
    model = Fuser.from_checkpoint().model
    first, second = (loop(index, SECONDS, model.sample_rate) for index in range(2))
    works = {
        "work": lambda: model.inference(first, second),
        "floor": floor.transforms(floor.of_inference(model.codec, SECONDS)),
    }
    ratios = []
    with threads(1):
        for _ in range(ATTEMPTS):
            timings = side_by_side(works, rounds=6, clock=ALONE)
            ratios.append(timings["work"].least / timings["floor"].least)
            if ratios[-1] < HIGHEST_RATIO:
                break
    assert min(ratios) < HIGHEST_RATIO, f"fusing takes {ratios} times its transforms"


@pytest.mark.slow
def test_a_training_step_stays_ahead_of_the_straightforward_one(tmp_path: Path) -> None:
    plan = Plan(tmp_path, quick=True)
    config = configuration(plan)
    batch = draw(plan, config, 1)[0]
    trainee = Trainee.fresh(config)
    plain = plain_copy(trainee.learner.model)
    optimizer = optimizer_of(plain, config)
    works = {
        "fast": lambda: trainee.step(batch),
        "plain": lambda: plain_step(plain, optimizer, batch, config.objective, gradient_clip=1.0),
    }
    gains = []
    with threads(1):
        for _ in range(ATTEMPTS):
            timings = side_by_side(works, rounds=2, clock=ALONE)
            gains.append(timings["plain"].least / timings["fast"].least)
            if gains[-1] > LEAST_GAIN:
                break
    assert max(gains) > LEAST_GAIN, f"a training step is {gains} times as fast as the straightforward one"


def test_the_bare_ffts_are_as_many_as_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    work = Transform(fft_size=64, hop=16, sample_rate=8_000, num_samples=10_000, num_channels=2)
    back = Transform(64, 16, 8_000, 4_000, 1, inverse=True)
    run = floor.ffts([work, back])
    rows = {"rfft": 0, "irfft": 0}
    for name in rows:
        plain = getattr(torch.fft, name)

        def counted(frames: torch.Tensor, *, name: str = name, plain=plain, **options: int) -> torch.Tensor:
            rows[name] += len(frames)
            return plain(frames, **options)

        monkeypatch.setattr(torch.fft, name, counted)
    run()
    assert rows == {"rfft": 2 * (1 + 10_000 // 16), "irfft": 1 + 4_000 // 16}


def test_the_transforms_cover_every_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = {"stft": 0, "istft": 0}
    works = [Transform(64, 16, 8_000, 50_001, 3), Transform(64, 16, 8_000, 33_333, 1, inverse=True)]
    run = floor.transforms(works)
    stft, istft = torch.stft, torch.istft

    def forward(waveform: torch.Tensor, *sizes: int, **options: object) -> torch.Tensor:
        samples["stft"] += waveform.numel()
        return stft(waveform, *sizes, **options)

    def inverse(spectrum: torch.Tensor, *sizes: int, **options: object) -> torch.Tensor:
        waveform = istft(spectrum, *sizes, **options)
        samples["istft"] += waveform.numel()
        return waveform

    monkeypatch.setattr(torch, "stft", forward)
    monkeypatch.setattr(torch, "istft", inverse)
    run()
    assert samples == {"stft": 3 * 50_001, "istft": 33_333}


def test_fusing_at_another_rate_needs_the_sources_twice() -> None:
    codec = Fuser.from_checkpoint().model.codec
    heard, laid, back = floor.of_fusing(codec, 10.0, 44_100, 2)
    assert (heard.sample_rate, laid.sample_rate, back.sample_rate) == (24_000, 44_100, 44_100)
    assert (heard.num_channels, laid.num_channels, back.num_channels) == (4, 4, 2)
    assert (heard.inverse, laid.inverse, back.inverse) == (False, False, True)
    assert laid.num_samples == 441_000

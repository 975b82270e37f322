"""Sums over long recordings, made some thousand numbers at a time, against NumPy's own of everything at once."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.signal import firwin, oaconvolve, sosfilt
from timed_sounds import noise

from hocket.audio import Audio, resample
from hocket.audio.streams import InMemory, Recording, Workspace
from hocket.fusing import loudness, masks
from hocket.fusing.masks import MaskStore
from hocket.fusing.sources import Loudness
from hocket.model.masks import Masks


@pytest.mark.parametrize("num_samples", [1, 4095, 4096, 100_001])
def test_a_level_is_that_of_double_precision(num_samples: int) -> None:
    samples = noise(seconds=3.0, rate_hz=48_000, channels=2).samples[:, :num_samples]
    level = Loudness.of(InMemory(samples, 48_000))
    assert level.rms == pytest.approx(math.sqrt(np.mean(samples.astype(np.float64) ** 2)), rel=1e-6)
    assert level.peak == np.abs(samples).max()


@pytest.mark.parametrize("part_samples", [64, 10_000, 2**18])
@pytest.mark.parametrize(("rate_hz", "num_samples", "channels"), [
    (8_000, 63, 1), (11_025, 11_025, 2), (44_099, 130_001, 1), (48_000, 64 * 700, 3), (384_000, 200_003, 1),
])  # fmt: skip
def test_powers_are_those_of_whole_tenths_filtered_at_once(
    rate_hz: int, num_samples: int, channels: int, part_samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loudness, "PART_SAMPLES", part_samples)
    # The offset of 0.2 is what the high pass takes away.
    samples = np.random.default_rng(0).normal(0.2, 0.1, (channels, num_samples)).astype(np.float32)
    filtered = sosfilt(loudness.k_weighting(rate_hz), samples.astype(np.float64), axis=1)
    squares = np.square(filtered).sum(axis=0)
    edges = [int(tenth * rate_hz * 0.1) for tenth in range(10 * num_samples // rate_hz + 1)]
    if len(edges) <= 4:
        edges = [0, num_samples]
    expected = [squares[first:last].mean() for first, last in itertools.pairwise(edges)]
    found = loudness._subblock_powers(InMemory(samples, rate_hz))
    assert found == pytest.approx(expected, rel=1e-9)


class Counted(Recording):
    """A recording that counts what is read of it."""

    def __init__(self, samples: np.ndarray, sample_rate: int) -> None:
        self._samples, self.sample_rate, self.num_read = samples, sample_rate, 0
        self.num_channels, self.num_samples = samples.shape

    def read(self, start: int, stop: int) -> np.ndarray:
        self.num_read += stop - start
        return self._samples[:, start:stop]


def test_everything_is_read_once() -> None:
    samples = noise(seconds=30.0, rate_hz=44_100, channels=2).samples
    for measure, margin in ((loudness.loudness_lufs, 0.0), (loudness.true_peak_db, 0.01)):
        recording = Counted(samples, 44_100)
        measure(recording)
        assert recording.num_samples <= recording.num_read <= (1 + margin) * recording.num_samples


@pytest.mark.parametrize("seed", range(5))
def test_the_true_peak_is_that_of_the_resampler_below_the_highest_octave(seed: int) -> None:
    """Of white noise up to 0.85 of half the rate, whose peaks between samples are up to 1 dB higher."""
    white = noise(seconds=1.0, rate_hz=44_100, channels=2, seed=seed).samples
    band = oaconvolve(white, firwin(401, 0.85)[None], axes=1).astype(np.float32)
    theirs = 20 * math.log10(np.abs(resample(band, from_hz=48_000, to_hz=192_000)).max())
    assert loudness.true_peak_db(Audio(band, 44_100)) == pytest.approx(theirs, abs=0.01)


@pytest.mark.parametrize("num_samples", [1, 31, 33, 5000])
def test_no_place_that_counts_is_left_out(num_samples: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bursts between which it is soft: what is left out cannot be the highest, whatever the samples are."""
    for seed in range(20):
        random = np.random.default_rng(seed)
        samples = random.choice([-1, 1], (2, num_samples)) * random.uniform(0, 1, (2, num_samples)) ** 6
        recording = Audio(samples.astype(np.float32), 44_100)
        found = loudness.true_peak_db(recording)
        matrix, gain = loudness._interpolator()
        with monkeypatch.context() as patch:
            patch.setattr(loudness, "_interpolator", lambda matrix=matrix: (matrix, math.inf))
            assert loudness.true_peak_db(recording) == found
        assert found >= 20 * math.log10(np.abs(recording.samples).max())
        assert found <= 20 * math.log10(np.abs(recording.samples).max() * gain) + 1e-6


@pytest.mark.parametrize("on_disk", [False, True])
@pytest.mark.parametrize("halved", [False, True])
@pytest.mark.parametrize("bins_together", [False, True])
def test_masks_come_back_as_they_were_and_their_figures_are_those_of_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_disk: bool, halved: bool, bins_together: bool
) -> None:
    dim, num_frames = 70, 301
    both = torch.rand(2, dim, num_frames, generator=torch.Generator().manual_seed(0))
    if bins_together:
        both = both.transpose(1, 2).contiguous().transpose(1, 2)
    monkeypatch.setattr("hocket.audio.streams.MOST_IN_MEMORY", 0 if on_disk else 10**9)
    monkeypatch.setattr(masks, "HALF_PRECISION_SECONDS", 1.0 if halved else 1e9)
    with Workspace(tmp_path) as workspace:
        store = MaskStore(dim, num_frames, frame_rate=50.0, workspace=workspace)
        for first, last in ((0, 1), (1, 150), (150, num_frames)):
            store.add(Masks(both[:1, :, first:last], both[1:, :, first:last]))
        kept = both.half().float() if halved else both
        for first, last in ((0, num_frames), (149, 152)):
            read = store.read(first, last)
            assert read.shape == (2, dim, last - first)
            np.testing.assert_array_equal(read.astype(np.float32), kept[..., first:last].numpy())
    input, target = both.double().numpy()
    assert store.figures() == pytest.approx(
        {
            "input_mask_mean": input.mean(),
            "target_mask_mean": target.mean(),
            "complementarity": 1 - (input * target).mean(),
            "mask_variance": (input.var() + target.var()) / 2,
        },
        abs=1e-7,
    )

"""Onset strength and the harmonic part on sounds whose attacks are known."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.ndimage import median_filter
from signal_tones import RATE_HZ, clicks, noise, tone

from hocket.audio import resample
from hocket.signal import harmonic_part, onset_strength, pearson, rhythm
from hocket.signal.rhythm import HOP, harmonic_mask, running_median, streamed_onset_strength

# A window of 2048 sees an attack up to half its length before the frame's own centre.
LEAD_FRAMES = 1024 // HOP


def onsets(waveform: torch.Tensor, rate_hz: int = RATE_HZ) -> torch.Tensor:
    return onset_strength(waveform, sample_rate=rate_hz)


def bursts(places_samples: list[int], *, num_samples: int, seed: int = 0) -> torch.Tensor:
    """Decaying noise from each place on, over a faint bed."""
    waveform = noise(num_samples, seed=seed, level=1e-3)
    for number, place in enumerate(places_samples):
        length = min(2400, num_samples - place)
        fall = torch.exp(-torch.arange(length) / 400.0)
        waveform[:, place : place + length] += noise(length, seed=seed + number + 1) * fall
    return waveform


@pytest.mark.parametrize("spacing", [6000, 9000, 12_345])
def test_clicks_are_found_where_they_are(spacing: int) -> None:
    places = list(range(5000, 60_000, spacing))
    strength = onsets(clicks(places, num_samples=65_000))[0]
    found = (strength > 0.5 * strength.max()).nonzero().flatten()
    groups = torch.tensor_split(found, (found.diff() > 4).nonzero().flatten() + 1)
    peaks = [int(group[strength[group].argmax()]) for group in groups]
    assert len(peaks) == len(places)
    for peak, place in zip(peaks, places, strict=True):
        assert 0 <= place / HOP - peak <= LEAD_FRAMES


def test_there_is_one_frame_per_hop_and_nothing_is_negative() -> None:
    for num_samples in (1, 255, 256, 24_001):
        strength = onsets(noise(num_samples, seed=num_samples))
        assert strength.shape == (1, 1 + num_samples // HOP)
        assert float(strength.min()) >= 0.0


def test_a_later_recording_has_later_onsets() -> None:
    waveform = bursts([3000, 9100, 15_000], num_samples=24_000)
    later = torch.cat([torch.zeros(1, 10 * HOP), waveform], dim=1)
    before, after = onsets(waveform)[0, 8:-8], onsets(later)[0, 18:-8]
    torch.testing.assert_close(after, before, atol=1e-3, rtol=1e-3)


def test_level_does_not_count() -> None:
    waveform = bursts([3000, 9100, 15_000], num_samples=24_000)
    for gain in (0.01, 30.0):
        torch.testing.assert_close(onsets(gain * waveform), onsets(waveform), atol=1e-3, rtol=1e-3)


def test_a_loud_example_does_not_quieten_its_neighbour() -> None:
    waveform = bursts([3000, 9100], num_samples=24_000)
    together = onsets(torch.cat([waveform, 1000 * noise(24_000, seed=9)]))
    torch.testing.assert_close(together[:1], onsets(waveform))


def test_a_larger_rise_is_a_stronger_onset() -> None:
    bed = noise(24_000, seed=1)
    heights = []
    for rise_db in (3.0, 6.0, 12.0, 24.0):
        gain = torch.ones(24_000)
        gain[12_000:] = 10 ** (rise_db / 20)
        heights.append(float(onsets(bed * gain)[0, 30:60].sum() - onsets(bed)[0, 30:60].sum()))
    assert all(low < high for low, high in itertools.pairwise(heights))
    # Every band rises by as much, so the flux sums up to nearly the whole step.
    assert heights[-1] == pytest.approx(24.0, rel=0.25)


def test_a_fall_is_no_onset() -> None:
    gain = torch.ones(24_000)
    gain[12_000:] = 0.05
    steady = tone(440.0)
    assert float(onsets(steady * gain)[0, 52:60].max()) < 0.1 * float(onsets(steady)[0, :8].max())


def test_a_held_tone_has_its_only_onset_at_its_start() -> None:
    strength = onsets(torch.cat([torch.zeros(1, 12_000), tone(440.0)], dim=1))[0]
    assert 12_000 / HOP - LEAD_FRAMES <= int(strength.argmax()) <= 12_000 / HOP
    assert float(strength[56:-8].max()) < 0.01 * float(strength.max())


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 48_000])
def test_another_sample_rate_tells_the_same_rhythm(rate_hz: int) -> None:
    places = [3000, 9100, 15_000, 20_000, 30_500]
    waveform = bursts(places, num_samples=36_000)
    other = torch.from_numpy(resample(waveform.numpy(), from_hz=RATE_HZ, to_hz=rate_hz))
    ours, theirs = onsets(waveform), onsets(other, rate_hz)
    length = min(ours.shape[1], theirs.shape[1])
    assert abs(ours.shape[1] - theirs.shape[1]) <= 2
    assert float(pearson(output=theirs[:, :length], reference=ours[:, :length])) > 0.9


def test_silence_has_no_onsets_and_a_finite_gradient() -> None:
    silent = torch.zeros(1, 24_000, requires_grad=True)
    strength = onsets(silent)
    assert torch.equal(strength, torch.zeros_like(strength))
    similarity = pearson(output=strength, reference=onsets(bursts([9000], num_samples=24_000)))
    similarity.sum().backward()
    assert silent.grad is not None and bool(torch.isfinite(silent.grad).all())


def test_the_gradient_predicts_how_the_rhythm_changes() -> None:
    reference = onsets(bursts([3000, 9100, 15_000], num_samples=24_000))
    waveform = (
        bursts([6000, 12_000], num_samples=24_000, seed=5) + noise(24_000, seed=8, level=0.02)
    ).clone()
    waveform.requires_grad_()
    similarity = pearson(output=onsets(waveform), reference=reference).sum()
    (gradient,) = torch.autograd.grad(similarity, waveform)
    step = 1e-4 * gradient / gradient.norm()
    with torch.no_grad():
        change = pearson(output=onsets(waveform + step), reference=reference) - pearson(
            output=onsets(waveform - step), reference=reference
        )
    assert float(change) == pytest.approx(2e-4 * float(gradient.norm()), rel=0.1)


def test_the_harmonic_part_keeps_tones_and_drops_clicks() -> None:
    held = tone(440.0, seconds=2.0) + tone(587.3, seconds=2.0)
    hits = 0.7 * clicks(list(range(4000, 48_000, 8000)), num_samples=48_000)
    steady = harmonic_part(held + hits, sample_rate=RATE_HZ)
    assert steady.shape == held.shape
    assert float(pearson(output=steady, reference=held)) > 0.98
    left = harmonic_part(hits, sample_rate=RATE_HZ)
    assert float(left.square().sum()) < 0.01 * float(hits.square().sum())
    before, after = onsets(held + hits)[0, 12:180], onsets(steady)[0, 12:180]
    assert float(after.max()) < 0.35 * float(before.max())


def test_the_harmonic_part_scales_with_the_sound() -> None:
    waveform = bursts([3000, 9100], num_samples=20_001) + tone(330.0, seconds=20_001 / RATE_HZ)
    ours = harmonic_part(waveform, sample_rate=RATE_HZ)
    torch.testing.assert_close(
        harmonic_part(8 * waveform, sample_rate=RATE_HZ), 8 * ours, atol=1e-5, rtol=1e-4
    )
    assert torch.equal(harmonic_part(0 * waveform, sample_rate=RATE_HZ), torch.zeros_like(waveform))


def test_the_harmonic_mask_says_one_for_rows_zero_for_columns_and_half_for_both() -> None:
    row, column = torch.zeros(1, 80, 80), torch.zeros(1, 80, 80)
    row[:, 40, :], column[:, :, 40] = 3.0, 3.0
    assert float(harmonic_mask(row)[0, 40, 20]) == 1.0
    assert float(harmonic_mask(column)[0, 20, 40]) == 0.0
    flat = harmonic_mask(torch.full((1, 80, 80), math.pi))
    torch.testing.assert_close(flat, torch.full_like(flat, 0.5))


@pytest.mark.parametrize(("rows", "length"), [(5, 40), (40, 5), (3, 14), (2, 1)])
def test_the_running_median_is_scipys_of_each_row(rows: int, length: int) -> None:
    values = np.random.default_rng(rows).random((2, rows, length), dtype=np.float32)
    expected = median_filter(values, size=(1, 1, 31), mode="reflect")
    np.testing.assert_array_equal(running_median(values, 31), expected)


def a_song_that_grows_louder(num_samples: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    noise = torch.randn(2, num_samples, generator=generator)
    return noise * torch.linspace(1e-5, 0.5, num_samples) * (torch.arange(num_samples) % 7000 < 900)


@pytest.mark.parametrize("sample_rate", [24_000, 22_050])
@pytest.mark.parametrize("sizes", [[100_000], [1, 30_000, 500, 69_499], [2_000] * 50, [255] * 392 + [40]])
def test_streamed_onset_strength_is_that_of_the_whole(sizes: list[int], sample_rate: int) -> None:
    waveform = a_song_that_grows_louder(sum(sizes))
    streamed = streamed_onset_strength(waveform.split(sizes, dim=-1), sample_rate=sample_rate)
    whole = onset_strength(waveform, sample_rate=sample_rate)
    torch.testing.assert_close(streamed, whole, atol=1e-3, rtol=1e-4)


def test_a_stream_that_keeps_little_has_the_floor_that_it_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rhythm, "KEPT_FRAMES", 100)
    loud_first = a_song_that_grows_louder(100_000).flip(-1)
    streamed = streamed_onset_strength(loud_first.split(7_000, dim=-1), sample_rate=24_000)
    torch.testing.assert_close(streamed, onset_strength(loud_first, sample_rate=24_000), atol=1e-3, rtol=1e-4)


def test_a_stream_of_silence_or_of_a_sample_is_silent() -> None:
    for waveform in (torch.zeros(1, 1), torch.zeros(1, 5_000)):
        strength = streamed_onset_strength([waveform], sample_rate=24_000)
        assert strength.shape == (1, 1 + waveform.shape[-1] // HOP) and float(strength.max()) == 0.0
    with pytest.raises(ValueError, match="at least one block"):
        streamed_onset_strength([], sample_rate=24_000)

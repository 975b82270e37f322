"""Chroma on tones and chords whose pitch classes are known."""

import numpy as np
import pytest
import torch
from signal_tones import RATE_HZ, chord, noise, note_hz, tone

from hocket.signal import centred_cosine, chroma, chroma_similarity
from hocket.signal.harmony import HOP, smooth

MAJOR, MINOR = (0, 4, 7), (0, 3, 7)


def classes(waveform: torch.Tensor, rate_hz: int = RATE_HZ) -> torch.Tensor:
    """Chroma `[b, 12]` in the middle of a recording."""
    features = chroma(waveform, sample_rate=rate_hz)
    return features[..., features.shape[-1] // 2]


def similarity(output: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    return chroma_similarity(
        output=chroma(output, sample_rate=RATE_HZ),
        reference=chroma(reference, sample_rate=RATE_HZ),
        sample_rate=RATE_HZ,
    )


def test_every_note_from_c1_to_b7_is_its_own_class() -> None:
    tones = torch.cat([tone(note_hz(note), seconds=1.0) for note in range(84)])
    found = classes(tones)
    assert found.argmax(dim=1).tolist() == [note % 12 for note in range(84)]
    # In the bass a semitone is one bin wide; a neighbour may ring along, but not for half of it.
    runner_up = found.topk(2, dim=1).values[:, 1]
    assert float(runner_up.max()) < 0.5 and float(runner_up[24:].max()) < 0.2


def test_the_bass_is_resolved() -> None:
    low_e, low_f = tone(41.2034), tone(43.6535)
    assert classes(low_e).argmax() == 4 and classes(low_f).argmax() == 5
    assert float(similarity(low_e, low_f)) < 0.5
    # The codec's own window of 1024 samples has bins of 23 Hz: both notes would lie in the same one.
    assert round(41.2034 / (RATE_HZ / 1024)) == round(43.6535 / (RATE_HZ / 1024))


def test_a_major_and_a_minor_chord_are_told_apart() -> None:
    for shape in (MAJOR, MINOR):
        found = classes(chord([36 + note for note in shape], num_partials=1))[0]
        assert sorted(found.topk(3).indices.tolist()) == sorted(shape)
        rest = [index for index in range(12) if index not in shape]
        assert float(found[rest].max()) < 0.2 < 0.7 < float(found[list(shape)].min())


@pytest.mark.parametrize("steps", [1, 3, 5, 7, 11])
def test_transposing_rolls_the_chroma(steps: int) -> None:
    home = chroma(chord([24 + note for note in MAJOR]), sample_rate=RATE_HZ)
    moved = chroma(chord([24 + steps + note for note in MAJOR]), sample_rate=RATE_HZ)
    same = centred_cosine(output=moved, reference=home.roll(steps, dims=1))
    # Lower notes weigh more, so that moving changes the classes' proportions a little.
    assert float(same) > 0.97
    assert float(centred_cosine(output=moved, reference=home)) < 0.8


def test_octaves_share_a_class() -> None:
    for low, high in ((9, 21), (21, 33), (33, 69)):
        assert float(similarity(tone(note_hz(low)), tone(note_hz(high)))) > 0.85


def test_a_note_weighs_by_the_root_of_its_frequency() -> None:
    # Two octaves up, at the same amplitude: half the weight (so E4 against C2 is about 2 ** (-28 / 24)).
    found = classes(tone(note_hz(12)) + tone(note_hz(40)))[0]
    assert float(found[4] / found[0]) == pytest.approx(2 ** (-28 / 24), rel=0.15)


def test_level_and_sample_rate_do_not_count() -> None:
    sound = chord([24, 28, 31, 48])
    home = classes(sound)
    torch.testing.assert_close(classes(0.05 * sound), home, atol=2e-3, rtol=0)
    for rate_hz in (22_050, 44_100):
        other = sum(tone(note_hz(note), rate_hz=rate_hz) for note in (24, 28, 31, 48))
        same = sum(tone(note_hz(note)) for note in (24, 28, 31, 48))
        assert isinstance(other, torch.Tensor) and isinstance(same, torch.Tensor)
        torch.testing.assert_close(classes(other, rate_hz), classes(same), atol=0.05, rtol=0)


def test_each_frame_has_one_as_its_largest() -> None:
    features = chroma(noise(48_000, seed=1, batch=2), sample_rate=RATE_HZ)
    assert features.shape == (2, 12, 1 + 48_000 // HOP)
    torch.testing.assert_close(features.amax(dim=1), torch.ones(2, features.shape[-1]))
    assert float(features.min()) >= 0.0


def test_noise_has_no_harmony() -> None:
    # White noise is flat over the classes, low or high.
    mean = chroma(noise(96_000, seed=2), sample_rate=RATE_HZ).mean(dim=-1)
    assert float(mean.max() / mean.min()) < 1.25
    notes = torch.cat([tone(note_hz(note), seconds=4.0) for note in range(12, 24)])
    found = similarity(noise(96_000, seed=3, batch=12), notes)
    assert abs(float(found.mean())) < 0.1 and float(found.abs().max()) < 0.4


def test_silence_is_finite_and_so_is_its_gradient() -> None:
    silent = torch.zeros(1, 48_000, requires_grad=True)
    found = similarity(silent, chord([24, 28, 31], seconds=2.0))
    found.sum().backward()
    assert silent.grad is not None
    assert bool(torch.isfinite(found).all()) and bool(torch.isfinite(silent.grad).all())


@pytest.mark.parametrize("note", [12, 23])
def test_silence_has_no_harmony(note: int) -> None:
    silent = torch.zeros(1, 48_000)
    assert abs(float(similarity(silent, tone(note_hz(note), seconds=2.0)))) < 0.1


def test_the_gradient_leads_to_the_wanted_harmony() -> None:
    wanted, other = chord([24, 28, 31], seconds=2.0), chord([26, 30, 33], seconds=2.0)
    gains = torch.tensor([1.0, 1.0], requires_grad=True)
    found = similarity(gains[0] * wanted + gains[1] * other, wanted)
    found.sum().backward()
    assert gains.grad is not None
    assert gains.grad[0] > 0 > gains.grad[1]
    with torch.no_grad():
        better = similarity(1.1 * wanted + 0.9 * other, wanted)
    assert float(better) > found.item()


def test_smoothing_is_a_moving_average_over_half_a_second() -> None:
    features = torch.rand(1, 12, 40, generator=torch.Generator().manual_seed(4))
    length = 7
    assert length * HOP / RATE_HZ == pytest.approx(0.5, abs=0.1)
    expected = np.stack(
        [np.convolve(row, np.ones(length) / length, mode="valid") for row in features[0].numpy()]
    )
    smoothed = smooth(features, sample_rate=RATE_HZ)
    np.testing.assert_allclose(smoothed[0, :, 3:-3], expected, atol=1e-6)
    # At the ends it averages what is there.
    np.testing.assert_allclose(smoothed[0, :, 0], features[0, :, :4].mean(dim=1), atol=1e-6)


@pytest.mark.parametrize("num_frames", [1, 2, 3, 6])
def test_short_features_are_averaged_whole(num_frames: int) -> None:
    features = torch.rand(2, 12, num_frames, generator=torch.Generator().manual_seed(5))
    smoothed = smooth(features, sample_rate=RATE_HZ)
    assert smoothed.shape == features.shape
    middle = num_frames // 2
    if num_frames < 4:
        torch.testing.assert_close(smoothed[..., middle], features.mean(dim=-1))


def test_the_centred_cosine_is_one_for_itself_and_minus_one_for_its_mirror() -> None:
    features = torch.rand(3, 12, 20, generator=torch.Generator().manual_seed(6))
    ones = torch.ones(3)
    torch.testing.assert_close(centred_cosine(output=features, reference=features), ones)
    torch.testing.assert_close(centred_cosine(output=5 * features + 2, reference=features), ones)
    torch.testing.assert_close(centred_cosine(output=1 - features, reference=features), -ones)
    flat = torch.full_like(features, 0.3)
    torch.testing.assert_close(centred_cosine(output=flat, reference=features), 0 * ones, atol=1e-3, rtol=0)


def test_the_centred_cosine_is_numpys_correlation_per_frame() -> None:
    first, second = torch.rand(2, 1, 12, 9, generator=torch.Generator().manual_seed(7))
    expected = np.mean([np.corrcoef(first[0, :, frame], second[0, :, frame])[0, 1] for frame in range(9)])
    assert float(centred_cosine(output=first, reference=second)) == pytest.approx(expected, abs=1e-5)

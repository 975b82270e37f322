"""Spectra and filterbanks against torch's and librosa's own."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from signal_tones import RATE_HZ, noise, tone

from hocket.signal import chroma, istft, mel_filterbank, onset_strength, power, stft
from hocket.signal.spectrum import frame_spectra, window_length


@pytest.mark.parametrize(("fft_size", "hop"), [(1024, 256), (2048, 512), (512, 200), (64, 16)])
@pytest.mark.parametrize("num_samples", [1, 63, 1024, 5001])
def test_the_spectrum_is_torchs_own(fft_size: int, hop: int, num_samples: int) -> None:
    waveform = noise(num_samples, seed=1, batch=2)
    theirs = torch.stft(
        waveform,
        fft_size,
        hop,
        window=torch.hann_window(fft_size),
        center=True,
        pad_mode="constant",
        return_complex=True,
    )
    ours = stft(waveform, fft_size=fft_size, hop=hop)
    assert ours.shape == (2, fft_size // 2 + 1, 1 + num_samples // hop)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("fft_size", "hop", "num_samples"), [(2, 1, 5), (8, 2, 17), (30, 7, 60), (16, 5, 3)])
def test_both_ways_have_the_right_gradient(fft_size: int, hop: int, num_samples: int) -> None:
    waveform = noise(num_samples, seed=2, batch=2).double().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: frame_spectra(x, fft_size=fft_size, hop=hop), waveform, fast_mode=True
    )
    if hop <= fft_size // 4:
        spectrum = (1 + 1j) * stft(waveform, fft_size=fft_size, hop=hop).detach()
        assert torch.autograd.gradcheck(
            lambda x: istft(x, fft_size=fft_size, hop=hop, length=num_samples),
            spectrum.requires_grad_(),
            fast_mode=True,
        )


@pytest.mark.parametrize(("fft_size", "hop"), [(2048, 512), (1024, 200), (1882, 470)])
def test_the_inverse_and_its_gradient_are_torchs(fft_size: int, hop: int) -> None:
    """Of any spectrum: also one that no waveform has."""
    length = 5000
    shape = (2, fft_size // 2 + 1, 1 + length // hop)
    generator = torch.Generator().manual_seed(5)
    spectrum = torch.randn(shape, dtype=torch.complex64, generator=generator)
    weights = torch.randn(2, length, generator=generator)
    window = torch.hann_window(fft_size)
    found = []
    for inverse in (
        lambda x: istft(x, fft_size=fft_size, hop=hop, length=length),
        lambda x: torch.istft(x, fft_size, hop, window=window, length=length),
    ):
        leaf = spectrum.clone().requires_grad_()
        waveform = inverse(leaf)
        (waveform * weights).sum().backward()
        assert leaf.grad is not None
        found.append((waveform.detach(), torch.view_as_real(leaf.grad)))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0.0, atol=1e-6 * float(theirs.abs().max()))


def test_samples_that_no_window_reaches_are_no_silence() -> None:
    spectrum = stft(noise(1000, seed=6), fft_size=256, hop=64)
    with pytest.raises(ValueError, match="16 frames of 256 samples every 64 do not cover 1200 samples"):
        istft(spectrum, fft_size=256, hop=64, length=1200)


def test_gradients_through_the_spectrum_are_those_of_torch() -> None:
    window = torch.hann_window(256, dtype=torch.float64)
    weights = torch.randn(1, 129, 16, dtype=torch.complex128, generator=torch.Generator().manual_seed(3))
    gradients = []
    for transform in (
        lambda x: stft(x, fft_size=256, hop=64),
        lambda x: torch.stft(x, 256, 64, window=window, pad_mode="constant", return_complex=True),
    ):
        waveform = noise(1000, seed=4).double().requires_grad_()
        # Phase and magnitude both matter here, at the first and last bin too.
        spectrum = transform(waveform)
        ((spectrum * weights).real.sum() + power(spectrum).sqrt().sum()).backward()
        assert waveform.grad is not None
        gradients.append(waveform.grad)
    torch.testing.assert_close(gradients[0], gradients[1], atol=1e-9, rtol=1e-9)


@settings(max_examples=30, deadline=None)
@given(num_samples=st.integers(1, 6000), hop=st.sampled_from([128, 200, 256]))
def test_the_inverse_undoes_the_spectrum(num_samples: int, hop: int) -> None:
    waveform = noise(num_samples, seed=num_samples)
    back = istft(stft(waveform, fft_size=1024, hop=hop), fft_size=1024, hop=hop, length=num_samples)
    torch.testing.assert_close(back, waveform, atol=1e-6, rtol=1e-5)


def test_the_inverse_keeps_leading_axes() -> None:
    waveform = noise(6 * 3000, seed=5).reshape(2, 3, 3000)
    spectrum = stft(waveform, fft_size=512, hop=128)
    assert spectrum.shape[:2] == (2, 3)
    torch.testing.assert_close(
        istft(spectrum, fft_size=512, hop=128, length=3000), waveform, atol=1e-6, rtol=1e-5
    )


def test_energy_is_kept_by_the_transform() -> None:
    # Parseval: a Hann window's squares sum to 3/8 of its length, one frame every hop.
    waveform = noise(24_000, seed=6)
    waveform[:, :1024] = waveform[:, -1024:] = 0.0  # the outermost samples are in fewer frames
    energy = power(stft(waveform, fft_size=1024, hop=256))
    two_sided = 2 * energy.sum() - energy[:, 0].sum() - energy[:, -1].sum()
    expected = waveform.square().sum() * (3 / 8 * 1024 / 256) * 1024
    assert float(two_sided / expected) == pytest.approx(1.0, abs=1e-3)


def test_power_has_a_gradient_at_zero_where_the_magnitude_has_none() -> None:
    silent = torch.zeros(1, 2048, requires_grad=True)
    power(stft(silent, fft_size=512, hop=128)).sum().backward()
    assert silent.grad is not None and torch.equal(silent.grad, torch.zeros_like(silent))


def test_mel_bands_are_librosas_where_the_transform_resolves_them() -> None:
    librosa = pytest.importorskip("librosa")
    # With an FFT this long no band is empty, so that none needs its nearest bin.
    theirs = librosa.filters.mel(sr=RATE_HZ, n_fft=8192, n_mels=64, htk=True, norm=None)
    theirs = theirs / theirs.sum(axis=1, keepdims=True)
    ours = mel_filterbank(64, 8192, RATE_HZ).numpy()
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize(("num_bands", "fft_size"), [(128, 2048), (128, 512), (32, 256)])
def test_no_mel_band_is_empty_and_each_has_unit_area(num_bands: int, fft_size: int) -> None:
    bank = mel_filterbank(num_bands, fft_size, RATE_HZ)
    torch.testing.assert_close(bank.sum(dim=1), torch.ones(num_bands))
    centres = (bank * torch.arange(bank.shape[1])).sum(dim=1)
    assert bool((centres.diff() >= 0).all()) and centres[-1] > 0.9 * fft_size / 2


@given(
    length=st.integers(2, 40_000),
    rate=st.sampled_from([8000, 16_000, 22_050, 24_000, 44_100, 48_000, 96_000]),
)
def test_windows_keep_their_duration_at_any_rate_and_are_even(length: int, rate: int) -> None:
    scaled = window_length(length, rate)
    assert scaled % 2 == 0 and scaled >= 2
    assert abs(scaled / rate - length / RATE_HZ) <= 1.0 / rate + 1e-12 or scaled == 2


@pytest.mark.parametrize("feature", [onset_strength, chroma])
def test_a_look_in_inference_mode_does_not_spoil_later_gradients(feature: object) -> None:
    assert callable(feature)
    odd_rate_hz = 21_000 if feature is chroma else 21_500  # no other test has these in its cache
    waveform = tone(220.0, rate_hz=odd_rate_hz)
    with torch.inference_mode():
        feature(waveform, sample_rate=odd_rate_hz)
    waveform.requires_grad_()
    feature(waveform, sample_rate=odd_rate_hz).square().sum().backward()
    assert waveform.grad is not None and float(waveform.grad.abs().max()) > 0

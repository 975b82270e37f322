"""Filterbanks on waveforms against dense matrices on torch's own spectrum, at rates where windows and hops are odd."""

from collections.abc import Callable

import pytest
import torch
from signal_tones import noise
from torch import Tensor

from hocket.signal import spectrum
from hocket.signal.filterbanks import Bank, band_energies, mel_filterbank
from hocket.signal.rhythm import flux
from hocket.signal.scene import Voice
from hocket.signal.spectrum import frame_spectra, istft, stft, window_length

RATES_HZ = (24_000, 44_100, 22_050)


def torch_power(waveform: Tensor, fft_size: int, hop: int) -> Tensor:
    """`[..., bins, frames]` by torch's own transform."""
    window = torch.hann_window(fft_size, dtype=waveform.dtype)
    spectrum = torch.stft(waveform, fft_size, hop, window=window, pad_mode="constant", return_complex=True)
    return spectrum.real.square() + spectrum.imag.square()


def gradient(function: Callable[[Tensor], Tensor], waveform: Tensor) -> Tensor:
    waveform = waveform.detach().requires_grad_()
    return torch.autograd.grad(function(waveform), waveform)[0]


def mean_square(feature: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda waveform: feature(waveform).square().mean()


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_energies_and_their_gradients_are_those_of_a_dense_bank(rate_hz: int) -> None:
    fft_size, hop = window_length(2048, rate_hz), window_length(256, rate_hz)
    matrix = mel_filterbank(128, fft_size, rate_hz).double()
    bank = Bank(matrix, fft_size=fft_size)
    waveform = noise(9000, seed=1, batch=2).double()
    weights = torch.rand(128, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(2))

    def ours(waveform: Tensor) -> Tensor:
        return band_energies(waveform, [bank], fft_size=fft_size, hop=hop)[0].transpose(-1, -2)

    def theirs(waveform: Tensor) -> Tensor:
        return matrix @ torch_power(waveform, fft_size, hop)

    torch.testing.assert_close(ours(waveform), theirs(waveform))
    torch.testing.assert_close(
        *(gradient(lambda x, f=f: (f(x) * weights).sqrt().sum(), waveform) for f in (ours, theirs))
    )


@pytest.mark.parametrize("centred", [True, False])
def test_banks_that_look_at_every_frame_and_at_every_other_share_one_spectrum(centred: bool) -> None:
    generator = torch.Generator().manual_seed(3)
    many, low = (torch.rand(n, k, dtype=torch.float64, generator=generator) for n, k in ((5, 9), (3, 4)))
    banks = [Bank(many, fft_size=16), Bank(low, fft_size=16, step=2)]
    waveform = noise(61, seed=4, batch=2).double()
    first, second = band_energies(waveform, banks, fft_size=16, hop=5, centred=centred)
    power = torch_power(waveform, 16, 5) if centred else torch_power(waveform, 16, 1)[..., 8:54:5]
    torch.testing.assert_close(first, (many @ power).transpose(1, 2))
    torch.testing.assert_close(second, (low @ power[:, :4, ::2]).transpose(1, 2))
    waveform.requires_grad_()
    for chosen in (slice(0, 1), slice(1, 2), slice(0, 2)):
        assert torch.autograd.gradcheck(
            lambda x, chosen=chosen: band_energies(x, banks, fft_size=16, hop=5, centred=centred)[chosen],
            waveform,
            fast_mode=True,
        )


def test_the_size_of_the_blocks_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    waveform = noise(300, seed=5, batch=3).double()
    matrix = torch.rand(4, 33, dtype=torch.float64, generator=torch.Generator().manual_seed(6))
    banks = [Bank(matrix, fft_size=64), Bank(matrix, fft_size=64, step=2)]

    def everything(waveform: Tensor) -> list[Tensor]:
        spectrum = stft(waveform, fft_size=64, hop=12)
        back = istft(spectrum * spectrum.abs(), fft_size=64, hop=12, length=300)
        return [*band_energies(waveform, banks, fft_size=64, hop=12), torch.view_as_real(spectrum), back]

    def results() -> list[Tensor]:
        slope = gradient(lambda x: torch.cat([part.flatten() for part in everything(x)]).sum(), waveform)
        return [*everything(waveform), slope]

    whole = results()
    for block in (1, 64 * 7, 64 * 26 + 1, 2 * 64 * 26):
        monkeypatch.setattr(spectrum, "BLOCK_SAMPLES", block)
        for part, expected in zip(results(), whole, strict=True):
            torch.testing.assert_close(part, expected, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_a_voices_features_are_their_definitions(rate_hz: int) -> None:
    """Onset strength and timbre as they are defined, each from its own spectrum by dense matrices."""
    waveform = noise(12_000, seed=7, batch=2) * torch.linspace(0.1, 1.0, 12_000)
    fft_size = window_length(2048, rate_hz)

    def onsets(waveform: Tensor) -> Tensor:
        energy = torch_power(waveform, fft_size, window_length(256, rate_hz))
        return flux((mel_filterbank(128, fft_size, rate_hz) @ energy).transpose(1, 2))

    def timbre(waveform: Tensor) -> Tensor:
        level = waveform.square().mean(dim=-1, keepdim=True).sqrt()
        energy = torch_power(0.1 * waveform / level, fft_size, window_length(512, rate_hz))
        return (mel_filterbank(32, fft_size, rate_hz) @ energy + 1e-4).log().transpose(1, 2)

    def found(name: str) -> Callable[[Tensor], Tensor]:
        return lambda waveform: getattr(Voice(waveform, rate_hz), name)

    for feature, definition in ((found("onsets"), onsets), (found("timbre"), timbre)):
        torch.testing.assert_close(feature(waveform), definition(waveform), rtol=1e-4, atol=1e-5)
        ours, theirs = (gradient(mean_square(part), waveform) for part in (feature, definition))
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3 * float(theirs.abs().max()))


def test_what_nobody_asks_a_gradient_of_keeps_nothing() -> None:
    waveform = noise(3000, seed=8)
    assert not Voice(waveform, 24_000).onsets.requires_grad
    assert not frame_spectra(waveform, fft_size=256, hop=64).requires_grad

"""Bass at a low rate: what the notes are made of stays, what would be mirrored onto them goes."""

import math

import pytest
import torch
from signal_tones import RATE_HZ, chord, noise, note_hz, tone
from torch import Tensor

from hocket.data.synthetic.render import render_song
from hocket.data.synthetic.songs import make_song
from hocket.signal import chroma, match_rms
from hocket.signal.harmony import decimate, decimation_factor
from hocket.signal.spectrum import window_length

TOP_HZ = 262.0


def decimated(waveform: Tensor, factor: int = 16) -> Tensor:
    return decimate(waveform, factor, sample_rate=RATE_HZ, top_hz=TOP_HZ)


@pytest.mark.parametrize("frequency_hz", [20.0, 110.0, 261.0])
def test_low_tones_pass_as_they_are_and_when_they_are(frequency_hz: float) -> None:
    waveform = tone(frequency_hz, amplitude=1.0)
    inside = slice(20, -20)
    torch.testing.assert_close(
        decimated(waveform)[:, inside], waveform[:, ::16][:, inside], atol=5e-5, rtol=0.0
    )


@pytest.mark.parametrize("mirrored_hz", [0.0, 55.0, 250.0])
@pytest.mark.parametrize("multiple", [1, 2, 7])
def test_what_would_be_mirrored_below_the_top_is_gone(mirrored_hz: float, multiple: int) -> None:
    for sign in (-1, 1):
        waveform = tone(multiple * RATE_HZ / 16 + sign * mirrored_hz, amplitude=1.0)
        heard = decimated(waveform)[:, 20:-20].abs().max()
        assert 20 * math.log10(float(heard) + 1e-12) < -90.0


def test_the_way_back_is_the_adjoint_and_margins_reach_beyond_the_ends() -> None:
    waveform = noise(100, seed=1, batch=2).double().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: decimate(x, 8, sample_rate=RATE_HZ, top_hz=TOP_HZ, margin=64), waveform, fast_mode=True
    )
    waveform = noise(4000, seed=2)
    near = decimate(waveform, 16, sample_rate=RATE_HZ, top_hz=TOP_HZ, margin=320)
    assert near.shape[-1] == math.ceil((4000 + 640) / 16)
    torch.testing.assert_close(near[:, 20:270], decimated(waveform), atol=1e-6, rtol=1e-5)
    assert 1e-5 < float(near[:, :20].abs().max()) < 0.1, "the filter rings before the first sample"


def test_rates_that_share_no_divisor_keep_all_samples() -> None:
    def factor(rate_hz: int) -> int:
        sizes = (window_length(16_384, rate_hz) // 2, window_length(2048, rate_hz))
        return decimation_factor(sizes, rate_hz, TOP_HZ)

    assert [factor(rate_hz) for rate_hz in (24_000, 48_000, 44_100, 22_050, 1000)] == [16, 32, 1, 2, 1]


def chroma_of_all_samples(waveform: Tensor, rate_hz: int) -> Tensor:
    """Chroma by its definition: two spectra of the whole band, dense matrices of Gaussians in log frequency."""
    total: Tensor | float = 0.0
    hop = window_length(2048, rate_hz)
    notes = torch.arange(84)
    hertz = 32.703 * 2 ** (notes / 12)
    for window, chosen in ((16_384, hertz < 262), (4096, hertz >= 262)):
        size = window_length(window, rate_hz)
        spectrum = torch.stft(
            waveform, size, hop, window=torch.hann_window(size), pad_mode="constant", return_complex=True
        )
        bins_hz = torch.arange(size // 2 + 1) * rate_hz / size
        semitones = 12 * torch.log2(bins_hz.clamp_min(1.0) / hertz[chosen, None])
        bank = torch.exp(-0.5 * (semitones / 0.3).square()) * (semitones.abs() <= 0.9)
        energy = bank @ spectrum.abs().square() / (size / 4) ** 2
        fold = (notes[chosen] % 12 == torch.arange(12)[:, None]) * (32.703 / hertz[chosen]).sqrt()
        total = total + fold @ (energy + 1e-12 * hertz[chosen, None] / 32.703).sqrt()
    assert isinstance(total, Tensor)
    return total / total.amax(dim=1, keepdim=True).detach()


def music() -> dict[str, Tensor]:
    rendered = {
        kind: torch.from_numpy(render_song(make_song(5, index, kind), duration_seconds=4.0))[None]  # type: ignore[arg-type]
        for index, kind in enumerate(("drums", "chords"))
    }
    return {name: match_rms(waveform[:, None])[:, 0] for name, waveform in rendered.items()} | {
        "bass": chord([0, 7, 12], seconds=2.0),
        "one low note": tone(note_hz(4.3), seconds=2.0),
        "treble only": tone(1500.0, seconds=2.0) + tone(2960.0, seconds=2.0),
        "noise": noise(48_000, seed=3),
    }


@pytest.mark.parametrize("name", ["drums", "chords", "bass", "one low note", "treble only", "noise"])
def test_chroma_of_a_decimated_bass_is_that_of_all_samples(name: str) -> None:
    waveform = music()[name]
    difference = chroma(waveform, sample_rate=RATE_HZ) - chroma_of_all_samples(waveform, RATE_HZ)
    assert float(difference.abs().max()) < 1e-3


@pytest.mark.parametrize("rate_hz", [44_100, 22_050, 48_000])
def test_chroma_at_other_rates_is_its_definition_too(rate_hz: int) -> None:
    waveform = noise(rate_hz, seed=4) + tone(note_hz(9.0), rate_hz=rate_hz)
    difference = chroma(waveform, sample_rate=rate_hz) - chroma_of_all_samples(waveform, rate_hz)
    assert float(difference.abs().max()) < 1e-3


def test_chromas_gradient_is_that_of_all_samples() -> None:
    weights = torch.linspace(-1.0, 1.0, 12)[:, None]
    slopes = []
    for feature in (lambda x: chroma(x, sample_rate=RATE_HZ), lambda x: chroma_of_all_samples(x, RATE_HZ)):
        waveform = music()["chords"].requires_grad_()
        (feature(waveform) * weights).sum().backward()
        assert waveform.grad is not None
        slopes.append(waveform.grad)
    assert float((slopes[0] - slopes[1]).norm() / slopes[1].norm()) < 1e-3

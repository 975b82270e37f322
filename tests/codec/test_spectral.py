"""The spectral codec: an exact round trip, features that mean what they are called, sizes that are checked."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hocket.codec import SpectralCodec, SpectralConfig
from hocket.errors import ConfigError
from hocket.signal.spectrum import power

RATE_HZ = 24_000
CHROMA = SpectralConfig(fft_size=2048, hop=512, place_width=0.0, features=("chroma",))


def noise(num_samples: int, *, seed: int = 0, batch: int = 1) -> torch.Tensor:
    return 0.1 * torch.randn(batch, num_samples, generator=torch.Generator().manual_seed(seed))


def sine(frequency_hz: float, num_samples: int = 24_000, amplitude: float = 0.1) -> torch.Tensor:
    time = torch.arange(num_samples, dtype=torch.float64) / RATE_HZ
    return (amplitude * torch.sin(2 * math.pi * frequency_hz * time)).float()[None]


def round_trip_error_db(codec: SpectralCodec, waveform: torch.Tensor) -> float:
    error = codec.decode(codec.encode(waveform), waveform.shape[-1]) - waveform
    return 10 * math.log10(float(error.square().sum() / waveform.square().sum()) + 1e-30)


@settings(max_examples=40, deadline=None)
@given(
    num_samples=st.one_of(st.integers(1, 3000), st.sampled_from([24_000, 48_001, 255, 256, 257, 511, 512]))
)
def test_the_round_trip_is_exact_at_any_length(num_samples: int) -> None:
    codec = SpectralCodec()
    waveform = noise(num_samples, seed=num_samples)
    assert codec.encode(waveform).shape == (1, codec.dim, 1 + num_samples // codec.hop)
    assert round_trip_error_db(codec, waveform) < -100


@settings(max_examples=40, deadline=None)
@given(
    fft_size=st.sampled_from([64, 100, 512, 1024, 2048, 4096]),
    overlap=st.floats(4.0, 16.0),
    rate_hz=st.sampled_from([8000, 16_000, 44_100, 96_000]),
    num_samples=st.integers(1, 9000),
)
def test_the_round_trip_is_exact_for_any_sizes(
    fft_size: int, overlap: float, rate_hz: int, num_samples: int
) -> None:
    codec = SpectralCodec(SpectralConfig(sample_rate=rate_hz, fft_size=fft_size, hop=int(fft_size / overlap)))
    assert round_trip_error_db(codec, noise(num_samples, seed=num_samples, batch=2)) < -100
    assert codec.frame_rate == rate_hz / codec.hop


@pytest.mark.parametrize(("fft_size", "hop"), [(512, 128), (1024, 256), (4096, 1024)])
def test_the_round_trip_is_exact_for_the_largest_hop_that_is_allowed(fft_size: int, hop: int) -> None:
    codec = SpectralCodec(SpectralConfig(fft_size=fft_size, hop=hop))
    assert max(round_trip_error_db(codec, noise(5 * hop + extra)) for extra in (0, hop // 2, hop - 1)) < -100


def test_the_round_trip_is_exact_for_silence_and_full_scale() -> None:
    codec = SpectralCodec()
    silent = torch.zeros(1, 5000)
    assert torch.equal(codec.decode(codec.encode(silent), 5000), silent)
    square = torch.sign(sine(100.0))
    assert round_trip_error_db(codec, square) < -100


def test_encoding_is_linear_so_that_masks_are_filters() -> None:
    codec = SpectralCodec()
    first, second = noise(6000, seed=1), noise(6000, seed=2)
    torch.testing.assert_close(
        codec.encode(0.3 * first - 2 * second),
        0.3 * codec.encode(first) - 2 * codec.encode(second),
        atol=1e-4,
        rtol=1e-4,
    )
    halved = codec.decode(0.5 * codec.encode(first), 6000)
    torch.testing.assert_close(halved, 0.5 * first, atol=1e-6, rtol=1e-4)


def test_decoding_hands_gradients_on() -> None:
    codec = SpectralCodec()
    waveform = noise(4000, seed=3)
    gain = torch.ones(codec.dim, 1, requires_grad=True)
    codec.decode(gain * codec.encode(waveform), 4000).square().sum().backward()
    assert gain.grad is not None
    # Each bin's gradient is twice the energy that it carries (the bins add up to the whole).
    assert float(gain.grad.sum()) == pytest.approx(2 * float(waveform.square().sum()), rel=1e-3)
    assert float(gain.grad.min()) > 0


def described(codec: SpectralCodec, waveform: torch.Tensor) -> torch.Tensor:
    """All features `[b, k, d, t]` of a waveform `[b, samples]`."""
    planes = codec.describe(power(codec.encode(waveform)).transpose(1, 2))
    return torch.stack([plane.transpose(1, 2) for plane in planes], dim=1)


def test_a_click_is_transient_and_a_sine_is_tonal() -> None:
    codec = SpectralCodec()
    click = torch.zeros(1, 24_000)
    click[0, 12_032] = 1.0
    _, transient, tonal = described(codec, click)[0]
    frame = 12_032 // codec.hop
    assert float(transient[20:-20, frame].mean()) > 1.0
    assert abs(float(tonal[20:-20, frame].mean())) < 0.1
    bin_hz = RATE_HZ / 1024
    _, transient, tonal = described(codec, sine(100 * bin_hz))[0]
    assert float(tonal[100, 20:-20].mean()) > 2.0
    assert float(transient[100, 20:-20].abs().max()) < 0.01


@pytest.mark.parametrize("cents", [0, 17, 50])
def test_chroma_stands_out_at_all_octaves_of_what_sounds_whatever_its_tuning(cents: float) -> None:
    codec = SpectralCodec(CHROMA)
    played_hz = 440.0 * 2 ** (cents / 1200)
    waveform = sine(played_hz, 48_000) + sine(played_hz * 2 ** (7 / 12), 48_000) + 0.01 * noise(48_000)
    chroma = described(codec, waveform)[0, 0]
    hertz = codec.grouping.centres * RATE_HZ / codec.fft_size

    def near(wanted_hz: float) -> float:
        return float(chroma[(hertz - wanted_hz).abs().argmin()].mean())

    sounding = [near(played_hz * 2**octave) for octave in (-1, 1, 2)]
    silent = [near(played_hz * 2 ** (octave + step / 12)) for octave in (0, 1) for step in (2, 6, 10)]
    assert min(sounding) > max(silent) + 0.5
    assert float(chroma[hertz > 5000].abs().max()) == 0.0


def test_noise_has_no_chroma() -> None:
    codec = SpectralCodec(CHROMA)
    assert float(described(codec, noise(96_000, seed=4)).abs().max()) < 0.3


def foreign_tones(input: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    codec = SpectralCodec(replace(CHROMA, features=("chroma", "tonal")))
    described = [codec.describe(power(codec.encode(source)).transpose(1, 2)) for source in (input, target)]
    return codec.foreign_tones(*described)


def foreign_at(input: torch.Tensor, target: torch.Tensor, hertz: float) -> float:
    """How foreign a tone of the input at `hertz` is to the target, in the middle of both."""
    foreign = foreign_tones(input, target)
    assert float(foreign.min()) >= 0.0 and float(foreign.max()) <= 1.0
    return float(foreign[0, foreign.shape[1] // 2, round(hertz * CHROMA.fft_size / RATE_HZ)])


def test_a_tone_is_foreign_where_the_target_has_no_such_pitch_class() -> None:
    target = sine(440.0, 48_000) + sine(659.26, 48_000) + 0.01 * noise(48_000)
    for octave in (0.5, 1.0, 2.0):
        assert foreign_at(sine(440.0 * octave, 48_000), target, 440.0 * octave) == 0.0
        assert foreign_at(sine(554.37 * octave, 48_000), target, 554.37 * octave) > 0.9


def test_hits_and_noise_are_not_foreign_tones() -> None:
    target = sine(440.0, 48_000) + 0.01 * noise(48_000)
    struck = sine(554.37, 48_000) * torch.exp(-(torch.arange(48_000) - 24_000).clamp(min=0) / 200)
    struck = torch.where(torch.arange(48_000) < 24_000, 0.0, struck) + 1e-3 * noise(48_000, seed=1)
    assert foreign_at(struck, target, 554.37) < 0.3
    assert float(foreign_tones(noise(96_000), target.repeat(1, 2)).mean()) < 0.02


def test_noise_is_neither_transient_nor_tonal() -> None:
    codec = SpectralCodec()
    _, transient, tonal = described(codec, noise(96_000, seed=4))[0]
    assert abs(float(transient.mean())) < 0.01 and abs(float(tonal[10:-10].mean())) < 0.01


def test_the_level_is_in_units_of_20_db_about_minus_40_dbfs() -> None:
    codec = SpectralCodec()
    for amplitude_db in (0.0, -20.0, -40.0):
        waveform = sine(100 * RATE_HZ / 1024, amplitude=10 ** (amplitude_db / 20))
        level = described(codec, waveform)[0, 0, 100, 20:-20]
        torch.testing.assert_close(level, torch.full_like(level, amplitude_db / 20 + 2.0), atol=0.01, rtol=0)
    silent = described(codec, torch.zeros(1, 5000))
    torch.testing.assert_close(silent[:, 0], torch.full_like(silent[:, 0], -2.0))
    assert float(silent[:, 1:].abs().max()) < 1e-6


@pytest.mark.parametrize("num_samples", [1, 300, 600])
def test_even_a_single_frame_is_described(num_samples: int) -> None:
    codec = SpectralCodec()
    features = described(codec, noise(num_samples))
    assert features.shape == (1, codec.num_features, codec.dim, 1 + num_samples // codec.hop)
    assert bool(torch.isfinite(features).all())


@pytest.mark.parametrize("fft_size", [256, 1024, 4096])
def test_bands_go_from_the_lowest_bin_to_the_highest_and_are_narrow_in_the_bass(fft_size: int) -> None:
    codec = SpectralCodec(SpectralConfig(fft_size=fft_size, hop=fft_size // 4))
    centres = codec.band_centres(24)
    assert float(centres[0]) == 0.0 and float(centres[-1]) == pytest.approx(codec.dim - 1, rel=1e-4)
    assert bool((centres.diff() > 0).all()) and bool((centres.diff().diff() > 0).all())


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("sample_rate", 4000, "sample_rate is 4000"),
        ("fft_size", 32, "fft_size is 32"),
        ("fft_size", 1023, "fft_size is 1023"),
        ("hop", 0, "hop is 0"),
        ("hop", -1, "hop is -1"),
        ("hop", 513, "hop is 513"),
        ("transient_frames", 4, "transient_frames is 4"),
        ("tonal_bins", 1, "tonal_bins is 1"),
    ],
)
def test_a_size_that_does_not_work_is_named(field: str, value: int, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        SpectralConfig(**{field: value})
    assert "\n" not in str(caught.value)


def test_the_codec_learns_nothing() -> None:
    assert list(SpectralCodec().parameters()) == []

"""Loudness: the standard's own figures, an independent meter, and outputs that never clip."""

import numpy as np
import pyloudnorm
import pytest
from timed_sounds import clicks, noise, tone

from hocket.audio import Audio
from hocket.fusing import loudness
from hocket.fusing.loudness import finishing, k_weighting, loudness_lufs, true_peak_db


def finish(output: Audio, *, sources: list[Audio]) -> Audio:
    """The output with the gain of `finishing`."""
    gain = finishing(output, sources=sources).gain
    return output if gain == 1.0 else Audio(output.samples * np.float32(gain), output.sample_rate)


def test_the_filters_are_those_that_the_standard_tabulates() -> None:
    # ITU-R BS.1770-5, tables 1 and 2: b0 b1 b2 a1 a2 at 48 kHz.
    tables = (
        (1.53512485958697, -2.69169618940638, 1.19839281085285, -1.69065929318241, 0.73248077421585),
        (1.0, -2.0, 1.0, -1.99004745483398, 0.99007225036621),
    )
    for section, table in zip(k_weighting(48_000), tables, strict=True):
        assert np.delete(section, 3) == pytest.approx(table, abs=1e-7)


def test_a_full_scale_tone_has_the_loudness_that_the_standard_states() -> None:
    assert loudness_lufs(tone(997.0, seconds=5.0, rate_hz=48_000, level=1.0)) == pytest.approx(
        -3.01, abs=0.02
    )


@pytest.mark.parametrize("rate_hz", [4_000, 8_000, 11_025, 24_000, 44_100, 96_000])
def test_every_rate_gives_the_same_loudness(rate_hz: int) -> None:
    found = loudness_lufs(tone(997.0, seconds=3.0, rate_hz=rate_hz, level=0.1, channels=2))
    assert found == pytest.approx(-20.0, abs=0.06)


@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize("rate_hz", [24_000, 44_100])
def test_an_independent_meter_agrees(channels: int, rate_hz: int) -> None:
    samples = noise(seconds=25.0, rate_hz=rate_hz, channels=channels).samples.copy()
    # Loud, soft, silent and under the gate, so that both gates have work; longer than two parts.
    for first, last, gain in ((4, 9, 0.1), (9, 11, 0.0), (11, 14, 1e-4), (14, 20, 0.4)):
        samples[:, first * rate_hz : last * rate_hz] *= gain
    meter = pyloudnorm.Meter(rate_hz, filter_class="DeMan")
    theirs = meter.integrated_loudness(samples.T.astype(np.float64))
    assert loudness_lufs(Audio(samples, rate_hz)) == pytest.approx(theirs, abs=0.01)


@pytest.mark.music
def test_meters_agree_on_music(music) -> None:
    import soundfile

    for path in sorted((music / "stereo").glob("*.flac"))[:4]:
        samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
        recording = Audio(np.ascontiguousarray(samples.T), rate_hz)
        assert loudness_lufs(recording) == pytest.approx(
            pyloudnorm.Meter(rate_hz, filter_class="DeMan").integrated_loudness(samples.astype(np.float64)),
            abs=0.01,
        )
        # Their default filters are near the standard's.
        assert loudness_lufs(recording) == pytest.approx(
            pyloudnorm.Meter(rate_hz).integrated_loudness(samples.astype(np.float64)), abs=0.15
        )


def test_gain_is_loudness() -> None:
    recording = noise(seconds=3.0)
    louder = Audio(recording.samples * np.float32(2), recording.sample_rate)
    assert loudness_lufs(louder) - loudness_lufs(recording) == pytest.approx(20 * np.log10(2), abs=1e-3)


def test_short_and_very_soft_recordings_have_a_loudness_without_gates() -> None:
    long = loudness_lufs(tone(997.0, seconds=1.0, level=0.1))
    assert loudness_lufs(tone(997.0, seconds=0.2, level=0.1)) == pytest.approx(long, abs=0.3)
    soft = loudness_lufs(tone(997.0, seconds=1.0, level=1e-5))
    assert soft == pytest.approx(long - 80, abs=0.1)
    for num_samples in (0, 1, 1000, 48_000):
        assert loudness_lufs(Audio(np.zeros((2, num_samples), dtype=np.float32), 48_000)) == -np.inf


def test_many_channels_count_by_their_mean() -> None:
    mono = tone(997.0, seconds=1.0, level=0.1)
    many = tone(997.0, seconds=1.0, level=0.1, channels=8)
    assert loudness_lufs(many) == pytest.approx(loudness_lufs(mono), abs=1e-6)


def test_the_true_peak_is_between_the_samples() -> None:
    rate_hz = 48_000
    # A quarter of the rate, sampled 45 degrees beside its peaks: every sample is 3 dB under them.
    angle = np.pi / 2 * np.arange(rate_hz) + np.pi / 4
    wave = (np.sin(angle) * np.hanning(rate_hz)).astype(np.float32)[None]
    assert 20 * np.log10(np.abs(wave).max()) == pytest.approx(-3.01, abs=0.01)
    assert true_peak_db(Audio(wave, rate_hz)) == pytest.approx(0.0, abs=0.05)
    assert true_peak_db(Audio(np.zeros((1, 100), dtype=np.float32), rate_hz)) == -np.inf


def test_parts_do_not_show_in_the_true_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    recording = noise(seconds=3.0, rate_hz=44_100, channels=2)
    whole = true_peak_db(recording)
    monkeypatch.setattr(loudness, "PART_SAMPLES", 11_000)
    assert true_peak_db(recording) == pytest.approx(whole, abs=1e-6)


@pytest.mark.parametrize("channels", [1, 2, 8])
@pytest.mark.parametrize("level", [1e-3, 0.05, 10.0])
def test_outputs_are_neither_faint_nor_clipped(channels: int, level: float) -> None:
    samples = np.clip(noise(seconds=2.0, rate_hz=44_100, level=level, channels=channels).samples, -1, 1)
    recording = Audio(samples, 44_100)
    output = finish(recording, sources=[recording, recording])
    assert true_peak_db(output) < -1.0
    assert -24.01 <= loudness_lufs(output) <= -13.99
    gain = output.samples[np.abs(samples) > 0] / samples[np.abs(samples) > 0]
    assert gain == pytest.approx(gain[0], rel=1e-5), "one gain, no limiter"


def test_an_output_is_as_loud_as_its_louder_source() -> None:
    soft, loud = noise(seconds=2.0, level=0.03), noise(seconds=2.0, level=0.06, seed=1)
    output = finish(noise(seconds=2.0, level=0.5, seed=2), sources=[soft, loud])
    assert -24 < loudness_lufs(loud) < -14
    assert loudness_lufs(output) == pytest.approx(loudness_lufs(loud), abs=0.01)


def test_spikes_are_turned_down_rather_than_limited() -> None:
    spiky = clicks(np.arange(0.1, 2, 0.25), seconds=2.0)
    output = finish(spiky, sources=[noise(seconds=2.0, level=0.1)])
    assert -1.1 < true_peak_db(output) < -1.0
    assert loudness_lufs(output) < -24
    found = finishing(spiky, sources=[noise(seconds=2.0, level=0.1)])
    assert found.lufs == pytest.approx(loudness_lufs(output), abs=0.01)
    assert f"({found.lufs:.1f} LUFS instead of -24)" in found.note and "-1 dBTP" in found.note


@pytest.mark.parametrize("level", [1e-3, 0.05, 0.5])
def test_an_output_that_is_as_loud_as_promised_has_no_note(level: float) -> None:
    sound = noise(seconds=2.0, level=level)
    assert finishing(sound, sources=[sound]).note == ""
    assert finishing(Audio(np.zeros((1, 24_000), dtype=np.float32), 24_000), sources=[sound]).note == ""


def test_silence_stays_silence() -> None:
    silent = Audio(np.zeros((2, 24_000), dtype=np.float32), 24_000)
    assert finish(silent, sources=[noise(seconds=1.0)]) is silent
    assert loudness_lufs(finish(noise(seconds=1.0), sources=[silent])) == pytest.approx(-24.0, abs=0.01)

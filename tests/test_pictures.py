"""Pictures: files of the stated size whose pixels say what the recordings and the masks are."""

import itertools
import os
import struct
import warnings
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.image import imread, imsave

from fusion_samples import decided, masks_of, mixed, track_of
from hocket import outputs
from hocket.audio import resample
from hocket.codec import SpectralCodec, SpectralConfig
from hocket.diagnostics import Figures
from hocket.diagnostics.listening import HeardFigures
from hocket.errors import HocketError
from hocket.fusing import Fuser
from hocket.model.masks import Masks
from hocket.pictures import canvas, draw_check, draw_masks, require_place
from hocket.pictures.arrays import (
    chroma_of,
    envelope,
    find_attacks,
    mask_rows,
    onsets_of,
    paint,
    shown_share,
    source_share,
    spectrogram,
    thin,
)
from hocket.pictures.canvas import printable
from hocket.signal import match_rms

RATE_HZ = 24_000
MIXING = Figures(0.47, 0.55, 0.55, 0.84, 0.66, 0.35)
COPYING = HeardFigures(0.11, -0.86, 0.75, -0.6, 1.0, -0.5, 0.025, 0.025)


@pytest.fixture(scope="module")
def clicks() -> np.ndarray:
    """A decaying burst twice a second, two seconds long."""
    seconds = np.arange(2 * RATE_HZ) / RATE_HZ
    noise = np.random.default_rng(0).standard_normal(len(seconds))
    return (noise * np.exp(-60 * (seconds % 0.5))).astype(np.float32)


@pytest.fixture(scope="module")
def tone() -> np.ndarray:
    """An A of 440 Hz, two seconds long."""
    return np.sin(2 * np.pi * 440 * np.arange(2 * RATE_HZ) / RATE_HZ).astype(np.float32)


def check_picture(
    path: Path, figures: Figures = MIXING, title: str = "out.wav", **voices: np.ndarray
) -> Path:
    draw_check(path, **voices, sample_rate=RATE_HZ, figures=figures, title=title)
    return path


def png_size(path: Path) -> tuple[int, int]:
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert data.endswith(b"IEND\xaeB`\x82")
    return struct.unpack(">II", data[16:24])


def differing(one: Path, other: Path) -> np.ndarray:
    """Where two pictures differ, `[height, width]`."""
    return (imread(one) != imread(other)).any(axis=-1)


def test_a_check_is_a_png_of_its_size_and_the_same_each_time(
    tmp_path: Path, clicks: np.ndarray, tone: np.ndarray
) -> None:
    voices = {"output": clicks + tone, "input": clicks, "target": tone}
    first, second = (check_picture(tmp_path / name, **voices) for name in ("a.png", "b.png"))
    assert png_size(first) == (1600, 1858)
    assert first.read_bytes() == second.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_only_the_outputs_panels_change_with_the_output(
    tmp_path: Path, clicks: np.ndarray, tone: np.ndarray
) -> None:
    first = check_picture(tmp_path / "a.png", output=clicks, input=clicks, target=tone)
    second = check_picture(tmp_path / "b.png", output=tone, input=clicks, target=tone)
    rows = differing(first, second).any(axis=1)
    assert rows.any()
    assert not rows[:200].any()  # the headline follows the figures, not the waveforms
    changed = np.flatnonzero(rows)
    groups = np.split(changed, np.flatnonzero(np.diff(changed) > 40) + 1)
    assert len(groups) == 4  # its waveform, its spectrogram, its onsets, its chroma


def test_only_the_headline_changes_with_the_figures(
    tmp_path: Path, clicks: np.ndarray, tone: np.ndarray
) -> None:
    voices = {"output": clicks, "input": clicks, "target": tone}
    first = check_picture(tmp_path / "a.png", MIXING, **voices)
    second = check_picture(tmp_path / "b.png", COPYING, **voices)
    rows = np.flatnonzero(differing(first, second).any(axis=1))
    assert rows.size > 50
    assert rows.max() < 210


def test_loudness_does_not_change_the_picture(tmp_path: Path, clicks: np.ndarray, tone: np.ndarray) -> None:
    first = check_picture(tmp_path / "a.png", output=clicks, input=clicks, target=tone)
    second = check_picture(tmp_path / "b.png", output=0.25 * clicks, input=clicks, target=tone)
    assert differing(first, second).mean() < 1e-3


def test_strange_titles_are_drawn_and_settings_left_alone(
    tmp_path: Path, clicks: np.ndarray, tone: np.ndarray
) -> None:
    before = {name: matplotlib.rcParams[name] for name in canvas.STYLE}
    title = "cost $5 and $6 \udcff\n日本 " + "x" * 300
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_picture(tmp_path / "a.png", title=title, output=clicks, input=clicks, target=tone)
    assert {name: matplotlib.rcParams[name] for name in canvas.STYLE} == before
    assert len(printable(title)) <= 100
    assert "\n" not in printable(title)


def masks_picture(path: Path, mask: np.ndarray, output: np.ndarray, bin_hz: np.ndarray | None) -> Path:
    draw_masks(
        path,
        input_mask=mask,
        target_mask=1 - mask,
        output=output,
        sample_rate=RATE_HZ,
        frame_rate=RATE_HZ / 256,
        bin_hz=bin_hz,
        title="out.wav",
    )
    return path


@pytest.mark.parametrize("bin_hz", [np.linspace(0, RATE_HZ / 2, 257), None])
def test_masks_colour_the_spectrogram(tmp_path: Path, clicks: np.ndarray, bin_hz: np.ndarray | None) -> None:
    mask = np.zeros((257, 188))
    mask[:, :94] = 1.0  # the first second from the input, the second from the target
    path = masks_picture(tmp_path / "a.png", mask, clicks, bin_hz)
    assert png_size(path) == (1600, 1300)
    red, _, blue = np.moveaxis(imread(path)[150:670, 140:1490, :3], -1, 0)
    middle = red.shape[1] // 2
    assert (blue - red)[:, : middle - 20].mean() > 0.05
    assert (red - blue)[:, middle + 20 :].mean() > 0.05
    other = masks_picture(tmp_path / "b.png", 1 - mask, clicks, bin_hz)
    assert differing(path, other).mean() > 0.2


def test_a_source_shows_where_the_other_is_shut() -> None:
    share = source_share(np.array([1.0, 0.0, 0.5, 0.0, 2.0]), np.array([0.0, 1.0, 0.5, 0.0, 0.0]))
    np.testing.assert_allclose(share, [1, -1, 0, 0, 1])
    blue, orange, grey, dark, _ = paint(share, np.array([1.0, 1.0, 1.0, 0.0, 1.0]))
    assert blue[2] > blue[0] + 0.5
    assert orange[0] > orange[2] + 0.5
    assert np.ptp(grey) == 0
    assert grey[0] > 0.8
    assert dark.max() == 0


def test_a_tone_is_bright_at_its_frequency_only(tone: np.ndarray) -> None:
    rows_hz = np.geomspace(40, RATE_HZ / 2, 300)
    brightness = spectrogram(tone, RATE_HZ, rows_hz).mean(axis=1)
    assert rows_hz[brightness.argmax()] == pytest.approx(440, rel=0.02)
    assert brightness[(rows_hz < 300) | (rows_hz > 600)].max() < 0.3


def test_a_click_in_three_minutes_is_seen_wherever_it_is() -> None:
    rows_hz = np.geomspace(100, 10_000, 60)
    for place in np.linspace(0.1, 0.9, 7):
        silence = np.full(180 * RATE_HZ, 1e-6, np.float32)
        at = int(place * len(silence))
        silence[at : at + 20] = 1.0
        seen = spectrogram(silence, RATE_HZ, rows_hz).mean(axis=0)
        assert abs(int(seen.argmax()) / len(seen) - place) < 0.003
        assert seen.max() > 0.5


def test_envelopes_hold_every_peak() -> None:
    samples = np.zeros(10_007, np.float32)
    samples[[0, 5000, 10_006]] = [0.5, -1.0, 0.25]
    seconds, low, high = envelope(samples, 1000, num_columns=100)
    assert (len(seconds), low.min(), high.max(), high[-1]) == (100, -1.0, 0.5, 0.25)
    assert seconds[low.argmin()] == pytest.approx(5.0, abs=0.06)
    assert len(envelope(samples[:7], 1000, num_columns=100)[0]) == 7


def test_attacks_are_where_the_bursts_are(clicks: np.ndarray) -> None:
    seconds, strength = onsets_of(clicks, RATE_HZ)
    attacks = seconds[find_attacks(seconds, strength)]
    np.testing.assert_allclose(attacks[-3:], [0.5, 1.0, 1.5], atol=0.04)
    columns, peaks = thin(seconds, strength, num_columns=20)
    assert len(columns) == len(peaks) == 20
    assert peaks.max() == strength.max() == 1.0


def test_the_chroma_of_an_a_is_an_a(tone: np.ndarray) -> None:
    values, hop_seconds = chroma_of(tone, RATE_HZ)
    assert (values.argmax(axis=0)[2:-2] == 9).all()
    assert values[9, 2:-2].min() > 0.7
    assert (values.shape[1] - 1) * hop_seconds == pytest.approx(2.0)


@pytest.mark.parametrize("suffix", [".pdf", ".svg", ".jpg", ".webp", ".PNG"])
def test_other_formats_are_written(tmp_path: Path, clicks: np.ndarray, tone: np.ndarray, suffix: str) -> None:
    path = check_picture(tmp_path / f"a{suffix}", output=clicks, input=clicks, target=tone)
    starts = {".pdf": b"%PDF", ".svg": b"<?xml", ".jpg": b"\xff\xd8", ".webp": b"RIFF", ".PNG": b"\x89PNG"}
    assert path.read_bytes().startswith(starts[suffix])
    assert outputs.is_ours(path)
    imsave(tmp_path / f"theirs{suffix}", np.zeros((4, 4)))
    assert not outputs.is_ours(tmp_path / f"theirs{suffix}")


def test_a_failed_picture_leaves_the_old_one(
    tmp_path: Path, clicks: np.ndarray, tone: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")

    def full(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(HocketError, match=r"a\.png cannot be written \(No space left on device\)"):
        check_picture(path, output=clicks, input=clicks, target=tone)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a.bmp", "does not end in"),
        ("a", "does not end in"),
        ("missing/a.png", "is not a folder: create it"),
        ("folder.png", "is a folder: give the name"),
    ],
)
def test_places_are_refused_in_a_sentence(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(HocketError, match=words) as caught:
        require_place(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]


def test_a_good_place_is_left_as_it_was(tmp_path: Path) -> None:
    require_place(tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib_the_cure_is_said(
    tmp_path: Path, clicks: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canvas, "find_spec", lambda name: None)
    with pytest.raises(HocketError, match=r"pip install 'hocket\[pictures\]'"):
        check_picture(tmp_path / "a.png", output=clicks, input=clicks, target=clicks)


def hiss(seconds: float, rate: int, *, seed: int = 0, lowest_hz: float = 0.0) -> np.ndarray:
    """White noise above a frequency, at an RMS of about 0.1."""
    count = round(seconds * rate)
    spectrum = np.fft.rfft(0.1 * np.random.default_rng(seed).standard_normal(count))
    spectrum[np.fft.rfftfreq(count, 1 / rate) < lowest_hz] = 0.0
    return np.fft.irfft(spectrum, count).astype(np.float32)


def levels(waveform: torch.Tensor, rate: int, edges_hz: np.ndarray) -> np.ndarray:
    """Root mean square between each two frequencies."""
    energy = np.square(np.abs(np.fft.rfft(waveform[0, 0].numpy())))
    hz = np.fft.rfftfreq(waveform.shape[-1], 1 / rate)
    return np.sqrt([energy[(low <= hz) & (hz < high)].sum() for low, high in itertools.pairwise(edges_hz)])


@pytest.mark.parametrize("rate", [16_000, 24_000, 44_100, 48_000])
def test_a_mask_is_painted_as_it_is_laid_over_the_sound(rate: int) -> None:
    """Also near the top of the model's band and above it, where the topmost mask says nothing."""
    own = SpectralCodec(SpectralConfig())
    mask = torch.where(own.bin_hz < 11_000, 0.2 + 0.6 * own.bin_hz / 12_000, torch.zeros(()))
    still = mask[None, :, None].expand(1, -1, 1 + 3 * own.sample_rate // own.hop).contiguous()
    noise = torch.from_numpy(hiss(3.0, rate))[None, None]
    heard = mixed(track_of(Masks(still, 0 * still), own), noise, noise, codec=own.at_rate(rate))
    edges_hz = np.arange(300.0, rate / 2 - 300, 400.0)
    middles_hz = (edges_hz[1:] + edges_hz[:-1]) / 2
    rows = mask_rows(still[0].numpy(), own.bin_hz.numpy(), middles_hz, sample_rate=rate)
    found = levels(heard, rate, edges_hz) / levels(noise, rate, edges_hz)
    steep = np.abs(middles_hz - 11_000) < 300
    np.testing.assert_allclose(rows[~steep, 50], found[~steep], atol=0.03)


def test_highs_that_only_the_input_has_are_painted_as_the_inputs() -> None:
    """What the picture says above the model's band is what taking a source away changes there."""
    rate, seconds = 44_100, 4.0
    model = Fuser.from_checkpoint().model
    time = np.arange(round(seconds * rate)) / rate
    hits = np.exp(-20 * (time % 0.25)) * hiss(seconds, rate, lowest_hz=4000)
    chord = sum(np.sin(2 * np.pi * hz * time) for hz in (220, 277, 330, 440))
    full = [
        match_rms(torch.from_numpy(wave.astype(np.float32))[None, None]) for wave in (hits, np.asarray(chord))
    ]
    own = [torch.from_numpy(resample(wave[0].numpy(), from_hz=rate, to_hz=24_000))[None] for wave in full]
    with torch.inference_mode():
        track = decided(model, *own)

    def highs(*amounts: float) -> float:
        wanted = replace(track, levels=track.levels * torch.tensor(amounts))
        heard = mixed(wanted, *full, codec=model.codec.at_rate(rate))
        return 20 * float(np.log10(levels(heard, rate, np.array([13_000.0, 20_000.0]))[0] + 1e-9))

    assert highs(1, 1) - highs(1, 0) < 0.2 and highs(1, 1) - highs(0, 1) > 20
    masks = (mask[0].numpy() for mask in (masks_of(track).input, masks_of(track).target))
    rows_hz = np.linspace(13_000, 20_000, 8)
    share = shown_share(*masks, bin_hz=model.codec.bin_hz.numpy(), rows_hz=rows_hz, sample_rate=rate)
    attacks = (np.arange(share.shape[1]) / model.codec.frame_rate) % 0.25 < 0.03
    assert share[:, attacks].mean() > 0.3
    assert np.ptp(share, axis=0).max() < 1e-6, "one mask stands for all above the band"

"""Frame by frame is all at once: the streamed arithmetic against transforms and interpolations of the whole."""

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion_samples import RATE_HZ, make_model, masks_of, mixed, noise, track_of
from hocket.codec import SpectralCodec, SpectralConfig
from hocket.fusing import mixing
from hocket.fusing.masks import MaskTrack
from hocket.fusing.mixing import FrameFilter, mix_blocks
from hocket.model.masks import Masks
from hocket.signal.grouping import HELD_BAND


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def filtered_whole(
    sources: list[torch.Tensor], gains: list[torch.Tensor], fft_size: int, hop: int
) -> torch.Tensor:
    """By torch's own transforms of everything, in double precision; gains `[b, frames, bins]`."""
    window = torch.hann_window(fft_size, dtype=torch.float64)
    (b, c, length), mixed = sources[0].shape, torch.zeros(())
    for source, gain in zip(sources, gains, strict=True):
        spectrum = torch.stft(
            source.double().flatten(0, 1),
            fft_size,
            hop,
            window=window,
            pad_mode="constant",
            return_complex=True,
        )
        mixed = mixed + spectrum.unflatten(0, (b, c)) * gain.double().transpose(1, 2)[:, None]
    return torch.istft(mixed.flatten(0, 1), fft_size, hop, window=window, length=length).view(b, c, length)


def spans(length: int, count: int) -> Iterator[tuple[int, int]]:
    edges = np.linspace(0, length, count + 1).astype(int).tolist()
    return itertools.pairwise(edges)


@settings(max_examples=60, deadline=None)
@given(
    length=st.integers(1, 3000),
    half=st.integers(32, 150),
    overlap=st.floats(4.0, 12.0),
    shape=st.sampled_from([(1, 1), (1, 2), (3, 2)]),
    num_spans=st.integers(1, 4),
    at_once=st.sampled_from([1, 2000, 10**6]),
)
def test_any_span_of_any_transform_is_the_wholes(
    length: int, half: int, overlap: float, shape: tuple[int, int], num_spans: int, at_once: int
) -> None:
    fft_size, hop = 2 * half, int(2 * half / overlap)
    frames = FrameFilter(length, fft_size=fft_size, hop=hop)
    assert frames.count == 1 + length // hop
    sources = [random(*shape, length, seed=k) - 0.5 for k in (1, 2)]
    gains = [2 * random(shape[0], frames.count, half + 1, seed=k) for k in (3, 4)]
    kept, mixing.CACHED_SAMPLES = mixing.CACHED_SAMPLES, at_once
    try:
        parts = [
            frames.filtered(
                [source[..., slice(*frames.heard(*frames.reaching(start, stop)))] for source in sources],
                lambda first, last: [gain[:, None, first:last] for gain in gains],
                start,
                stop,
            )
            for start, stop in spans(length, min(num_spans, length))
        ]
    finally:
        mixing.CACHED_SAMPLES = kept
    expected = filtered_whole(sources, gains, fft_size, hop)
    assert float((torch.cat(parts, dim=-1)[0] - expected).abs().max()) < 2e-5


def test_voices_apart_are_those_of_each_source_alone() -> None:
    frames = FrameFilter(3000, fft_size=256, hop=64)
    sources = [random(1, 2, 3000, seed=k) - 0.5 for k in (1, 2)]
    gains = [2 * random(1, frames.count, 129, seed=k) for k in (3, 4)]

    def of_both(first: int, last: int) -> list[torch.Tensor]:
        return [gain[:, None, first:last] for gain in gains]

    voices = frames.filtered(sources, of_both, 0, 3000, apart=True)
    assert voices.shape == (2, 1, 2, 3000)
    for voice in (0, 1):
        alone = frames.filtered(
            [sources[voice]], lambda *span, voice=voice: of_both(*span)[voice : voice + 1], 0, 3000
        )
        torch.testing.assert_close(voices[voice], alone[0])


def gains_read_off(track: MaskTrack, codec: SpectralCodec, length: int) -> list[torch.Tensor]:
    """Gains `[b, frames, bins]` by NumPy's interpolation, along time and then along frequency."""
    grid = track.codec
    top = len(grid.bin_hz) - 1
    low, high = (int(share * top) for share in HELD_BAND)
    own_hz, hz = grid.bin_hz.double().numpy()[: high + 1], codec.bin_hz.double().numpy()
    own_times = np.arange(track.num_frames) / grid.frame_rate
    times = np.arange(1 + length // codec.hop) / codec.frame_rate

    def along(places: np.ndarray, own: np.ndarray, values: np.ndarray) -> np.ndarray:
        return np.apply_along_axis(lambda row: np.interp(places, own, row), -1, values)

    def at_bins(values: np.ndarray) -> np.ndarray:
        held = values[..., low:high].mean(axis=-1, keepdims=True)
        return along(hz, own_hz, np.concatenate([values[..., :high], held], axis=-1))

    tone = at_bins(track.tone.double().numpy())
    both = []
    masks = masks_of(track)
    for voice, mask in enumerate((masks.input, masks.target)):
        values = mask.double().numpy()
        gain = at_bins(along(times, own_times, values).swapaxes(1, 2))
        level = track.levels.double().numpy()[:, voice, None, None]
        both.append(torch.from_numpy(gain * level * tone[:, None]))
    return both


@pytest.mark.parametrize("layout", ["frames together", "bins together"])
@pytest.mark.parametrize(("rate", "seconds", "shape"), [
    (8_000, 1.1, (1, 2)), (11_025, 0.31, (1, 1)), (22_050, 1.0, (1, 1)), (44_100, 1.3, (1, 2)),
    (44_056, 0.7, (1, 2)), (48_000, 0.05, (1, 1)), (96_000, 0.4, (1, 3)),
])  # fmt: skip
def test_masks_are_read_between_the_nearest_frames_and_bins(
    rate: int, seconds: float, shape: tuple[int, int], layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = SpectralCodec(SpectralConfig(fft_size=512, hop=128))
    codec, length = own.at_rate(rate), round(seconds * rate)
    num_frames = 1 + int(seconds * own.sample_rate) // own.hop
    masks = [random(shape[0], own.dim, num_frames, seed=k) for k in (1, 2)]
    if layout == "bins together":
        masks = [mask.transpose(1, 2).contiguous().transpose(1, 2) for mask in masks]
    track = track_of(
        Masks(*masks),
        own,
        levels=0.5 + random(shape[0], 2, seed=3),
        tone=0.5 + random(shape[0], own.dim, seed=4),
    )
    sources = [random(*shape, length, seed=k) - 0.5 for k in (6, 7)]
    expected = filtered_whole(sources, gains_read_off(track, codec, length), codec.config.fft_size, codec.hop)
    for at_once in (5_000, 2**18):
        monkeypatch.setattr(mixing, "CACHED_SAMPLES", at_once)
        found = mixed(track, *sources, codec=codec)
        assert float((found - expected).abs().max()) < 5e-5
    after = masks_of(track)
    assert torch.equal(after.input, masks[0]) and torch.equal(after.target, masks[1])


def test_only_what_a_block_needs_is_read_and_no_gradient_is_kept() -> None:
    model, length = make_model(), 5 * RATE_HZ
    codec = model.codec
    frames = 1 + length // codec.hop
    track = track_of(
        Masks(*(random(1, codec.dim, frames, seed=k) for k in (1, 2))),
        codec,
        tone=torch.ones(1, codec.dim, requires_grad=True),
    )
    sources, asked = [noise(length, seed=k) for k in (1, 2)], []

    def excerpts(first: int, last: int) -> tuple[torch.Tensor, torch.Tensor]:
        asked.append((first, last))
        return sources[0][..., first:last], sources[1][..., first:last]

    blocks = mix_blocks(track, excerpts, length, codec=codec, most_at_once=RATE_HZ)
    starts = []
    for start, block in blocks:
        starts.append((start, start + block.shape[-1]))
        assert not block.requires_grad
    assert starts[0][0] == 0 and starts[-1][1] == length and len(starts) >= 5
    for (start, stop), (first, last) in zip(starts, asked, strict=True):
        assert start - codec.config.fft_size <= first <= start
        assert stop <= last <= stop + codec.config.fft_size or last == length

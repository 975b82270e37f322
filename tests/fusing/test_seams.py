"""Where one chunk passes into the next nothing is heard: the masks fade, and what lies under them is the recording."""

import pytest
import torch

from fusion_samples import decided, masks_of, mixed
from hocket.data.synthetic.render import render_song
from hocket.data.synthetic.songs import make_song
from hocket.fusing import Fuser
from hocket.fusing.masks import MaskTrack, chunks_of
from hocket.signal import match_rms

SECONDS, CHUNK_SECONDS = 36.0, 8.0


def decibels(part: torch.Tensor, whole: torch.Tensor) -> float:
    return float(10 * torch.log10(part.square().mean() / whole.square().mean() + 1e-20))


@pytest.fixture(scope="module")
def fuser() -> Fuser:
    torch.set_num_threads(1)
    return Fuser.from_checkpoint()


@pytest.fixture(scope="module")
def sources(fuser: Fuser) -> tuple[torch.Tensor, torch.Tensor]:
    rate = fuser.model.sample_rate
    songs = (
        render_song(make_song(77, index, kind), duration_seconds=SECONDS, sample_rate=rate)  # type: ignore[arg-type]
        for index, kind in enumerate(("drums", "chords"))
    )
    first, second = (match_rms(torch.from_numpy(song)[None, None]) for song in songs)
    return first, second


@pytest.fixture(scope="module")
def both(fuser: Fuser, sources: tuple[torch.Tensor, torch.Tensor]) -> tuple[MaskTrack, MaskTrack]:
    """Heard as a whole, and in chunks."""
    with torch.inference_mode():
        whole, chunked = (decided(fuser.model, *sources, chunk_seconds=s) for s in (1e3, CHUNK_SECONDS))
    return whole, chunked


def seams(fuser: Fuser, num_samples: int) -> list[slice]:
    """Where chunks are faded into each other, in frames."""
    model = fuser.model
    chunks = chunks_of(
        1 + num_samples // model.codec.hop,
        cascade=model.cascade,
        codec=model.codec,
        chunk_seconds=CHUNK_SECONDS,
    )
    return [slice(*chunk.fades[1]) for chunk in chunks[:-1]]


def test_chunks_are_what_the_whole_would_be(
    fuser: Fuser, sources: tuple[torch.Tensor, torch.Tensor], both: tuple[MaskTrack, MaskTrack]
) -> None:
    codec = fuser.model.codec
    assert seams(fuser, sources[0].shape[-1])
    whole, chunked = (mixed(track, *sources, codec=codec) for track in both)
    assert decibels(chunked - whole, whole) < -80


def test_masks_make_no_step_at_a_seam(fuser: Fuser, both: tuple[MaskTrack, MaskTrack]) -> None:
    whole, chunked = (torch.cat([m.input[0], m.target[0]]) for m in map(masks_of, both))
    steps, usual = (mask.diff(dim=1).abs().mean(dim=0) for mask in (chunked, whole))
    for seam in seams(fuser, round(SECONDS * fuser.model.sample_rate)):
        for edge in (seam.start, seam.stop):
            # From the last frame before the fade to the first in it, and likewise at its end.
            around = slice(edge - 2, edge + 2)
            assert float(steps[around].max()) < 1.5 * float(usual[around].max()) + 0.005, edge
    torch.testing.assert_close(steps.mean(), usual.mean(), rtol=0.15, atol=0.0)


def test_what_does_not_depend_on_the_chunk_is_the_wholes(
    fuser: Fuser, sources: tuple[torch.Tensor, torch.Tensor], both: tuple[MaskTrack, MaskTrack]
) -> None:
    """The same masks laid over the recording in blocks of 10 s and in one are the same sound."""
    codec = fuser.model.codec
    blocks, whole = (mixed(both[1], *sources, codec=codec, most_at_once=n) for n in (50_000, 10**9))
    assert decibels(blocks - whole, whole) < -100


def test_a_recording_fused_with_itself_is_itself_across_all_seams(
    fuser: Fuser, sources: tuple[torch.Tensor, torch.Tensor]
) -> None:
    """Masks that stand still, half and half, add up to an open one: what comes out is what went in."""
    from hocket.model import FusionModel

    model, (input, _) = FusionModel(fuser.model.config).eval(), sources
    with torch.inference_mode():
        track = decided(model, input, input, chunk_seconds=CHUNK_SECONDS)
    output = mixed(track, input, input, codec=model.codec)
    assert decibels(output - input, input) < -100

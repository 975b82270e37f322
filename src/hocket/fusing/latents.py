"""Masks laid over latents, for codecs whose channels have no frequencies: encode, mask, decode, at the codec's rate."""

from collections.abc import Iterator

import torch
from torch import Tensor

from hocket.fusing.masks import Excerpts, MaskTrack
from hocket.fusing.mixing import BLOCK_SECONDS

CONTEXT_SECONDS, JOINT_SECONDS = 1.0, 0.02
"""Sound on both sides of a block that the codec hears with it, and the fade from one block to the next."""


@torch.no_grad()
def mix_latents(
    track: MaskTrack, excerpts: Excerpts, length: int, *, amounts: tuple[float, float], apart: bool = False
) -> Iterator[tuple[int, Tensor]]:
    """The output of `length` samples in blocks `[1, c, samples]` of 10 s, each with where it starts.

    `excerpts` gives the sources at the codec's rate and equally loud. If the two voices are wanted `apart`, blocks are
    `[2, 1, c, samples]`. The target's voice is its share decoded alone; the input's is the rest of what both shares
    give together, so that the voices add up to the output though decoding is not linear. The `amounts` are those of
    the voices.
    """
    codec = track.codec
    step, context = (round(seconds * codec.frame_rate) for seconds in (BLOCK_SECONDS, CONTEXT_SECONDS))
    joint = round(JOINT_SECONDS * codec.sample_rate)
    tail: Tensor | None = None
    for first in range(0, track.num_frames, step):
        begin, end = max(0, first - context), min(track.num_frames, first + step + context)
        start, stop = begin * codec.hop, min(end * codec.hop, length)
        voices = _voices(track, begin, end, excerpts(start, stop))
        if track.strikes is not None:
            voices[1] *= track.strikes.between(start, stop, codec.sample_rate).to(voices)
        voices *= voices.new_tensor(amounts)[:, None, None, None]
        block = voices if apart else voices.sum(dim=0)
        block = block[..., first * codec.hop - start :]
        if tail is not None:
            reach = min(joint, tail.shape[-1], block.shape[-1])
            rise = (torch.arange(reach, device=block.device) + 0.5) / reach
            block[..., :reach] = tail[..., :reach] + rise * (block[..., :reach] - tail[..., :reach])
        size = min((first + step) * codec.hop, length) - first * codec.hop
        tail = block[..., size:]
        yield first * codec.hop, block[..., :size]


def _voices(track: MaskTrack, first: int, last: int, sources: tuple[Tensor, Tensor]) -> Tensor:
    """Both voices `[2, 1, c, samples]` of some frames of the sources `[1, c, samples]`."""
    masks, levels = track.masks_between(first, last), track.levels[0]
    length = sources[0].shape[-1]
    latents = [track.codec.encode(source[0]) for source in sources]
    shares = [
        level * mask * latent
        for level, mask, latent in zip(levels, (masks.input, masks.target), latents, strict=True)
    ]
    target = track.codec.decode(shares[1], length)
    both = track.codec.decode(shares[0] + shares[1], length)
    return torch.stack([both - target, target])[:, None]

"""Who plays where, over a whole recording: the masks of all its chunks on one grid, and what comes after them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from hocket.model.levels import agreement, contrast
from hocket.model.result import FusionResult, Masks

if TYPE_CHECKING:
    from hocket.model.fusion import FusionModel

CHUNK_SECONDS = 24.0
OVERLAP_SECONDS = 2.0
HALF_PRECISION_SECONDS = 600.0


@dataclass(frozen=True)
class Arrangement:
    """Masks `[b, d, t]` over a whole recording, on the model's grid, and what comes after them.

    The `levels` `[b, 2]` of input and target are what each voice is turned up or down by, so that the output agrees as
    much with one source as with the other; the `tone` `[b, d]` is one curve for both.
    """

    masks: Masks
    levels: Tensor
    tone: Tensor


def arrange(
    model: "FusionModel",
    input: Tensor,
    target: Tensor,
    *,
    chunk_seconds: float = CHUNK_SECONDS,
    on_chunk: Callable[[FusionResult, float], None] | None = None,
) -> Arrangement:
    """Listens to equally loud waveforms `[b, c, samples]` of any length at the model's rate.

    Chunks overlap by 2 s and their masks are cross-faded; the levels are those of the whole, the tone is the chunks'
    geometric mean. `on_chunk` is given each chunk's result and the share of the whole that is done, in (0, 1].
    """
    length, hop = input.shape[-1], model.codec.hop
    # Whole hops, so that a chunk's frames lie where those of the whole recording would.
    overlap = round(OVERLAP_SECONDS * model.sample_rate / hop) * hop
    chunk = max(round(chunk_seconds * model.sample_rate / hop) * hop, 2 * overlap)
    if length <= chunk:
        result = model(input, target)
        if on_chunk:
            on_chunk(result, 1.0)
        return Arrangement(result.masks, result.levels, result.tone)
    # Equally long ones: what is left over would be a short chunk that hears little of the music.
    count = -(-(length - overlap) // (chunk - overlap))
    chunk = max(2 * overlap, overlap + -(-(length - overlap) // (count * hop)) * hop)
    whole = _empty_masks(input, model.codec.dim, 1 + length // hop, length / model.sample_rate)
    agreed = input.new_zeros(len(input), 2, model.codec.dim)
    log_tone = input.new_zeros(len(input), model.codec.dim)
    for part, fade in _chunks(length, chunk, overlap, hop, input.device):
        result = model(input[..., part], target[..., part])
        parts = Masks(*(mask[..., : len(fade)] * fade for mask in (result.masks.input, result.masks.target)))
        sources = (latent[..., : len(fade)] for latent in (result.input_latent, result.target_latent))
        agreed = agreed + agreement(parts, contrast(*sources))
        log_tone = log_tone + result.tone.log() * (fade.sum() / whole.input.shape[-1])
        first = part.start // hop
        whole.input[..., first : first + len(fade)] += parts.input.to(whole.input.dtype)
        whole.target[..., first : first + len(fade)] += parts.target.to(whole.target.dtype)
        if on_chunk:
            on_chunk(result, part.stop / length)
    tone = log_tone.exp()
    return Arrangement(whole, model.cascade.levels(agreed, tone), tone)


def _empty_masks(like: Tensor, dim: int, num_frames: int, seconds: float) -> Masks:
    """Half precision (-66 dB) for long recordings, whose masks would take gigabytes."""
    kind = torch.float16 if seconds > HALF_PRECISION_SECONDS else torch.float32
    shape = (len(like), dim, num_frames)
    return Masks(*(torch.zeros(shape, dtype=kind, device=like.device) for _ in range(2)))


def _chunks(
    length: int, chunk: int, overlap: int, hop: int, device: torch.device
) -> Iterator[tuple[slice, Tensor]]:
    """Spans in samples that cover `length`, each with the weights of its frames; over all chunks they add up to 1.

    Both sides of a seam are the same recordings under almost the same masks, so a linear fade keeps their level.
    """
    num_fading = overlap // hop
    ramp = (torch.arange(num_fading, device=device) + 0.5) / num_fading
    starts = list(range(0, length - overlap, chunk - overlap))
    for start in starts:
        # The last one may be short; it is never shorter than the fade into it.
        stop = min(start + chunk, length)
        last = start == starts[-1]
        # A chunk's last frame is centred on its end, where the next one hears more.
        fade = torch.ones((stop - start) // hop + last, device=device)
        if start > 0:
            fade[:num_fading] = ramp[: len(fade)]
        if not last:
            fade[-num_fading:] = ramp.flip(0)
        yield slice(start, stop), fade

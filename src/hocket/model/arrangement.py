"""Who plays where, over a whole recording: the masks of all its chunks on one grid, and what comes after them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

import torch
from torch import Tensor

from hocket.model.result import FusionResult, Masks
from hocket.signal.grouping import Grouping

if TYPE_CHECKING:
    from hocket.model.fusion import FusionModel

CHUNK_SECONDS = 24.0
OVERLAP_SECONDS = 2.0
HALF_PRECISION_SECONDS = 600.0

Excerpts: TypeAlias = Callable[[int, int], tuple[Tensor, Tensor]]
"""Input and target `[b, c, stop - start]` from one sample up to another."""

OnChunk: TypeAlias = Callable[[FusionResult, float], None]


class Score(Protocol):
    """Masks over a whole recording that are read span by span, and what comes after them: see `Arrangement`."""

    @property
    def levels(self) -> Tensor:
        """How loud input and target are after their masks, `[b, 2]`."""

    @property
    def tone(self) -> Tensor:
        """The gain of each latent channel, `[b, d]`."""

    @property
    def strikes(self) -> Tensor | None:
        """What the target's masks are multiplied by at each frame, `[b, frames]`; None is 1."""

    @property
    def num_frames(self) -> int:
        """Frames of the whole."""

    def masks_between(self, first: int, last: int) -> Masks:
        """The masks `[b, d, last - first]` of some frames, in single precision."""


@dataclass(frozen=True)
class Arrangement:
    """Masks `[b, d, t]` over a whole recording, on the model's grid, and what comes after them.

    The `levels` `[b, 2]` of input and target are what each voice is turned up or down by, so that the output agrees as
    much with one source as with the other; the `tone` `[b, d]` is one curve for both. The `strikes` `[b, t]`, where
    there are any, are what the target's masks are multiplied by.
    """

    masks: Masks
    levels: Tensor
    tone: Tensor
    strikes: Tensor | None = None

    @property
    def num_frames(self) -> int:
        """Frames of the whole."""
        return self.masks.input.shape[-1]

    def masks_between(self, first: int, last: int) -> Masks:
        """The masks `[b, d, last - first]` of some frames, in single precision."""
        return Masks(self.masks.input[..., first:last].float(), self.masks.target[..., first:last].float())


def arrange(
    model: "FusionModel",
    input: Tensor,
    target: Tensor,
    *,
    chunk_seconds: float = CHUNK_SECONDS,
    on_chunk: OnChunk | None = None,
) -> Arrangement:
    """Listens to equally loud waveforms `[b, c, samples]` of any length at the model's rate; see `listen_through`."""
    length = input.shape[-1]
    num_frames = 1 + length // model.codec.hop
    # Half precision (-66 dB) for long recordings, whose masks would take gigabytes.
    kind = torch.float16 if length / model.sample_rate > HALF_PRECISION_SECONDS else torch.float32
    shape = (len(input), num_frames, model.codec.dim)
    # Frames before bins in memory, as the model makes them.
    planes = (torch.zeros(shape, dtype=kind, device=input.device).transpose(1, 2) for _ in range(2))
    whole = Masks(*planes)
    done = 0

    def keep(masks: Masks) -> None:
        nonlocal done
        span = slice(done, done + masks.input.shape[-1])
        whole.input[..., span], whole.target[..., span] = masks.input, masks.target
        done = span.stop

    levels, tone = listen_through(
        model,
        lambda start, stop: (input[..., start:stop], target[..., start:stop]),
        length,
        on_masks=keep,
        chunk_seconds=chunk_seconds,
        on_chunk=on_chunk,
    )
    return Arrangement(whole, levels, tone)


def listen_through(
    model: "FusionModel",
    excerpts: Excerpts,
    length: int,
    *,
    on_masks: Callable[[Masks], None],
    chunk_seconds: float = CHUNK_SECONDS,
    on_chunk: OnChunk | None = None,
) -> tuple[Tensor, Tensor]:
    """Listens chunk by chunk to `length` samples at the model's rate, and gives the levels `[b, 2]` and tone `[b, d]`.

    Chunks overlap by 2 s and their masks are cross-faded. `on_masks` is given each run of frames that are done, from
    the first frame to the last. The levels are those of the whole, the tone is the chunks' geometric mean. `on_chunk`
    is given each chunk's result and the share of the whole that is done, in (0, 1].
    """
    hop = model.codec.hop
    # Whole hops, so that a chunk's frames lie where those of the whole recording would.
    overlap = round(OVERLAP_SECONDS * model.sample_rate / hop) * hop
    chunk = max(round(chunk_seconds * model.sample_rate / hop) * hop, 2 * overlap)
    if length <= chunk:
        result = model(*excerpts(0, length))
        on_masks(result.masks)
        if on_chunk:
            on_chunk(result, 1.0)
        return result.levels, result.tone
    # Equally long ones: what is left over would be a short chunk that hears little of the music.
    count = -(-(length - overlap) // (chunk - overlap))
    chunk = max(2 * overlap, overlap + -(-(length - overlap) // (count * hop)) * hop)
    seam = _Seam(lambda masks: on_masks(_of_channels(masks, model.codec.grouping)))
    agreed, log_tone = torch.zeros(()), torch.zeros(())
    for part, fade in _chunks(length, chunk, overlap, hop, model.device):
        result = model(*excerpts(part.start, part.stop))
        last, num_frames = result.stages[-1], len(fade)
        parts = Masks(
            *(mask[..., :num_frames] * fade for mask in (last.place_masks.input, last.place_masks.target))
        )
        agreed = agreed + result.places.between(0, num_frames).agreement(parts)
        log_tone = log_tone + last.place_tone.log() * (fade.sum() / (1 + length // hop))
        seam.add(parts, num_open=0 if part.stop == length else overlap // hop)
        if on_chunk:
            on_chunk(result, part.stop / length)
    tone = log_tone.exp()
    return model.cascade.levels(agreed, tone), model.codec.grouping.spread(tone)


def _of_channels(masks: Masks, grouping: Grouping) -> Masks:
    """Masks of all latent channels from those of places."""
    both = (masks.input, masks.target)
    return Masks(*(grouping.spread(mask.transpose(1, 2)).transpose(1, 2) for mask in both))


class _Seam:
    """Adds up the masks of one chunk and the next where they overlap, and passes on those that are done."""

    def __init__(self, on_masks: Callable[[Masks], None]) -> None:
        self._on_masks = on_masks
        self._open: Masks | None = None

    def add(self, masks: Masks, *, num_open: int) -> None:
        """Faded masks `[b, d, t]` of a chunk, of which the last `num_open` frames go on in the next."""
        if self._open is not None:
            for mask, before in ((masks.input, self._open.input), (masks.target, self._open.target)):
                mask[..., : before.shape[-1]] += before
        done = masks.input.shape[-1] - num_open
        self._on_masks(Masks(masks.input[..., :done], masks.target[..., :done]))
        self._open = Masks(masks.input[..., done:].clone(), masks.target[..., done:].clone())


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

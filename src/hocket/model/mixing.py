"""From an arrangement to sound, at any rate and in any number of channels: only the masks travel, never the audio.

The model listens at its own rate; its masks are laid over a spectrum of the recordings as they are. All channels of a
recording share one mask, so that the stereo image stays where it is.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from hocket.codec import SpectralCodec
from hocket.errors import ConfigError
from hocket.model.arrangement import Arrangement, Excerpts, Score
from hocket.model.overlay import Frames, Gains
from hocket.signal.grouping import FrequencyReader

BLOCK_SECONDS = 10.0
MAX_AMOUNT = 4.0


@dataclass(frozen=True)
class Controls:
    """What a musician may turn: each voice's amount (1 as balanced, 0 off), and how hard chords are struck again."""

    input_amount: float = 1.0
    target_amount: float = 1.0
    reattack: float = 0.0

    def __post_init__(self) -> None:
        for name in ("input_amount", "target_amount", "reattack"):
            if not 0.0 <= getattr(self, name) <= MAX_AMOUNT:
                raise ConfigError(f"{name} is {getattr(self, name)}: give 0 to {MAX_AMOUNT:g}")
        if self.input_amount == self.target_amount == 0:
            raise ConfigError("input_amount and target_amount are both 0: leave something to hear")


@dataclass(frozen=True)
class Grid:
    """Where masks lie: frequency of each bin in Hz `[d]`, and frames per second."""

    bin_hz: Tensor
    frame_rate: float

    @classmethod
    def of(cls, codec: SpectralCodec) -> "Grid":
        """The grid of a codec's latents."""
        return cls(codec.bin_hz, codec.frame_rate)


def mix_down(
    arrangement: Arrangement,
    input: Tensor,
    target: Tensor,
    *,
    grid: Grid,
    codec: SpectralCodec,
    on_block: Callable[[float], None] | None = None,
) -> Tensor:
    """The output `[b, c, samples]` of waveforms at the rate of `codec`, under masks that lie on `grid`.

    Works in blocks, with the same result to rounding as in one. `on_block` is given the share that is done.
    """
    output = torch.empty_like(input)
    blocks = mix_blocks(
        arrangement,
        lambda first, last: (input[..., first:last], target[..., first:last]),
        input.shape[-1],
        grid=grid,
        codec=codec,
    )
    for start, block in blocks:
        output[..., start : start + block.shape[-1]] = block
        if on_block:
            on_block((start + block.shape[-1]) / input.shape[-1])
    return output


@torch.no_grad()
def mix_blocks(
    score: Score,
    excerpts: Excerpts,
    length: int,
    *,
    grid: Grid,
    codec: SpectralCodec,
    most_at_once: int | None = None,
) -> Iterator[tuple[int, Tensor]]:
    """The output of `length` samples at the rate of `codec`, in blocks `[b, c, samples]`, each with where it starts.

    `excerpts` gives the sources at that rate; `grid` is where the masks lie. Blocks are of 10 s, and at most of about
    `most_at_once` samples.
    """
    frames = Frames(length, fft_size=codec.config.fft_size, hop=codec.hop)
    lens = _Lens(grid, codec, score)
    seconds = min(BLOCK_SECONDS, (most_at_once or math.inf) / codec.sample_rate)
    block = max(1, round(seconds * codec.frame_rate)) * codec.hop
    for start in range(0, length, block):
        stop = min(start + block, length)
        reaching = frames.reaching(start, stop)
        sources = excerpts(*frames.heard(*reaching))
        yield start, frames.filtered(sources, lens.over(*reaching), start, stop)


def amounts(controls: Controls) -> Tensor:
    """Both voices' amounts `[2]`."""
    return torch.tensor([controls.input_amount, controls.target_amount])


class _Lens:
    """Reads a score's masks, times levels and tone, at the places of another codec: between the nearest of its own.

    Above what the model hears, the mean of its upper octave stands; beyond the last frame, the last one.
    """

    def __init__(self, grid: Grid, codec: SpectralCodec, score: Score) -> None:
        self._score, self._frames_a_frame = score, grid.frame_rate / codec.frame_rate
        self._reader: FrequencyReader | None = None
        if not torch.equal(grid.bin_hz, codec.bin_hz):
            self._reader = FrequencyReader(grid.bin_hz, codec.bin_hz, holds=True).to(score.levels.device)
        self._gains = score.levels[..., None] * self._along_frequency(score.tone.clone())[:, None]

    def over(self, first_frame: int, last_frame: int) -> Gains:
        """The gains of both sources `[b, 1, frames, bins]` anywhere between two frames of the codec."""
        places = torch.arange(first_frame, last_frame, dtype=torch.float64) * self._frames_a_frame
        places.clamp_(max=self._score.num_frames - 1)
        # From the frame before the first to the one after the last, where there is one.
        first, last = int(places[0]), min(int(places[-1]) + 2, self._score.num_frames)
        masks = self._score.masks_between(first, last)
        target = masks.target
        if self._score.strikes is not None:
            target = target * self._score.strikes[:, None, first:last]
        rows = [[mask.T for mask in pair] for pair in zip(masks.input, target, strict=True)]
        weights = _between_rows(places - first, last - first).to(target.device)
        lower = (places - first).long().tolist()

        def between(begin: int, end: int) -> Iterable[Tensor]:
            here = slice(begin - first_frame, end - first_frame)
            read = slice(lower[here.start], lower[here.stop - 1] + 2)
            local = target.new_empty(end - begin, len(rows), 2, target.shape[1])
            for index, pair in enumerate(rows):
                for voice, mask in enumerate(pair):
                    torch.mm(weights[here, read], mask[read], out=local[:, index, voice])
            gains = self._along_frequency(local).mul_(self._gains)
            return (gains[:, :, voice, None].permute(1, 2, 0, 3) for voice in (0, 1))

        return between

    def _along_frequency(self, masks: Tensor) -> Tensor:
        """Reads `[..., d]`, which it may change, at the codec's frequencies: `[..., bins]`."""
        return masks if self._reader is None else self._reader.read(masks)


def _between_rows(places: Tensor, num_rows: int) -> Tensor:
    """The matrix `[n, num_rows]` that reads rows at fractional places: two numbers in each of its rows."""
    lower, here = places.long(), torch.arange(len(places))
    upper_weights = (places - lower).float()
    weights = torch.zeros(len(places), num_rows + 1)
    weights[here, lower], weights[here, lower + 1] = 1.0 - upper_weights, upper_weights
    return weights[:, :num_rows]

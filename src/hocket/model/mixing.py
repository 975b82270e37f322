"""From an arrangement to sound, at any rate and in any number of channels: only the masks travel, never the audio.

The model listens at its own rate; its masks are laid over a spectrum of the recordings as they are. All channels of a
recording share one mask, so that the stereo image stays where it is.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from hocket.codec import SpectralCodec
from hocket.errors import ConfigError
from hocket.model.arrangement import Arrangement, Excerpts, Score
from hocket.model.result import Masks
from hocket.model.strikes import strike_envelope, strikes_at

BLOCK_SECONDS = 10.0
MAX_AMOUNT = 4.0
HELD_BAND = (0.45, 0.9)
"""Share of the model's band whose mean mask stands for all that lies above it: 5.4-10.8 kHz at 24 kHz."""


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
    hop = codec.hop
    reach = 4 * hop * -(-codec.config.fft_size // (4 * hop))
    seconds = min(BLOCK_SECONDS, (most_at_once or math.inf) / codec.sample_rate)
    block = max(1, round(seconds * codec.frame_rate)) * hop
    for start in range(0, length, block):
        stop = min(start + block, length)
        first, last = max(0, start - reach), min(length, stop + reach)
        masks = _masks_at(score, grid, codec, first // hop, 1 + (last - first) // hop)
        input, target = excerpts(first, last)
        latent = masks.input * _encode(codec, input)
        latent += masks.target * _encode(codec, target)
        sound = codec.decode(latent.flatten(0, 1), last - first).unflatten(0, latent.shape[:2])
        yield start, sound[..., start - first : stop - first]


def with_controls(
    arrangement: Arrangement, controls: Controls, input: Tensor, *, grid: Grid, sample_rate: int
) -> Arrangement:
    """The arrangement as the controls want it; `input` `[b, c, samples]` at the model's rate says where to strike."""
    strikes = None
    if controls.reattack:
        envelope = strike_envelope(input.mean(dim=1), sample_rate=sample_rate)
        strikes = strikes_at(
            envelope,
            num_frames=arrangement.num_frames,
            frame_rate=grid.frame_rate,
            sample_rate=sample_rate,
            reattack=controls.reattack,
        )
    return replace(
        arrangement,
        levels=arrangement.levels * amounts(controls).to(arrangement.levels.device),
        strikes=strikes,
    )


def amounts(controls: Controls) -> Tensor:
    """Both voices' amounts `[2]`."""
    return torch.tensor([controls.input_amount, controls.target_amount])


def _encode(codec: SpectralCodec, waveform: Tensor) -> Tensor:
    return codec.encode(waveform.flatten(0, 1)).unflatten(0, waveform.shape[:2])


def _masks_at(score: Score, grid: Grid, codec: SpectralCodec, first_frame: int, num_frames: int) -> Masks:
    """Masks times levels and tone, `[b, 1, bins, num_frames]`, on the codec's own grid from a frame on."""
    frames = torch.arange(first_frame, first_frame + num_frames, dtype=torch.float64) * (
        grid.frame_rate / codec.frame_rate
    )
    frames = frames.clamp(max=score.num_frames - 1)
    # From the frame before the first to the one after the last, where there is one.
    first, last = int(frames[0]), min(int(frames[-1]) + 2, score.num_frames)
    masks = score.masks_between(first, last)
    if score.strikes is not None:
        masks = Masks(masks.input, masks.target * score.strikes[:, None, first:last])
    tone = _along_frequency(score.tone[..., None], grid.bin_hz, codec.bin_hz)
    both = []
    for voice, mask in enumerate((masks.input, masks.target)):
        local = _along_time(mask, frames - first)
        local = _along_frequency(local, grid.bin_hz, codec.bin_hz)
        both.append((local * score.levels[:, voice, None, None] * tone)[:, None])
    return Masks(*both)


def _along_time(mask: Tensor, frames: Tensor) -> Tensor:
    """Reads `[b, d, t]` at fractional frames, between the two nearest; beyond the end it stays as it is there."""
    frames = frames.to(mask.device).clamp(max=mask.shape[-1] - 1)
    lower = frames.floor().long()
    upper = (lower + 1).clamp(max=mask.shape[-1] - 1)
    return torch.lerp(mask[..., lower], mask[..., upper], (frames - lower).float())


def _along_frequency(mask: Tensor, from_hz: Tensor, to_hz: Tensor) -> Tensor:
    """Reads `[b, d, t]` at other frequencies; above what the model hears, the mean of its upper octave stands."""
    if torch.equal(from_hz, to_hz):
        return mask
    top = float(from_hz[-1])
    low, high = (int(share * (len(from_hz) - 1)) for share in HELD_BAND)
    held = mask[:, low:high].mean(dim=1, keepdim=True)
    mask = torch.cat([mask[:, :high], held], dim=1)
    spacing = top / (len(from_hz) - 1)
    return _along_time(mask.transpose(1, 2), to_hz.double() / spacing).transpose(1, 2)

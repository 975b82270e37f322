"""From an arrangement to sound, at any rate and in any number of channels: only the masks travel, never the audio.

The model listens at its own rate; its masks are laid over a spectrum of the recordings as they are. All channels of a
recording share one mask, so that the stereo image stays where it is.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from hocket.codec import SpectralCodec
from hocket.errors import ConfigError
from hocket.model.arrangement import Arrangement
from hocket.model.result import Masks
from hocket.signal.rhythm import HOP, onset_strength
from hocket.signal.spectrum import window_length

BLOCK_SECONDS = 10.0
MAX_AMOUNT = 4.0
REATTACK_HALVING_SECONDS = 0.1
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
    length, hop = input.shape[-1], codec.hop
    reach = 4 * hop * -(-codec.config.fft_size // (4 * hop))
    block = max(1, round(BLOCK_SECONDS * codec.frame_rate)) * hop
    output = torch.empty_like(input)
    for start in range(0, length, block):
        stop = min(start + block, length)
        first, last = max(0, start - reach), min(length, stop + reach)
        masks = _masks_at(arrangement, grid, codec, first // hop, 1 + (last - first) // hop)
        latent = masks.input * _encode(codec, input[..., first:last])
        latent += masks.target * _encode(codec, target[..., first:last])
        sound = codec.decode(latent.flatten(0, 1), last - first).unflatten(0, latent.shape[:2])
        output[..., start:stop] = sound[..., start - first : stop - first]
        if on_block:
            on_block(stop / length)
    return output


def with_controls(
    arrangement: Arrangement, controls: Controls, input: Tensor, *, grid: Grid, sample_rate: int
) -> Arrangement:
    """The arrangement as the controls want it; `input` `[b, c, samples]` at the model's rate says where to strike."""
    amounts = arrangement.levels.new_tensor([controls.input_amount, controls.target_amount])
    masks = arrangement.masks
    if controls.reattack:
        strikes = strike_envelope(input.mean(dim=1), sample_rate=sample_rate)
        frames = torch.arange(masks.target.shape[-1], dtype=torch.float64) / grid.frame_rate
        places = (frames * _onset_rate(sample_rate)).round().long().clamp(max=strikes.shape[-1] - 1)
        gain = 1.0 + controls.reattack * strikes[:, None, places.to(strikes.device)]
        masks = Masks(masks.input, masks.target * gain.to(masks.target.dtype))
    return Arrangement(masks, arrangement.levels * amounts, arrangement.tone)


def strike_envelope(waveform: Tensor, *, sample_rate: int) -> Tensor:
    """How recently and how hard `[b, samples]` struck, in [0, 1], `[b, frames]` of the onset strength.

    Jumps up at an onset and halves every 0.1 s; 1 is among the hardest 2 % of moments.
    """
    onsets = onset_strength(waveform, sample_rate=sample_rate)
    loud = onsets.quantile(0.98, dim=-1, keepdim=True).clamp_min(1e-6)
    onsets = (onsets / loud).clamp(0.0, 1.0)
    decay = 0.5 ** (1.0 / (REATTACK_HALVING_SECONDS * _onset_rate(sample_rate)))
    held = torch.zeros_like(onsets[:, 0])
    envelope = []
    for onset in onsets.unbind(dim=-1):
        held = torch.maximum(onset, held * decay)
        envelope.append(held)
    return torch.stack(envelope, dim=-1)


def _onset_rate(sample_rate: int) -> float:
    """Frames of the onset strength a second."""
    return sample_rate / window_length(HOP, sample_rate)


def _encode(codec: SpectralCodec, waveform: Tensor) -> Tensor:
    return codec.encode(waveform.flatten(0, 1)).unflatten(0, waveform.shape[:2])


def _masks_at(
    arrangement: Arrangement, grid: Grid, codec: SpectralCodec, first_frame: int, num_frames: int
) -> Masks:
    """Masks times levels and tone, `[b, 1, bins, num_frames]`, on the codec's own grid from a frame on."""
    frames = torch.arange(first_frame, first_frame + num_frames, dtype=torch.float64) * (
        grid.frame_rate / codec.frame_rate
    )
    tone = _along_frequency(arrangement.tone[..., None], grid.bin_hz, codec.bin_hz)
    both = []
    for voice, mask in enumerate((arrangement.masks.input, arrangement.masks.target)):
        local = _along_time(mask, frames)
        local = _along_frequency(local, grid.bin_hz, codec.bin_hz)
        both.append((local * arrangement.levels[:, voice, None, None] * tone)[:, None])
    return Masks(*both)


def _along_time(mask: Tensor, frames: Tensor) -> Tensor:
    """Reads `[b, d, t]` at fractional frames, between the two nearest; beyond the end it stays as it is there."""
    frames = frames.to(mask.device).clamp(max=mask.shape[-1] - 1)
    lower = frames.floor().long()
    upper = (lower + 1).clamp(max=mask.shape[-1] - 1)
    weight = (frames - lower).float()
    first = mask[..., int(lower[0]) : int(upper[-1]) + 1].float()
    return torch.lerp(first[..., lower - lower[0]], first[..., upper - lower[0]], weight)


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

"""Applies masks to recordings of any rate and any number of channels: only the masks are resampled, never the audio.

The model listens at its own rate; its masks are filters that change from frame to frame of the recordings as they are.
All channels of a recording share one mask, so that the stereo image stays where it is. The arithmetic is that of
`hocket.signal.spectrum`, in another order: some frames at a time, so that all that is made of them on the way stays in
the processor's cache, and any span of a long recording by itself.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from hocket.codec import Spectrum
from hocket.fusing.masks import Excerpts, MaskTrack
from hocket.signal.grouping import FrequencyReader
from hocket.signal.spectrum import add_frames, hann

BLOCK_SECONDS = 10.0
END_SECONDS = 0.003
"""Reach of a correction of the ends.

On 20 rendered pairs 1 to 5 ms kept the energy of the first 10 ms within 1 dB. Sources that were mirrored or repeated in
front of the transform left steps or changed attacks by -4 to +39 dB, and a fade of 3 ms took up to 4 dB from them.
"""

CACHED_SAMPLES = 2**18
"""Samples that are transformed at once, over all channels and frames (measured from 2^16 to 2^20)."""

Gains = Callable[[int, int], Iterable[Tensor]]
"""For each source the gains `[b, 1, last - first, bins]` from one frame up to another."""


class FrameFilter:
    """The frames of a recording of `length` samples: centred on multiples of the hop, as `stft` lays them."""

    def __init__(self, length: int, *, fft_size: int, hop: int) -> None:
        self.length, self.fft_size, self.hop = length, fft_size, hop
        self.count = 1 + length // hop
        self._num_parts = -(-fft_size // hop)

    def reaching(self, start: int, stop: int) -> tuple[int, int]:
        """From which frame up to which the samples `start` up to `stop` are part of."""
        half = self.fft_size // 2
        return max(0, (start - half) // self.hop + 1), min(self.count, (stop + half - 1) // self.hop + 1)

    def heard(self, first: int, last: int) -> tuple[int, int]:
        """From which sample up to which there is in the frames `first` up to `last`."""
        half = self.fft_size // 2
        return max(0, first * self.hop - half), min(self.length, (last - 1) * self.hop + half)

    def filtered(
        self, sources: Sequence[Tensor], gains: Gains, start: int, stop: int, *, apart: bool = False
    ) -> Tensor:
        """The samples `start` up to `stop`, `[1, b, c, stop - start]`, of the sum of all sources under their gains.

        The sources are `[b, c, samples]`, each the span that is `heard` in the frames `reaching` these samples. If
        they are requested `apart`, each stands by itself in the first axis.
        """
        first, last = self.reaching(start, stop)
        padded = [self._padded(source, first, last).unfold(-1, self.fft_size, self.hop) for source in sources]
        num_voices = len(sources) if apart else 1
        shape = (num_voices, *padded[0].shape[:2], last - first + self._num_parts - 1, self.hop)
        rows = padded[0].new_zeros(shape)
        window, synthesis = hann(self.fft_size, rows.device, rows.dtype), self._synthesis.to(rows)
        step = last - first
        if rows.device.type == "cpu":
            step = max(1, CACHED_SAMPLES // (rows.shape[1] * rows.shape[2] * self.fft_size))
        for begin in range(0, last - first, step):
            end = min(begin + step, last - first)
            mixed: list[Tensor] = []
            for source, gain in zip(padded, gains(first + begin, first + end), strict=True):
                spectrum = torch.fft.rfft(source[..., begin:end, :] * window).mul_(gain)
                if len(mixed) == num_voices:
                    mixed[-1].add_(spectrum)
                else:
                    mixed.append(spectrum)
            for voice, spectrum in enumerate(mixed):
                covered = rows[voice, ..., begin : end + self._num_parts - 1, :]
                add_frames(covered, torch.fft.irfft(spectrum, n=self.fft_size), synthesis)
        self._even_out(rows, first)
        skipped = start + self.fft_size // 2 - first * self.hop
        return rows.flatten(3)[..., skipped : skipped + stop - start]

    def _padded(self, source: Tensor, first: int, last: int) -> Tensor:
        """With the silence before the beginning and after the end."""
        begin, end = self.heard(first, last)
        half = self.fft_size // 2
        before, after = begin - first * self.hop + half, (last - 1) * self.hop + half - end
        return F.pad(source, (before, after)) if before or after else source

    @cached_property
    def _squares(self) -> Tensor:
        """The squared window in rows of a hop `[rows, hop]`."""
        squares = hann(self.fft_size, torch.device("cpu"), torch.float64).square()
        return F.pad(squares, (0, self._num_parts * self.hop - self.fft_size)).unflatten(0, (-1, self.hop))

    @cached_property
    def _synthesis(self) -> Tensor:
        """The window that makes frames add up to what they were cut from."""
        window = hann(self.fft_size, torch.device("cpu"), torch.float64)
        whole = self._squares.sum(dim=0).repeat(self._num_parts)
        return (window / whole[: self.fft_size]).float()

    def _even_out(self, rows: Tensor, first: int) -> None:
        """Turns up the rows at both ends of the recording, where there are fewer frames than elsewhere."""
        num_parts = self._num_parts
        whole = self._squares.sum(dim=0)
        for place in range(rows.shape[-2]):
            row = first + place
            if num_parts - 1 <= row < self.count:
                continue
            there = [index for index in range(num_parts) if 0 <= row - index < self.count]
            rows[..., place, :] *= (whole / self._squares[there].sum(dim=0).clamp_min(1e-8)).to(rows)


class MaskInterpolator:
    """Reads a track's masks, times levels and tone, at the frames and bins of another codec: between the nearest two.

    Above what the model hears, the mean of its upper octave stands; beyond the last frame, the last one.
    """

    def __init__(self, track: MaskTrack, codec: Spectrum) -> None:
        own_hz = track.codec.bin_hz
        assert own_hz is not None
        self._track, self._frames_a_frame = track, track.codec.frame_rate / codec.frame_rate
        self._reader: FrequencyReader | None = None
        if not torch.equal(own_hz, codec.bin_hz):
            reader = FrequencyReader(own_hz, codec.bin_hz, holds=True)
            self._reader = reader.to(track.levels.device)
        self._gains = track.levels[0, :, None] * self._along_frequency(track.tone.clone())

    def over(self, first_frame: int, last_frame: int) -> Gains:
        """The gains of both sources `[1, 1, frames, bins]` anywhere between two frames of the codec."""
        places = torch.arange(first_frame, last_frame, dtype=torch.float64) * self._frames_a_frame
        places.clamp_(max=self._track.num_frames - 1)
        # From the frame before the first to the one after the last, where there is one.
        first, last = int(places[0]), min(int(places[-1]) + 2, self._track.num_frames)
        masks = self._track.masks_between(first, last)
        rows = (masks.input[0].T, masks.target[0].T)
        weights = _between_rows(places - first, last - first).to(rows[0].device)
        lower = (places - first).long().tolist()

        def between(begin: int, end: int) -> Iterable[Tensor]:
            here = slice(begin - first_frame, end - first_frame)
            read = slice(lower[here.start], lower[here.stop - 1] + 2)
            local = rows[0].new_empty(end - begin, 2, rows[0].shape[1])
            for voice, mask in enumerate(rows):
                torch.mm(weights[here, read], mask[read], out=local[:, voice])
            gains = self._along_frequency(local).mul_(self._gains)
            return (gains[None, None, :, voice] for voice in (0, 1))

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


@torch.no_grad()
def mix_blocks(
    track: MaskTrack,
    excerpts: Excerpts,
    length: int,
    *,
    codec: Spectrum,
    most_at_once: int | None = None,
    apart: bool = False,
) -> Iterator[tuple[int, Tensor]]:
    """The output of `length` samples at the rate of `codec`, in blocks `[1, c, samples]`, each with where it starts.

    `excerpts` gives the sources at that rate. Blocks are of 10 s, and at most of about `most_at_once` samples; the
    result is that of one block, to rounding. If the two voices are requested `apart`, blocks are `[2, 1, c, samples]`.
    """
    frames = FrameFilter(length, fft_size=codec.fft_size, hop=codec.hop)
    masks = MaskInterpolator(track, codec)
    seconds = min(BLOCK_SECONDS, (most_at_once or math.inf) / codec.sample_rate)
    block = max(1, round(seconds * codec.frame_rate)) * codec.hop
    for start in range(0, length, block):
        stop = min(start + block, length)
        reaching = frames.reaching(start, stop)
        sources = excerpts(*frames.heard(*reaching))
        separate = apart or track.strikes is not None
        voices = frames.filtered(sources, masks.over(*reaching), start, stop, apart=separate)
        if track.strikes is not None:
            voices[1] *= track.strikes.between(start, stop, codec.sample_rate).to(voices)
        yield start, voices if apart else voices.sum(dim=0)


@torch.no_grad()
def quiet_ends(
    mixed: Callable[[int, int], Tensor],
    excerpts: Excerpts,
    track: MaskTrack,
    length: int,
    *,
    sample_rate: int,
    apart: bool = False,
) -> Iterator[tuple[int, Tensor]]:
    """Both ends of an output with their steps taken out: where each starts, and its samples `[1, c, n]`.

    A mask spreads the energy of a frame over all of it, and an end of the recording cuts that off. Here the end samples
    become those of a plain mix, and the correction dies away within `END_SECONDS`. The two factors of that mix, the
    means of the masks at both ends, are the same at both, so that the seam of a loop stays as small as the sources'.

    `mixed` and `excerpts` give samples of the output and of the sources, from one up to another. If the voices are
    `apart`, `mixed` gives them as `[2, 1, c, n]`, and so are the ends.
    """
    reach = min(round(END_SECONDS * sample_rate), length // 2)
    if reach == 0:
        return
    masks = [track.masks_between(frame, frame + 1) for frame in (0, track.num_frames - 1)]
    voices = ([pair.input for pair in masks], [pair.target for pair in masks])
    means = torch.stack([torch.cat(ends, dim=-1).mean(dim=(-2, -1)) for ends in voices], dim=-1)
    factors = (means * track.levels)[:, :, None, None]
    falling = (1.0 - torch.arange(reach, device=factors.device) / reach) ** 3
    for start, edge, shape in ((0, 0, falling), (length - reach, length - 1, falling.flip(0))):
        input, target = excerpts(edge, edge + 1)
        end = mixed(start, start + reach)
        at_edge = end[..., edge - start : edge - start + 1]
        plain = torch.stack([factors[:, 0] * input, factors[:, 1] * target])
        wanted = plain if apart else plain.sum(dim=0)
        yield start, end + (wanted - at_edge) * shape

"""The floor under all work: the Fourier transforms that it cannot do without, and nothing else.

Two readings: `transforms` are torch's own `stft` and `istft`, with window and overlap-add; `ffts` are bare real FFTs of
frames that are there already. Both work in pieces that stay in the cache, which is the fastest way found.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from hocket.codec import SpectralCodec

PIECE_SECONDS = 2.0
PIECE_FRAMES = 64


@dataclass(frozen=True)
class Transform:
    """A transform of so many samples in so many channels, `inverse` or not."""

    fft_size: int
    hop: int
    sample_rate: int
    num_samples: int
    num_channels: int
    inverse: bool = False

    @property
    def num_frames(self) -> int:
        """Frames over all channels."""
        return self.num_channels * (1 + self.num_samples // self.hop)


def of_inference(codec: SpectralCodec, seconds: float, num_channels: int = 1) -> list[Transform]:
    """Transforms that fusing at the codec's own rate needs: both sources there, the output back."""
    samples = round(seconds * codec.sample_rate)
    size = codec.config.fft_size, codec.hop, codec.sample_rate, samples
    return [Transform(*size, 2 * num_channels), Transform(*size, num_channels, inverse=True)]


def of_fusing(codec: SpectralCodec, seconds: float, sample_rate: int, num_channels: int) -> list[Transform]:
    """Transforms that fusing at another rate needs: recordings are heard at the model's rate too, in stereo at most."""
    heard = of_inference(codec, seconds, min(num_channels, 2))[:1]
    return [*heard, *of_inference(codec.at_rate(sample_rate), seconds, num_channels)]


def transforms(works: Iterable[Transform]) -> Callable[[], None]:
    """Does them with torch's own transforms, over noise."""
    prepared = [(work, *_pieces(work)) for work in works]

    @torch.inference_mode()
    def run() -> None:
        for work, pieces, window in prepared:
            size = work.fft_size, work.hop
            for piece, length in pieces:
                if work.inverse:
                    torch.istft(piece, *size, window=window, length=length)
                else:
                    torch.stft(piece, *size, window=window, pad_mode="constant", return_complex=True)

    return run


def ffts(works: Iterable[Transform]) -> Callable[[], None]:
    """Does as many bare real FFTs of the same sizes."""
    prepared = []
    for work in works:
        frames = torch.randn(PIECE_FRAMES, work.fft_size)
        prepared.append((work, torch.fft.rfft(frames) if work.inverse else frames))

    @torch.inference_mode()
    def run() -> None:
        for work, frames in prepared:
            for first in range(0, work.num_frames, PIECE_FRAMES):
                rows = frames[: work.num_frames - first]
                if work.inverse:
                    torch.fft.irfft(rows, n=work.fft_size)
                else:
                    torch.fft.rfft(rows)

    return run


def _pieces(work: Transform) -> tuple[list[tuple[Tensor, int]], Tensor]:
    """Noise in pieces `[channels, samples]`, or their spectra, each with its length; and the window."""
    window = torch.hann_window(work.fft_size)
    hops = max(1, round(PIECE_SECONDS * work.sample_rate / work.hop))
    noise = torch.randn(work.num_channels, work.num_samples)
    pieces = [(piece.contiguous(), piece.shape[1]) for piece in noise.split(hops * work.hop, dim=1)]
    if not work.inverse:
        return pieces, window
    size = work.fft_size, work.hop
    spectra = [
        torch.stft(piece, *size, window=window, pad_mode="constant", return_complex=True)
        for piece, _ in pieces
    ]
    return [(spectrum, length) for spectrum, (_, length) in zip(spectra, pieces, strict=True)], window

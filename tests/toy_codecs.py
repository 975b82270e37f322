"""Codecs of a few lines with real latents, for tests: one whose decoding is linear, and one whose decoding isn't."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hocket.codec import CODECS, LatentCodec
from hocket.settings import SpectralConfig

HOP = 64


class OrthogonalCodec(LatentCodec):
    """Frames of 64 samples turned by a fixed random rotation: inner products survive, and no channel is a frequency."""

    is_linear = True

    def __init__(self, config: SpectralConfig) -> None:
        super().__init__(config, sample_rate=config.sample_rate, hop=HOP, dim=HOP)
        square = torch.randn(HOP, HOP, generator=torch.Generator().manual_seed(5))
        self.rotation = torch.linalg.qr(square)[0]

    def encode(self, waveform: Tensor) -> Tensor:
        padding = self.num_frames(waveform.shape[-1]) * HOP - waveform.shape[-1]
        frames = F.pad(waveform, (0, padding)).unflatten(-1, (-1, HOP))
        return (frames @ self.rotation.to(frames)).transpose(1, 2)

    def decode(self, latent: Tensor, length: int) -> Tensor:
        frames = latent.transpose(1, 2) @ self.rotation.T.to(latent)
        return frames.flatten(1)[:, :length]


class BentCodec(OrthogonalCodec):
    """The same, with samples that are compressed on the way in and stretched on the way out."""

    is_linear = False

    def encode(self, waveform: Tensor) -> Tensor:
        return super().encode((5.0 * waveform).clamp(-8, 8).asinh())

    def decode(self, latent: Tensor, length: int) -> Tensor:
        return super().decode(latent, length).clamp(-6, 6).sinh() / 5.0


TOYS = {"orthogonal": OrthogonalCodec, "bent": BentCodec}


@pytest.fixture(params=TOYS)
def toy(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a toy codec, which the registry knows while the test runs."""
    monkeypatch.setitem(CODECS, request.param, TOYS[request.param])
    return str(request.param)

"""The whole model, as its block diagram reads: encode, decide, mix, decode."""

import math
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor, nn

from hocket.codec import SpectralCodec, SpectralConfig
from hocket.model.agent import AgentConfig
from hocket.model.cascade import Cascade, CascadeConfig
from hocket.model.places import Places
from hocket.model.result import FusionResult, Waveform
from hocket.typed import check_range, check_types

MAX_RATE_HZ, MAX_FFT_SIZE = 192_000, 2**15
MAX_FRAME_RATE, MAX_OVERLAP = 750, 16
"""Frames a second, and frames that one sample belongs to."""


@dataclass(frozen=True)
class ModelConfig:
    """Everything that fixes the model's shape."""

    codec: SpectralConfig = field(default_factory=SpectralConfig)
    agent: AgentConfig = field(default_factory=AgentConfig)
    cascade: CascadeConfig = field(default_factory=CascadeConfig)

    def __post_init__(self) -> None:
        check_types(self)
        # A codec that follows a recording's rate may be larger; the model's own fixes how much memory fusing takes.
        check_range(self.codec, 8_000, MAX_RATE_HZ, "sample_rate")
        check_range(self.codec, 64, MAX_FFT_SIZE, "fft_size")
        codec = self.codec
        least_hop = max(
            math.ceil(codec.sample_rate / MAX_FRAME_RATE), math.ceil(codec.fft_size / MAX_OVERLAP)
        )
        check_range(codec, least_hop, codec.fft_size // 4, "hop")


class FusionModel(nn.Module):
    """Fuses the rhythm of an input with the harmony of a target."""

    def __init__(self, config: ModelConfig | None = None) -> None:
        super().__init__()
        self.config = config or ModelConfig()
        self.codec = SpectralCodec(self.config.codec)
        self.cascade = Cascade(self.config.cascade, self.config.agent, self.codec)

    @property
    def sample_rate(self) -> int:
        """Rate in Hz at which the model works."""
        return self.codec.sample_rate

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def forward(self, input_audio: Tensor, target_audio: Tensor) -> FusionResult:
        """Fuses equally long, equally loud waveforms `[b, c, samples]`, with everything on the way."""
        input_latent, target_latent = self._encode(input_audio), self._encode(target_audio)
        places = Places.of(input_latent, target_latent, self.codec.grouping)
        decode = partial(self.decode, length=input_audio.shape[-1])
        return FusionResult(input_latent, target_latent, places, self.cascade(places), decode)

    def inference(
        self, input_audio: Waveform, target_audio: Waveform, *, chunk_seconds: float | None = None
    ) -> Waveform:
        """The fused waveform of two recordings at the model's rate, in the shape and kind of the larger of them.

        Takes `[samples]`, `[channels, samples]` or `[batch, channels, samples]`, tensors or arrays; mono meets stereo
        as two equal channels, the longer recording is cut to the shorter. Sources are first brought to the same
        loudness; the output has that of the input. Long recordings are fused in chunks of 24 s that overlap.

        Raises:
            AudioError: a source is shorter than 0.1 s, silent, not finite, or of a shape that does not fit the other.
        """
        # The one import that goes up: whoever has a model can fuse with it, the same way as files are fused.
        from hocket.fusing.arrays import fuse_arrays

        was_training = self.training
        self.eval()
        try:
            return fuse_arrays(self, input_audio, target_audio, chunk_seconds=chunk_seconds)
        finally:
            self.train(was_training)

    def decode(self, latent: Tensor, length: int) -> Tensor:
        """The waveform `[b, c, length]` of a latent `[b, c, d, t]`."""
        return self.codec.decode(latent.flatten(0, 1), length).unflatten(0, latent.shape[:2])

    def _encode(self, waveform: Tensor) -> Tensor:
        return self.codec.encode(waveform.flatten(0, 1)).unflatten(0, waveform.shape[:2])

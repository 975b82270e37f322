"""The whole model, as its block diagram reads: encode, decide, mix, decode."""

from functools import partial

import torch
from torch import Tensor, nn

from hocket.codec import Codec, open_codec
from hocket.model.band_powers import BandPowers
from hocket.model.cascade import Cascade
from hocket.model.result import FusionResult, Waveform
from hocket.model.voices import DecodedVoices
from hocket.settings import ModelConfig


class FusionModel(nn.Module):
    """Fuses the rhythm of an input with the harmony of a target."""

    def __init__(self, config: ModelConfig | None = None, codec: Codec | None = None) -> None:
        """Makes an untrained model; its codec is opened unless it is open already."""
        super().__init__()
        self.config = config or ModelConfig()
        self.codec = codec or open_codec(self.config.codec)
        self.cascade = Cascade(self.config.cascade, self.config.agent, self.codec)

    @property
    def sample_rate(self) -> int:
        """Rate in Hz at which the model works."""
        return self.codec.sample_rate

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return next(self.parameters()).device

    def forward(self, input_audio: Tensor, target_audio: Tensor) -> FusionResult:
        """Fuses equally long, equally loud waveforms `[b, c, samples]`, with everything on the way."""
        input_latent, target_latent = self._encode(input_audio), self._encode(target_audio)
        powers = BandPowers.of(input_latent, target_latent, self.codec.grouping)
        decode = partial(self.decode, length=input_audio.shape[-1])
        voices = None
        if not self.codec.is_linear:
            latents = (input_latent, target_latent)
            voices = DecodedVoices(latents, (input_audio, target_audio), self.codec.hop, self.decode)
        stages = self.cascade(powers, voices)
        return FusionResult(input_latent, target_latent, powers, stages, decode, voices)

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

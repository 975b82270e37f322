"""EnCodec and DAC by `transformers`: frozen networks whose latents are masked before they are quantised."""

import hashlib
import os
from pathlib import Path
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from hocket.codec.latent import LatentCodec
from hocket.errors import ConfigError
from hocket.settings import SpectralConfig

FILES = ["config.json", "model.safetensors"]
MAX_SHOWN = 160


class NeuralCodec(LatentCodec):
    """The encoder and the decoder of a network of `transformers`; its weights are no part of the model's own.

    A gradient passes through the decoder to the masks, and none reaches the network.
    """

    network_class: ClassVar[str]
    """Class of `transformers`."""
    example: ClassVar[str]
    """A name of weights on the hub."""
    _network: Any

    def __init__(self, config: SpectralConfig) -> None:
        network = self._load(config)
        facts = network.config
        if getattr(facts, "audio_channels", 1) != 1:
            raise ConfigError(
                f"{config.codec_weights} encodes {facts.audio_channels} channels at once, and masks need one that "
                f"encodes each channel alone: give --codec-weights {self.example}."
            )
        super().__init__(config, sample_rate=facts.sampling_rate, hop=facts.hop_length, dim=facts.hidden_size)
        network.eval().requires_grad_(False)
        for part in network.modules():
            # cuDNN has no way back through an LSTM in evaluation mode; without dropout both modes are the same.
            if isinstance(part, nn.LSTM):
                part.train()
        # Not as a part of this module, or its weights would be trained and be in every checkpoint.
        object.__setattr__(self, "_network", network)
        self.fingerprint = hashlib.sha256(to_bytes(network.state_dict())).hexdigest()[:16]

    def encode(self, waveform: Tensor) -> Tensor:
        """The encoder's latent `[b, dim, t]` of `[b, samples]`, before it is quantised."""
        padding = self.num_frames(waveform.shape[-1]) * self.hop - waveform.shape[-1]
        with torch.autocast(waveform.device.type, enabled=False):
            latent: Tensor = self._network.encoder(F.pad(waveform.float(), (0, padding))[:, None])
        return latent

    def decode(self, latent: Tensor, length: int) -> Tensor:
        """The decoder's waveform `[b, length]`, with zeros where it ends early, as odd strides make it."""
        with torch.autocast(latent.device.type, enabled=False):
            waveform: Tensor = self._network.decoder(latent.float())[:, 0]
        return F.pad(waveform, (0, max(0, length - waveform.shape[-1])))[:, :length]

    def _apply(self, fn: Any, recurse: bool = True) -> "NeuralCodec":
        self._network._apply(fn)
        return super()._apply(fn, recurse)

    def __deepcopy__(self, memo: dict[int, Any]) -> "NeuralCodec":
        # Frozen, so that a model and its running average may share it.
        return self

    @classmethod
    def _load(cls, config: SpectralConfig) -> Any:
        """The network with its weights.

        Raises:
            ConfigError: the library or the weights are not there, or are those of another kind of network.
        """
        kind = _class_of(cls.network_class, config.codec)
        folder = _folder_of(config, cls.example)
        try:
            facts, _ = kind.config_class.get_config_dict(folder)
            if (found := facts.get("model_type")) != kind.config_class.model_type:
                raise ValueError(f"they are those of {found}")
            network, told = kind.from_pretrained(folder, use_safetensors=True, output_loading_info=True)
            if lacking := [*told["missing_keys"], *told["mismatched_keys"]]:
                raise ValueError(f"they lack {min(map(str, lacking))}")
        except (
            Exception
        ) as error:  # Anything may be in a folder, and the library raises as many kinds of errors.
            reason = " ".join(str(error).split())[:MAX_SHOWN] or type(error).__name__
            raise ConfigError(
                f"{config.codec_weights} contains no loadable {config.codec} weights ({reason}): give "
                "--codec-weights a folder with config.json and model.safetensors."
            ) from error
        return network


class EncodecCodec(NeuralCodec):
    """EnCodec (Défossez et al. 2022), 24 kHz mono."""

    network_class, example = "EncodecModel", "facebook/encodec_24khz"


class DacCodec(NeuralCodec):
    """The Descript Audio Codec (Kumar et al. 2023)."""

    network_class, example = "DacModel", "descript/dac_24khz"


def _class_of(name: str, codec: str) -> Any:
    """A class of `transformers`, which is imported here and only where a codec asks for it.

    Raises:
        ConfigError: it is not installed.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        import transformers
        from huggingface_hub.utils import logging
    except ImportError as error:
        raise ConfigError(
            f"the codec {codec} needs transformers (not installed): run pip install 'hocket[neural]'."
        ) from error
    # Its warnings and bars are about what is told in a sentence here.
    logging.set_verbosity(logging.CRITICAL)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    return getattr(transformers, name)


def _folder_of(config: SpectralConfig, example: str) -> str:
    """The folder of a codec's weights; those that a name of the hub stands for are fetched once.

    Raises:
        ConfigError: they are not there.
    """
    from huggingface_hub import snapshot_download

    codec, weights = config.codec, config.codec_weights
    if not weights:
        raise ConfigError(
            f"the codec {codec} needs weights: give --codec-weights a folder, or a name on the hub such as {example}."
        )
    if Path(weights).is_dir():
        return weights
    if weights.count("/") != 1 or weights.startswith((".", "/", "~")):
        raise ConfigError(
            f"the weights of the codec {codec} are not at {weights}: give --codec-weights their folder."
        )
    for is_offline in (True, False):
        try:
            folder = snapshot_download(weights, allow_patterns=FILES, local_files_only=is_offline)
            if all((Path(folder) / name).is_file() for name in FILES):
                return folder
        except (OSError, ValueError) as error:
            reason = type(error).__name__
        else:
            reason = f"it lacks {' or '.join(FILES)}"
    raise ConfigError(
        f"the weights {weights} of the codec {codec} are not a folder, and the hub did not give them ({reason}; is "
        "there a network?): give --codec-weights a folder."
    )

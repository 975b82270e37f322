"""Small models, undecided and decided, sounds for them at 24 kHz, and masks with what is heard under them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from hocket.audio.streams import Workspace
from hocket.codec import SpectralCodec, SpectralConfig
from hocket.errors import CheckpointError
from hocket.fusing.masks import CHUNK_SECONDS, MaskStore, MaskTrack, decide_masks
from hocket.fusing.mixing import mix_blocks
from hocket.model import AgentConfig, CascadeConfig, CreativeAgent, FusionModel, Masks, ModelConfig
from hocket.model.weights import config_values, load_model, model_tensors, save_checkpoint

RATE_HZ = 24_000
AGENT = AgentConfig(model_dim=16, num_heads=2, num_bands=8, num_blocks=1)


def make_model(
    *, agent: AgentConfig = AGENT, num_stages: int = 2, codec: SpectralConfig | None = None, seed: int = 0
) -> FusionModel:
    """An untrained model, undecided everywhere; its weights are frozen until a test asks for gradients."""
    torch.manual_seed(seed)
    model = FusionModel(ModelConfig(codec or SpectralConfig(), agent, CascadeConfig(num_stages)))
    return model.eval().requires_grad_(False)


def agents_of(model: FusionModel) -> list[CreativeAgent]:
    """The agents of all stages."""
    return [agent for agent in model.cascade.agents if isinstance(agent, CreativeAgent)]


def stir(model: FusionModel, *, strength: float = 1.0, seed: int = 1) -> FusionModel:
    """Gives the heads random weights, so that the masks differ everywhere, as after training."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for agent in agents_of(model):
            for parameter in (agent.head.weight, agent.head.bias):
                parameter.copy_(strength * torch.randn(parameter.shape, generator=generator))
    return model


def set_gains(model: FusionModel, *, input: float, target: float, stage: int = 0) -> None:
    """Sets the logits of both voices' gains in all bands: -1e4 mutes a voice, 1e4 gives it the most."""
    num_bands = model.config.agent.num_bands
    with torch.no_grad():
        bias = agents_of(model)[stage].head.bias
        bias[-2 * num_bands : -num_bands] = input
        bias[-num_bands:] = target


def noise(num_samples: int = RATE_HZ // 2, *, seed: int = 0, batch: int = 1, channels: int = 1) -> Tensor:
    """White noise `[batch, channels, samples]` at an RMS of 0.1, with a beat in it, so that frames differ."""
    generator = torch.Generator().manual_seed(seed)
    beat = 1.0 + 0.9 * torch.sin(torch.arange(num_samples) * (2 * torch.pi * (3 + seed) / RATE_HZ))
    return 0.1 * beat * torch.randn(batch, channels, num_samples, generator=generator)


def track_of(
    masks: Masks,
    codec: SpectralCodec,
    *,
    levels: Tensor | None = None,
    tone: Tensor | None = None,
) -> MaskTrack:
    """A track of given masks `[1, d, t]`; levels and tone are 1 unless given."""
    store = MaskStore(codec.dim, masks.input.shape[-1], frame_rate=codec.frame_rate, workspace=Workspace())
    store.add(masks)
    levels = torch.ones(1, 2) if levels is None else levels
    return MaskTrack(store, codec, levels, torch.ones(1, codec.dim) if tone is None else tone)


def masks_of(track: MaskTrack) -> Masks:
    """All masks of a track."""
    return track.masks_between(0, track.num_frames)


def decided(
    model: FusionModel,
    input: Tensor,
    target: Tensor,
    *,
    chunk_seconds: float = CHUNK_SECONDS,
    on_progress: Callable[[float], None] | None = None,
) -> MaskTrack:
    """What a model decides for waveforms `[1, c, samples]` at its rate."""
    return decide_masks(
        model,
        lambda start, stop: (input[..., start:stop], target[..., start:stop]),
        input.shape[-1],
        workspace=Workspace(),
        chunk_seconds=chunk_seconds,
        on_progress=on_progress,
    )


def mixed(
    track: MaskTrack,
    input: Tensor,
    target: Tensor,
    *,
    codec: SpectralCodec,
    most_at_once: int | None = None,
) -> Tensor:
    """All of what is heard of waveforms `[1, c, samples]`, at the rate of `codec`, under a track's masks."""
    blocks = mix_blocks(
        track,
        lambda first, last: (input[..., first:last], target[..., first:last]),
        input.shape[-1],
        codec=codec,
        most_at_once=most_at_once,
    )
    return torch.cat([block for _, block in blocks], dim=-1)


def save(model: FusionModel, path: Path, **metadata: Any) -> Path:
    """Saves a checkpoint of the model alone."""
    save_checkpoint(path, model_tensors(model), {"model": config_values(model.config), **metadata})
    return path


def sentence(path: Path) -> str:
    """The sentence with which a checkpoint is refused; it has to be one that names the file."""
    with pytest.raises(CheckpointError) as caught:
        load_model(path)
    said = str(caught.value)
    assert said.startswith(str(path)) and "\n" not in said and said.endswith(".")
    return said

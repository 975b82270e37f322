"""A fuser that decides nothing sensible, but fast: for everything around the model."""

from pathlib import Path

import torch

from hocket.codec import SpectralConfig
from hocket.fusing import Fuser
from hocket.model import AgentConfig, FusionModel, ModelConfig


def small_fuser() -> Fuser:
    """An untrained model at 8 kHz with masks that differ from place to place; the same each time."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    codec = SpectralConfig(sample_rate=8000, fft_size=512, hop=128)
    agent = AgentConfig(model_dim=16, num_heads=2, num_bands=8, num_blocks=1)
    model = FusionModel(ModelConfig(codec=codec, agent=agent))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return Fuser(model, checkpoint=Path("small"), metadata={})

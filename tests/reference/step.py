"""A step of training with the plain model and objective: what the fast step is compared with, figure and pace."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from tests.reference.model import PlainModel
from tests.reference.objective import PlainScene, equally_loud, objective
from torch import Tensor

from hocket.model import FusionModel
from hocket.objective import ObjectiveConfig


def plain_copy(model: FusionModel, *, full: bool = False) -> PlainModel:
    """The plain model with the weights of the fast one; `full` makes each bin a place, and hears each frame."""
    config = model.config
    if full:
        codec, agent = replace(config.codec, place_width=0.0), replace(config.agent, attention_stride=1)
        config = replace(config, codec=codec, agent=agent)
    plain = PlainModel(config)
    plain.load_state_dict(model.state_dict())
    return plain


def plain_loss(
    model: PlainModel, batch: Mapping[str, Tensor], config: ObjectiveConfig, *, remembered: bool = False
) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss and its terms for sources `[b, samples]`; `remembered` computes no feature twice."""
    input, target = equally_loud(batch["input"]), equally_loud(batch["target"])
    fused = model(input, target)
    scene = PlainScene(fused, input, target, model.config.codec.sample_rate, remembered)
    return objective(scene, config)


def plain_step(
    model: PlainModel,
    optimizer: torch.optim.Optimizer,
    batch: Mapping[str, Tensor],
    config: ObjectiveConfig,
    *,
    gradient_clip: float,
    remembered: bool = False,
) -> float:
    """One update, and the loss before it. Nothing is diagnosed here, which the fast step does on top."""
    optimizer.zero_grad(set_to_none=True)
    loss, _ = plain_loss(model, batch, config, remembered=remembered)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), gradient_clip)
    optimizer.step()
    return float(loss.detach())

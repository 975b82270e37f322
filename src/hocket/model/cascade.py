"""The cascade: the first stage drafts the output, each later stage hears the draft too and corrects the masks."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hocket.codec import Codec
from hocket.errors import ConfigError
from hocket.model.agent import AgentConfig, CreativeAgent, Decision, band_matrix
from hocket.model.levels import agreement, balanced_levels, contrast
from hocket.model.result import Masks, Stage


@dataclass(frozen=True)
class CascadeConfig:
    """How many stages there are; two is a draft and a refinement."""

    num_stages: int = 2

    def __post_init__(self) -> None:
        if self.num_stages < 1:
            raise ConfigError(f"num_stages is {self.num_stages}: give at least 1")


class Cascade(nn.Module):
    """Stage 0 sees input and target; stage k sees input, target and the draft of stage k - 1."""

    def __init__(self, config: CascadeConfig, agent: AgentConfig, codec: Codec) -> None:
        super().__init__()
        self.max_gain = agent.max_gain
        self.codec = codec
        bands = band_matrix(codec.band_centres(agent.num_bands), codec.dim)
        self.agents = nn.ModuleList(
            CreativeAgent(
                agent, num_sources=2 if index == 0 else 3, num_features=codec.num_features, bands=bands
            )
            for index in range(config.num_stages)
        )

    def forward(self, input_latent: Tensor, target_latent: Tensor) -> tuple[Stage, ...]:
        """All stages for latents `[b, c, d, t]`; the masks are one for all channels."""
        sources = [self.codec.describe(latent) for latent in (input_latent, target_latent)]
        told_apart = contrast(input_latent, target_latent)
        decision = None
        stages: list[Stage] = []
        for agent in self.agents:
            assert isinstance(agent, CreativeAgent)
            drafts = [self.codec.describe(stages[-1].latent)] if stages else []
            change = agent(sources + drafts)
            decision = change if decision is None else _add(decision, change)
            masks = self._masks(decision, agent.bands)
            levels = balanced_levels(agreement(masks, told_apart))
            stages.append(Stage(masks, levels, _mix(masks, levels, input_latent, target_latent)))
        return tuple(stages)

    def _masks(self, decision: Decision, bands: Tensor) -> Masks:
        """Who has a place, times how loud that voice is in its band just now; both are 1 where undecided is 0."""
        offset = -math.log(self.max_gain - 1.0)
        gains = self.max_gain * torch.sigmoid(decision.gains + offset)
        gains = torch.einsum("bvnt,nd->bvdt", gains, bands)
        share = torch.sigmoid(decision.share)
        return Masks(input=gains[:, 0] * share, target=gains[:, 1] * (1.0 - share))


def _add(decision: Decision, change: Decision) -> Decision:
    return Decision(decision.share + change.share, decision.gains + change.gains)


def _mix(masks: Masks, levels: Tensor, input_latent: Tensor, target_latent: Tensor) -> Tensor:
    """The only way from the sources to the output."""
    levels = levels[:, :, None, None]
    input_mask, target_mask = masks.input * levels[:, 0], masks.target * levels[:, 1]
    return input_mask[:, None] * input_latent + target_mask[:, None] * target_latent

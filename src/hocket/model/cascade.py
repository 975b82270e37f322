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
from hocket.model.tone import matched_tone


@dataclass(frozen=True)
class CascadeConfig:
    """How many stages there are (two is a draft and a refinement), and what comes after the masks.

    `balance_levels` sets both voices' levels so that the output agrees as much with one source as with the other;
    `match_tone` brings the mix to a brightness between its sources'. Without them the output is what the masks let
    through, as the predecessor's was.
    """

    num_stages: int = 2
    balance_levels: bool = True
    match_tone: bool = True

    def __post_init__(self) -> None:
        if self.num_stages < 1:
            raise ConfigError(f"num_stages is {self.num_stages}: give at least 1")


class Cascade(nn.Module):
    """Stage 0 sees input and target; stage k sees input, target and the draft of stage k - 1."""

    def __init__(self, config: CascadeConfig, agent: AgentConfig, codec: Codec) -> None:
        super().__init__()
        self.config = config
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
            stages.append(self._mix(masks, told_apart, input_latent, target_latent, agent.bands))
        return tuple(stages)

    def _mix(
        self, masks: Masks, told_apart: Tensor, input_latent: Tensor, target_latent: Tensor, bands: Tensor
    ) -> Stage:
        """Balances the voices, brings the mix to its tone, and balances once more what that changed."""
        agreed = agreement(masks, told_apart)
        tone = bands.new_ones(len(masks.input), bands.shape[1])
        if self.config.match_tone and self.codec.bin_hz is not None:
            with torch.no_grad():
                mixed = _sum(masks, self.levels(agreed, tone), tone, input_latent, target_latent)
                tone = matched_tone(mixed, input_latent, target_latent, bands=bands, bin_hz=self.codec.bin_hz)
        levels = self.levels(agreed, tone)
        return Stage(masks, levels, tone, _sum(masks, levels, tone, input_latent, target_latent))

    def levels(self, agreed: Tensor, tone: Tensor) -> Tensor:
        """Both voices' levels `[b, 2]` for an agreement `[b, 2, d]` and a tone `[b, d]`."""
        if self.config.balance_levels:
            return balanced_levels(agreed, tone)
        return agreed.new_ones(len(agreed), 2)

    def _masks(self, decision: Decision, bands: Tensor) -> Masks:
        """Who has a place, times how loud that voice is in its band just now; both are 1 where undecided is 0."""
        offset = -math.log(self.max_gain - 1.0)
        gains = self.max_gain * torch.sigmoid(decision.gains + offset)
        gains = torch.einsum("bvnt,nd->bvdt", gains, bands)
        share = torch.sigmoid(decision.share)
        return Masks(input=gains[:, 0] * share, target=gains[:, 1] * (1.0 - share))


def _add(decision: Decision, change: Decision) -> Decision:
    return Decision(decision.share + change.share, decision.gains + change.gains)


def _sum(masks: Masks, levels: Tensor, tone: Tensor, input_latent: Tensor, target_latent: Tensor) -> Tensor:
    """The only way from the sources to the output."""
    gains = (levels[:, :, None] * tone[:, None])[..., None]
    input_mask, target_mask = masks.input * gains[:, 0], masks.target * gains[:, 1]
    return input_mask[:, None] * input_latent + target_mask[:, None] * target_latent

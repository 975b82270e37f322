"""The cascade: the first stage drafts the output, each later stage hears the draft too and corrects the masks."""

import math

import torch
from torch import Tensor, nn

from hocket.codec import Codec
from hocket.model.agent import CreativeAgent, Decision, band_matrix
from hocket.model.band_powers import BandPowers
from hocket.model.faders import SourceSpectra, balanced_levels
from hocket.model.masks import Masks
from hocket.model.result import Stage
from hocket.settings import AgentConfig, CascadeConfig


class Cascade(nn.Module):
    """Stage 0 sees input and target; stage k sees input, target and the draft of stage k - 1."""

    def __init__(self, config: CascadeConfig, agent: AgentConfig, codec: Codec) -> None:
        super().__init__()
        self.config = config
        self.max_gain = agent.max_gain
        self.codec = codec
        # Made of numbers, so always real, where weights may be shapes only (`load_model`).
        with torch.device("cpu"):
            bands = band_matrix(codec.band_centres(agent.num_bands), codec.grouping.centres)
        self.agents = nn.ModuleList(
            CreativeAgent(agent, num_sources=2 if index == 0 else 3, codec=codec, bands=bands)
            for index in range(config.num_stages)
        )

    def forward(self, powers: BandPowers) -> tuple[Stage, ...]:
        """All stages for what the sources hold at each bin group; the masks are one for all channels."""
        listener = self.agents[0]
        assert isinstance(listener, CreativeAgent)
        sources = [listener.embed(self.codec.describe(power)) for power in (powers.input, powers.target)]
        spectra = SourceSpectra.of(powers, listener.bands)
        decision = None
        stages: list[Stage] = []
        for agent in self.agents:
            assert isinstance(agent, CreativeAgent)
            drafts = []
            if stages:
                draft = powers.mixed(stages[-1].group_masks, stages[-1].group_gains)
                drafts = [agent.embed(self.codec.describe(draft))]
            change = agent(sources + drafts)
            decision = change if decision is None else _add(decision, change)
            stages.append(self._mix(self._masks(decision, agent.bands), powers, spectra))
        return tuple(stages)

    def _mix(self, masks: Masks, powers: BandPowers, spectra: SourceSpectra) -> Stage:
        """Balances the voices, brings the mix to its tone, and balances once more what that changed."""
        agreed = powers.agreement(masks)
        tone = agreed.new_ones(agreed.shape[0], agreed.shape[-1])
        if self.config.match_tone and self.codec.bin_hz is not None:
            with torch.no_grad():
                mixed = powers.mixed(masks, self.levels(agreed, tone)[..., None])
                tone = spectra.matched_tone(mixed, self.group_hz)
        return Stage(masks, self.levels(agreed, tone), tone, powers.grouping)

    @property
    def group_hz(self) -> Tensor:
        """Frequency in Hz of each bin group, `[groups]`, for codecs whose channels have one."""
        assert self.codec.bin_hz is not None
        return self.codec.bin_hz[1] * self.codec.grouping.centres

    def levels(self, agreed: Tensor, tone: Tensor) -> Tensor:
        """Both voices' levels `[b, 2]` for an agreement `[b, 2, groups]` and a tone `[b, groups]`."""
        if self.config.balance_levels:
            return balanced_levels(agreed, tone)
        return agreed.new_ones(agreed.shape[0], 2)

    def _masks(self, decision: Decision, bands: Tensor) -> Masks:
        """Who has a bin group, times how loud that voice is in its band just now; both are 1 where undecided is 0."""
        offset = -math.log(self.max_gain - 1.0)
        gains = self.max_gain * torch.sigmoid(decision.gains.float() + offset)
        share = torch.sigmoid(decision.share)
        masks = (gains[:, :, 0] @ bands) * share, (gains[:, :, 1] @ bands) * (1.0 - share)
        return Masks(*(mask.transpose(1, 2) for mask in masks))


def _add(decision: Decision, change: Decision) -> Decision:
    return Decision(decision.share + change.share, decision.gains + change.gains)

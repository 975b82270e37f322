"""The cascade: the first stage drafts the output, each later stage hears the draft too and corrects the masks."""

import math
from functools import partial

import torch
from torch import Tensor, nn

from hocket.codec import Codec
from hocket.model.agent import CreativeAgent, Decision, SourceFeatures, band_matrix
from hocket.model.band_powers import BandPowers, Tally
from hocket.model.faders import balanced_levels, matched_tone
from hocket.model.masks import Masks
from hocket.model.result import Stage
from hocket.model.voices import DecodedVoices
from hocket.settings import AgentConfig, CascadeConfig


class Cascade(nn.Module):
    """Stage 0 sees input and target; stage k sees input, target and the draft of stage k - 1."""

    def __init__(self, config: CascadeConfig, agent: AgentConfig, codec: Codec) -> None:
        super().__init__()
        self.config, self._agent = config, agent
        self.codec = codec
        # Made of numbers, so always real, where weights may be shapes only (`load_model`).
        with torch.device("cpu"):
            bands = band_matrix(codec.band_centres(agent.num_bands), codec.grouping.centres)
        self.agents = nn.ModuleList(
            CreativeAgent(agent, num_sources=2 if index == 0 else 3, codec=codec, bands=bands)
            for index in range(config.num_stages)
        )

    def forward(self, powers: BandPowers, voices: DecodedVoices | None = None) -> tuple[Stage, ...]:
        """All stages for what the sources hold at each bin group; the masks are one for all channels.

        Levels follow from the powers, or from `voices` where decoding is not linear.
        """
        # They are decoded for each stage that is asked for its levels, so not for nothing.
        tallied = voices if voices is not None and self.config.balance_levels else powers
        listener = self.agents[0]
        assert isinstance(listener, CreativeAgent)
        sources = [listener.embed(self.codec.describe(power)) for power in (powers.input, powers.target)]
        passing = self._passing(*sources)
        decision = None
        stages: list[Stage] = []
        for agent in self.agents:
            assert isinstance(agent, CreativeAgent)
            drafts = []
            if stages:
                # Levels and tone depend on the whole recording, so a model of finite reach hears drafts without them.
                gains = stages[-1].group_gains if self.reach is None and voices is None else None
                drafts = [agent.embed(self.codec.describe(powers.mixed(stages[-1].group_masks, gains)))]
            change = agent(sources + drafts)
            decision = change if decision is None else _add(decision, change)
            masks = self._masks(decision, agent.bands, passing)
            stages.append(Stage(masks, powers.grouping, partial(self._faders_of, tallied, masks)))
        return tuple(stages)

    @property
    def reach(self) -> int | None:
        """Frames before and after a frame that can change its masks; None where there is no limit."""
        agent, describing = self._agent, self.codec.described_frames
        if not agent.attention_reach:
            return None
        listening = agent.attention_reach + agent.attention_stride
        analysing = 1 + sum(3 * 3**index for index in range(agent.num_blocks))
        return self.config.num_stages * (describing + analysing + agent.num_attention_layers * listening)

    @property
    def stride(self) -> int:
        """Frames that an attention hears as one, counted from the first."""
        return self._agent.attention_stride

    def _faders_of(self, sources: BandPowers | DecodedVoices, masks: Masks) -> tuple[Tensor, Tensor]:
        return self.faders(sources.tally(masks))

    def faders(self, tally: Tally) -> tuple[Tensor, Tensor]:
        """Levels `[b, 2]` and tone `[b, groups]`: balances the voices, and once more after the tone changed them."""
        sizes = self.codec.grouping.sizes.to(tally.agreed)
        # Decoded voices are one group.
        agreed = tally.leaning(self.config.level_ratio, sizes[: tally.agreed.shape[-1]])
        tone = agreed.new_ones(agreed.shape[0], len(sizes))
        if self.config.match_tone and self.codec.bin_hz is not None:
            listener = self.agents[0]
            assert isinstance(listener, CreativeAgent)
            tone = matched_tone(
                tally,
                self._levels(agreed, tone),
                bands=listener.bands,
                sizes=sizes,
                group_hz=self.group_hz,
            )
        return self._levels(agreed, tone), tone

    @property
    def group_hz(self) -> Tensor:
        """Frequency in Hz of each bin group, `[groups]`, for codecs whose channels have one."""
        assert self.codec.bin_hz is not None
        return self.codec.bin_hz[1] * self.codec.grouping.centres

    def _levels(self, agreed: Tensor, tone: Tensor) -> Tensor:
        if self.config.balance_levels:
            return balanced_levels(agreed, tone)
        return agreed.new_ones(agreed.shape[0], 2)

    def _passing(self, input: SourceFeatures, target: SourceFeatures) -> Tensor | None:
        """The share of the input that may pass at each bin group, `[b, t, groups]`; None where all of it may."""
        if not self.config.foreign_damping or self.codec.bin_hz is None:
            return None
        return 1.0 - self.config.foreign_damping * self.codec.foreign_tones(input.planes, target.planes)

    def _masks(self, decision: Decision, bands: Tensor, passing: Tensor | None) -> Masks:
        """Each voice's share of a bin group, times its gain in the band just now; logits of 0 are a gain of 1."""
        offset = -math.log(self._agent.max_gain - 1.0)
        gains = self._agent.max_gain * torch.sigmoid(decision.gains.float() + offset)
        share = torch.sigmoid(decision.share)
        input, target = (gains[:, :, 0] @ bands) * share, (gains[:, :, 1] @ bands) * (1.0 - share)
        if passing is not None:
            input = input * passing
        return Masks(input.transpose(1, 2), target.transpose(1, 2))


def _add(decision: Decision, change: Decision) -> Decision:
    return Decision(decision.share + change.share, decision.gains + change.gains)

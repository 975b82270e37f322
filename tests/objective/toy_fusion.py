"""A small pair of rendered music and a small model, to see in seconds what an objective does."""

from functools import lru_cache

import torch
from torch import Tensor, nn

from hocket.data.synthetic.render import render_song
from hocket.data.synthetic.songs import make_song
from hocket.diagnostics import Figures, MaskFigures, diagnose, mask_figures
from hocket.model import AgentConfig, CascadeConfig, CreativeAgent, FusionModel, FusionResult, ModelConfig
from hocket.objective import TERMS, Objective, ObjectiveConfig
from hocket.signal import match_rms
from hocket.signal.scene import Scene, Voice

RATE_HZ = 24_000
SECONDS = 1.25
SEED = 7


@lru_cache
def rendered_pair() -> tuple[Tensor, Tensor]:
    """Two drum loops and two chord pieces at an RMS of 0.1, `[2, 1, samples]` each."""

    def render(index: int, kind: str) -> Tensor:
        song = make_song(SEED, index, kind)  # type: ignore[arg-type]
        waveform = torch.from_numpy(render_song(song, duration_seconds=1.0 + SECONDS))
        return match_rms(waveform[None, RATE_HZ:])

    inputs = torch.stack([render(index, "drums") for index in (0, 1)])
    targets = torch.stack([render(index, "chords") for index in (2, 3)])
    return inputs, targets


def make_scene(
    output: Tensor, input: Tensor, target: Tensor, *, share: Tensor | None = None, rate_hz: int = RATE_HZ
) -> Scene:
    """A scene of waveforms `[b, samples]`."""
    own = None if share is None else Voice(share, rate_hz)
    return Scene(Voice(output, rate_hz), Voice(input, rate_hz), Voice(target, rate_hz), own)


def make_model(*, num_stages: int = 1, share: float = 0.0, gains: float = 0.0, seed: int = 0) -> FusionModel:
    """An untrained model; a positive `share` (a logit) favours the input everywhere, `gains` raises both masks.

    Without levels and tone control: what a term does is then what its masks do.
    """
    torch.manual_seed(seed)
    agent = AgentConfig(model_dim=32, num_bands=16)
    model = FusionModel(
        ModelConfig(agent=agent, cascade=CascadeConfig(num_stages, balance_levels=False, match_tone=False))
    )
    with torch.no_grad():
        bias = head_of(model).bias
        bias[-2 * agent.num_bands :] = gains
        bias[-3 * agent.num_bands : -2 * agent.num_bands] = share
    return model


def head_of(model: FusionModel) -> nn.Linear:
    """What the first stage decides with."""
    agent = model.cascade.agents[0]
    assert isinstance(agent, CreativeAgent)
    return agent.head


def fuse(model: FusionModel) -> tuple[FusionResult, Scene]:
    """The model's fusion of the rendered pair."""
    inputs, targets = rendered_pair()
    result = model(inputs, targets)
    share = model.decode(result.target_share, result.output.shape[-1])[:, 0]
    return result, make_scene(result.output[:, 0], inputs[:, 0], targets[:, 0], share=share)


def only(term: str, **others: float) -> Objective:
    """An objective of one term."""
    weights = {line.weight: float(name == term) for name, line in TERMS.items()}
    return Objective(ObjectiveConfig(**(weights | others)))


def train(
    model: FusionModel, objective: Objective, *, num_steps: int = 15, learning_rate: float = 0.02
) -> list[float]:
    """Some steps on the rendered pair; the total loss before each step and after the last."""
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    losses = []
    for _ in range(num_steps):
        losses.append(objective(*fuse(model)).total)
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
    with torch.no_grad():
        losses.append(objective(*fuse(model)).total)
    return [loss.item() for loss in losses]


@torch.no_grad()
def look(model: FusionModel) -> tuple[Figures, MaskFigures, Scene]:
    """The diagnosis that training shows."""
    result, scene = fuse(model)
    return diagnose(scene).mean(), mask_figures(result.masks), scene

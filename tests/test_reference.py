"""The fast model and objective against the plain ones: the same losses, gradients and steps."""

import pytest
import torch
from tests.reference.step import plain_copy, plain_loss, plain_step

from hocket.codec import SpectralConfig
from hocket.data.synthetic.render import render_song
from hocket.data.synthetic.songs import make_song
from hocket.errors import ConfigError
from hocket.model import AgentConfig, CascadeConfig, FusionModel, ModelConfig
from hocket.model.weights import default_weights, load_model
from hocket.objective import Objective, ObjectiveConfig
from hocket.settings import build, read_preset
from hocket.training.runtime import Runtime
from hocket.training.steps import Learner, make_scene, prepare, train_step

CPU = torch.device("cpu")
OBJECTIVE = build(read_preset("default")).objective
SECONDS = 2.0


@pytest.fixture(scope="module")
def model() -> FusionModel:
    return load_model(default_weights())[0].train()


@pytest.fixture(scope="module")
def batch() -> dict[str, torch.Tensor]:
    songs = [
        torch.from_numpy(render_song(make_song(7, index), duration_seconds=SECONDS)) for index in range(4)
    ]
    return {"input": torch.stack(songs[:2]), "target": torch.stack(songs[2:])}


def fast_loss(
    model: FusionModel, batch: dict[str, torch.Tensor]
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    sources = prepare(batch, CPU)
    result = model(sources["input"], sources["target"])
    losses = Objective(OBJECTIVE)(result, make_scene(model, result, sources, with_share=True))
    return losses.total, losses.terms


def gradients(loss: torch.Tensor, model: torch.nn.Module) -> dict[str, torch.Tensor]:
    names, parameters = zip(*model.named_parameters(), strict=True)
    return dict(zip(names, torch.autograd.grad(loss, parameters), strict=True))


def one_sided(config: ModelConfig) -> FusionModel:
    """Weights that give the input nearly all, so that levels are at their limits."""
    torch.manual_seed(1)
    model = FusionModel(config)
    for agent in model.cascade.agents:
        torch.nn.init.normal_(agent.head.weight, std=0.02)
        bias = agent.head.bias.data.view(-1, config.agent.num_bands)
        bias[agent.num_weights] = 4.0
    return model


def dull(waveform: torch.Tensor) -> torch.Tensor:
    """Without treble, so that what is mixed with it is at the tone's limit."""
    spectrum = torch.fft.rfft(waveform)
    return torch.fft.irfft(
        spectrum / (1.0 + torch.arange(spectrum.shape[-1]) / 200) ** 2, n=waveform.shape[-1]
    )


SMALL = ModelConfig(
    SpectralConfig(
        fft_size=512,
        hop=128,
        features=("held", "tonal", "chroma", "level"),
        tonal_bins=5,
        held_frames=21,
        place_width=0.11,
    ),
    AgentConfig(
        model_dim=16,
        num_heads=2,
        num_bands=6,
        num_blocks=1,
        num_attention_layers=2,
        attention_stride=3,
        attention_reach=31,
        max_gain=1.5,
    ),
    CascadeConfig(num_stages=3, match_tone=False, level_ratio=0.7, foreign_damping=0.8),
)


def cases(name: str, batch: dict[str, torch.Tensor]) -> tuple[FusionModel, dict[str, torch.Tensor]]:
    if name == "trained weights, music":
        return load_model(default_weights())[0].train(), batch
    if name == "at the limits":
        torch.manual_seed(2)
        noise = torch.randn_like(batch["target"])
        return one_sided(build(read_preset("default")).model), {
            "input": dull(batch["input"]),
            "target": noise,
        }
    return one_sided(SMALL), batch


@pytest.mark.parametrize("name", ["trained weights, music", "at the limits", "another shape"])
def test_losses_and_gradients_equal_the_plain_ones(name: str, batch: dict[str, torch.Tensor]) -> None:
    model, batch = cases(name, batch)
    plain = plain_copy(model)
    ours, terms = fast_loss(model, batch)
    theirs, plain_terms = plain_loss(plain, batch, OBJECTIVE)
    assert terms.keys() == plain_terms.keys()
    for term, value in plain_terms.items():
        assert terms[term].item() == pytest.approx(value.item(), rel=1e-4, abs=1e-5), term
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-4)
    mine, reference = gradients(ours, model), gradients(theirs, plain)
    assert mine.keys() == reference.keys()
    largest = max(float(gradient.norm()) for gradient in reference.values())
    for weights, gradient in reference.items():
        # Against the largest of all: what is nearly nothing is rounding.
        scale = max(float(gradient.norm()), 1e-3 * largest)
        assert float((mine[weights] - gradient).norm()) < 1e-3 * scale, weights


def test_every_term_of_the_preset_says_something_here(
    model: FusionModel, batch: dict[str, torch.Tensor]
) -> None:
    """Or the comparison above would compare zeros."""
    with torch.no_grad():
        terms = plain_loss(plain_copy(model), batch, OBJECTIVE)[1]
    silent = {name for name, value in terms.items() if float(value) == 0.0}
    assert silent <= {"rhythm_leak", "harmony_leak", "complementarity"}, silent


def test_remembered_features_change_nothing(model: FusionModel, batch: dict[str, torch.Tensor]) -> None:
    plain = plain_copy(model)
    with torch.no_grad():
        once = plain_loss(plain, batch, OBJECTIVE, remembered=True)[0]
        anew = plain_loss(plain, batch, OBJECTIVE)[0]
    assert float(once) == float(anew)


def test_three_steps_leave_the_same_weights(batch: dict[str, torch.Tensor]) -> None:
    model = load_model(default_weights())[0].train()
    plain = plain_copy(model)
    before = torch.cat([weights.detach().flatten() for weights in plain.parameters()])
    ours, theirs = (torch.optim.AdamW(part.parameters(), lr=1e-4, eps=1e-4) for part in (model, plain))
    learner = Learner(model, ours, Objective(OBJECTIVE), None)
    for _ in range(3):
        train_step(runtime=Runtime(CPU, False), learner=learner, batches=[batch], gradient_clip=1.0)
        plain_step(plain, theirs, batch, OBJECTIVE, gradient_clip=1.0)
    mine, reference = (
        torch.cat([weights.detach().flatten() for weights in part.parameters()]) for part in (model, plain)
    )
    moved = (reference - before).norm()
    assert moved > 0
    assert (mine - reference).norm() < 0.01 * moved


def test_a_term_that_is_not_written_down_is_refused(
    model: FusionModel, batch: dict[str, torch.Tensor]
) -> None:
    with pytest.raises(ConfigError, match="novelty_weight"):
        plain_loss(plain_copy(model), batch, ObjectiveConfig(novelty_weight=1.0))

"""Compiled steps: the same loss and gradients, and a run with them."""

import pytest
import torch

from hocket.model import FusionModel
from hocket.objective import Objective
from hocket.settings import RunConfig, build
from hocket.training.steps import make_scene, prepare
from small_run import SMALL


def loss_and_gradients(
    model: FusionModel, config: RunConfig
) -> tuple[torch.Tensor, list[torch.Tensor | None]]:
    generator = torch.Generator().manual_seed(1)
    batch = {
        name: 0.1 * torch.randn(2, 12_000, generator=generator).cumsum(dim=1) for name in ("input", "target")
    }
    sources = prepare(batch, torch.device("cpu"))
    result = model(sources["input"], sources["target"])
    scene = make_scene(model, result, sources, with_share=True)
    total = Objective(config.objective)(result, scene).total
    return total, list(torch.autograd.grad(total, list(model.parameters()), allow_unused=True))


def compare(backend: str, tolerance: float) -> None:
    config = build(SMALL)
    torch.manual_seed(0)
    model = FusionModel(config.model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    expected, gradients = loss_and_gradients(model, config)
    model.cascade.compile(backend=backend)
    got, compiled = loss_and_gradients(model, config)
    torch.testing.assert_close(got, expected, atol=tolerance, rtol=tolerance)
    scale = max(float(gradient.abs().max()) for gradient in gradients if gradient is not None)
    for ours, theirs in zip(compiled, gradients, strict=True):
        if theirs is not None:
            assert ours is not None
            torch.testing.assert_close(ours, theirs, atol=tolerance * scale, rtol=tolerance)


@pytest.mark.slow
# What is traced and what is compiled warn of their own deprecations.
@pytest.mark.filterwarnings("ignore")
def test_traced_steps_are_the_same() -> None:
    compare("aot_eager", 1e-5)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_compiled_steps_are_the_same_within_rounding() -> None:
    compare("inductor", 5e-3)

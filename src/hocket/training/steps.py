"""One step of training, and the same view of a batch for validation."""

import math

import torch
from torch import Tensor

from hocket.diagnostics import Diagnosis, diagnose, mask_figures
from hocket.model import FusionModel, FusionResult
from hocket.objective import Adversary, Losses, Objective
from hocket.signal.loudness import match_rms
from hocket.signal.scene import Scene, Voice
from hocket.training.config import TrainingConfig
from hocket.training.runtime import Runtime

FINAL_RATE = 0.05
Scalars = dict[str, float | str]


def learning_rate_factor(step: int, config: TrainingConfig) -> float:
    """Linear warm-up, then a cosine down to 5 %, as a pure function of the step."""
    warmup = min(1.0, (step + 1) / max(1, config.warmup_steps))
    progress = min(1.0, step / config.num_steps)
    return warmup * (FINAL_RATE + (1 - FINAL_RATE) * 0.5 * (1 + math.cos(math.pi * progress)))


def prepare(batch: dict[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """Sources `[b, samples]` as equally loud mono waveforms `[b, 1, samples]` on the device."""
    return {name: match_rms(waveform.to(device)[:, None]) for name, waveform in batch.items()}


def make_scene(
    model: FusionModel, result: FusionResult, sources: dict[str, Tensor], *, with_share: bool
) -> Scene:
    """The output beside its clean sources; with the target's share of it where articulation is to be heard there."""
    rate = model.sample_rate
    share = None
    if with_share:
        share = Voice(model.decode(result.target_share, result.output.shape[-1])[:, 0], rate)
    return Scene(
        output=Voice(result.output[:, 0], rate),
        input=Voice(sources["input"][:, 0], rate),
        target=Voice(sources["target"][:, 0], rate),
        target_share=share,
    )


def train_step(
    *,
    runtime: Runtime,
    model: FusionModel,
    objective: Objective,
    optimizer: torch.optim.Optimizer,
    adversary: Adversary | None,
    batch: dict[str, Tensor],
    gradient_clip: float,
) -> Scalars:
    """Updates the discriminators (where given), then the model; returns what happened as flat scalars.

    A loss or gradient that is not finite updates nothing; `skipped` says so.
    """
    sources = prepare(batch, runtime.device)
    with runtime.autocast():
        result = model(sources["input"], sources["target"])
    scene = make_scene(model, result, sources, with_share=True)
    scalars: Scalars = {}
    adversarial = None
    if adversary is not None:
        real = sources["real"][:, 0]
        # Equally loud, or the level alone would tell them apart.
        output = match_rms(result.output)[:, 0]
        scalars |= _discriminator_step(adversary, output, real, gradient_clip)
        adversarial = adversary.judge_output(output=output, real=real)
    losses = objective(result, scene, adversarial)
    optimizer.zero_grad(set_to_none=True)
    losses.total.backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), gradient_clip)
    finite = bool(torch.isfinite(norm) & torch.isfinite(losses.total))
    if finite:
        optimizer.step()
    scalars |= {"skipped": float(not finite), "gradient_norm": float(norm)}
    return scalars | loss_scalars(losses) | diagnosis_scalars(diagnose(scene), result)


def _discriminator_step(adversary: Adversary, output: Tensor, real: Tensor, gradient_clip: float) -> Scalars:
    loss, accuracy = adversary.loss_of_discriminator(output=output, real=real)
    adversary.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(adversary.network.parameters(), gradient_clip)
    if torch.isfinite(norm):
        adversary.optimizer.step()
    return {"discriminator_loss": loss.item(), "discriminator_gradient_norm": float(norm), **accuracy}


def loss_scalars(losses: Losses) -> Scalars:
    """Every term under its own name, and the weighted total."""
    terms = {f"loss/{name}": value.item() for name, value in losses.terms.items()}
    return {"loss/total": losses.total.item(), **terms}


def diagnosis_scalars(diagnosis: Diagnosis, result: FusionResult) -> Scalars:
    """The batch's mean diagnosis and what its masks look like."""
    figures = {**diagnosis.mean().as_dict(), "copying_share": diagnosis.copying_share}
    return {**figures, **vars(mask_figures(result.masks))}

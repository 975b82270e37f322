"""One step of training, the same view of a batch for validation, and when a step must not count."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from hocket.devices import is_out_of_memory
from hocket.diagnostics import Diagnosis, diagnose, mask_figures
from hocket.errors import HocketError
from hocket.model import FusionModel, FusionResult
from hocket.objective import Adversary, Objective
from hocket.settings import TrainingConfig
from hocket.signal.loudness import match_rms
from hocket.signal.scene import Scene, Voice
from hocket.training.runtime import Processes, Runtime

FINAL_RATE = 0.05
Scalars = dict[str, float | str]


def learning_rate_factor(step: int, config: TrainingConfig) -> float:
    """Linear warm-up, then a cosine down to 5 %, as a pure function of the step."""
    warmup = min(1.0, (step + 1) / max(1, config.warmup_steps))
    progress = min(1.0, step / config.num_steps)
    return warmup * (FINAL_RATE + (1 - FINAL_RATE) * 0.5 * (1 + math.cos(math.pi * progress)))


def make_optimizer(model: FusionModel, config: TrainingConfig) -> torch.optim.Optimizer:
    """The model's optimiser, in one kernel: on a CPU that takes a quarter of the time of the usual form."""
    return torch.optim.AdamW(
        model.parameters(),
        lr=config.learning_rate,
        betas=(0.9, 0.99),
        weight_decay=config.weight_decay,
        fused=True,
    )


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
        share = Voice(result.target_voice[:, 0], rate)
    return Scene(
        output=Voice(result.output[:, 0], rate),
        input=Voice(sources["input"][:, 0], rate),
        target=Voice(sources["target"][:, 0], rate),
        target_share=share,
    )


@dataclass(frozen=True)
class Learner:
    """Everything that a step changes and judges by."""

    model: FusionModel
    optimizer: torch.optim.Optimizer
    objective: Objective
    adversary: Adversary | None


def train_step(
    *,
    runtime: Runtime,
    learner: Learner,
    batches: Sequence[dict[str, Tensor]],
    gradient_clip: float,
    highest_loss: float = math.inf,
) -> Scalars:
    """One update from this process's parts of the batch; returns what happened in all processes as flat scalars.

    The model is judged by the discriminators as the step before left them; both are updated at the end, once all parts
    and all processes have had their say. A loss or gradient that is not finite, anywhere, updates nothing (`skipped`);
    nor does a loss above `highest_loss` (`spiked`).
    """
    parameters = list(learner.model.parameters())
    learner.optimizer.zero_grad(set_to_none=True)
    if learner.adversary is not None:
        learner.adversary.optimizer.zero_grad(set_to_none=True)
    parts = [_learn(runtime, learner, batch, share=1.0 / len(batches)) for batch in batches]
    scalars = _together(parts, runtime.processes)
    norms = {"gradient_norm": _gradient_norm(parameters, gradient_clip, runtime.processes)}
    if learner.adversary is not None:
        weights = list(learner.adversary.network.parameters())
        norms["discriminator_gradient_norm"] = _gradient_norm(weights, gradient_clip, runtime.processes)
    total = scalars["loss/total"]
    assert isinstance(total, float)
    finite = all(map(math.isfinite, (total, *norms.values())))
    spiked = finite and total > highest_loss
    if finite and not spiked:
        learner.optimizer.step()
        if learner.adversary is not None:
            learner.adversary.optimizer.step()
    return scalars | norms | {"skipped": float(not finite), "spiked": float(spiked)}


@dataclass(frozen=True)
class _Part:
    """Figures of a part of a batch: means over its examples, and the diagnosis of each."""

    means: dict[str, Tensor]
    diagnosis: Diagnosis


def _learn(runtime: Runtime, learner: Learner, batch: dict[str, Tensor], *, share: float) -> _Part:
    """Adds a part's gradients, weighed by its share of the batch."""
    sources = prepare(batch, runtime.device)
    with runtime.autocast():
        result = learner.model(sources["input"], sources["target"])
    scene = make_scene(learner.model, result, sources, with_share=True)
    means: dict[str, Tensor] = {}
    adversarial = None
    if (adversary := learner.adversary) is not None:
        real = sources["real"][:, 0]
        # Equally loud, or the level alone would tell them apart.
        output = match_rms(result.output)[:, 0]
        loss, accuracy = adversary.loss_of_discriminator(output=output, real=real)
        (share * loss).backward()
        means |= {"discriminator_loss": loss, **accuracy}
        adversarial = adversary.judge_output(output=output, real=real)
    losses = learner.objective(result, scene, adversarial)
    (share * losses.total).backward()
    means |= {"loss/total": losses.total} | {f"loss/{name}": value for name, value in losses.terms.items()}
    figures = {name: torch.tensor(value) for name, value in vars(mask_figures(result.masks)).items()}
    return _Part(means | figures, diagnose(scene))


@contextmanager
def enough_memory(
    runtime: Runtime, learner: Learner, part: dict[str, Tensor], batch_size: int
) -> Iterator[None]:
    """Turns want of memory into a sentence that says which batch fits, tried with this process's part of a batch.

    Raises:
        HocketError: there was too little memory; the learner's gradients are lost.
    """
    try:
        yield
        return
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
    # Here, where no error holds any more what filled the memory.
    fits = batch_size * _size_that_fits(runtime, learner, part) // len(part["input"])
    cure = f"about {fits} fit, so give --batch-size {fits}" if fits else "not one fits, so give --device cpu"
    raise HocketError(
        f"{runtime.name} has too little memory for steps of {batch_size} examples: {cure}, or the same batch in parts "
        "by --accumulation-steps."
    )


def _size_that_fits(runtime: Runtime, learner: Learner, part: dict[str, Tensor]) -> int:
    """Halves a part until it fits; processes that wait for each other cannot try, and half is their guess."""
    size = len(part["input"]) // 2
    while size and runtime.processes.size == 1 and not _fits(runtime, learner, part, size):
        size //= 2
    return size


def _fits(runtime: Runtime, learner: Learner, batch: dict[str, Tensor], size: int) -> bool:
    try:
        _learn(runtime, learner, {name: waveform[:size] for name, waveform in batch.items()}, share=1.0)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return False
    return True


def _together(parts: Sequence[_Part], processes: Processes) -> Scalars:
    """All parts of all processes as one batch: the means of equally large parts, and the diagnosis of all examples."""
    stacked = torch.stack(
        [torch.stack([part.means[name].detach().cpu().double() for part in parts]) for name in parts[0].means]
    )
    means = stacked.mean(dim=1)
    processes.average([means])
    rows = torch.cat([torch.stack(list(vars(part.diagnosis).values())) for part in parts], dim=1)
    columns = torch.cat(processes.all_gather(rows), dim=1)
    diagnosis = Diagnosis(**dict(zip(vars(parts[0].diagnosis), columns, strict=True)))
    figures = {**diagnosis.mean().as_dict(), "copying_share": diagnosis.copying_share}
    return {**dict(zip(parts[0].means, means.tolist(), strict=True)), **figures}


def _gradient_norm(parameters: list[torch.nn.Parameter], limit: float, processes: Processes) -> float:
    """Averages the gradients over the processes and clips them; the norm before that."""
    processes.average_gradients(parameters)
    return float(torch.nn.utils.clip_grad_norm_(parameters, limit))


SPIKE_WINDOW = 128
MAX_SKIPPED_IN_A_ROW = 3
MAX_ROLLBACKS = 3


def highest_usual_loss(recent: Sequence[float], sigma: float) -> float:
    """The mean of the last losses and so many deviations more; infinite before there are 128, or where sigma is 0."""
    if sigma == 0 or len(recent) < SPIKE_WINDOW:
        return math.inf
    mean = math.fsum(recent) / len(recent)
    variance = math.fsum((loss - mean) ** 2 for loss in recent) / len(recent)
    return mean + sigma * math.sqrt(variance)


@dataclass(frozen=True)
class Fault:
    """Terms that were not finite, by name (`gradient of NAME` if the term itself was), and the excerpts they met."""

    terms: tuple[str, ...]
    files: tuple[str, ...]

    def sentence(self) -> str:
        """Names the terms and excerpts in a sentence."""
        where = f" with {'; '.join(self.files)}" if self.files else ""
        return f"not finite: {', '.join(self.terms)}{where}"


def find_fault(
    runtime: Runtime, learner: Learner, batches: Sequence[dict[str, Tensor]], names: Sequence[str]
) -> Fault:
    """Looks at each example of a batch alone, in all processes; `names` say where the examples come from.

    Slow, and only for the rare step that failed. What no example shows alone (the adversary, or terms that speak of a
    whole batch) is said to be in the batch as a whole.
    """
    # Each process looks at its own examples, so that nothing here may wait for the others.
    objective = Objective(learner.objective.config)
    examples = [
        {name: waveform[index : index + 1] for name, waveform in batch.items()}
        for batch in batches
        for index in range(len(batch["input"]))
    ]
    terms: dict[str, None] = {}
    files: dict[str, None] = {}
    for example, name in zip(examples, names, strict=True):
        if found := _not_finite(runtime, learner, objective, example):
            terms |= dict.fromkeys(found)
            files[name] = None
    shared = runtime.processes.all_gather_object([list(terms), list(files)])
    everyones = [list(dict.fromkeys(name for part in shared for name in part[place])) for place in (0, 1)]
    return Fault(tuple(everyones[0] or ["the batch as a whole"]), tuple(everyones[1]))


def _not_finite(
    runtime: Runtime, learner: Learner, objective: Objective, example: dict[str, Tensor]
) -> list[str]:
    sources = prepare(example, runtime.device)
    with runtime.autocast():
        result = learner.model(sources["input"], sources["target"])
    terms = objective(result, make_scene(learner.model, result, sources, with_share=True)).terms
    parameters = list(learner.model.parameters())
    found = []
    for name, value in terms.items():
        if not torch.isfinite(value):
            found.append(name)
        elif value.requires_grad:
            gradients = torch.autograd.grad(value, parameters, retain_graph=True, allow_unused=True)
            if not all(torch.isfinite(part).all() for part in gradients if part is not None):
                found.append(f"gradient of {name}")
    return found

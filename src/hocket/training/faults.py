"""When a step must not count: losses that are not finite, losses out of all proportion, and whose fault it was."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hocket.objective import Objective
from hocket.training.runtime import Runtime
from hocket.training.steps import Learner, make_scene, prepare

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
    """What was not finite: terms by name (`gradient of NAME` where the term itself was), and the excerpts they met."""

    terms: tuple[str, ...]
    files: tuple[str, ...]

    def sentence(self) -> str:
        """Who did it, in words."""
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
    shared = runtime.processes.exchange([list(terms), list(files)])
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

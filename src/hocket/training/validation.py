"""Validation: the same pairs of unseen songs every time, judged as `hocket check` judges."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from hocket.diagnostics import (
    Diagnosis,
    Figures,
    MaskFigures,
    SwapFigures,
    diagnose,
    judge_swap,
    mask_figures,
    next_example,
)
from hocket.model import FusionModel, FusionResult
from hocket.objective import Objective
from hocket.signal.scene import Scene
from hocket.training.runtime import Runtime
from hocket.training.steps import make_scene, prepare

OnBatch = Callable[[int, FusionResult, Scene, Diagnosis], None]


@dataclass(frozen=True)
class Validation:
    """Mean diagnosis, the example that copies most, masks and unweighted terms over the validation pairs.

    `swap` is None where no batch has two examples to swap.
    """

    figures: Figures
    worst_ratio: float
    masks: MaskFigures
    losses: dict[str, float]
    swap: SwapFigures | None = None

    @property
    def loss(self) -> float:
        """Loss that the best checkpoint is chosen by: the objective without the adversary."""
        return self.losses["total"]


class Validator:
    """Holds this process's validation batches with their numbers, and what never changes about their sources."""

    def __init__(self, batches: Sequence[tuple[int, dict[str, Tensor]]], runtime: Runtime) -> None:
        self.processes = runtime.processes
        self.batches = {number: prepare(batch, runtime.device) for number, batch in batches}
        self._scenes: dict[int, Scene] = {}

    @torch.no_grad()
    def __call__(
        self,
        model: FusionModel,
        objective: Objective,
        *,
        given_up: Callable[[], bool] = lambda: False,
        on_batch: OnBatch | None = None,
    ) -> Validation | None:
        """Fuses all pairs, each process its own, and averages over all examples; the same in every process.

        None in all of them where one was asked to give up between two batches. `on_batch` is shown each batch of this
        process by its number: the result, the scene without the target's share, and the diagnosis.
        """
        was_training = model.training
        model.eval()
        # A batch is judged by the process that has it: no sum here may wait for the others.
        own = Objective(objective.config)
        judged = {}
        for number in self.batches:
            if given_up():
                break
            judged[str(number)] = self._judge(number, model, own, on_batch)
        model.train(was_training)
        shared = self.processes.all_gather_object(judged if len(judged) == len(self.batches) else None)
        if None in shared:
            return None
        everyones = {int(number): row for part in shared for number, row in part.items()}
        return _summed_up([everyones[number] for number in sorted(everyones)])

    def _judge(
        self, number: int, model: FusionModel, objective: Objective, on_batch: OnBatch | None
    ) -> dict[str, Any]:
        """One batch as plain values: figures of each example, means of masks and terms, and the swap's figures."""
        sources = self.batches[number]
        result = model(sources["input"], sources["target"])
        shared = make_scene(model, result, sources, with_share=True)
        terms = objective(result, shared)
        heard = self._without_share(number, shared)
        losses = {"total": terms.total, **terms.terms}
        diagnosis = diagnose(heard)
        if on_batch is not None:
            on_batch(number, result, heard, diagnosis)
        return {
            "diagnosis": [column.tolist() for column in vars(diagnosis).values()],
            "masks": vars(mask_figures(result.masks)),
            "losses": {name: float(value) for name, value in losses.items()},
            "swap": vars(self._swap(model, sources, heard)) if len(result.output) > 1 else None,
        }

    def _swap(self, model: FusionModel, sources: dict[str, Tensor], heard: Scene) -> SwapFigures:
        """The batch again, with each example's input taken from the next."""
        swapped = {"input": next_example(sources["input"]), "target": sources["target"]}
        result = model(swapped["input"], swapped["target"])
        return judge_swap(heard, make_scene(model, result, swapped, with_share=False))

    def _without_share(self, number: int, scene: Scene) -> Scene:
        """The scene as a listener has it; the sources keep their features from the first time on."""
        sources = self._scenes.get(number, scene)
        heard = Scene(output=scene.output, input=sources.input, target=sources.target)
        self._scenes[number] = heard
        return heard


def _summed_up(batches: Sequence[dict[str, Any]]) -> Validation:
    """The mean over all examples of what `Validator._judge` found in each batch."""
    columns = [
        list(chain.from_iterable(parts)) for parts in zip(*(b["diagnosis"] for b in batches), strict=True)
    ]
    diagnosis = Diagnosis(*map(torch.tensor, columns))
    sizes = [len(batch["diagnosis"][0]) for batch in batches]
    swaps = [(batch["swap"], size) for batch, size in zip(batches, sizes, strict=True) if batch["swap"]]
    return Validation(
        figures=diagnosis.mean(),
        worst_ratio=max(row.ratio for row in diagnosis.rows()),
        masks=MaskFigures(**_mean([batch["masks"] for batch in batches], sizes)),
        losses=_mean([batch["losses"] for batch in batches], sizes),
        swap=SwapFigures(**_mean(*map(list, zip(*swaps, strict=True)))) if swaps else None,
    )


def _mean(rows: Sequence[dict[str, float]], weights: Sequence[int]) -> dict[str, float]:
    total = sum(weights)
    return {
        name: sum(row[name] * weight for row, weight in zip(rows, weights, strict=True)) / total
        for name in rows[0]
    }

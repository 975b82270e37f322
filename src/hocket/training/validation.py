"""Validation: the same pairs of unseen songs every time, judged as `hocket check` judges."""

from collections.abc import Sequence
from dataclasses import dataclass

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
from hocket.model import FusionModel
from hocket.objective import Objective
from hocket.signal.scene import Scene
from hocket.training.steps import make_scene, prepare


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
        """What the best checkpoint is chosen by: the objective without the adversary."""
        return self.losses["total"]


class Validator:
    """Holds the validation batches, and what never changes about their sources."""

    def __init__(self, batches: Sequence[dict[str, Tensor]], device: torch.device) -> None:
        self.batches = [prepare(batch, device) for batch in batches]
        self._scenes: list[Scene | None] = [None] * len(self.batches)

    @torch.no_grad()
    def __call__(self, model: FusionModel, objective: Objective) -> Validation:
        """Fuses all pairs and averages over examples."""
        model.eval()
        diagnoses, masks, losses, weights = [], [], [], []
        swaps: list[tuple[int, SwapFigures]] = []
        for index, sources in enumerate(self.batches):
            result = model(sources["input"], sources["target"])
            shared = make_scene(model, result, sources, with_share=True)
            terms = objective(result, shared)
            heard = self._without_share(index, shared)
            diagnoses.append(diagnose(heard))
            if len(result.output) > 1:
                swaps.append((len(result.output), self._swap(model, sources, heard)))
            masks.append(mask_figures(result.masks))
            losses.append({"total": terms.total, **terms.terms})
            weights.append(len(result.output))
        model.train()
        joined = {name: torch.cat([getattr(part, name) for part in diagnoses]) for name in vars(diagnoses[0])}
        diagnosis = Diagnosis(**joined)
        return Validation(
            figures=diagnosis.mean(),
            worst_ratio=max(row.ratio for row in diagnosis.rows()),
            masks=MaskFigures(**_mean([vars(part) for part in masks], weights)),
            losses=_mean([{name: float(value) for name, value in part.items()} for part in losses], weights),
            swap=SwapFigures(**_mean([vars(part) for _, part in swaps], [size for size, _ in swaps]))
            if swaps
            else None,
        )

    def _swap(self, model: FusionModel, sources: dict[str, Tensor], heard: Scene) -> SwapFigures:
        """The batch again, with each example's input taken from the next."""
        swapped = {"input": next_example(sources["input"]), "target": sources["target"]}
        result = model(swapped["input"], swapped["target"])
        return judge_swap(heard, make_scene(model, result, swapped, with_share=False))

    def _without_share(self, index: int, scene: Scene) -> Scene:
        """The scene as a listener has it; the sources keep their features from the first time on."""
        first = self._scenes[index]
        sources = first or scene
        heard = Scene(output=scene.output, input=sources.input, target=sources.target)
        self._scenes[index] = heard
        return heard


def _mean(rows: Sequence[dict[str, float]], weights: Sequence[int]) -> dict[str, float]:
    total = sum(weights)
    return {
        name: sum(row[name] * weight for row, weight in zip(rows, weights, strict=True)) / total
        for name in rows[0]
    }

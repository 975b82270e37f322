"""The weighted sum of named terms."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from hocket.model.masks import Masks
from hocket.model.result import FusionResult
from hocket.objective import terms, texture
from hocket.settings import ObjectiveConfig
from hocket.signal.scene import Scene, Voice


@dataclass(frozen=True)
class Judged:
    """A batch as the terms see it: `scene` is what is heard, `masks` made it; `add_up` sums over all processes."""

    scene: Scene
    masks: Masks
    config: ObjectiveConfig
    add_up: texture.AddUp


@dataclass(frozen=True)
class Term:
    """A line of the objective: its name in the log, and what computes it; None is handed in by the adversary."""

    name: str
    compute: Callable[[Judged], Tensor] | None
    is_of_masks: bool = False

    @property
    def weight(self) -> str:
        """The field of `ObjectiveConfig` that it is multiplied by."""
        return f"{self.name}_weight"


def _reconstruction(batch: Judged, source: Voice) -> Tensor:
    return terms.reconstruction(output=batch.scene.output.waveform, reference=source.waveform)


def _output_balance(batch: Judged) -> Tensor:
    config = batch.config
    return terms.output_balance(
        batch.scene, aim=config.output_balance_aim, target_aim=config.output_balance_target_aim
    )


TERMS = {
    term.name: term
    for term in (
        Term("reconstruction_input", lambda b: _reconstruction(b, b.scene.input)),
        Term("reconstruction_target", lambda b: _reconstruction(b, b.scene.target)),
        Term("balance", lambda b: terms.balance(b.masks)),
        Term("output_balance", _output_balance),
        Term("complementarity", lambda b: terms.complementarity(b.masks, limit=b.config.overlap_limit), True),
        Term("coverage", lambda b: terms.coverage(b.masks), True),
        Term("temporal_diversity", lambda b: terms.temporal_diversity(b.masks), True),
        Term("novelty", lambda b: terms.novelty(b.scene, limit=b.config.novelty_limit)),
        Term("rhythm", lambda b: terms.rhythm(b.scene)),
        Term("rhythm_leak", lambda b: terms.rhythm_leak(b.scene)),
        Term("harmony", lambda b: terms.harmony(b.scene)),
        Term("harmony_leak", lambda b: terms.harmony_leak(b.scene)),
        Term("missing_notes", lambda b: terms.missing_notes(b.scene)),
        Term("foreign_notes", lambda b: terms.foreign_notes(b.scene)),
        Term("articulation", lambda b: terms.articulation(b.scene)),
        Term("timbre", lambda b: texture.timbre(b.scene, add_up=b.add_up)),
        Term("grain", lambda b: texture.grain(b.scene)),
        Term("adversarial", None),
        Term("feature_matching", None),
    )
}
"""Every term by its name in the log; a new one is a line here and a field above."""

ADVERSARIAL_TERMS = tuple(name for name, term in TERMS.items() if term.compute is None)


def term_weights(values: Mapping[str, float]) -> dict[str, float]:
    """Returns what each term is multiplied by, from the fields of an `ObjectiveConfig`."""
    return {
        name: values[term.weight] * (values["mask_reg_weight"] if term.is_of_masks else 1.0)
        for name, term in TERMS.items()
    }


@dataclass(frozen=True)
class Losses:
    """Unweighted mean of each term by name, and the weighted sum that is trained on."""

    terms: dict[str, Tensor]
    total: Tensor


class Objective:
    """Computes the terms whose weight is not 0 and adds them up.

    `add_up` sums over the processes that share a batch: the terms that speak of a whole batch need it, the others are
    means over examples, as gradients are.
    """

    def __init__(self, config: ObjectiveConfig, add_up: texture.AddUp = texture.alone) -> None:
        self.config, self.add_up = config, add_up
        self.weights = term_weights(vars(config))

    def __call__(
        self, result: FusionResult, scene: Scene, adversarial: Mapping[str, Tensor] | None = None
    ) -> Losses:
        """All active terms; the adversary's own are handed in, where it has started.

        Raises:
            KeyError: `adversarial` holds a name that is no adversarial term, or lacks one that has a weight.
        """
        batch = Judged(scene, result.masks, self.config, self.add_up)
        values = {
            name: term.compute(batch).mean()
            for name, term in TERMS.items()
            if term.compute is not None and self.weights[name] > 0
        }
        if adversarial is not None:
            values |= self._adversarial(adversarial)
        # Tied to the output by nothing: a step in which no term is active yet changes nothing, and does not fail.
        total = 0.0 * result.masks.input.sum()
        for name, value in values.items():
            total = total + self.weights[name] * value
        return Losses(values, total)

    def _adversarial(self, produced: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The adversary's terms that have a weight; each must be there, and nothing else."""
        if unknown := produced.keys() - set(ADVERSARIAL_TERMS):
            raise KeyError(
                f"{unknown.pop()} is not an adversarial term; known: {', '.join(ADVERSARIAL_TERMS)}"
            )
        active = [name for name in ADVERSARIAL_TERMS if self.weights[name] > 0]
        if missing := set(active) - produced.keys():
            raise KeyError(f"the adversary did not produce {missing.pop()}, which has a weight")
        return {name: produced[name] for name in active}

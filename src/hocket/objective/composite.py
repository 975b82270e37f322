"""The weighted sum of named terms."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

from torch import Tensor

from hocket.model.result import FusionResult
from hocket.objective import masks, musical, texture, waveform
from hocket.objective.reconstruction import reconstruction
from hocket.signal.scene import Scene
from hocket.typed import check_range, check_types

MAX_WEIGHT = 1e9


@dataclass(frozen=True)
class ObjectiveConfig:
    """One weight for each term, at least 0; 0 switches a term off. `mask_reg_weight` scales the three after it."""

    loss_weight_input: float = 0.0
    loss_weight_target: float = 0.0
    balance_loss_weight: float = 5.0
    output_balance_weight: float = 3.0
    mask_reg_weight: float = 1.0
    complementarity_weight: float = 1.0
    coverage_weight: float = 1.0
    temporal_diversity_weight: float = 0.0
    novelty_weight: float = 0.0
    rhythm_weight: float = 2.0
    rhythm_leak_weight: float = 1.0
    harmony_weight: float = 2.0
    harmony_leak_weight: float = 1.0
    articulation_weight: float = 1.0
    timbre_weight: float = 0.0
    grain_weight: float = 0.0
    gan_weight: float = 0.0
    feature_matching_weight: float = 0.0
    output_balance_aim: float = 0.5
    novelty_limit: float = 0.6
    overlap_limit: float = 0.07

    def __post_init__(self) -> None:
        check_types(self)
        check_range(self, 0, MAX_WEIGHT, *(field.name for field in fields(self)))
        check_range(self, 0, 1, "output_balance_aim", "novelty_limit", "overlap_limit")


TERM_WEIGHTS = {
    "reconstruction_input": "loss_weight_input",
    "reconstruction_target": "loss_weight_target",
    "balance": "balance_loss_weight",
    "output_balance": "output_balance_weight",
    "complementarity": "complementarity_weight",
    "coverage": "coverage_weight",
    "temporal_diversity": "temporal_diversity_weight",
    "novelty": "novelty_weight",
    "rhythm": "rhythm_weight",
    "rhythm_leak": "rhythm_leak_weight",
    "harmony": "harmony_weight",
    "harmony_leak": "harmony_leak_weight",
    "articulation": "articulation_weight",
    "timbre": "timbre_weight",
    "grain": "grain_weight",
    "adversarial": "gan_weight",
    "feature_matching": "feature_matching_weight",
}
MASK_TERMS = ("complementarity", "coverage", "temporal_diversity")
ADVERSARIAL_TERMS = ("adversarial", "feature_matching")


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
        self.weights = {
            term: getattr(config, field) * (config.mask_reg_weight if term in MASK_TERMS else 1.0)
            for term, field in TERM_WEIGHTS.items()
        }

    def __call__(
        self, result: FusionResult, scene: Scene, adversarial: Mapping[str, Tensor] | None = None
    ) -> Losses:
        """All active terms; the adversary's own are handed in, where it has started.

        Raises:
            KeyError: `adversarial` holds a name that is no adversarial term, or lacks one that has a weight.
        """
        terms = {
            name: term(self, result, scene).mean() for name, term in _TERMS.items() if self.weights[name] > 0
        }
        if adversarial is not None:
            terms |= self._adversarial(adversarial)
        # Tied to the output by nothing: a step in which no term is active yet changes nothing, and does not fail.
        total = 0.0 * result.masks.input.sum()
        for name, value in terms.items():
            total = total + self.weights[name] * value
        return Losses(terms, total)

    def _adversarial(self, produced: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The adversary's terms that have a weight; each must be there, and nothing else."""
        if unknown := produced.keys() - set(ADVERSARIAL_TERMS):
            raise KeyError(f"{unknown.pop()} is no adversarial term; known: {', '.join(ADVERSARIAL_TERMS)}")
        active = [name for name in ADVERSARIAL_TERMS if self.weights[name] > 0]
        if missing := set(active) - produced.keys():
            raise KeyError(f"the adversary did not produce {missing.pop()}, which has a weight")
        return {name: produced[name] for name in active}


_Term = Callable[[Objective, FusionResult, Scene], Tensor]
_TERMS: dict[str, _Term] = {
    "reconstruction_input": lambda _, __, s: reconstruction(
        output=s.output.waveform, reference=s.input.waveform
    ),
    "reconstruction_target": lambda _, __, s: reconstruction(
        output=s.output.waveform, reference=s.target.waveform
    ),
    "balance": lambda _, result, __: masks.balance(result.masks),
    "output_balance": lambda self, _, scene: waveform.output_balance(
        scene, aim=self.config.output_balance_aim
    ),
    "complementarity": lambda self, result, __: masks.complementarity(
        result.masks, limit=self.config.overlap_limit
    ),
    "coverage": lambda _, result, __: masks.coverage(result.masks),
    "temporal_diversity": lambda _, result, __: masks.temporal_diversity(result.masks),
    "novelty": lambda self, _, scene: waveform.novelty(scene, limit=self.config.novelty_limit),
    "rhythm": lambda _, __, scene: musical.rhythm(scene),
    "rhythm_leak": lambda _, __, scene: musical.rhythm_leak(scene),
    "harmony": lambda _, __, scene: musical.harmony(scene),
    "harmony_leak": lambda _, __, scene: musical.harmony_leak(scene),
    "articulation": lambda _, __, scene: musical.articulation(scene),
    "timbre": lambda self, _, scene: texture.timbre(scene, add_up=self.add_up),
    "grain": lambda _, __, scene: texture.grain(scene),
}

"""Training: examples per second, what each part of a step takes, and both against the straightforward version."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from tests.reference.step import plain_copy, plain_step
from torch import Tensor

from benchmarks.libraries import open_library
from benchmarks.page import Section, Table
from benchmarks.plan import Plan
from benchmarks.shares import Steps, step_shares
from benchmarks.timing import ALONE, Timing, Work, ratio, side_by_side, threads
from hocket.model import FusionModel
from hocket.objective import Adversary, Objective
from hocket.settings import RunConfig, build, read_preset
from hocket.training.feeding import Feeder
from hocket.training.runtime import Processes, Runtime
from hocket.training.steps import Learner, diagnose, make_optimizer, make_scene, mask_figures, train_step

STEP: Steps = {
    "data": (Feeder.batches,),
    "model": (FusionModel.forward, make_scene),
    "objective": (Objective.__call__,),
    "discriminator": (Adversary.loss_of_discriminator, Adversary.judge_output),
    "diagnosis": (diagnose, mask_figures),
    "backward": (Tensor.backward,),
    "optimiser": (torch.optim.AdamW.step, torch.nn.utils.clip_grad_norm_),
}
"""The parts of a training step."""

EXPLANATION = """\
The default preset: batches of {size} pairs of {seconds:g} s, one thread, CPU. The straightforward version is
`tests.reference.step`: the same weights, terms and updates, written the obvious way (torch's `stft` and `istft`, dense
products, each term with its own spectra), and held equal to this program's losses and gradients by a test. It does not
diagnose its batch, as this program's step does. In full resolution (every bin a place of its own, every frame heard) it
is another model with the same weights: the one that was there before either was made coarser."""
VERSIONS = {
    "fast": "this program",
    "plain": "straightforward",
    "plain, once": "straightforward, no feature twice",
    "plain, full": "straightforward, full resolution",
}


@dataclass(frozen=True)
class Trainee:
    """A model of a preset with its optimiser and objective, as `hocket train` makes them, on the CPU or a GPU."""

    config: RunConfig
    learner: Learner
    runtime: Runtime

    @classmethod
    def fresh(cls, config: RunConfig, *, device: str = "cpu", with_adversary: bool = False) -> "Trainee":
        """Untrained weights of the configuration's seed."""
        torch.manual_seed(config.training.seed)
        model = FusionModel(config.model).to(device)
        adversary = Adversary(config.adversary, device) if with_adversary else None
        optimizer = make_optimizer(model, config.training)
        learner = Learner(model, optimizer, Objective(config.objective), adversary)
        return cls(config, learner, Runtime(torch.device(device), config.training.precision == "bf16"))

    def step(self, batch: Mapping[str, Tensor]) -> float:
        """One update; the loss before it."""
        scalars = train_step(
            runtime=self.runtime,
            learner=self.learner,
            batches=[dict(batch)],
            gradient_clip=self.config.training.gradient_clip,
        )
        return float(scalars["loss/total"])


def measure(plan: Plan) -> Section:
    """Steps of the default preset by three versions in turns, on the same batches from the same weights."""
    config = configuration(plan)
    rounds = 3 if plan.quick else 24
    with threads(1):
        batches = draw(plan, config, rounds + 1)
        plan.say(f"  {rounds} steps of each version")
        timings, losses = _race(config, batches, rounds, plan)
        plan.say("  shares of a step, without and with an adversary")
        parts = {
            "default preset": _parts(plan, config, with_adversary=False),
            "with an adversary": _parts(plan, _with_adversary(config), with_adversary=True),
        }
    data = config.data
    content = (
        EXPLANATION.format(size=data.batch_size, seconds=data.excerpt_seconds),
        _pace(timings, data.batch_size),
        _curves(losses),
        "Shares of the time of a step:",
        _part_table(parts),
    )
    figures = {
        "batch_size": data.batch_size,
        "excerpt_seconds": data.excerpt_seconds,
        "step_seconds": {name: list(timing.seconds) for name, timing in timings.items()},
        "losses": losses,
        "shares": {name: part for name, (part, _) in parts.items()},
        "watched_step_seconds": {name: seconds for name, (_, seconds) in parts.items()},
    }
    return Section("Training", content, figures)


def configuration(plan: Plan, **changes: Any) -> RunConfig:
    """The default preset with changes; in the quick version with small batches."""
    small = {"excerpt_seconds": 2.0, "batch_size": 2} if plan.quick else {}
    return build(read_preset("default") | small | changes)


def draw(plan: Plan, config: RunConfig, number: int, *, with_real: bool = False) -> list[dict[str, Tensor]]:
    """The first batches of a run."""
    return [
        batch for batch, _ in zip(feed(plan, config, number, with_real=with_real), range(number), strict=True)
    ]


def feed(
    plan: Plan, config: RunConfig, number: int, *, with_real: bool = False
) -> Iterator[dict[str, Tensor]]:
    """Yields them one by one, as they are read."""
    library = open_library(
        plan.music_to_train_on(),
        excerpt_seconds=config.data.excerpt_seconds * (1 + config.data.max_speed_change),
        validation_fraction=config.data.validation_fraction,
        seed=config.training.seed,
    )
    feeder = Feeder(config, library, Processes(), with_real=with_real)
    return (parts[0] for parts in feeder.batches(0, number))


def optimizer_of(model: torch.nn.Module, config: RunConfig) -> torch.optim.Optimizer:
    """That of `hocket train` in its usual form, at its full rate from the start: for the straightforward version."""
    plan = config.training
    return torch.optim.AdamW(
        model.parameters(), lr=plan.learning_rate, betas=(0.9, 0.99), weight_decay=plan.weight_decay
    )


def _race(
    config: RunConfig, batches: list[dict[str, Tensor]], rounds: int, plan: Plan
) -> tuple[dict[str, Timing], dict[str, list[float]]]:
    """Each version's time for each step, and its losses; the first step is for warming up and has no time."""
    trainee = Trainee.fresh(config)
    losses: dict[str, list[float]] = {name: [] for name in VERSIONS}
    works: dict[str, Work] = {
        "fast": lambda: losses["fast"].append(trainee.step(batches[len(losses["fast"])]))
    }
    for name in list(VERSIONS)[1:]:
        works[name] = _plain_work(trainee, batches, losses[name], name)
    timings = side_by_side(
        works,
        rounds=rounds,
        clock=ALONE,
        on_round=lambda done: plan.say(f"    step {done} of {rounds}") if done % 8 == 0 else None,
    )
    return timings, losses


def _plain_work(trainee: Trainee, batches: list[dict[str, Tensor]], losses: list[float], name: str) -> Work:
    model = plain_copy(trainee.learner.model, full=name == "plain, full")
    optimizer, config = optimizer_of(model, trainee.config), trainee.config

    def step() -> None:
        loss = plain_step(
            model,
            optimizer,
            batches[len(losses)],
            config.objective,
            gradient_clip=config.training.gradient_clip,
            remembered=name == "plain, once",
        )
        losses.append(loss)

    return step


def _parts(plan: Plan, config: RunConfig, *, with_adversary: bool) -> tuple[dict[str, float], float]:
    """Each part's share of a few steps after a first one, and the seconds of one step."""
    rounds = 2 if plan.quick else 6
    trainee = Trainee.fresh(config, with_adversary=with_adversary)
    batches = feed(plan, config, rounds + 1, with_real=with_adversary)
    trainee.step(next(batches))

    def steps() -> None:
        for _ in range(rounds):
            trainee.step(next(batches))

    shares, seconds = step_shares(steps, STEP)
    return shares, seconds / rounds


def _with_adversary(config: RunConfig) -> RunConfig:
    return replace(config, objective=replace(config.objective, adversarial_weight=0.1))


def _pace(timings: Mapping[str, Timing], batch_size: int) -> Table:
    rows = []
    for name, words in VERSIONS.items():
        timing = timings[name]
        faster = ratio(timing, timings["fast"]).words if name != "fast" else ""
        rows.append((words, timing.words, f"{batch_size / timing.median:.2f}", faster))
    return Table(("", "a step", "examples/s", "this program is faster by"), tuple(rows))


def _curves(losses: Mapping[str, list[float]]) -> str:
    """Says how far the loss curves are apart."""
    ours, theirs, again, _ = (losses[name] for name in VERSIONS)
    apart, noise = distance(ours, theirs), distance(again, theirs)
    return (
        f"From the same weights over the same {len(ours)} batches the loss went from {ours[0]:.3f} to {ours[-1]:.3f} "
        f"here and from {theirs[0]:.3f} to {theirs[-1]:.3f} there; the curves differ by {apart:.2g} of the loss at "
        f"most. (The first two straightforward versions, which differ in the order of sums alone, are {noise:.2g} "
        "apart.)"
    )


def distance(first: list[float], second: list[float]) -> float:
    """The largest difference of two curves, relative to the second."""
    return max(abs(one - other) / abs(other) for one, other in zip(first, second, strict=True))


def _part_table(parts: Mapping[str, tuple[Mapping[str, float], float]]) -> Table:
    names = [*STEP, "other"]
    rows = tuple(
        (name, f"{seconds:.3f} s", *(f"{part.get(step, 0.0):.1%}" for step in names))
        for name, (part, seconds) in parts.items()
    )
    return Table(("", "a step", *names), rows)

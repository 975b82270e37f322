"""The loop: batches in, weights and a truthful log out."""

import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from hocket.data.excerpts import PairDataset, SongReader
from hocket.data.library import Library
from hocket.diagnostics import Remedy, checklist
from hocket.errors import HocketError
from hocket.model import FusionModel
from hocket.model.weights import load_checkpoint, load_weights
from hocket.objective import Adversary, Objective
from hocket.training import runtime
from hocket.training.config import RunConfig, flatten
from hocket.training.events import Listener, Outcome, report_epoch, validation_scalars
from hocket.training.folder import RunFolder
from hocket.training.state import Progress, TrainingState
from hocket.training.steps import Scalars, learning_rate_factor, train_step
from hocket.training.tracker import Tracker
from hocket.training.validation import Validation, Validator

# Validation examples must not be training examples under another name.
VALIDATION_SEED_OFFSET = 1_000_003
MAX_SKIPPED_IN_A_ROW = 3


class Trainer:
    """One run in one folder; `run` may be called once."""

    def __init__(self, config: RunConfig, library: Library, folder: Path, listener: Listener) -> None:
        self.config, self.library, self.listener = config, library, listener
        self.runtime = runtime.start(config.training)
        self.folder = RunFolder(folder, config, library, self.runtime.name)
        torch.manual_seed(config.training.seed)
        self.state = _fresh_state(config, self.runtime.device)
        self.objective = Objective(config.objective)
        self.stop_reason: str | None = None
        self._interrupted = False
        self._reader = SongReader(
            [*library.training, *library.validation],
            sample_rate=config.codec.sample_rate,
            cache_megabytes=config.data.cache_megabytes,
        )

    def request_stop(self, reason: str) -> None:
        """Asks the loop to save and end at the next step's boundary; safe to call from a signal handler."""
        self.stop_reason, self._interrupted = reason, True

    def resume(self) -> Progress | None:
        """Continues from the folder's checkpoint, where there is one, and says how far that was.

        Raises:
            CheckpointError: it is damaged, or of another configuration or other music; the field is named.
        """
        if not self.folder.latest.is_file():
            return None
        self.folder.restore(self.state)
        for change in self.state.progress.remedies:
            self._set_weight(change["field"], change["value"])
        return self.state.progress

    def run(self) -> Outcome:
        """Trains to the planned end, an early stop, or a requested one."""
        self.folder.prepare()
        tracker = Tracker(self.folder.path, from_step=self.state.progress.step)
        try:
            validator = Validator(self._validation_batches(), self.runtime.device)
            if self.state.progress.step == 0:
                tracker.write("start", 0, {"config": flatten(self.config), **self.folder.facts})
            self._loop(tracker, validator)
            return self._finish(tracker, validator)
        finally:
            tracker.close()

    def _loop(self, tracker: Tracker, validator: Validator) -> None:
        progress, plan = self.state.progress, self.config.training
        batches = self._batches(progress.step)
        while progress.step < plan.num_steps and self.stop_reason is None:
            begin = time.monotonic()
            scalars = self._step(next(batches))
            progress.seconds += time.monotonic() - begin
            tracker.write("train", progress.step, scalars)
            epoch, done = divmod(progress.step - 1, plan.steps_per_epoch)
            self.listener.on_step(epoch + 1, done + 1, plan.steps_per_epoch, scalars)
            if done + 1 == plan.steps_per_epoch:
                self._end_epoch(epoch + 1, tracker, validator)
        if self._interrupted:
            self.folder.save_latest(self.state)

    def _step(self, batch: dict[str, Tensor]) -> Scalars:
        progress, plan = self.state.progress, self.config.training
        rate = plan.learning_rate * learning_rate_factor(progress.step, plan)
        for group in self.state.optimizer.param_groups:
            group["lr"] = rate
        scalars = train_step(
            runtime=self.runtime,
            model=self.state.model,
            objective=self.objective,
            optimizer=self.state.optimizer,
            adversary=self.state.adversary if self._adversary_is_on() else None,
            batch=batch,
            gradient_clip=plan.gradient_clip,
        )
        progress.step += 1
        self._count_skipped(bool(scalars["skipped"]))
        progress.add(scalars)
        return scalars | {"learning_rate": rate}

    def _end_epoch(self, epoch: int, tracker: Tracker, validator: Validator) -> None:
        progress, plan = self.state.progress, self.config.training
        validation = validator(self.state.model, self.objective)
        tracker.write("validation", progress.step, {"epoch": epoch, **validation_scalars(validation)})
        tracker.write("epoch", progress.step, {"epoch": epoch, **progress.take_means()})
        report = report_epoch(
            epoch, validation, progress=progress, config=self.config, objective=self.objective.config
        )
        self._keep_best(epoch, validation)
        if report.applied:
            self._apply(report.remedies, epoch, tracker)
        tracker.flush()
        self.folder.save_latest(self.state)
        self.listener.on_epoch(report)
        if plan.patience and progress.epochs_without_gain >= plan.patience:
            self.stop_reason = f"no gain for {plan.patience} epochs"

    def _keep_best(self, epoch: int, validation: Validation) -> None:
        progress = self.state.progress
        if validation.loss < progress.best_loss:
            progress.best_loss, progress.best_epoch, progress.epochs_without_gain = validation.loss, epoch, 0
            self.folder.save_best(self.state)
        else:
            progress.epochs_without_gain += 1

    def _apply(self, remedies: tuple[Remedy, ...], epoch: int, tracker: Tracker) -> None:
        """Changes the objective; what was best by other weights is no measure any more."""
        progress = self.state.progress
        for remedy in remedies:
            change = {"epoch": epoch, "field": remedy.field, "value": remedy.value, "reason": remedy.reason}
            self._set_weight(remedy.field, remedy.value)
            progress.remedies.append(change)
            tracker.write("remedy", progress.step, change)
        progress.best_loss, progress.epochs_without_gain = float("inf"), 0

    def _set_weight(self, name: str, value: float) -> None:
        self.objective = Objective(replace(self.objective.config, **{name: value}))

    def _finish(self, tracker: Tracker, validator: Validator) -> Outcome:
        """Judges the best weights, which are the ones that will be used; not after a signal, which does not wait."""
        progress = self.state.progress
        validation = None if self._interrupted else self._judge_best(validator)
        outcome = Outcome(
            validation=validation,
            items=checklist(validation.figures, validation.masks) if validation else [],
            best_epoch=progress.best_epoch,
            num_steps=progress.step,
            examples_per_second=self.config.data.batch_size * progress.step / max(progress.seconds, 1e-9),
            stopped=self.stop_reason,
        )
        tracker.write(
            "end",
            progress.step,
            {
                **(validation_scalars(validation) if validation else {}),
                "best_epoch": outcome.best_epoch,
                "examples_per_second": outcome.examples_per_second,
                "stopped": outcome.stopped,
                "checklist": [asdict(item) for item in outcome.items],
            },
        )
        return outcome

    def _judge_best(self, validator: Validator) -> Validation:
        best = self.folder.best
        if not best.is_file():
            self.folder.save_best(self.state)
        tensors, _ = load_checkpoint(best)
        load_weights(self.state.model, tensors, best)
        return validator(self.state.model, self.objective)

    def _count_skipped(self, skipped: bool) -> None:
        progress = self.state.progress
        progress.skipped_in_a_row = progress.skipped_in_a_row + 1 if skipped else 0
        if progress.skipped_in_a_row >= MAX_SKIPPED_IN_A_ROW:
            raise HocketError(
                f"the loss or its gradient was not finite {MAX_SKIPPED_IN_A_ROW} times in a row, at step "
                f"{progress.step}: lower --learning_rate; the last good checkpoint is {self.folder.latest}."
            )

    def _adversary_is_on(self) -> bool:
        start = self.config.adversary.gan_start * self.config.training.num_steps
        return self.state.adversary is not None and self.state.progress.step >= start

    def _batches(self, first_step: int) -> Iterator[dict[str, Tensor]]:
        """Batches from a step on: example numbers follow from the step, so a restart changes nothing."""
        data, plan = self.config.data, self.config.training
        dataset = PairDataset(
            self._reader,
            self.library.training,
            self.library.training_pairs,
            num_examples=plan.num_steps * data.batch_size,
            excerpt_seconds=data.excerpt_seconds,
            seed=plan.seed,
            max_speed_change=data.max_speed_change,
            with_real=self.state.adversary is not None,
        )
        order = range(first_step * data.batch_size, len(dataset))
        return iter(_loader(dataset, data.batch_size, sampler=order, num_workers=data.num_workers))

    def _validation_batches(self) -> list[dict[str, Tensor]]:
        data = self.config.data
        dataset = PairDataset(
            self._reader,
            self.library.validation,
            self.library.validation_pairs,
            num_examples=data.num_validation_examples,
            excerpt_seconds=data.excerpt_seconds,
            seed=self.config.training.seed + VALIDATION_SEED_OFFSET,
        )
        return list(_loader(dataset, data.batch_size))


def _loader(dataset: PairDataset, batch_size: int, **options: Any) -> DataLoader[dict[str, Tensor]]:
    # With a generator of its own it leaves torch's alone, whose state is part of the checkpoint.
    return DataLoader(dataset, batch_size=batch_size, generator=torch.Generator(), **options)


def _fresh_state(config: RunConfig, device: torch.device) -> TrainingState:
    plan, objective = config.training, config.objective
    model = FusionModel(config.model).to(device)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=plan.learning_rate, betas=(0.9, 0.99), weight_decay=plan.weight_decay
    )
    with_adversary = objective.gan_weight > 0 or objective.feature_matching_weight > 0
    adversary = Adversary(config.adversary, device) if with_adversary else None
    return TrainingState(model, optimizer, adversary, Progress())

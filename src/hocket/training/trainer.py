"""The training loop: reads batches, and writes weights and the log."""

import copy
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import torch

from hocket.data.library import Library
from hocket.diagnostics import Diagnosis, Remedy, checklist
from hocket.errors import CheckpointError, ConfigError, HocketError
from hocket.model import FusionModel, FusionResult
from hocket.model.weights import load_checkpoint, load_weights, weights_hash
from hocket.objective import Adversary, Objective
from hocket.runs import RENAMED
from hocket.settings import RunConfig, flatten
from hocket.signal.scene import Scene
from hocket.training import runtime
from hocket.training.events import Listener, Outcome, report_epoch, time_left, validation_scalars
from hocket.training.examples import UNREADABLE, ExampleShelf, is_kept, show
from hocket.training.feeding import Batch, Feeder, reading_faults
from hocket.training.folder import RunFolder
from hocket.training.runtime import Runtime
from hocket.training.state import Progress, TrainingState, seed_generators
from hocket.training.steps import (
    MAX_ROLLBACKS,
    MAX_SKIPPED_IN_A_ROW,
    Learner,
    Scalars,
    enough_memory,
    find_fault,
    highest_usual_loss,
    learning_rate_factor,
    make_optimizer,
    train_step,
)
from hocket.training.tracker import SilentTracker, Tracker
from hocket.training.validation import Validation, Validator

MUCH_WAITING = 0.1
"""Share of the time spent waiting for data above which the user is told."""


class Trainer:
    """One run in one folder, in one of its processes; `run` may be called once."""

    def __init__(
        self,
        config: RunConfig,
        library: Library,
        folder: Path,
        listener: Listener,
        runtime_: Runtime | None = None,
    ) -> None:
        self.config, self.library, self.listener = config, library, listener
        self.runtime = runtime_ or runtime.start(config.training)
        self.processes = self.runtime.processes
        self.processes.require_equal(library.fingerprint, "music")
        self.folder = RunFolder(folder, config, library, self.runtime)
        seed_generators(config.training.seed)
        self.state = _fresh_state(config, self.runtime)
        self.objective = Objective(config.objective, self.processes.add_up)
        self.feeder = Feeder(config, library, self.processes, with_real=self.state.adversary is not None)
        self.shelf = ExampleShelf(
            folder,
            self.feeder.validation_places(config.training.num_examples),
            self.state.model.codec,
            num_examples=config.training.num_examples,
        )
        self.stop_reason: str | None = None
        self._wanted_stop: str | None = None
        self._interrupted = False
        self._stepped_since_rollback = True
        self._seconds = {"data": 0.0, "step": 0.0, "validation": 0.0, "checkpoint": 0.0}
        self.tracker: Tracker | SilentTracker = SilentTracker()

    def request_stop(self, reason: str) -> None:
        """Asks all processes to save and end at the next step's boundary; safe to call from a signal handler."""
        self._wanted_stop = reason

    def resume(self) -> list[str] | None:
        """Continues from the folder's newest whole checkpoint; None where there is none, else what there is to say.

        Raises:
            CheckpointError: all are damaged, or of another configuration or other music; the field is named.
        """
        notes = self.folder.restore(self.state)
        self.objective = Objective(self.config.objective, self.processes.add_up)
        try:
            for change in self.state.progress.remedies:
                self._set_weight(RENAMED.get(change["field"], change["field"]), change["value"])
        except (KeyError, TypeError, ConfigError) as error:
            raise CheckpointError(
                f"{self.folder.path} was changed by a remedy that is not valid ({error}): use --fresh."
            ) from error
        return notes

    def run(self) -> Outcome:
        """Trains to the planned end, an early stop, or a requested one."""
        if self.processes.is_first:
            # Before all meet: the others may write new examples from then on.
            self.shelf.forget_after(self.state.progress.step)
        self.processes.require_equal(weights_hash(self.state.model), "weights")
        if self.processes.is_first:
            self.folder.prepare()
            progress = self.state.progress
            self.tracker = Tracker(self.folder.path, from_step=progress.step, keep_lines=progress.log_lines)
        try:
            with reading_faults():
                validator = Validator(self.feeder.validation_batches(), self.runtime)
                kind = "resume" if self.state.progress.step else "start"
                facts = {"config": flatten(self.config), **self.folder.facts}
                self.tracker.write(kind, self.state.progress.step, facts)
                self._loop(validator)
                return self._finish(validator)
        finally:
            self.tracker.close()

    def _loop(self, validator: Validator) -> None:
        progress, plan = self.state.progress, self.config.training
        batches = self._batches()
        while self.stop_reason is None:
            if progress.step // plan.steps_per_epoch > progress.epochs_judged:
                self._end_epoch(validator)
            elif plan.patience and progress.epochs_without_gain >= plan.patience:
                # Read off the state, so that a run that is continued knows it too.
                self.stop_reason = f"no improvement for {plan.patience} epochs"
                break
            elif progress.step < plan.num_steps:
                if not self._next_step(next_batch=batches):
                    progress, batches = self.state.progress, self._batches()
            else:
                break
            self._heed_signals()
        if self._interrupted:
            self._save()

    def _next_step(self, *, next_batch: Iterator[list[Batch]]) -> bool:
        """Runs one step, logs it and saves when due; False if the run went back instead."""
        progress, plan = self.state.progress, self.config.training
        begin = time.monotonic()
        with self._timed("data"):
            batch = next(next_batch)
        size = self.config.data.batch_size
        with self._timed("step"), enough_memory(self.runtime, self._learner(), batch[0], size):
            scalars = self._step(batch)
        progress.seconds += time.monotonic() - begin
        self.tracker.write("train", progress.step, scalars)
        epoch, done = divmod(progress.step - 1, plan.steps_per_epoch)
        self.listener.on_step(epoch + 1, done + 1, plan.steps_per_epoch, scalars)
        if scalars["skipped"] and self._fall_back(batch):
            return False
        is_epochs_end = done + 1 == plan.steps_per_epoch
        if not is_epochs_end and _is_due(progress.step, plan.checkpoint_every_steps) and self._is_well:
            self._save()
        return True

    @property
    def _is_well(self) -> bool:
        """True if the last step counted: what may be faulty must not take the place of what is good."""
        return self.state.progress.skipped_in_a_row == 0

    def _batches(self) -> Iterator[list[Batch]]:
        """Yields the batches that are left of the run, from the present step on."""
        progress = self.state.progress
        offset = progress.batch_offset
        return self.feeder.batches(progress.step + offset, self.config.training.num_steps + offset)

    def _step(self, batch: Sequence[Batch]) -> Scalars:
        progress, plan = self.state.progress, self.config.training
        rate = plan.learning_rate * learning_rate_factor(progress.step, plan)
        for group in self.state.optimizer.param_groups:
            group["lr"] = rate
        if self.state.adversary is not None and progress.step == self._adversary_start:
            # Losses with its terms are not to be judged by those without.
            progress.recent_losses = []
        scalars = train_step(
            runtime=self.runtime,
            learner=self._learner(),
            batches=batch,
            gradient_clip=plan.gradient_clip,
            highest_loss=highest_usual_loss(progress.recent_losses, plan.spike_sigma),
        )
        progress.step += 1
        self.state.follow(plan.ema_decay)
        skipped = bool(scalars["skipped"])
        progress.skipped_in_a_row = progress.skipped_in_a_row + 1 if skipped else 0
        progress.num_skipped += skipped
        progress.num_spikes += int(scalars["spiked"])
        if not skipped:
            progress.add(scalars)
            progress.remember(float(scalars["loss/total"]))
            self._stepped_since_rollback = True
        return scalars | {"learning_rate": rate}

    def _learner(self) -> Learner:
        state = self.state
        adversary = state.adversary if state.progress.step >= self._adversary_start else None
        return Learner(state.model, state.optimizer, self.objective, adversary)

    @property
    def _adversary_start(self) -> int:
        """The first step that the adversary takes part in."""
        return math.ceil(self.config.adversary.gan_start * self.config.training.num_steps)

    def _fall_back(self, batch: Sequence[Batch]) -> bool:
        """Names what was not finite; after three in a row ends, or goes back to a checkpoint and on behind them.

        Raises:
            HocketError: three in a row, and no going back was asked for or it has not helped.
        """
        progress, plan = self.state.progress, self.config.training
        at = progress.step + progress.batch_offset
        fault = find_fault(self.runtime, self._learner(), batch, self.feeder.names(at - 1))
        self.tracker.write("fault", progress.step, asdict(fault))
        self.listener.on_note(f"step {progress.step} was skipped, {fault.sentence()}")
        if progress.skipped_in_a_row < MAX_SKIPPED_IN_A_ROW:
            return False
        if plan.on_nonfinite == "stop" or progress.num_rollbacks >= MAX_ROLLBACKS:
            raise HocketError(
                f"the loss or its gradient was not finite {MAX_SKIPPED_IN_A_ROW} times in a row, at step "
                f"{progress.step} ({fault.sentence()}): lower --learning-rate, or continue from the last good "
                f"checkpoint with --on-nonfinite rollback (checkpoints are in {self.folder.checkpoints})."
            )
        counted = {name: getattr(progress, name) for name in ("num_rollbacks", "num_skipped", "num_spikes")}
        if progress.num_rollbacks and not self._stepped_since_rollback:
            # What was gone back to was no better: its weights may be the fault.
            self.folder.suspect_newest()
        if self.resume() is None:
            raise HocketError(
                f"the loss was not finite from the first steps ({fault.sentence()}): lower --learning-rate."
            )
        back = self.state.progress
        for name, value in counted.items():
            setattr(back, name, value + (name == "num_rollbacks"))
        back.batch_offset, back.skipped_in_a_row = at - back.step, 0
        if self.processes.is_first:
            self.shelf.forget_after(back.step)
        self._stepped_since_rollback = False
        self.tracker.write("rollback", back.step, {"from_step": progress.step})
        self.listener.on_note(f"went back to step {back.step}, and continues with other excerpts")
        # At once, or a kill would lead into the same batches again.
        self._save()
        return True

    def _heed_signals(self) -> None:
        """Stops where any process was asked to: all of them, at the same place."""
        if self.processes.largest(int(self._wanted_stop is not None)):
            reasons = self.processes.all_gather_object(self._wanted_stop)
            self.stop_reason, self._interrupted = next(filter(None, reasons)), True

    def _end_epoch(self, validator: Validator) -> None:
        """Judges the epoch; a signal puts that off until the run is continued."""
        progress = self.state.progress
        epoch = progress.epochs_judged + 1
        with self._timed("validation"):
            validation = validator(
                self.state.fusing_model,
                self.objective,
                given_up=lambda: self._wanted_stop is not None,
                on_batch=partial(self._keep_examples, epoch),
            )
        if validation is None:
            return
        progress.epochs_judged = epoch
        self.tracker.write("validation", progress.step, {"epoch": epoch, **validation_scalars(validation)})
        self.tracker.write("epoch", progress.step, {"epoch": epoch, **progress.take_means()})
        report = report_epoch(
            epoch, validation, progress=progress, config=self.config, objective=self.objective.config
        )
        self._keep_best(epoch, validation)
        self._show_examples(epoch)
        if report.applied:
            self._apply(report.remedies, epoch)
        if self._is_well or progress.step == self.config.training.num_steps:
            self._save()
        pause_seconds = self._seconds["validation"] + self._seconds["checkpoint"]
        left = time_left(progress, self.config.training, pause_seconds=pause_seconds)
        self.listener.on_epoch(replace(report, eta_seconds=left))
        self._tell_where_time_went()
        self.processes.require_equal(weights_hash(self.state.model), "weights")

    def _save(self) -> None:
        with self._timed("checkpoint"):
            # The log first: what a checkpoint follows must be in it, and what it lacks is written again.
            self.tracker.flush()
            self.state.progress.log_lines = self.tracker.num_lines
            self.folder.save(self.state)

    def _keep_best(self, epoch: int, validation: Validation) -> None:
        progress = self.state.progress
        if validation.loss < progress.best_loss:
            progress.best_loss, progress.best_epoch, progress.epochs_without_gain = validation.loss, epoch, 0
            with self._timed("checkpoint"):
                self.folder.save_best(self.state)
        else:
            progress.epochs_without_gain += 1

    def _keep_examples(
        self, epoch: int, batch: int, result: FusionResult, scene: Scene, diagnosis: Diagnosis
    ) -> None:
        numbers = self.feeder.validation_examples(batch)
        self.shelf.keep(numbers, result, scene, diagnosis, step=self.state.progress.step, epoch=epoch)

    def _show_examples(self, epoch: int) -> None:
        """Removes old examples and gives TensorBoard those of this epoch that stay; failures are only reported."""
        faults = self.processes.all_gather_object(self.shelf.take_fault())
        if not self.processes.is_first:
            return
        step = self.state.progress.step
        try:
            self.shelf.thin(epoch, best_epoch=self.state.progress.best_epoch)
            if self.tracker.has_board and is_kept(epoch, epoch):
                for name, stem in self.shelf.of_step(step):
                    show(self.tracker, name, stem, step=step, with_sources=epoch == 1)
        except UNREADABLE as error:
            faults.append(f"validation examples could not be updated ({error})")
        for fault in filter(None, faults):
            self.listener.on_note(fault)

    def _apply(self, remedies: tuple[Remedy, ...], epoch: int) -> None:
        """Changes the objective; what was best or usual by other weights is not a measure any more."""
        progress = self.state.progress
        for remedy in remedies:
            change = {"epoch": epoch, "field": remedy.field, "value": remedy.value, "reason": remedy.reason}
            self._set_weight(remedy.field, remedy.value)
            progress.remedies.append(change)
            self.tracker.write("remedy", progress.step, change)
        progress.best_loss, progress.epochs_without_gain, progress.recent_losses = float("inf"), 0, []

    def _set_weight(self, name: str, value: float) -> None:
        self.objective = Objective(replace(self.objective.config, **{name: value}), self.objective.add_up)

    def _finish(self, validator: Validator) -> Outcome:
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
        self.tracker.write(
            "end",
            progress.step,
            {
                **(validation_scalars(validation) if validation else {}),
                "best_epoch": outcome.best_epoch,
                "examples_per_second": outcome.examples_per_second,
                "stopped": outcome.stopped,
                "checklist": [asdict(item) for item in outcome.items],
                **{name: getattr(progress, name) for name in ("num_skipped", "num_spikes", "num_rollbacks")},
            },
        )
        # Whoever starts the processes may end the others as soon as one has ended: first all has to be on disk.
        self.processes.wait()
        return outcome

    def _judge_best(self, validator: Validator) -> Validation:
        note = self.processes.on_rank_zero(lambda: self.folder.require_best(self.state))
        if note:
            self.listener.on_note(note)
        best = self.folder.best
        tensors, _ = load_checkpoint(best)
        load_weights(self.state.fusing_model, tensors, best)
        # Another node may still see an older file of that name.
        self.processes.require_equal(weights_hash(self.state.fusing_model), "best weights")
        validation = validator(self.state.fusing_model, self.objective)
        assert validation is not None
        return validation

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        begin = time.monotonic()
        yield
        self._seconds[name] += time.monotonic() - begin

    def _tell_where_time_went(self) -> None:
        """One line in the log for each epoch, and a word to the user where the music is what is waited for."""
        seconds = self._seconds
        self._seconds = dict.fromkeys(seconds, 0.0)
        values = {f"{name}_seconds": value for name, value in seconds.items()}
        self.tracker.write("timing", self.state.progress.step, values)
        waiting = seconds["data"] / max(seconds["data"] + seconds["step"], 1e-9)
        if waiting > MUCH_WAITING:
            self.listener.on_note(
                f"{waiting:.0%} of the time was spent waiting for music: raise --num-workers"
            )


def _is_due(step: int, interval: int) -> bool:
    return interval > 0 and step % interval == 0


def _fresh_state(config: RunConfig, runtime_: Runtime) -> TrainingState:
    plan, objective = config.training, config.objective
    model = FusionModel(config.model).to(runtime_.device)
    if plan.compile:
        # Without a compiler, or where it fails, the same steps run as they are.
        torch._dynamo.config.suppress_errors = True
        model.cascade.compile()
    optimizer = make_optimizer(model, plan)
    adversary = None
    if objective.adversarial_weight > 0 or objective.feature_matching_weight > 0:
        adversary = Adversary(config.adversary, runtime_.device, add_up=runtime_.processes.add_up)
    average = copy.deepcopy(model).requires_grad_(False) if plan.ema_decay else None
    return TrainingState(model, optimizer, adversary, Progress(), average)

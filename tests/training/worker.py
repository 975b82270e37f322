"""One process of a run or of several runs in turn, for tests, and what it does beside training."""

import os
import signal
from pathlib import Path

import torch

from hocket.errors import HocketError
from hocket.training.runtime import Processes


class Listener:
    """Stops, breaks or kills the run after a given step, in the process that is asked to."""

    def __init__(self, wishes: dict) -> None:
        self.wishes, self.trainer, self.steps = wishes, None, 0

    def on_step(self, epoch, step_in_epoch, steps_per_epoch, scalars) -> None:
        self.steps += 1
        if self.steps == self.wishes.get("stop_after"):
            self.trainer.request_stop("SIGUSR1")
        if self.steps == self.wishes.get("die_after"):
            os.kill(os.getpid(), signal.SIGKILL)

    def on_epoch(self, report) -> None:
        pass

    def on_note(self, text) -> None:
        print("note:", text, flush=True)


def poisoned(feed, examples: set[int]):
    """`Feeder.batches` with some examples' inputs not numbers, wherever they are met."""

    def batches(self, first, last):
        for number, parts in zip(range(first, last), feed(self, first, last), strict=True):
            marks = iter(self.examples(number))
            for part in parts:
                for row in part["input"]:
                    if next(marks) in examples:
                        row.fill_(float("nan"))
            yield parts

    return batches


def train(wishes: dict) -> Processes:
    """Trains as wished; the group of processes stays joined for the next run."""
    from hocket.runs import RunLock
    from hocket.settings import build
    from hocket.training import runtime
    from hocket.training.feeding import Feeder
    from hocket.training.opening import open_music
    from hocket.training.trainer import Trainer

    if "poison" in wishes:
        Feeder.batches = poisoned(Feeder.batches, set(wishes["poison"]))
    config = build({"validation_fraction": 0.2, **wishes["fields"], "music": wishes["music"]})
    started = runtime.start(config.training)
    own = {name: value for name, value in wishes.items() if name not in ("stop_after", "die_after")}
    if started.processes.rank == wishes.get("rank", 0):
        own = wishes
    listener = Listener(own)
    run, lock = Path(wishes["run"]), RunLock()

    def on_scan(done: int, total: int, path: str) -> None:
        print("scanned", Path(path).name, flush=True)

    try:
        library = open_music(config, run, started.processes, fresh=False, lock=lock, progress=on_scan)
        trainer = Trainer(config, library, run, listener, started)
        listener.trainer = trainer
        for note in trainer.resume() or ():
            print("note:", note, flush=True)
        outcome = trainer.run()
    finally:
        lock.release()
    print("ended", trainer.state.progress.step, outcome.stopped, flush=True)
    return started.processes


def main(runs: list[dict]) -> int:
    torch.set_num_threads(1)
    try:
        groups = [train(wishes) for wishes in runs]
    except HocketError as error:
        print("error:", error, flush=True)
        return 2
    groups[-1].leave()
    return 0

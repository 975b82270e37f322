"""One process of a run, for tests: what it does beside training comes as JSON on the command line."""

import json
import os
import signal
import sys
from pathlib import Path

import torch


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


def main() -> int:
    wishes = json.loads(sys.argv[1])
    from hocket.data.library import open_library
    from hocket.errors import HocketError
    from hocket.settings import build
    from hocket.training import runtime
    from hocket.training.feeding import Feeder
    from hocket.training.trainer import Trainer

    Feeder.batches = poisoned(Feeder.batches, set(wishes.get("poison", ())))
    config = build(wishes["fields"])
    started = runtime.start(config.training)
    own = {name: value for name, value in wishes.items() if name not in ("stop_after", "die_after")}
    if started.processes.rank == wishes.get("rank", 0):
        own = wishes
    listener = Listener(own)
    library = open_library(Path(wishes["music"]), excerpt_seconds=1.1, validation_fraction=0.2, seed=0)
    try:
        trainer = Trainer(config, library, Path(wishes["run"]), listener, started)
        listener.trainer = trainer
        for note in trainer.resume() or ():
            print("note:", note, flush=True)
        outcome = trainer.run()
        print("ended", trainer.state.progress.step, outcome.stopped, flush=True)
    except HocketError as error:
        print("error:", error, flush=True)
        return 2
    started.processes.leave()
    return 0


if __name__ == "__main__":
    torch.set_num_threads(1)
    raise SystemExit(main())

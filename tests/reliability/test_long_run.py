"""Two thousand steps need no more memory and no more open files than two hundred."""

import os
from pathlib import Path

import pytest
from benchmarks.libraries import open_library

from hocket.settings import build
from hocket.training.trainer import Trainer

pytestmark = pytest.mark.slow


class Watcher:
    """Notes memory and open files after so many steps."""

    def __init__(self) -> None:
        self.steps, self.seen = 0, {}

    def on_step(self, *_) -> None:
        self.steps += 1
        if self.steps % 100 == 0:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            self.seen[self.steps] = (
                pages * os.sysconf("SC_PAGE_SIZE"),
                len(list(Path("/proc/self/fd").iterdir())),
            )

    def on_epoch(self, report) -> None:
        pass

    def on_note(self, text) -> None:
        pass


@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="only Linux tells a process its memory")
def test_memory_and_descriptors_stay(tmp_path, corpus, small) -> None:
    fields = small | {
        "num_epochs": 10, "steps_per_epoch": 200, "gan_weight": 0.1, "gan_start": 0.0, "checkpoint_every_steps": 50,
    }  # fmt: skip
    watcher = Watcher()
    library = open_library(corpus / "music", excerpt_seconds=1.1, validation_fraction=0.2, seed=0)
    Trainer(build(fields), library, tmp_path / "run", watcher).run()
    (first, files), (last, more_files) = watcher.seen[300], watcher.seen[2000]
    print(
        f"\nmemory {first / 2**20:.0f} MB after 300 steps, {last / 2**20:.0f} MB after 2000; {more_files} open files"
    )
    assert last <= 1.02 * first
    assert more_files <= files

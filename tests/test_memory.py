"""Freed memory is kept: the same block again costs no new pages."""

import os
import subprocess
import sys

import pytest

CODE = """
import resource, sys
import numpy as np
from hocket.memory import keep_freed_memory
if sys.argv[1] == "kept" and not keep_freed_memory():
    sys.exit(3)
def once():
    # Two at a time, so that one of them is at the top of the heap when it is freed.
    return np.ones(12_000_000, dtype=np.float32).sum() + np.ones(9_000_000, dtype=np.float32).sum()
for _ in range(3):
    once()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    once()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    # With huge pages a block costs few of them, if some are free.
    plain_pages = {**os.environ, "NUMPY_MADVISE_HUGEPAGE": "0"}
    done = subprocess.run([sys.executable, "-c", CODE, how], capture_output=True, text=True, env=plain_pages)
    if done.returncode == 3:
        pytest.skip("the allocator is not glibc's")
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_blocks_that_are_freed_come_back_without_new_pages() -> None:
    kept = faults("kept")
    assert kept < faults("as it comes") / 50

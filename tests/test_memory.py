"""Freed memory is kept: the same block again costs no new pages."""

import subprocess
import sys

import pytest

CODE = """
import resource, sys
import numpy as np
from hocket.memory import keep_freed_memory
if sys.argv[1] == "kept":
    assert keep_freed_memory()
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
    done = subprocess.run([sys.executable, "-c", CODE, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator only")
def test_blocks_that_are_freed_come_back_without_new_pages() -> None:
    as_it_comes, kept = faults("as it comes"), faults("kept")
    assert as_it_comes > 50_000, "otherwise there is nothing to gain"
    assert kept < as_it_comes / 50

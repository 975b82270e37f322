"""Imports the heavy libraries in one thread at a time.

Two threads that import torch and scipy for the first time at the same moment can see half-initialised modules.
"""

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_lock = threading.Lock()


def load_libraries() -> None:
    """Imports all that the studio's threads import when they need it; waits for another thread that is at it."""
    with _lock:
        import hocket.fusing.judging
        import hocket.pictures.arrays
        import hocket.report.charts
        import hocket.report.summary
        import hocket.studio.pictures  # noqa: F401


def with_libraries(action: Callable[..., T], *arguments: str) -> T:
    """Runs an action once the libraries are there; for threads."""
    load_libraries()
    return action(*arguments)

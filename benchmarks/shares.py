"""Shares of the time that the steps of a run take, seen by the interpreter's own profiling hook."""

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Any

from benchmarks.timing import ALONE, Clock, Work

Steps = Mapping[str, Sequence[Callable[..., Any]]]
"""For each step the functions that do it, Python's or built in."""


def step_shares(work: Work, steps: Steps, clock: Clock = ALONE) -> tuple[dict[str, float], float]:
    """Runs `work` and returns each step's share of the time, and the seconds of the whole.

    A step's time is its own: time inside of it that belongs to another step counts there. Time outside of all steps is
    `other`; the shares add up to 1.
    """
    owner = {_identity(function): step for step, functions in steps.items() for function in functions}
    seconds = dict.fromkeys([*steps, "other"], 0.0)
    stack = ["other"]
    last = clock()

    def hook(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal last
        step = owner.get(argument if event.startswith("c_") else frame.f_code)
        if step is None:
            return
        now = clock()
        seconds[stack[-1]] += now - last
        last = now
        if event in ("call", "c_call"):
            stack.append(step)
        elif len(stack) > 1:
            stack.pop()

    sys.setprofile(hook)
    try:
        work()
    finally:
        sys.setprofile(None)
    seconds[stack[-1]] += clock() - last
    whole = sum(seconds.values())
    return {step: taken / whole for step, taken in seconds.items()}, whole


def _identity(function: Callable[..., Any]) -> object:
    """Returns what the hook reports for a function: its code, or itself where it is built in."""
    plain = inspect.unwrap(getattr(function, "__func__", function))
    return getattr(plain, "__code__", plain)

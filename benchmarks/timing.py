"""Timing works side by side: in turns, so that what else the machine does meets all of them."""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch

Work = Callable[[], object]
Clock = Callable[[], float]

ALONE: Clock = time.process_time
"""The clock for works of one thread: processor time, which neighbours on a busy machine disturb least."""


@dataclass(frozen=True)
class Timing:
    """Seconds that a work took, round by round."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle of all rounds."""
        return statistics.median(self.seconds)

    @property
    def least(self) -> float:
        """The quickest round: what a busy neighbour disturbed least."""
        return min(self.seconds)

    @property
    def words(self) -> str:
        """Median with the quickest and the slowest round."""
        if len(self.seconds) == 1:
            return in_seconds(self.median)
        return f"{in_seconds(self.median)} ({_digits(self.least)}-{_digits(max(self.seconds))})"


@dataclass(frozen=True)
class Ratio:
    """Ratio of one work's time to another's; of the medians, and of each round by itself."""

    of_medians: float
    of_rounds: tuple[float, ...]

    @property
    def words(self) -> str:
        """The ratio of the medians with the smallest and the largest of any round."""
        if len(self.of_rounds) == 1:
            return f"{self.of_medians:.2f}x"
        return f"{self.of_medians:.2f}x ({min(self.of_rounds):.2f}-{max(self.of_rounds):.2f})"


def ratio(slow: Timing, fast: Timing) -> Ratio:
    """Times as long as `fast` that `slow` took, in the same rounds."""
    pairs = zip(slow.seconds, fast.seconds, strict=True)
    return Ratio(slow.median / fast.median, tuple(first / second for first, second in pairs))


def side_by_side(
    works: Mapping[str, Work],
    *,
    rounds: int,
    warm_ups: int = 1,
    clock: Clock = time.perf_counter,
    on_round: Callable[[int], None] = lambda _: None,
) -> dict[str, Timing]:
    """Runs all works in turn, `rounds` times after `warm_ups` that do not count; `on_round` is told of each."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for number in range(-warm_ups, rounds):
        for name, work in works.items():
            begin = clock()
            work()
            if number >= 0:
                seconds[name].append(clock() - begin)
        on_round(max(0, number + 1))
    return {name: Timing(tuple(taken)) for name, taken in seconds.items()}


@contextmanager
def threads(number: int) -> Iterator[None]:
    """So many threads of torch, and as many as before after it."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def in_seconds(seconds: float) -> str:
    """Three digits, as seconds."""
    return f"{_digits(seconds)} s"


def _digits(value: float) -> str:
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:.1f}"

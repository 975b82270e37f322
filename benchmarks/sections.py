"""The sections of the benchmark by their names, and the run through those that are asked for."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module

from benchmarks.page import Section
from benchmarks.plan import Plan


@dataclass(frozen=True)
class Entry:
    """A section: its module, and how many seconds it takes about, quick and full, on two slow cores.

    A section that is not `in_quick` is left out of the quick version, unless it is asked for by its name.
    """

    module: str
    quick_seconds: float
    full_seconds: float
    in_quick: bool = True

    def seconds(self, plan: Plan) -> float:
        """As the plan has it."""
        return self.quick_seconds if plan.quick else self.full_seconds


SECTIONS = {
    "fuse": Entry("benchmarks.fusing", 9, 120),
    "start": Entry("benchmarks.starting", 5, 60),
    "training": Entry("benchmarks.learning", 13, 240),
    "peers": Entry("benchmarks.peers", 12, 200),
    "criterion": Entry("benchmarks.criterion", 15, 600, in_quick=False),
    "growth": Entry("benchmarks.growth", 10, 500),
    "gpu": Entry("benchmarks.gpu", 1, 60),
}


def measure(names: Iterable[str], plan: Plan) -> Iterator[Section]:
    """Each section when it is done; the plan's `say` is told what is next and how long all will take."""
    left = list(names)
    estimated, spent = 0.0, 0.0
    total = len(left)
    for number, name in enumerate(list(left), start=1):
        # Estimates come from one machine; how it goes here says how far they are off.
        pace = spent / estimated if estimated else 1.0
        to_go = pace * sum(SECTIONS[other].seconds(plan) for other in left)
        plan.say(
            f"{number}/{total} {name}: about {pace * SECTIONS[name].seconds(plan):.0f} s, all {to_go:.0f} s"
        )
        begin = time.monotonic()
        yield _attempt(name, plan)
        spent += time.monotonic() - begin
        estimated += SECTIONS[name].seconds(plan)
        left.remove(name)


def _attempt(name: str, plan: Plan) -> Section:
    """The section, or that it could not be measured: what the others took minutes for must not be lost with it."""
    section: Callable[[Plan], Section] = import_module(SECTIONS[name].module).measure
    try:
        return section(plan)
    except Exception as error:
        words = " ".join(str(error).split()) or type(error).__name__
        plan.say(f"{name} failed: {words}")
        return Section(name.capitalize(), (f"Not measured: {words}",), {"failed": words})

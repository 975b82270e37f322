"""How long each step of a run takes, measured from outside: named functions are wrapped while a clock runs.

A step's time is its own: what another step takes inside of it counts there. What no step takes is `other`.
"""

import functools
import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from hocket.bench.timing import ALONE, Clock

Seams = Mapping[str, Sequence[str]]
"""For each step the functions that do it, as `module:name` or `module:Class.name`, where they are looked up."""

FUSING: Seams = {
    "decode": ("hocket.inference.sources:decode",),
    "resample": ("hocket.inference.views:resample",),
    "transform": ("torch.fft:rfft", "hocket.codec.spectral:SpectralCodec.encode"),
    "agent": ("hocket.model.agent:CreativeAgent.forward",),
    "masks": (
        "hocket.codec.spectral:SpectralCodec.describe",
        "hocket.model.cascade:Cascade.forward",
        "hocket.inference.fusion:listen_through",
        "hocket.inference.fusion:mix_blocks",
    ),
    "inverse": ("torch.fft:irfft", "hocket.codec.spectral:SpectralCodec.decode"),
    "level": ("hocket.inference.fusion:finishing", "hocket.inference.fusion:Level.of"),
    "encode to file": ("hocket.audio:save",),
}
"""The steps of fusing two files into a third; laying masks over a recording counts as `masks`, but for its FFTs."""

INFERENCE: Seams = {
    "transform": FUSING["transform"],
    "agent": FUSING["agent"],
    "masks": (
        *FUSING["masks"][:2],
        "hocket.model.fusion:arrange",
        "hocket.model.fusion:mix_down",
    ),
    "inverse": FUSING["inverse"],
}
"""The steps of `FusionModel.inference`."""


class Stopwatch:
    """Seconds of each step since it was made, and of the `whole`."""

    def __init__(self, clock: Clock = ALONE) -> None:
        self.seconds: dict[str, float] = {}
        self._clock, self._begin = clock, clock()
        self._inside: list[list[float]] = []

    @property
    def whole(self) -> float:
        """Seconds since it was made."""
        return self._clock() - self._begin

    @property
    def shares(self) -> dict[str, float]:
        """Each step's share of the whole, and that of all `other` code; they add up to 1."""
        whole = self.whole
        known = {step: seconds / whole for step, seconds in self.seconds.items()}
        return {**known, "other": 1.0 - sum(known.values())}

    def timed(self, step: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, with its own time added to the step's; of a generator, the time it works."""
        self.seconds.setdefault(step, 0.0)
        if inspect.isgeneratorfunction(function):

            @functools.wraps(function)
            def generating(*args: Any, **kwargs: Any) -> Iterator[Any]:
                items = function(*args, **kwargs)
                end = object()
                while (item := self._measure(step, next, items, end)) is not end:
                    yield item

            return generating

        @functools.wraps(function)
        def calling(*args: Any, **kwargs: Any) -> Any:
            return self._measure(step, function, *args, **kwargs)

        return calling

    def _measure(self, step: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self._inside.append([0.0])
        begin = self._clock()
        try:
            return function(*args, **kwargs)
        finally:
            whole = self._clock() - begin
            self.seconds[step] += whole - self._inside.pop()[0]
            if self._inside:
                self._inside[-1][0] += whole


@contextmanager
def stopwatch(seams: Seams, clock: Clock = ALONE) -> Iterator[Stopwatch]:
    """A clock on every seam; afterwards all is as it was.

    Raises:
        AttributeError: a seam is not where it is said to be.
    """
    watch, undo = Stopwatch(clock), []
    try:
        for step, places in seams.items():
            for place in places:
                holder, name = find(place)
                plain = inspect.getattr_static(holder, name)
                undo.append((holder, name, plain))
                function = plain.__func__ if isinstance(plain, classmethod | staticmethod) else plain
                timed = watch.timed(step, function)
                setattr(holder, name, type(plain)(timed) if function is not plain else timed)
        yield watch
    finally:
        for holder, name, plain in reversed(undo):
            setattr(holder, name, plain)


def find(place: str) -> tuple[Any, str]:
    """What holds a seam, and its name in there."""
    module, _, path = place.partition(":")
    *outer, name = path.split(".")
    holder: Any = importlib.import_module(module)
    for part in outer:
        holder = getattr(holder, part)
    inspect.getattr_static(holder, name)
    return holder, name

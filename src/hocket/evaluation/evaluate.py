"""Scores whole sets of outputs: every pair of a pairs file, for every system asked for."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import numpy as np

from hocket.data.pairs import Pair
from hocket.data.workers import child_context, end_with_parent, start_undisturbed
from hocket.errors import DataError
from hocket.evaluation.baselines import BASELINES
from hocket.evaluation.conventions import SAMPLE_RATE_HZ, read_channels, require_length, require_source
from hocket.evaluation.features import Features
from hocket.evaluation.quality import FrameStatistics
from hocket.evaluation.score import score_features
from hocket.evaluation.summary import ScoredRow
from hocket.evaluation.truth import score_truth
from hocket.evaluation.waveform import is_in_band, verdict
from hocket.hearing import side_by_side

COMPILED = ("librosa.beat", "librosa.feature", "librosa.onset")
"""Modules with functions that numba compiles when they are loaded, and writes to a cache."""


@dataclass(frozen=True)
class GivenOutput:
    """One output to be scored."""

    name: str  # what a message calls it, usually its path
    samples: np.ndarray  # [samples] or [channels, samples], float32 at 24 kHz
    wall_seconds: float | None = None  # time that making it took, where that is known
    figures: Mapping[str, float] = field(default_factory=dict)  # what else is known of it, e.g. of its masks


@dataclass(frozen=True)
class PairTask:
    """One pair with what is to be scored on it; small enough to be sent to another process."""

    pair: Pair
    outputs: Mapping[str, GivenOutput]
    baselines: tuple[str, ...]
    truth: Path | None = None  # the true fusion, where it is known


class Sources:
    """References for a pair's outputs: input and target, and the true fusion if it is known.

    Their features are computed once for each length that an output has.
    """

    def __init__(self, pair: Pair, truth: Path | None = None) -> None:
        self.pair = pair
        self.paths = {"input": pair.input, "target": pair.target} | ({"truth": truth} if truth else {})
        self.waveforms = {name: read_channels(path) for name, path in self.paths.items()}
        self.num_samples = min(waveform.shape[1] for waveform in self.waveforms.values())
        for name, path in self.paths.items():
            require_length(self.waveforms[name], name=str(path))
        self._features: dict[int, dict[str, Features]] = {}

    def features(self, num_samples: int) -> dict[str, Features]:
        """Features of each, by its role, cut to its first samples; AudioError when one is silent there."""
        if num_samples not in self._features:
            self._features[num_samples] = self._described(side_by_side(self._cut(num_samples)), num_samples)
        return self._features[num_samples]

    def compared(self, output: np.ndarray) -> tuple[Features, dict[str, Features]]:
        """An output `[channels, samples]` and all that it is compared with, cut to what they have in common."""
        num_samples = min(output.shape[1], self.num_samples)
        voices = [output[:, :num_samples], *self._cut(num_samples)]
        first, *others = side_by_side(voices)
        # Unless channels have to be heard one after another, the sources are the same for all outputs.
        apart = len(first) > num_samples
        return Features(first), self._described(others, num_samples) if apart else self.features(num_samples)

    def _cut(self, num_samples: int) -> list[np.ndarray]:
        return [waveform[:, :num_samples] for waveform in self.waveforms.values()]

    def _described(self, cut: list[np.ndarray], num_samples: int) -> dict[str, Features]:
        described = {}
        for (name, whole), waveform in zip(self.waveforms.items(), cut, strict=True):
            require_source(
                waveform,
                name=str(self.paths[name]),
                num_samples=num_samples,
                is_cut=num_samples < whole.shape[1],
            )
            described[name] = Features(waveform)
        return described


def score_set(
    *,
    pairs: Sequence[Pair],
    outputs: Mapping[str, Iterable[GivenOutput]],
    baselines: Sequence[str] = (),
    truths: Sequence[Path] | None = None,
    jobs: int = 1,
    on_pair: Callable[[Pair], None] = lambda pair: None,
) -> dict[str, list[ScoredRow]]:
    """Scores each pair: `outputs` holds, per system, one output for each pair in the pairs' order.

    The outputs are drawn one by one, so they may be made on the way. `baselines` are names of `BASELINES`;
    they come first in the result. `truths` are the pairs' true fusions, against which every output is scored
    as well. With `jobs` above 1 the pairs are shared among that many processes, with the same figures.
    `on_pair` is called when a pair is done. Raises AudioError for a source that cannot be scored.
    """
    fusions = [None] * len(pairs) if truths is None else truths
    # A bad source is named before hours of work, not after.
    for pair, truth in zip(pairs, fusions, strict=True):
        sources = Sources(pair, truth)
        sources.features(sources.num_samples)
    drawn = zip(pairs, fusions, *outputs.values(), strict=True)
    tasks = (
        PairTask(pair, dict(zip(outputs, given, strict=True)), tuple(baselines), truth)
        for pair, truth, *given in drawn
    )
    rows: dict[str, list[ScoredRow]] = {name: [] for name in (*baselines, *outputs)}
    for pair, scored in zip(pairs, _map_in_order(tasks, jobs=jobs), strict=True):
        for name, row in scored.items():
            rows[name].append(row)
        on_pair(pair)
    return rows


def evaluate_pair(task: PairTask) -> dict[str, ScoredRow]:
    """Scores every system of one task."""
    sources = Sources(task.pair, task.truth)
    made = {name: _run_baseline(name, sources) for name in task.baselines}
    return {name: _score(output, sources) for name, output in (made | dict(task.outputs)).items()}


def _run_baseline(name: str, sources: Sources) -> GivenOutput:
    cut = [sources.waveforms[role][:, : sources.num_samples] for role in ("input", "target")]
    pairs = zip(*(voice.reshape(-1, sources.num_samples) for voice in side_by_side(cut)), strict=True)
    start = time.perf_counter()
    samples = np.stack([BASELINES[name](input, target, SAMPLE_RATE_HZ) for input, target in pairs])
    return GivenOutput(name, samples, wall_seconds=time.perf_counter() - start)


def _score(output: GivenOutput, sources: Sources) -> ScoredRow:
    require_length(output.samples, name=output.name)
    samples = np.atleast_2d(output.samples)
    num_samples = min(samples.shape[1], sources.num_samples)
    features, compared = sources.compared(samples)
    input, target = compared["input"], compared["target"]
    figures = score_features(output=features, input=input, target=target)
    if "truth" in compared:
        figures |= score_truth(output=features, truth=compared["truth"])
    correlations = {name: figures[name] for name in ("output_input_correlation", "output_target_correlation")}
    named = verdict(**correlations, overlay_r2=figures["overlay_r2"], silent=features.silent)
    row: dict[str, Any] = {
        "pair": sources.pair.name,
        **{role: str(path) for role, path in sources.paths.items()},
        "scored_seconds": num_samples / SAMPLE_RATE_HZ,
        "verdict": named,
        "in_band": is_in_band(**correlations),
        **figures,
        **_speed(output),
        **output.figures,
    }
    reference: FrameStatistics = input.frame_statistics + target.frame_statistics
    return ScoredRow(row, output=features.frame_statistics, sources=reference, windows=features.windows)


def _speed(output: GivenOutput) -> dict[str, float | None]:
    """Wall time and how many seconds of output a second of work gave; None where nobody measured."""
    seconds = output.samples.shape[-1] / SAMPLE_RATE_HZ
    factor = seconds / output.wall_seconds if output.wall_seconds else None
    return {"wall_seconds": output.wall_seconds, "real_time_factor": factor}


def _map_in_order(tasks: Iterator[PairTask], *, jobs: int) -> Iterator[dict[str, ScoredRow]]:
    """Evaluates the tasks in their order, here or in processes; few are drawn ahead, to save memory."""
    if jobs == 1:
        yield from map(evaluate_pair, tasks)
        return
    # Has librosa compiled before there are children: several processes that write numba's cache at once break it.
    for part in COMPILED:
        import_module(part)
    context = child_context(evaluate_pair.__module__)
    pool = ProcessPoolExecutor(max_workers=jobs, mp_context=context, initializer=end_with_parent)
    pending: deque[Future[dict[str, ScoredRow]]] = deque()
    try:
        for task in tasks:
            pending.append(start_undisturbed(partial(pool.submit, evaluate_pair, task)))
            if len(pending) >= 2 * jobs:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    except BrokenProcessPool as error:
        raise DataError(
            "a process that scores a pair died (killed, or out of memory): give fewer --jobs."
        ) from error
    except BaseException:
        # Whoever is interrupted does not wait until the pairs at hand are scored.
        for child in active_children():
            child.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)

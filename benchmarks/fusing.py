"""Fusing: how fast, in how much memory, what each step takes, and how far above the floor of its transforms."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from benchmarks import floor
from benchmarks.children import HOCKET, Child, environment, measured
from benchmarks.machine import num_cores
from benchmarks.page import Section, Table
from benchmarks.plan import Plan, loop
from benchmarks.shares import Steps, step_shares
from benchmarks.timing import ALONE, Timing, Work, ratio, side_by_side, threads
from hocket import audio
from hocket.codec import SpectralCodec
from hocket.fusing import Fuser, loudness, masks, mixing, sources, strikes
from hocket.model import agent, cascade

TRANSFORM = (torch.fft.rfft, SpectralCodec.encode)
INVERSE = (torch.fft.irfft, SpectralCodec.decode)
AGENT = (agent.CreativeAgent.forward,)
LISTENING = (SpectralCodec.describe, cascade.Cascade.forward)
STRIKES = (strikes.find_strikes, strikes.StrikeGain.over, strikes.StrikeGain.between)
FUSING: Steps = {
    "decode": (sources.decode,),
    "resample": (audio.resample,),
    "transform": TRANSFORM,
    "agent": AGENT,
    "masks": (*LISTENING, masks.decide_masks, mixing.mix_blocks),
    "inverse": INVERSE,
    "strikes": STRIKES,
    "level": (loudness.finishing, sources.Loudness.of),
    "encode to file": (audio.save,),
}
"""The steps of fusing two files into a third; laying masks over a recording counts as `masks`, but for its FFTs."""
INFERENCE: Steps = {
    "transform": TRANSFORM,
    "agent": AGENT,
    "masks": (*LISTENING, masks.decide_masks, mixing.mix_blocks),
    "inverse": INVERSE,
    "strikes": STRIKES,
}
"""The steps of `FusionModel.inference`."""

RATE_HZ = 44_100
WATCHED_RUNS = 3
EXPLANATION = """\
A rendered pair of {seconds:g} s (drums, chords). `fuse`: stereo at 44.1 kHz, 16-bit WAV files to a 24-bit one, weights
loaded. `inference`: `model.inference` of mono at 24 kHz in memory. The floor is what of transforms each cannot do
without (for `fuse`: both sources at the model's rate and at their own, the output back), read twice: as torch's `stft`
and `istft` with window and overlap-add, and as bare real FFTs of frames that are there already."""


def measure(plan: Plan) -> Section:
    """Fusing a stereo pair from file to file, and `inference` of a mono pair in memory."""
    fuser, seconds = Fuser.from_checkpoint(), plan.pair_seconds
    works = _works(fuser, plan)
    with threads(1):
        plan.say(f"  one thread, {plan.rounds} rounds")
        alone = side_by_side(works, rounds=plan.rounds, clock=ALONE)
        steps = {
            "fuse": _shares(works["fuse"], FUSING),
            "inference": _shares(works["inference"], INFERENCE),
        }
    together = None
    if (cores := num_cores()) > 1:
        plan.say(f"  {cores} threads")
        with threads(cores):
            together = side_by_side(works, rounds=plan.rounds)
    plan.say("  the whole command, in a process of its own")
    children = {name: _command(plan, number) for name, number in _thread_choices(plan)}
    content = (
        EXPLANATION.format(seconds=seconds),
        _speed(alone, together, seconds),
        "Shares of the time, one thread; a step's own time, without what it calls of another step's:",
        _step_table(steps),
        "The whole command `hocket fuse` with its start, the diagnosis and the writing, in a process of its own:",
        _memory(children, seconds),
    )
    figures = {
        "seconds_of_audio": seconds,
        "one_thread": _raw(alone),
        "all_threads": _raw(together) if together else None,
        "shares": steps,
        "command": {name: child.figures for name, child in children.items()},
    }
    return Section("Fusing, and the floor under it", content, figures)


def _works(fuser: Fuser, plan: Plan) -> dict[str, Work]:
    seconds, codec, model = plan.pair_seconds, fuser.model.codec, fuser.model
    input_path, target_path = plan.pair(seconds, sample_rate=RATE_HZ)
    output = plan.folder / "fused.wav"
    first, second = (loop(index, seconds, codec.sample_rate) for index in range(2))
    for_fusing, for_inference = (
        floor.of_fusing(codec, seconds, RATE_HZ, 2),
        floor.of_inference(codec, seconds),
    )
    return {
        "fuse": lambda: fuser.fuse_to_file(input_path, target_path, output),
        "fuse: transforms": floor.transforms(for_fusing),
        "fuse: FFTs": floor.ffts(for_fusing),
        "inference": lambda: model.inference(first, second),
        "inference: transforms": floor.transforms(for_inference),
        "inference: FFTs": floor.ffts(for_inference),
    }


def _shares(work: Callable[[], object], steps: Steps) -> dict[str, float]:
    """Each step's share in the quickest of a few runs."""
    return min((step_shares(work, steps) for _ in range(WATCHED_RUNS)), key=lambda run: run[1])[0]


def _thread_choices(plan: Plan) -> list[tuple[str, int | None]]:
    choices: list[tuple[str, int | None]] = [("one thread", 1)]
    if num_cores() > 1 and not plan.quick:
        choices.append((f"{num_cores()} threads", None))
    return choices


def _command(plan: Plan, num_threads: int | None) -> Child:
    input_path, target_path = plan.pair(plan.pair_seconds, sample_rate=RATE_HZ)
    return fused_by_command(input_path, target_path, plan.folder / "command.wav", num_threads=num_threads)


def fused_by_command(input_path: Path, target_path: Path, output: Path, *, num_threads: int | None) -> Child:
    """`hocket fuse` of two files, in a process of its own."""
    files = [str(input_path), str(target_path), "-o", str(output), "--overwrite"]
    command = [*HOCKET, "fuse", *files, "--device", "cpu"]
    return measured(command, env=environment(num_threads))


def _speed(alone: Mapping[str, Timing], together: Mapping[str, Timing] | None, seconds: float) -> Table:
    rows = []
    for threads_words, timings in (("1", alone), (f"{num_cores()}", together)):
        if timings is None:
            continue
        for name in ("fuse", "inference"):
            timing = timings[name]
            above = [
                ratio(timing, timings[f"{name}: {reading}"]).words if timings is alone else ""
                for reading in ("transforms", "FFTs")
            ]
            rows.append((f"`{name}`", threads_words, timing.words, f"{seconds / timing.median:.0f}x", *above))
    for name in ("fuse", "inference"):
        for reading in ("transforms", "FFTs"):
            timing = alone[f"{name}: {reading}"]
            rows.append(
                (
                    f"floor of `{name}`, {reading}",
                    "1",
                    timing.words,
                    f"{seconds / timing.median:.0f}x",
                    "",
                    "",
                )
            )
    columns = ("", "threads", "time", "real-time factor", "above its transforms", "above its FFTs")
    return Table(columns, tuple(rows))


def _step_table(steps: Mapping[str, Mapping[str, float]]) -> Table:
    names = list(steps["fuse"])
    rows = tuple(
        (f"`{work}`", *(f"{taken[name]:.0%}" if name in taken else "" for name in names))
        for work, taken in steps.items()
    )
    return Table(("", *names), rows)


def _memory(children: Mapping[str, Child], seconds: float) -> Table:
    rows = tuple(
        (
            name,
            f"{child.seconds:.1f} s",
            f"{child.processor_seconds:.1f} s",
            f"{seconds / child.seconds:.1f}x",
            f"{child.peak_megabytes:.0f} MB",
        )
        for name, child in children.items()
    )
    return Table(("", "time", "processor time", "real-time factor", "peak memory"), rows)


def _raw(timings: Mapping[str, Timing]) -> dict[str, Any]:
    return {name: list(timing.seconds) for name, timing in timings.items()}

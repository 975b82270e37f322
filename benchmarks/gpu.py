"""The GPU: precision and compilation, pace against the memory's bandwidth, the CPU's sound, two processes on one."""

import json
import math
import subprocess
import sys
import time
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from benchmarks.learning import Trainee, configuration, draw
from benchmarks.page import Section, Table
from benchmarks.plan import Plan, loop
from benchmarks.timing import Ratio, Timing, Work, ratio, side_by_side
from hocket.fusing import Fuser
from hocket.settings import RunConfig

COPY_BYTES = 2**28
COMPILED_BATCH = 16
"""Compiled once: it takes a minute for each size."""
TOLERANCE_DB = -60.0
NOTHING_DB = -200.0
VARIANTS = {"32": ("32", False), "bf16": ("bf16", False), "bf16, compiled": ("bf16", True)}
EXPLANATION = """\
The floor of a step is the pace of a copy for the bytes that it cannot avoid to move: what it keeps for its way back,
written once and read once, and the weights with their gradients and moments."""


def measure(plan: Plan) -> Section:
    """Measures a GPU; says so if there is none."""
    if plan.device.startswith("cuda") and not torch.cuda.is_available():
        return Section("GPU", ("Not measured: no CUDA device was at hand.",), {"measured": False})
    return measure_on(plan.device, plan)


def measure_on(device: str, plan: Plan) -> Section:
    """Measures a device of any name: training in several precisions, the bandwidth's floor, fusing, two processes."""
    name = torch.cuda.get_device_name() if device == "cuda" else device
    bandwidth = copy_bandwidth(device)
    rows: list[tuple[str, ...]] = []
    figures = {}
    for size in (2,) if plan.quick else (4, 16, 64):
        plan.say(f"  training, batches of {size}")
        timings, needed = _train(device, plan, size)
        figures[str(size)] = {"bytes": needed, "seconds": {k: list(t.seconds) for k, t in timings.items()}}
        rows += _rows(size, timings, needed / bandwidth)
    plan.say("  fusing")
    faster, fused, difference_db = compare_fusing(device, plan)
    share = fusing_bytes(plan.pair_seconds) / bandwidth / fused.median
    plan.say("  EnCodec")
    latents = encodec_pace(device, plan)
    plan.say("  two processes")
    together = two_processes(device, plan)
    agrees = "within" if difference_db < TOLERANCE_DB else "NOT within"
    columns = ("batch", "precision", "a step", "examples/s", "as fast as 32", "of the floor's pace")
    content = (
        f"{name}; a copy moves {bandwidth / 1e9:.0f} GB/s, read and written. {EXPLANATION}",
        Table(columns, tuple(rows)),
        f"`inference` of {plan.pair_seconds:g} s: {faster.words} as fast as on the CPU; the outputs differ by "
        f"{difference_db:.0f} dB, {agrees} {TOLERANCE_DB:g} dB. It takes {fused.words}, "
        f"{plan.pair_seconds / fused.median:.0f} times real time; the floor, what memory takes "
        f"for sources, spectra and output, is {share:.1%} of that.",
        latents,
        together,
    )
    told = {"device": name, "copy_bytes_per_second": bandwidth, "difference_db": difference_db}
    return Section("GPU", content, {"measured": True, **told, "training": figures})


def _train(device: str, plan: Plan, batch_size: int) -> tuple[dict[str, Timing], float]:
    """Steps of each variant in turns, and the bytes that a step in single precision must move."""
    works: dict[str, Work] = {}
    needed = 0.0
    for name, (precision, compiled) in VARIANTS.items():
        if compiled and (device == "cpu" or batch_size != COMPILED_BATCH):
            continue
        config = configuration(plan, batch_size=batch_size, precision=precision)
        trainee, batch = _trainee(config, device, compiled=compiled), draw(plan, config, 1)[0]
        needed = needed or bytes_to_move(trainee, batch)
        works[name] = _synchronised(trainee, batch, device)
    return side_by_side(works, rounds=2 if plan.quick else 20, warm_ups=1 if plan.quick else 3), needed


def _trainee(config: RunConfig, device: str, *, compiled: bool) -> Trainee:
    trainee = Trainee.fresh(config, device=device)
    if compiled:
        trainee.learner.model.cascade.compile()
    return trainee


def _synchronised(trainee: Trainee, batch: Mapping[str, Tensor], device: str) -> Work:
    def step() -> None:
        trainee.step(batch)
        wait_for(device)

    return step


def bytes_to_move(trainee: Trainee, batch: Mapping[str, Tensor]) -> float:
    """Bytes that a step writes and reads again at least; the step is made."""
    kept: dict[int, int] = {}
    alive = []

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        # Held, so that no other tensor takes its place in memory and is taken for it.
        alive.append(storage)
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        trainee.step(batch)
    weights = sum(parameter.nbytes for parameter in trainee.learner.model.parameters())
    # Weight, gradient and two moments: the gradient is written and read, the others are read and written.
    return 2.0 * (sum(kept.values()) + 4 * weights)


def copy_bandwidth(device: str) -> float:
    """Bytes a second, read and written, of a copy too large for any cache; the best of a few."""
    source = torch.ones(COPY_BYTES // 4, device=device)
    goal = torch.empty_like(source)
    best = math.inf
    for _ in range(8):
        wait_for(device)
        begin = time.perf_counter()
        goal.copy_(source)
        wait_for(device)
        best = min(best, time.perf_counter() - begin)
    return 2 * source.nbytes / best


def fusing_bytes(seconds: float) -> float:
    """Bytes that a fusion in memory moves at least: three waveforms, and their spectra, written and read once."""
    codec = Fuser.from_checkpoint().model.codec
    samples = seconds * codec.sample_rate
    spectrum = 8 * (1 + samples / codec.hop) * (codec.config.fft_size // 2 + 1)
    return 3 * (4 * samples + 2 * spectrum)


def encodec_pace(device: str, plan: Plan) -> str:
    """Trains on the latents of an EnCodec of the published size, with random weights; a quick plan takes a tiny one."""
    from transformers import EncodecConfig, EncodecModel

    folder = plan.folder / "encodec"
    tiny = (
        {"num_filters": 4, "hidden_size": 16, "codebook_dim": 16, "num_lstm_layers": 1} if plan.quick else {}
    )
    network = EncodecConfig(**tiny)
    EncodecModel(network).save_pretrained(folder)
    config = configuration(plan, codec="encodec", codec_weights=str(folder), num_bands=network.hidden_size)
    trainee, batch = Trainee.fresh(config, device=device), draw(plan, config, 1)[0]
    rounds, warm_ups = (2, 1) if plan.quick else (10, 3)
    work = _synchronised(trainee, batch, device)
    timing = side_by_side({"encodec": work}, rounds=rounds, warm_ups=warm_ups)["encodec"]
    size = config.data.batch_size
    return (
        f"On latents of an EnCodec with {network.hidden_size} channels and random weights, a step of {size} pairs "
        f"takes {timing.words}: {size / timing.median:.1f} examples/s."
    )


def two_processes(device: str, plan: Plan) -> str:
    """Trains in one process and in two that share a device, by gloo, and compares their losses."""
    shared = "cuda:0" if device == "cuda" else device
    steps = 2 if plan.quick else 20
    losses = []
    for count in (1, 2):
        run = plan.folder / f"processes-{count}"
        launch = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
        flags = [
            f"--device={shared}",
            "--batch-size=4",
            "--num-epochs=1",
            f"--steps-per-epoch={steps}",
            "--no-report",
        ]
        flags += ["--excerpt-seconds=2", "--num-validation-examples=2", "--num-examples=0"]
        words = [*launch, "-m", "hocket", "train", plan.corpus / "music", "--run-dir", run, *flags]
        done = subprocess.run([sys.executable, *map(str, words)], capture_output=True, text=True, check=False)
        if done.returncode:
            return f"Two processes on {shared}: NOT measured ({done.stderr.strip().splitlines()[-1]})."
        lines = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
        losses.append([line["loss/total"] for line in lines if line["kind"] == "train"])
    apart = max(abs(one - two) / abs(one) for one, two in zip(*losses, strict=True))
    return f"Two processes on {shared} with gloo: the losses of {steps} steps differ by at most {apart:.1e} from one's."


def compare_fusing(device: str, plan: Plan) -> tuple[Ratio, Timing, float]:
    """Compares a device with the CPU at fusing in memory: times as fast, its time, the outputs' difference in dB."""
    on_cpu, on_device = Fuser.from_checkpoint().model, Fuser.from_checkpoint(device=device).model
    first, second = (loop(index, plan.pair_seconds, on_cpu.sample_rate) for index in range(2))
    outputs: dict[str, np.ndarray] = {}

    def work(name: str) -> Work:
        model = on_cpu if name == "cpu" else on_device

        def run() -> None:
            outputs[name] = np.asarray(model.inference(first, second))

        return run

    timings = side_by_side({name: work(name) for name in ("cpu", "device")}, rounds=2 if plan.quick else 5)
    difference = difference_db(outputs["device"], outputs["cpu"])
    return ratio(timings["cpu"], timings["device"]), timings["device"], difference


def difference_db(output: np.ndarray, reference: np.ndarray) -> float:
    """Energy of the difference against the reference's, in dB; -200 for equal ones."""
    energy = float(np.sum((output.astype(np.float64) - reference) ** 2))
    share = energy / float(np.sum(reference.astype(np.float64) ** 2))
    return max(10 * math.log10(share), NOTHING_DB) if share > 0 else NOTHING_DB


def wait_for(device: str) -> None:
    """Until what was asked of a GPU is done."""
    if device == "cuda":
        torch.cuda.synchronize()


def _rows(size: int, timings: Mapping[str, Timing], floor_seconds: float) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name, timing in timings.items():
        faster = ratio(timings["32"], timing).words if name != "32" else ""
        pace = f"{size / timing.median:.1f}"
        rows.append((str(size), name, timing.words, pace, faster, f"{floor_seconds / timing.median:.0%}"))
    return rows

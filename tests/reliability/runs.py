"""Runs as other processes, to be killed, stopped and continued; what they print goes to a file beside the run."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch

from hocket.model.weights import load_checkpoint
from hocket.runs import newest_first

# Small enough for steps of a tenth of a second, and with every part that a checkpoint can have in it.
FIELDS = {
    "excerpt_seconds": 1.0, "batch_size": 2, "num_validation_examples": 2, "fft_size": 512, "hop": 128, "model_dim": 48,
    "num_heads": 2, "num_bands": 8, "num_blocks": 1, "num_epochs": 30, "steps_per_epoch": 8, "warmup_steps": 2,
    "num_threads": 1, "device": "cpu", "gan_weight": 0.1, "gan_start": 0.1, "ema_decay": 0.99,
    "checkpoint_every_steps": 1,
}  # fmt: skip


def command(music: Path, run: Path, fields: dict) -> list[str]:
    flags = [f"--{name}={value}" for name, value in fields.items()]
    return [sys.executable, "-m", "hocket", "train", str(music), "--run", str(run), *flags]


def start(music: Path, run: Path, fields: dict = FIELDS) -> subprocess.Popen[bytes]:
    run.parent.mkdir(parents=True, exist_ok=True)
    with run.with_suffix(".out").open("ab") as out:
        return subprocess.Popen(
            command(music, run, fields), stdout=out, stderr=out, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )


def finish(music: Path, run: Path, fields: dict = FIELDS) -> None:
    process = start(music, run, fields)
    assert process.wait(timeout=900) == 0, run.with_suffix(".out").read_text()[-2000:]


def latest_step(run: Path) -> int:
    found = newest_first(run)
    return int(found[0].stem.removeprefix("step-")) if found else 0


def damaged(run: Path) -> list[str]:
    """Checkpoints that cannot be read, or that a run put aside for that reason."""
    broken = [path.name for path in (run / "checkpoints").glob("*.damaged")]
    for path in newest_first(run):
        try:
            load_checkpoint(path)
        except Exception as error:
            broken.append(f"{path.name}: {error}")
    return broken


def final_tensors(run: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(newest_first(run)[0])[0]


def assert_equal_ends(run: Path, reference: Path) -> None:
    """The same tensors bit for bit, and the same story in the log."""
    ours, theirs = final_tensors(run), final_tensors(reference)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert told(run) == told(reference)


def told(run: Path) -> list[dict]:
    lines = map(json.loads, (run / "log.jsonl").read_text().splitlines())
    return [line for line in lines if line["kind"] in ("train", "validation", "epoch")]


def wait_for_progress(
    process: subprocess.Popen[bytes], run: Path, beyond: int, *, seconds: float = 120.0
) -> None:
    deadline = time.monotonic() + seconds
    while latest_step(run) <= beyond and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)


def strike(
    process: subprocess.Popen[bytes], run: Path, number: signal.Signals, chance: random.Random, moment: str
) -> float:
    """Signals at a `moment` and gives the seconds that the end took.

    `loading` is in the first seconds, `saving` while a checkpoint is being written, `any` in the next second of steps.
    """
    if moment == "loading":
        time.sleep(chance.uniform(0.0, 3.0))
    else:
        wait_for_progress(process, run, latest_step(run))
        time.sleep(chance.uniform(0.0, 1.0))
    if moment == "saving":
        wait_for_save(process, run)
    begin = time.monotonic()
    process.send_signal(number)
    process.wait(timeout=120)
    return time.monotonic() - begin


def wait_for_save(process: subprocess.Popen[bytes], run: Path, *, seconds: float = 30.0) -> None:
    """Until there is a checkpoint that has not got its name yet."""
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        if unfinished(run):
            return


def unfinished(run: Path) -> set[str]:
    """Checkpoints that have not got their names yet."""
    return {path.name for path in (run / "checkpoints").glob(".*.tmp")}

"""Run folders made by hand, for the tests of the report."""

import json
from pathlib import Path

import numpy as np

from hocket import audio

RATE_HZ = 24_000
# Figures of the project's own runs (docs/results/collapse.md).
COLLAPSED = (0.016, 0.996, 0.993, -0.66, 1.03, -0.87)
FUSED = (0.518, 0.464, 0.494, 1.02, 0.71, 0.62)
OVERLAID = (0.707, 0.707, 1.0, 0.3, -0.1, -0.2)
NAMES = (
    *("output_input_correlation", "output_target_correlation", "overlay_r2"),
    *("rhythm_margin", "harmony_margin", "articulation_margin"),
)
MASKS = {
    "input_mask_mean": 0.49,
    "target_mask_mean": 0.50,
    "complementarity": 0.95,
    "coverage": 0.99,
    "mask_variance": 0.2,
}
CONFIG = {
    "num_epochs": 10,
    "steps_per_epoch": 5,
    "batch_size": 4,
    "loss_weight_input": 0.0,
    "loss_weight_target": 1.0,
    "balance_loss_weight": 5.0,
    "output_balance_weight": 0.0,
    "novelty_weight": 0.85,
    "rhythm_weight": 0.0,
    "articulation_weight": 0.0,
}


def figures(values=COLLAPSED) -> dict:
    return dict(zip(NAMES, values, strict=True))


def start(**config) -> dict:
    return {"kind": "start", "step": 0, "config": CONFIG | config, "command": "hocket train", "device": "CPU"}


def train(step: int, **values) -> dict:
    return {"kind": "train", "step": step, "skipped": 0.0, "spiked": 0.0, "loss/total": 2.0 / step, **values}


def validation(epoch: int, values=COLLAPSED, *, steps_per_epoch: int = 5, **more) -> dict:
    losses = {"loss/total": 1.4, "loss/reconstruction_target": 0.98, "loss/balance": 0.015}
    at = {"kind": "validation", "step": epoch * steps_per_epoch, "epoch": epoch, "worst_ratio": 3.0}
    return {**at, **figures(values), **MASKS, **losses, **more}


def end(values=COLLAPSED, **more) -> dict:
    facts = {
        "kind": "end",
        "best_epoch": 10,
        "stopped": None,
        "checklist": [{"name": "a", "found": "b", "met": True}],
    }
    return {**validation(10, values), **facts, **more}


def write(folder: Path, *lines: dict, tail: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "log.jsonl").write_text(text + tail, encoding="utf-8")
    return folder


def add_pair(
    run: Path, number: int, *, steps=(5, 10), values=COLLAPSED, seconds: float = 2.0, name="drums.flac"
) -> None:
    """Clicks as input, a chord as target, and both at once as output, with masks."""
    rng = np.random.default_rng(number)
    folder = run / "examples" / f"pair-{number}"
    folder.mkdir(parents=True)
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    clicks = 0.5 * rng.standard_normal(len(time)) * np.exp(-20 * (time % 0.5))
    chord = 0.1 * sum(np.sin(2 * np.pi * hz * time) for hz in (220.0, 277.2, 329.6))
    for role, voice in (("input", clicks), ("target", chord)):
        save(folder / f"{role}.flac", voice)
    facts = {
        "input_name": name,
        "target_name": "pads.flac",
        "input_start_seconds": 1.0,
        "target_start_seconds": 2.0,
    }
    (folder / "pair.json").write_text(json.dumps(facts | {"sample_rate": RATE_HZ}))
    for step in steps:
        stem = folder / f"step-{step:08d}"
        save(stem.with_suffix(".flac"), clicks + chord)
        mask = rng.random((513, round(seconds * RATE_HZ / 256))).astype(np.float16)
        hz = np.linspace(0, RATE_HZ / 2, 513).astype(np.float32)
        np.savez(stem, input_mask=mask, target_mask=1 - mask, bin_hz=hz, frame_rate=np.float32(RATE_HZ / 256))
        stem.with_suffix(".json").write_text(
            json.dumps({"step": step, "epoch": step // 5, "figures": figures(values)})
        )


def save(path: Path, voice: np.ndarray) -> None:
    voice = voice / max(1.0, float(np.abs(voice).max()) * 1.01)
    audio.save(path, audio.Audio(voice[None].astype(np.float32), RATE_HZ), encoding="pcm16")

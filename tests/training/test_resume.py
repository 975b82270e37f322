"""A run that was interrupted ends in the very weights of one that was not."""

import json
from pathlib import Path

import pytest
import torch

from hocket.data.library import Library, open_library
from hocket.errors import CheckpointError
from hocket.model.weights import load_checkpoint, weights_hash
from hocket.training.config import build
from hocket.training.trainer import Trainer


class Stopper:
    """Stops a run after so many steps, as a signal would."""

    def __init__(self, after: int | None = None) -> None:
        self.after, self.trainer, self.steps, self.reports = after, None, 0, []

    def on_step(self, epoch, step_in_epoch, steps_per_epoch, scalars) -> None:
        self.steps += 1
        if self.steps == self.after:
            self.trainer.request_stop("SIGTERM")

    def on_epoch(self, report) -> None:
        self.reports.append(report)


def library_of(corpus: Path) -> Library:
    return open_library(corpus / "music", excerpt_seconds=1.1, validation_fraction=0.2, seed=0)


def train(folder: Path, corpus: Path, fields: dict, *, stop_after: int | None = None) -> Trainer:
    listener = Stopper(stop_after)
    trainer = Trainer(build(fields), library_of(corpus), folder, listener)
    listener.trainer = trainer
    trainer.resume()
    trainer.run()
    return trainer


def latest_hash(folder: Path) -> str:
    """Everything that the checkpoint holds in tensors, model and optimisers and discriminators alike."""
    tensors, _ = load_checkpoint(folder / "latest.safetensors")
    holder = torch.nn.Module()
    for name, tensor in tensors.items():
        holder.register_buffer(name.replace(".", "/"), tensor)
    return weights_hash(holder)


@pytest.mark.parametrize(
    ("stop_after", "extra"),
    [
        (3, {}),
        (4, {"gan_weight": 0.1, "feature_matching_weight": 0.1, "gan_start": 0.2}),
        (2, {"gan_weight": 0.1, "gan_start": 0.7, "precision": "bf16"}),
    ],
    ids=["at an epoch's end", "within an epoch, with an adversary", "before the adversary starts, bf16"],
)
def test_interrupted_equals_uninterrupted(tmp_path, corpus, small, stop_after, extra) -> None:
    fields = small | extra
    whole = train(tmp_path / "whole", corpus, fields)
    train(tmp_path / "parts", corpus, fields, stop_after=stop_after)
    _, halfway = load_checkpoint(tmp_path / "parts" / "latest.safetensors")
    assert halfway["progress"]["step"] == stop_after
    parts = train(tmp_path / "parts", corpus, fields)
    assert parts.state.progress.step == whole.state.progress.step == 6
    assert latest_hash(tmp_path / "parts") == latest_hash(tmp_path / "whole")

    def log(folder: Path) -> list[dict]:
        return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]

    assert [line for line in log(tmp_path / "parts") if line["kind"] != "end"] == [
        line for line in log(tmp_path / "whole") if line["kind"] != "end"
    ]


def test_another_seed_gives_other_weights(tmp_path, corpus, small) -> None:
    train(tmp_path / "a", corpus, small)
    train(tmp_path / "b", corpus, small | {"seed": 1})
    assert latest_hash(tmp_path / "a") != latest_hash(tmp_path / "b")


def test_a_changed_field_is_named(tmp_path, corpus, small) -> None:
    train(tmp_path, corpus, small, stop_after=1)
    with pytest.raises(CheckpointError, match=r"harmony_weight = 2\.0, not 3\.0"):
        train(tmp_path, corpus, small | {"harmony_weight": 3.0})


def test_other_music_is_refused(tmp_path, corpus, small) -> None:
    train(tmp_path, corpus, small, stop_after=1)
    listener = Stopper()
    other = open_library(corpus / "truth", excerpt_seconds=1.1, validation_fraction=0.0, seed=0)
    trainer = Trainer(build(small), other, tmp_path, listener)
    with pytest.raises(CheckpointError, match="other music"):
        trainer.resume()


@pytest.mark.parametrize("damage", ["truncated", "flipped"])
def test_a_damaged_checkpoint_is_refused(tmp_path, corpus, small, damage) -> None:
    train(tmp_path, corpus, small, stop_after=1)
    path = tmp_path / "latest.safetensors"
    content = bytearray(path.read_bytes())
    if damage == "truncated":
        content = content[: len(content) // 2]
    else:
        content[len(content) // 2] ^= 0x40
    path.write_bytes(content)
    trainer = Trainer(build(small), library_of(corpus), tmp_path, Stopper())
    with pytest.raises(CheckpointError, match=r"latest\.safetensors"):
        trainer.resume()


def test_remedies_are_applied_once_logged_and_survive_a_restart(tmp_path, corpus, small) -> None:
    # A run that is made to copy the target, so that every milestone is missed.
    fields = small | {
        "num_epochs": 4, "steps_per_epoch": 8, "remedies": "apply", "loss_weight_target": 5.0,
        "rhythm_weight": 0.0, "articulation_weight": 0.0, "output_balance_weight": 0.0, "balance_loss_weight": 0.0,
        "rhythm_leak_weight": 0.0, "learning_rate": 0.02, "balance_levels": False,
    }  # fmt: skip
    trainer = train(tmp_path, corpus, fields, stop_after=20)
    applied = {change["field"]: change["value"] for change in trainer.state.progress.remedies}
    assert applied == {"loss_weight_input": 0.5, "loss_weight_target": 0.5, "novelty_weight": 0.8}
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["field"] for line in lines if line["kind"] == "remedy"] == list(applied)
    again = train(tmp_path, corpus, fields)
    assert again.objective.config.loss_weight_target == 0.5
    assert again.objective.config.novelty_weight == 0.8

"""A run that was interrupted ends in the very weights of one that was not."""

import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks.libraries import open_library

from forked import hocket
from hocket.data.library import Library
from hocket.errors import CheckpointError, ConfigError
from hocket.model.weights import (
    load_checkpoint,
    load_model,
    save_checkpoint,
    weights_hash,
)
from hocket.runs import newest_first
from hocket.settings import BEFORE, build, read_toml
from hocket.training.trainer import Trainer


class Stopper:
    """Stops a run after so many steps, as a signal would."""

    def __init__(self, after: int | None = None) -> None:
        self.after, self.trainer, self.steps, self.reports, self.notes = after, None, 0, [], []

    def on_step(self, epoch, step_in_epoch, steps_per_epoch, scalars) -> None:
        self.steps += 1
        if self.steps == self.after:
            self.trainer.request_stop("SIGTERM")

    def on_epoch(self, report) -> None:
        self.reports.append(report)

    def on_note(self, text) -> None:
        self.notes.append(text)


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
    tensors, _ = load_checkpoint(newest_first(folder)[0])
    holder = torch.nn.Module()
    for name, tensor in tensors.items():
        holder.register_buffer(name.replace(".", "/"), tensor)
    return weights_hash(holder)


def sounds_of(folder: Path) -> dict[str, bytes]:
    """What the run kept of its validation pairs, to be listened to."""
    return {path.name: path.read_bytes() for path in folder.glob("examples/pair-*/*.flac")}


@pytest.mark.parametrize(
    ("stop_after", "extra"),
    [
        (3, {}),
        (4, {"gan_weight": 0.1, "feature_matching_weight": 0.1, "gan_start": 0.2}),
        (2, {"gan_weight": 0.1, "gan_start": 0.7, "precision": "bf16"}),
        (4, {"num_workers": 2, "cache_megabytes": 0, "pairing": "next_segment"}),
    ],
    ids=[
        "at an epoch's end",
        "within an epoch, with an adversary",
        "before the adversary starts, bf16",
        "two workers",
    ],
)
def test_interrupted_equals_uninterrupted(tmp_path, corpus, small, stop_after, extra) -> None:
    fields = small | extra
    whole = train(tmp_path / "whole", corpus, fields)
    train(tmp_path / "parts", corpus, fields, stop_after=stop_after)
    _, halfway = load_checkpoint(newest_first(tmp_path / "parts")[0])
    assert halfway["progress"]["step"] == stop_after
    parts = train(tmp_path / "parts", corpus, fields)
    assert parts.state.progress.step == whole.state.progress.step == 6
    assert latest_hash(tmp_path / "parts") == latest_hash(tmp_path / "whole")

    def log(folder: Path) -> list[dict]:
        return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]

    def told(folder: Path) -> list[dict]:
        return [line for line in log(folder) if line["kind"] not in ("end", "timing", "resume")]

    assert told(tmp_path / "parts") == told(tmp_path / "whole")
    assert sounds_of(tmp_path / "parts") == sounds_of(tmp_path / "whole") != {}


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
    with pytest.raises(CheckpointError, match="different music"):
        trainer.resume()


def damage(path: Path, how: str, share: float = 0.5) -> None:
    content = bytearray(path.read_bytes())
    place = int(share * (len(content) - 1))
    if how == "truncated":
        content = content[:place]
    else:
        content[place] ^= 0x40
    path.write_bytes(content)


@pytest.mark.parametrize("how", ["truncated", "flipped"])
def test_a_damaged_checkpoint_is_put_aside_and_the_one_before_taken(tmp_path, corpus, small, how) -> None:
    fields = small | {"checkpoint_every_steps": 1, "keep_checkpoints": 3}
    whole = train(tmp_path, corpus, fields)
    newest, before, first = newest_first(tmp_path)
    assert [path.stem for path in (newest, before, first)] == [
        "step-00000006",
        "step-00000005",
        "step-00000004",
    ]
    # 20 places all over the file: none of them goes unnoticed.
    content = newest.read_bytes()
    for share in [number / 20 for number in range(20)]:
        damage(newest, how, share)
        with pytest.raises(CheckpointError, match=newest.name):
            load_checkpoint(newest)
        newest.write_bytes(content)
    damage(newest, how)
    trainer = Trainer(build(fields), library_of(corpus), tmp_path, Stopper())
    (note,) = trainer.resume()
    assert newest.name in note and "damaged" in note
    assert trainer.state.progress.step == 5
    trainer.run()
    assert weights_hash(trainer.state.model) == weights_hash(whole.state.model)
    assert newest.with_name(newest.name + ".damaged").is_file()


def test_where_all_checkpoints_are_damaged_that_is_said(tmp_path, corpus, small) -> None:
    train(tmp_path, corpus, small | {"keep_checkpoints": 1})
    (only,) = newest_first(tmp_path)
    damage(only, "flipped")
    trainer = Trainer(build(small | {"keep_checkpoints": 1}), library_of(corpus), tmp_path, Stopper())
    with pytest.raises(CheckpointError, match=r"no checkpoint.*is intact.*--fresh"):
        trainer.resume()


def test_what_is_stopped_for_lack_of_gain_stays_stopped(tmp_path, corpus, small) -> None:
    fields = small | {"num_epochs": 9, "patience": 1, "learning_rate": 1e-12}
    first = train(tmp_path, corpus, fields)
    stopped_at = first.state.progress.step
    assert first.stop_reason == "no improvement for 1 epochs" and stopped_at < 27
    again = train(tmp_path, corpus, fields)
    assert again.state.progress.step == stopped_at and again.stop_reason == first.stop_reason
    # More patience is a wish that may change, and the run goes on.
    assert train(tmp_path, corpus, fields | {"patience": 9}).state.progress.step == 27


def test_the_log_tells_each_step_once_however_often_the_run_was_cut(tmp_path, corpus, small) -> None:
    fields = small | {"checkpoint_every_steps": 2}
    for stop_after in (1, 2, None):
        train(tmp_path, corpus, fields, stop_after=stop_after)
        # As a kill leaves it: lines after the checkpoint, the last of them cut off.
        with (tmp_path / "log.jsonl").open("a") as log:
            log.write('{"kind": "train", "step": 4}\n{"kind": "tr')
    train(tmp_path, corpus, fields)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if line["kind"] == "train"] == [1, 2, 3, 4, 5, 6]
    assert [line["epoch"] for line in lines if line["kind"] == "validation"] == [1, 2]
    assert [line["step"] for line in lines if line["kind"] == "resume"] == [1, 3, 6]


def test_best_weights_that_are_damaged_do_not_block_the_end(tmp_path, corpus, small) -> None:
    train(tmp_path, corpus, small)
    damage(tmp_path / "best.safetensors", "flipped")
    again = train(tmp_path, corpus, small)
    assert any("best.safetensors is damaged" in note for note in again.listener.notes)
    assert load_model(tmp_path / "best")


def test_one_folder_is_trained_in_once(tmp_path, prepared, small_flags) -> None:
    words = [sys.executable, "-m", "hocket", "train", str(prepared), "--run", str(tmp_path / "run")]
    first = subprocess.Popen(
        [*words, *small_flags, "--num_epochs=500"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert first.stdout is not None
    while not first.stdout.readline().startswith("run "):
        assert first.poll() is None
    second = hocket(*words[3:], *small_flags, "--num_epochs=500", "--fresh")
    assert second.returncode == 2
    assert f"is in use by another training (process {first.pid} on" in second.stderr
    first.terminate()
    first.communicate(timeout=60)
    assert newest_first(tmp_path / "run")


def test_the_average_of_the_weights_is_what_is_kept_and_continued(tmp_path, corpus, small) -> None:
    fields = small | {"ema_decay": 0.9}
    whole = train(tmp_path / "whole", corpus, fields)
    train(tmp_path / "parts", corpus, fields, stop_after=2)
    train(tmp_path / "parts", corpus, fields)
    assert latest_hash(tmp_path / "parts") == latest_hash(tmp_path / "whole")
    best, _ = load_model(tmp_path / "whole" / "best")
    assert weights_hash(best) == weights_hash(whole.state.average)
    assert weights_hash(best) != weights_hash(whole.state.model)


def test_the_average_is_the_exponential_one(corpus, tmp_path, small) -> None:
    trainer = Trainer(build(small | {"ema_decay": 0.5}), library_of(corpus), tmp_path, Stopper())
    state = trainer.state
    state.progress.step = 1_000  # past the first steps, in which it follows faster
    for value, expected in ((1.0, 0.5), (1.0, 0.75), (0.0, 0.375)):
        for model, start in ((state.model, value), (state.average, None)):
            for parameter in model.parameters():
                if start is not None:
                    parameter.data.fill_(start)
                elif value == 1.0 and expected == 0.5:
                    parameter.data.zero_()
        state.follow(0.5)
        assert all(torch.all(parameter == expected) for parameter in state.average.parameters())


def test_every_librarys_random_numbers_go_on_where_they_were(tmp_path, corpus, small) -> None:
    def draw() -> tuple[float, ...]:
        return (
            random.random(), random.gauss(0, 1), float(np.random.normal()), float(torch.rand(())),  # noqa: NPY002
        )  # fmt: skip

    trainer = train(tmp_path, corpus, small, stop_after=2)
    # An odd number of normal draws leaves one over, in both libraries.
    random.gauss(0, 1), np.random.normal()  # noqa: NPY002
    trainer.folder.save(trainer.state)
    expected = draw()
    draw()
    again = Trainer(build(small), library_of(corpus), tmp_path, Stopper())
    again.resume()
    assert draw() == expected


def test_accumulated_parts_are_the_batch(tmp_path, corpus, small) -> None:
    """Same examples, same losses; timbre alone speaks of a batch as a whole, so it is left out."""
    fields = small | {"batch_size": 4, "timbre_weight": 0.0}
    told = []
    for name, extra in (("whole", {}), ("parts", {"accumulation_steps": 2})):
        train(tmp_path / name, corpus, fields | extra)
        lines = (tmp_path / name / "log.jsonl").read_text().splitlines()
        told.append([line for line in map(json.loads, lines) if line["kind"] == "train"])
    for whole, parts in zip(*told, strict=True):
        for key in ("loss/total", "gradient_norm", "rhythm_margin", "complementarity"):
            assert parts[key] == pytest.approx(whole[key], rel=2e-3, abs=1e-4), key


def test_a_batch_that_cannot_be_shared_is_refused(tmp_path, corpus, small) -> None:
    with pytest.raises(ConfigError, match=r"batch_size is 2.*multiple of 3"):
        Trainer(build(small | {"accumulation_steps": 3}), library_of(corpus), tmp_path, Stopper())


def test_remedies_are_applied_once_logged_and_survive_a_restart(tmp_path, corpus, small) -> None:
    # A run that is made to copy the target, so that every milestone is missed.
    fields = small | {
        "num_epochs": 4, "steps_per_epoch": 8, "remedies": "apply", "loss_weight_target": 5.0,
        "rhythm_weight": 0.0, "articulation_weight": 0.0, "output_balance_weight": 0.0, "balance_loss_weight": 0.0,
        "rhythm_leak_weight": 0.0, "learning_rate": 0.02, "balance_levels": False,
    }  # fmt: skip
    trainer = train(tmp_path, corpus, fields, stop_after=20)
    applied = {change["field"]: change["value"] for change in trainer.state.progress.remedies}
    assert applied == {
        "reconstruction_input_weight": 0.5,
        "reconstruction_target_weight": 0.5,
        "novelty_weight": 0.8,
    }
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["field"] for line in lines if line["kind"] == "remedy"] == list(applied)
    again = train(tmp_path, corpus, fields)
    assert again.objective.config.reconstruction_target_weight == 0.5
    assert again.objective.config.novelty_weight == 0.8


def test_a_run_from_before_places_goes_on_as_it_was(tmp_path, corpus, small) -> None:
    """Its checkpoint and its config.toml do not know the newer fields, which were then as `BEFORE` says."""
    run = tmp_path / "run"
    train(run, corpus, small | {"place_width": 0.0, "attention_stride": 1}, stop_after=3)
    for path in newest_first(run):
        tensors, metadata = load_checkpoint(path)
        for field in BEFORE:
            del metadata["config"][field]
        del metadata["model"]["codec"]["place_width"], metadata["model"]["agent"]["attention_stride"]
        save_checkpoint(path, tensors, {name: metadata[name] for name in metadata if name != "version"})
    with pytest.raises(CheckpointError, match=r"place_width = 0\.0"):
        train(run, corpus, small)
    lines = (run / "config.toml").read_text().splitlines()
    old = tmp_path / "old.toml"
    old.write_text("\n".join(line for line in lines if line.split(" =")[0] not in BEFORE))
    assert train(run, corpus, read_toml(old)).state.progress.step == 6
    partial = tmp_path / "partial.toml"
    partial.write_text("rhythm_weight = 2.0\n")
    assert read_toml(partial) == {"rhythm_weight": 2.0}

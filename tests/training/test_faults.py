"""What goes wrong while training costs a step or ends in one sentence, never in lost work."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from benchmarks.libraries import open_library
from test_resume import Stopper, library_of, train
from worker import poisoned

from hocket.errors import AudioError, CheckpointError, HocketError
from hocket.model.weights import load_checkpoint, weights_hash
from hocket.runs import newest_first
from hocket.settings import build
from hocket.training.feeding import Feeder
from hocket.training.steps import SPIKE_WINDOW, highest_usual_loss
from hocket.training.trainer import Trainer


def log(run: Path, kind: str) -> list[dict]:
    lines = (run / "log.jsonl").read_text().splitlines()
    return [line for line in map(json.loads, lines) if line["kind"] == kind]


@pytest.fixture
def poison(monkeypatch):
    def set_examples(*examples: int) -> None:
        monkeypatch.setattr(Feeder, "batches", poisoned(Feeder.batches, set(examples)))

    return set_examples


def test_a_step_that_is_not_finite_changes_nothing_and_is_named(tmp_path, corpus, small, poison) -> None:
    poison(3)  # the second example of the second batch of two
    trainer = train(tmp_path, corpus, small)
    assert trainer.state.progress.num_skipped == 1
    assert all(torch.isfinite(parameter).all() for parameter in trainer.state.model.parameters())
    (fault,) = log(tmp_path, "fault")
    place = trainer.feeder.names(1)[1]
    assert fault["step"] == 2 and fault["files"] == [place]
    assert {"rhythm", "harmony"} <= set(fault["terms"])
    # So short a run may also be told that it waits for its music.
    (note,) = (note for note in trainer.listener.notes if "waiting for music" not in note)
    assert "step 2 was skipped" in note and place in note
    # An epoch's means are those of the steps that counted.
    assert all(
        isinstance(value, (int, float)) for value in log(tmp_path, "epoch")[0].values() if value != "epoch"
    )


def test_three_in_a_row_end_the_run_with_all_that_is_known(tmp_path, corpus, small, poison) -> None:
    poison(*range(6, 12))
    with pytest.raises(
        HocketError, match=r"3 times in a row, at step 6 \(not finite: .*rhythm.*song_"
    ) as caught:
        train(tmp_path, corpus, small)
    assert "--on-nonfinite rollback" in str(caught.value)
    # The last good checkpoint is whole: that of the first epoch.
    assert load_checkpoint(newest_first(tmp_path)[0])[1]["progress"]["step"] == 3


def test_on_request_a_run_goes_back_and_on_with_other_music(tmp_path, corpus, small, poison) -> None:
    poison(*range(6, 12))
    trainer = train(tmp_path, corpus, small | {"on_nonfinite": "rollback"})
    progress = trainer.state.progress
    assert (progress.step, progress.num_rollbacks, progress.num_skipped, progress.batch_offset) == (
        6,
        1,
        3,
        3,
    )
    assert log(tmp_path, "rollback")[0]["step"] == 3
    assert any("went back to step 3" in note for note in trainer.listener.notes)
    assert all(torch.isfinite(parameter).all() for parameter in trainer.state.model.parameters())


def test_a_rollback_with_frequent_checkpoints_goes_back_to_weights_that_were_good(
    tmp_path, corpus, small, poison
) -> None:
    poison(*range(6, 18))  # six batches in a row: two rollbacks
    fields = small | {"on_nonfinite": "rollback", "checkpoint_every_steps": 1, "num_epochs": 3}
    trainer = train(tmp_path, corpus, fields)
    progress = trainer.state.progress
    # Six bad batches, and the one of step 3, whose weights are not trusted any more.
    passed_over = progress.batch_offset
    assert (progress.step, progress.num_rollbacks, progress.num_skipped, passed_over) == (9, 2, 6, 7)
    # Without a good step in between, what was gone back to is suspected itself.
    assert [path.name for path in (tmp_path / "checkpoints").glob("*.suspect")] == [
        "step-00000003.safetensors.suspect"
    ]
    assert [line["step"] for line in log(tmp_path, "rollback")] == [3, 2]


def test_after_a_rollback_a_kill_does_not_lead_into_the_same_batches(tmp_path, corpus, small, poison) -> None:
    poison(*range(6, 12))
    fields = small | {"on_nonfinite": "rollback"}

    class KilledError(Exception):
        pass

    class Killer(Stopper):
        def on_note(self, text) -> None:
            super().on_note(text)
            if "went back" in text:
                self.trainer._save()
                raise KilledError

    listener = Killer()
    trainer = Trainer(build(fields), library_of(corpus), tmp_path, listener)
    listener.trainer = trainer
    with pytest.raises(KilledError):
        trainer.run()
    again = train(tmp_path, corpus, fields)
    assert (again.state.progress.num_rollbacks, again.state.progress.num_skipped) == (1, 3)


def test_timbre_that_is_not_finite_is_a_number_that_says_so() -> None:
    from hocket.objective.texture import frechet

    good = torch.zeros(4, dtype=torch.double), torch.eye(4, dtype=torch.double)
    bad = good[0] * float("nan"), good[1].clone().requires_grad_()
    assert torch.isnan(frechet(bad, good)) and torch.isnan(frechet(good, bad))
    frechet(bad, good).backward()
    assert torch.isnan(bad[1].grad).all()


def test_weights_that_overflow_under_timbre_are_skipped_steps(tmp_path, corpus, small) -> None:
    trainer = Trainer(build(small | {"timbre_weight": 0.8}), library_of(corpus), tmp_path, Stopper())
    with torch.no_grad():
        next(iter(trainer.state.model.parameters())).fill_(float("inf"))
    assert trainer._step(next(trainer.feeder.batches(0, 1)))["skipped"] == 1.0


def test_going_back_for_ever_ends(tmp_path, corpus, small, poison) -> None:
    poison(*range(6, 1000))
    with pytest.raises(HocketError, match="3 times in a row"):
        train(tmp_path, corpus, small | {"on_nonfinite": "rollback"})


def test_a_loss_out_of_all_proportion_is_found_by_the_last_128() -> None:
    usual = [1.0, 3.0] * (SPIKE_WINDOW // 2)
    assert highest_usual_loss(usual, 6.0) == pytest.approx(2.0 + 6.0 * 1.0)
    assert highest_usual_loss(usual[:-1], 6.0) == float("inf")
    assert highest_usual_loss(usual, 0.0) == float("inf")


def test_a_spike_updates_nothing_and_is_counted(tmp_path, corpus, small) -> None:
    trainer = Trainer(build(small), library_of(corpus), tmp_path, Stopper())
    trainer.state.progress.recent_losses = [0.001] * SPIKE_WINDOW
    batches = trainer.feeder.batches(0, 6)
    before = weights_hash(trainer.state.model)
    assert trainer._step(next(batches))["spiked"] == 1.0
    assert weights_hash(trainer.state.model) == before
    assert trainer.state.progress.num_spikes == 1
    # What it was is remembered, so that a lasting rise is the usual soon: at the latest with four of 128.
    spikes = [trainer._step(batch)["spiked"] for batch in batches]
    assert sum(spikes) <= 3 and 0.0 in spikes
    assert weights_hash(trainer.state.model) != before


@pytest.fixture
def own_music(tmp_path, corpus) -> Path:
    folder = tmp_path / "own"
    shutil.copytree(corpus / "music", folder)
    return folder


def test_a_file_deleted_while_training_is_named(tmp_path, own_music, small) -> None:
    fields = small | {"cache_megabytes": 0, "num_epochs": 50}
    library = open_library(own_music, excerpt_seconds=1.1, validation_fraction=0.2, seed=0)

    class Deleter(Stopper):
        def on_epoch(self, report) -> None:
            for song in library.training:
                song.path.unlink(missing_ok=True)

    trainer = Trainer(build(fields), library, tmp_path / "run", Deleter())
    with pytest.raises(AudioError, match=r"^\S+song_\d+\.flac does not exist: [^\n]+\.$"):
        trainer.run()
    assert load_checkpoint(newest_first(tmp_path / "run")[0])[1]["progress"]["step"] >= 3


@pytest.mark.parametrize("victim", ["worker", pytest.param("file", marks=pytest.mark.slow)])
def test_the_command_with_workers_ends_in_one_sentence(tmp_path, own_music, small_flags, victim) -> None:
    words = [
        "train",
        own_music,
        "--run",
        tmp_path / "run",
        *small_flags,
        "--num_workers=1",
        "--cache_megabytes=0",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "hocket", *map(str, words), "--num_epochs=500"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    while not process.stdout.readline().startswith("Epoch 1/"):
        assert process.poll() is None
    if victim == "worker":
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        if not children.is_file():
            process.kill()
            pytest.skip("this system does not tell who a process's children are")
        for child in children.read_text().split():
            os.kill(int(child), signal.SIGKILL)
    else:
        for song in own_music.iterdir():
            song.unlink()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2, err
    (line,) = err.strip().splitlines()
    assert ("a process that reads recordings died" if victim == "worker" else "does not exist") in line
    assert newest_first(tmp_path / "run")


def test_where_the_run_cannot_be_written_that_is_said(corpus, small) -> None:
    trainer = Trainer(build(small), library_of(corpus), Path("/proc/run"), Stopper())
    with pytest.raises(CheckpointError, match="/proc/run cannot be written to"):
        trainer.run()


def test_a_full_disk_ends_in_one_sentence_with_the_last_checkpoint_whole(
    tmp_path, prepared, small_flags
) -> None:
    run = tmp_path / "run"
    words = ["train", prepared, "--run", run, *small_flags, "--num_epochs=500"]
    command = [sys.executable, "-m", "hocket", *map(str, words)]
    started = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not newest_first(run) and time.monotonic() < deadline:
        time.sleep(0.1)
    started.send_signal(signal.SIGUSR1)
    assert started.wait(timeout=60) == 138
    before = {path.name: path.read_bytes() for path in newest_first(run)}

    def limited() -> None:
        # As a full disk: what goes beyond this in any file cannot be written.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    full = subprocess.run(command, capture_output=True, text=True, preexec_fn=limited, timeout=120)
    assert full.returncode == 2, full.stderr
    (line,) = full.stderr.strip().splitlines()
    assert "cannot be written (File too large): " in line
    assert {path.name: path.read_bytes() for path in newest_first(run)} == before
    assert not list(run.rglob("*.tmp"))

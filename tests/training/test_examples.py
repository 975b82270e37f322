"""What a run keeps of its validation pairs is what it judged, and stays a handful however long it trains."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks.libraries import open_library

from hocket import audio
from hocket.diagnostics import diagnose
from hocket.settings import build
from hocket.signal.scene import Scene, Voice
from hocket.training.events import Listener
from hocket.training.examples import is_kept
from hocket.training.trainer import Trainer


class Notes(Listener):
    """Remembers what the user was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def on_note(self, text: str) -> None:
        self.told.append(text)


def train(folder: Path, corpus: Path, fields: dict, listener=None) -> None:
    library = open_library(corpus / "music", excerpt_seconds=1.1, validation_fraction=0.2, seed=0)
    trainer = Trainer(build(fields), library, folder, listener or Listener())
    trainer.resume()
    trainer.run()


@pytest.fixture(scope="module")
def run(tmp_path_factory, corpus) -> Path:
    from small_run import SMALL

    folder = tmp_path_factory.mktemp("examples")
    train(
        folder,
        corpus,
        SMALL | {"num_epochs": 3, "steps_per_epoch": 1, "num_validation_examples": 3, "novelty_weight": 0.1},
    )
    return folder


def voices(pair: Path, step: int) -> Scene:
    def voice(name: str) -> Voice:
        sound = audio.load(pair / f"{name}.flac")
        return Voice(torch.from_numpy(sound.samples), sound.sample_rate)

    return Scene(output=voice(f"step-{step:08d}"), input=voice("input"), target=voice("target"))


def test_the_figures_beside_a_recording_are_those_of_the_recording(run) -> None:
    pairs = sorted(run.glob("examples/pair-*"))
    assert [pair.name for pair in pairs] == ["pair-1", "pair-2", "pair-3"]
    for pair in pairs:
        for step in (1, 2, 3):
            told = json.loads((pair / f"step-{step:08d}.json").read_text())
            assert (told["step"], told["epoch"]) == (step, step)
            heard = diagnose(voices(pair, step)).rows()[0].as_dict()
            for name, value in told["figures"].items():
                # The file has 16 bits; harmonic onsets pass a median filter, which is coarser than that.
                assert heard[name] == (value if isinstance(value, str) else pytest.approx(value, abs=0.02)), (
                    name
                )


def test_the_mean_over_the_examples_is_what_the_log_says(tmp_path, corpus, small) -> None:
    train(tmp_path, corpus, small | {"num_validation_examples": 2, "num_epochs": 1})
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    validation = next(line for line in log if line["kind"] == "validation")
    told = [json.loads(path.read_text()) for path in sorted(tmp_path.glob("examples/pair-*/step-*.json"))]
    assert len(told) == 2
    for group, names in (
        ("figures", ("output_target_correlation", "rhythm_margin")),
        ("masks", ("mask_variance",)),
    ):
        for name in names:
            assert np.mean([one[group][name] for one in told]) == pytest.approx(validation[name], abs=1e-5)


def test_the_masks_are_those_that_the_figures_speak_of(run) -> None:
    for pair in run.glob("examples/pair-*"):
        told = json.loads((pair / "step-00000003.json").read_text())["masks"]
        with np.load(pair / "step-00000003.npz", allow_pickle=False) as arrays:
            masks = {name: arrays[name].astype(np.float64) for name in ("input_mask", "target_mask")}
            assert masks["input_mask"].shape == masks["target_mask"].shape
            assert len(arrays["bin_hz"]) == len(masks["input_mask"])
            seconds = masks["input_mask"].shape[1] / float(arrays["frame_rate"])
        for name, mask in masks.items():
            assert mask.mean() == pytest.approx(told[f"{name}_mean"], abs=0.003)
        assert seconds == pytest.approx(audio.info(pair / "input.flac").duration_seconds, abs=0.1)


def test_nothing_else_is_left_in_the_folder(run) -> None:
    assert not list(run.glob("examples/**/.*"))
    sounds = {path.name for path in run.glob("examples/pair-*/*.flac")}
    assert sounds == {"input.flac", "target.flac", *(f"step-{step:08d}.flac" for step in (1, 2, 3))}
    lengths = {audio.info(path).num_samples for path in run.glob("examples/pair-1/*.flac")}
    assert len(lengths) == 1


def test_tensorboard_has_sound_and_pictures(run) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run / "tensorboard"), size_guidance={"audio": 0, "images": 0})
    events.Reload()
    tags = events.Tags()
    assert "validation/output_target_correlation" in tags["scalars"]
    assert "validation/loss/novelty" in tags["scalars"]
    assert {
        f"validation/pair-{n}/{name}" for n in (1, 2, 3) for name in ("input", "target", "output")
    } == set(tags["audio"])
    assert {
        "validation/pair-1/input_mask",
        "validation/pair-1/target_mask",
        "validation/pair-1/sources",
    } <= set(tags["images"])
    assert [event.step for event in events.Audio("validation/pair-1/output")] == [1, 2, 3]
    assert [event.step for event in events.Audio("validation/pair-1/input")] == [1]
    assert (
        events.Audio("validation/pair-1/output")[0].sample_rate
        == audio.info(run / "examples/pair-1/input.flac").sample_rate
    )


@pytest.mark.parametrize("num_epochs", [1, 8, 9, 50, 1000])
def test_a_long_run_keeps_a_handful(num_epochs) -> None:
    kept: list[int] = []
    for newest in range(1, num_epochs + 1):
        kept = [epoch for epoch in kept if is_kept(epoch, newest)]
        kept.append(newest)
        assert len(kept) <= 10
    assert kept[0] == 1 and kept[-1] == num_epochs
    gaps = np.diff([epoch for epoch in kept[1:-1]])
    assert len(set(gaps)) <= 1


def test_thinning_spares_the_best(tmp_path, corpus, small, monkeypatch) -> None:
    monkeypatch.setattr("hocket.training.examples.MOST_EPOCHS", 1)
    fields = small | {"num_epochs": 4, "steps_per_epoch": 1, "num_examples": 1, "learning_rate": 1e-8}
    train(tmp_path, corpus, fields)
    best = next(
        json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines() if '"end"' in line
    )
    kept = {json.loads(path.read_text())["epoch"] for path in tmp_path.glob("examples/pair-1/step-*.json")}
    assert kept == {1, 4, best["best_epoch"]}
    assert {path.suffix for path in tmp_path.glob("examples/pair-1/step-*")} == {".json", ".npz", ".flac"}


def test_a_full_disk_costs_the_examples_and_not_the_run(tmp_path, corpus, small, monkeypatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hocket.training.examples.np.savez_compressed", full)
    listener = Notes()
    train(tmp_path, corpus, small | {"num_epochs": 1}, listener)
    assert any(
        "validation examples could not be written" in note and "No space left" in note
        for note in listener.told
    )
    assert (tmp_path / "best.safetensors").is_file()
    assert not list(tmp_path.glob("examples/pair-*/step-*.json"))


def test_none_are_kept_where_none_are_wanted(tmp_path, corpus, small) -> None:
    train(tmp_path, corpus, small | {"num_epochs": 1, "num_examples": 0})
    assert not (tmp_path / "examples").exists()


def test_strange_files_among_the_examples_are_left_alone_and_cost_nothing(tmp_path, corpus, small) -> None:
    fields = small | {"num_epochs": 2, "steps_per_epoch": 1}
    train(tmp_path, corpus, fields | {"num_epochs": 1})
    pair = tmp_path / "examples" / "pair-1"
    (pair / ".ipynb_checkpoints").mkdir()
    (pair / "step-1 copy.flac").write_bytes(b"mine")
    (pair / "input.flac").unlink()
    (pair / ".step-00000009.npz").write_bytes(b"half")
    listener = Notes()
    train(tmp_path, corpus, fields | {"num_epochs": 1}, listener)  # a finished run is looked at again
    assert (pair / ".ipynb_checkpoints").is_dir()
    assert (pair / "step-1 copy.flac").read_bytes() == b"mine"
    assert not (pair / ".step-00000009.npz").exists()


def test_examples_of_a_run_that_left_no_checkpoint_are_not_taken_for_this_ones(
    tmp_path, corpus, small
) -> None:
    fields = small | {"num_epochs": 1, "steps_per_epoch": 1}
    train(tmp_path, corpus, fields)
    for checkpoint in (tmp_path / "checkpoints").iterdir():
        checkpoint.unlink()
    train(tmp_path, corpus, fields | {"seed": 5})
    train(tmp_path / "other", corpus, fields | {"seed": 5})
    for name in ("pair.json", "input.flac", "target.flac", "step-00000001.flac"):
        one, other = (folder / "examples" / "pair-1" / name for folder in (tmp_path, tmp_path / "other"))
        assert one.read_bytes() == other.read_bytes(), name


def test_pictures_that_cannot_be_shown_do_not_end_a_run(tmp_path, corpus, small, monkeypatch) -> None:
    from hocket.errors import AudioError

    def gone(*_: object, **__: object) -> None:
        raise AudioError("input.flac does not exist: it was here a moment ago.")

    monkeypatch.setattr("hocket.training.trainer.show", gone)
    listener = Notes()
    train(tmp_path, corpus, small | {"num_epochs": 1, "steps_per_epoch": 1}, listener)
    assert any("could not be updated" in note for note in listener.told)
    assert (tmp_path / "best.safetensors").is_file()

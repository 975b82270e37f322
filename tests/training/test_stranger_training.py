"""What training is given by strangers: settings, checkpoints to go on from, prepared data that has changed since."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from benchmarks.libraries import open_library
from test_resume import Stopper

from forked import hocket
from hocket.data.prepare import prepare
from hocket.errors import CheckpointError
from hocket.model.weights import load_checkpoint, save_checkpoint
from hocket.runs import newest_first
from hocket.settings import build
from hocket.training.trainer import Trainer
from small_run import SMALL

Change = Callable[[dict[str, torch.Tensor], dict[str, Any]], object]


def trainer_of(run: Path, source: Path, fields: dict[str, Any], *, stop_after: int | None = None) -> Trainer:
    library = open_library(source, excerpt_seconds=1.1, validation_fraction=0.2, seed=0)
    listener = Stopper(stop_after)
    trainer = Trainer(build(fields), library, run, listener)
    listener.trainer = trainer
    return trainer


def begun(run: Path, source: Path, fields: dict[str, Any]) -> Path:
    """A run that stopped after its second step."""
    trainer = trainer_of(run, source, fields, stop_after=2)
    trainer.resume()
    trainer.run()
    return newest_first(run)[0]


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> Path:
    """The newest checkpoint of a run with everything: an average and an adversary."""
    return begun(tmp_path_factory.mktemp("run"), corpus / "music", whole(SMALL))


def whole(small: dict[str, Any]) -> dict[str, Any]:
    return small | {"gan_weight": 0.1, "gan_start": 0.0, "ema_decay": 0.9}


def rename(tensors: dict[str, torch.Tensor], old: str, new: str) -> None:
    tensors[new] = tensors.pop(old)


def put(place: str, value: Any) -> Change:
    """A change of the metadata at a place such as `progress.step`."""

    def change(_: dict[str, torch.Tensor], metadata: dict[str, Any]) -> None:
        *path, last = place.split(".")
        for name in path:
            metadata = metadata[name]
        metadata[last] = value

    return change


def tensor(name: str, make: Callable[[torch.Tensor], torch.Tensor]) -> Change:
    return lambda tensors, _: tensors.update({name: make(tensors[name])})


CHANGES: list[Change] = [
    *(put("progress.step", value) for value in ("1", -1, 1.5, None, 10**30, [1], True)),
    *(put("progress.sums", value) for value in (None, [1.0], {"a": "b"}, {"a": 1.0})),
    *(put("progress.recent_losses", value) for value in ("x", [None], {"a": 1})),
    put("progress.counts", {"loss/total": 0}),
    put("progress.wings", 2),
    *(put("progress", value) for value in (None, [], "x", 3)),
    *(put("progress.remedies", value) for value in ([1], [{}], [{"field": "wings", "value": 1.0}], "x")),
    put("progress.remedies", [{"field": "rhythm_weight", "value": "much"}]),
    put("progress.remedies", [{"field": "rhythm_weight", "value": -1.0}]),
    *(put("versions", value) for value in (None, [], {"torch": 3})),
    *(put("num_processes", value) for value in ("1", None, 1.5)),
    *(put("config", value) for value in (None, [], "x", {"fft_size": {"a": 1}})),
    put("commit", 3),
    put("library", None),
    tensor("optimizer.0.exp_avg", lambda old: old[:1]),
    tensor("optimizer.0.exp_avg", lambda old: old.double()),
    tensor("optimizer.0.step", lambda old: old.expand(3)),
    tensor("optimizer.1.exp_avg_sq", lambda old: torch.zeros(0, 10**9)),
    lambda tensors, _: tensors.pop("optimizer.0.exp_avg"),
    lambda tensors, _: rename(tensors, "optimizer.0.exp_avg", "optimizer.zero.exp_avg"),
    lambda tensors, _: rename(tensors, "optimizer.0.exp_avg", f"optimizer.{'9' * 5_000}.exp_avg"),
    lambda tensors, _: rename(tensors, "optimizer.0.exp_avg", "optimizer.0.wings"),
    lambda tensors, _: rename(tensors, "discriminators.parts.0.score.bias", "discriminators.wings"),
    tensor("discriminators.parts.0.score.bias", lambda old: old.double()),
    lambda tensors, _: tensors.update({"average.wings": torch.zeros(1)}),
    tensor("rng.0.numpy", lambda old: old[:-8]),
    tensor("rng.0.numpy", lambda old: torch.full_like(old, 255)),
    tensor("rng.0.python", lambda old: torch.full_like(old, 255)),
    tensor("rng.0.torch", lambda old: old.float()),
    tensor("rng.0.torch", lambda old: torch.full_like(old, 255)),
    lambda tensors, _: tensors.pop("rng.0.torch"),
]


@pytest.mark.slow
def test_checkpoints_to_go_on_from_are_looked_at_first(
    stopped: Path, tmp_path: Path, corpus: Path, small: dict[str, Any]
) -> None:
    (tmp_path / "checkpoints").mkdir()
    path = tmp_path / "checkpoints" / stopped.name
    trainer = trainer_of(tmp_path, corpus / "music", whole(SMALL))
    for number, change in enumerate(CHANGES):
        tensors, metadata = load_checkpoint(stopped)
        metadata.pop("version")
        change(tensors, metadata)
        save_checkpoint(path, tensors, metadata)
        with pytest.raises(CheckpointError, match=r"^[^\n]{20,900}\.$"):
            trainer.resume()
            pytest.fail(f"change {number} was taken up")
        assert path.is_file(), "a checkpoint that does not fit is not put aside as damaged"
    path.write_bytes(stopped.read_bytes())
    assert trainer.resume() is not None and trainer.state.progress.step == 2


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_checkpoints_that_are_no_files_are_put_aside(
    stopped: Path, tmp_path: Path, corpus: Path, small: dict[str, Any], kind: str
) -> None:
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    (folder / stopped.name).write_bytes(stopped.read_bytes())
    strange = folder / "step-00000009.safetensors"
    if kind == "pipe":
        os.mkfifo(strange)
    elif kind == "device":
        strange.symlink_to("/dev/zero")
    else:
        strange.mkdir()
    notes = trainer_of(tmp_path, corpus / "music", whole(small)).resume()
    assert notes and "step-00000009.safetensors is damaged and was put aside" in notes[0]


def test_prepared_data_whose_file_was_replaced_is_not_gone_on_with(
    tmp_path: Path, corpus: Path, small: dict[str, Any]
) -> None:
    music, data, run = tmp_path / "music", tmp_path / "data", tmp_path / "run"
    music.mkdir()
    for path in sorted((corpus / "music").iterdir()):
        (music / path.name).write_bytes(path.read_bytes())
    prepare([music], data, minimum_seconds=1.2)
    begun(run, data, small)
    songs = sorted(music.iterdir())
    content = songs[0].read_bytes()

    # Other dates on equal contents, and other names for the folders, change nothing.
    os.utime(songs[0], (1, 1))
    songs[1].write_bytes(songs[1].read_bytes())
    assert trainer_of(run, data, small).resume() is not None

    spoilt = bytearray(content)
    spoilt[-100] ^= 1
    songs[0].write_bytes(spoilt)
    with pytest.raises(
        CheckpointError, match=rf"different music.*{songs[0].name} has changed since it was prepared"
    ):
        trainer_of(run, data, small).resume()

    songs[0].write_bytes(content)
    assert trainer_of(run, data, small).resume() is not None


SETTINGS = [
    "a = " + "[" * 10_000,
    "a." * 8_000 + "b = 1",
    "seed = " + "9" * 5_000,
    "seed = nan",
    "model_dim = 38400",
    "num_blocks = 100000",
    "num_stages = 1000000",
    "sample_rate = 1000000000",
    "fft_size = 4194304\nhop = 1048576",
    "hop = 1",
    "model_dim = 96.5",
    "model_dim = true",
    "num_heads = -4",
    "features = 'level'",
    "features = [1]",
    "features = [[['level']]]",
    "gan_fft_sizes = [1000000000000]",
    "learning_rate = inf",
    "learning_rate = 1979-05-27T07:32:00Z",
    "batch_size = 1000000000",
    "excerpt_seconds = {a = {b = 1}}",
    "model_dim = [{}]",
    "rhythm_weight = '[[[[[[[['",
    "pairing = '" + "[" * 10_000 + "'",
    "precision = '" + "{a: " * 3_000 + "'",
    "wings = 2",
    "\x00",
]


def test_settings_of_any_kind_are_refused_in_a_sentence(tmp_path: Path, corpus: Path) -> None:
    paths = []
    for number, text in enumerate(SETTINGS):
        paths.append(tmp_path / f"{number}.toml")
        paths[-1].write_text(text)
    paths += [tmp_path / f"{name}.toml" for name in ("latin", "pipe", "zero", "folder", "missing", "large")]
    latin, pipe, zero, folder, _, large = paths[-6:]
    latin.write_bytes(b"music = '\xff'")
    os.mkfifo(pipe)
    zero.symlink_to("/dev/zero")
    folder.mkdir()
    with large.open("wb") as handle:
        handle.truncate(2**40)
    calls = [
        ["train", str(corpus / "music"), "--run", str(tmp_path / "run"), "--config", str(path)]
        for path in paths
    ]
    done = [hocket(*words, timeout=60) for words in calls]
    assert [call.returncode for call in done] == [2] * len(calls), done
    lines = "".join(call.stderr for call in done).splitlines()
    assert len(lines) == len(calls) and all(line.startswith("hocket train: error: ") for line in lines)
    assert max(map(len, lines)) < 1_500 and not (tmp_path / "run").exists()

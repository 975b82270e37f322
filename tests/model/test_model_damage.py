"""Checkpoints that are none, are cut, spoilt or half written: always a sentence, never another model."""

import os
import pickle
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from fusion_samples import make_model, save, sentence, stir
from hocket.errors import CheckpointError
from hocket.model import FusionModel


def test_what_is_no_checkpoint_is_told_so(tmp_path: Path) -> None:
    foreign, text, empty, zip_like = (
        tmp_path / name for name in ("foreign.safetensors", "text", "empty", "model.pt")
    )
    save_file({"weight": torch.zeros(3)}, foreign)
    text.write_text("not a checkpoint " * 100)
    empty.touch()
    torch.save({"weight": torch.zeros(3)}, zip_like)
    assert "not a Hocket checkpoint" in sentence(foreign)
    for path in (text, empty, zip_like):
        assert "not a checkpoint" in sentence(path)
    assert "is not a checkpoint" in sentence(tmp_path / "missing")
    assert "is not a checkpoint" in sentence(tmp_path)


class _Trap:
    """Unpickling this leaves a file behind."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path(self.path),)


def test_a_pickle_is_refused_and_never_run(tmp_path: Path) -> None:
    sprung, path = tmp_path / "sprung", tmp_path / "best.safetensors"
    path.write_bytes(pickle.dumps({"model": _Trap(str(sprung))}))
    assert "not a checkpoint" in sentence(path)
    assert not sprung.exists()
    pickle.loads(path.read_bytes())
    assert sprung.exists()  # the trap was set


def test_every_cut_is_found(saved: Path) -> None:
    content = saved.read_bytes()
    header = 8 + int.from_bytes(content[:8], "little")
    for length in (
        1,
        7,
        8,
        9,
        header // 2,
        header,
        header + 1,
        len(content) // 2,
        len(content) - 4,
        len(content) - 1,
    ):
        saved.write_bytes(content[:length])
        sentence(saved)
    saved.write_bytes(content + b"\0")
    sentence(saved)


def test_every_turned_bit_is_found(saved: Path) -> None:
    content = saved.read_bytes()
    header = 8 + int.from_bytes(content[:8], "little")
    draw = random.Random(0)
    places = [draw.randrange(8) for _ in range(5)]
    places += [draw.randrange(8, header) for _ in range(120)] + [
        draw.randrange(header, len(content)) for _ in range(30)
    ]
    for place in places:
        spoilt = bytearray(content)
        spoilt[place] ^= 1 << draw.randrange(8)
        saved.write_bytes(spoilt)
        sentence(saved)


@pytest.mark.parametrize("step", ["replace", "fsync"])
def test_a_save_that_fails_leaves_the_old_file_and_no_other(
    model: FusionModel, saved: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    before = saved.read_bytes()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(CheckpointError, match=r"cannot be written \(No space left on device\)"):
        save(stir(make_model(), seed=9), saved)
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_an_interrupted_save_leaves_the_old_file_and_no_other(
    model: FusionModel, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save(model, saved)
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_a_folder_that_cannot_be_made_is_named(model: FusionModel, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match="cannot be written"):
        save(model, tmp_path / "file" / "best.safetensors")


def test_a_checkpoint_has_an_ordinary_files_permissions(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "ordinary").touch()
    assert saved.stat().st_mode == (tmp_path / "ordinary").stat().st_mode

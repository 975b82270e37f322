"""A run's folder takes no file from anybody: not through links, not under names that others use as well."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from forked import hocket
from hocket.errors import CheckpointError
from hocket.runs import RunLock, claim


def as_soft_link(lock: Path, other: Path) -> None:
    lock.symlink_to(other)


def as_hard_link(lock: Path, other: Path) -> None:
    os.link(other, lock)


def as_link_to_a_lock(lock: Path, other: Path) -> None:
    other.write_text("process 7 on elsewhere\n")
    os.link(other, lock)


def as_pipe(lock: Path, other: Path) -> None:
    os.mkfifo(lock)


def as_folder(lock: Path, other: Path) -> None:
    lock.mkdir()


def as_anothers_lock(lock: Path, other: Path) -> None:
    lock.write_text("held by an editor\n")


@pytest.mark.parametrize(
    "make", [as_soft_link, as_hard_link, as_link_to_a_lock, as_pipe, as_folder, as_anothers_lock]
)
def test_only_a_lock_of_ours_is_taken(tmp_path: Path, make: Callable[[Path, Path], None]) -> None:
    run, other = tmp_path / "run", tmp_path / "thesis.txt"
    run.mkdir()
    other.write_text("mine")
    make(run / ".lock", other)
    before = other.read_bytes(), (run / ".lock").is_file() and (run / ".lock").read_bytes()
    with pytest.raises(CheckpointError, match=r"\.lock is not the lock of a run: move it away"):
        claim(run, fresh=True, lock=RunLock())
    assert (other.read_bytes(), (run / ".lock").is_file() and (run / ".lock").read_bytes()) == before


def test_a_lock_that_was_let_go_is_taken_again(tmp_path: Path) -> None:
    for _ in range(2):
        lock = RunLock()
        claim(tmp_path / "run", fresh=False, lock=lock)
        assert (tmp_path / "run" / ".lock").read_text().startswith(f"process {os.getpid()} on ")
        lock.release()


def test_training_writes_through_no_link_and_clears_away_only_its_own(
    corpus: Path, tmp_path: Path, small_flags: list[str]
) -> None:
    run, other = tmp_path / "run", tmp_path / "thesis.txt"
    run.mkdir()
    other.write_text("mine")
    for name in (".config.toml", ".log.jsonl", ".writable", ".best.safetensors"):
        (run / name).symlink_to(other)
    (run / ".half-a-film.tmp").write_text("mine too")
    (run / ".hocket-0123456789abcdef.tmp").write_text("what a kill left")
    words = ["train", corpus / "music", "--run", run, *small_flags, "--num_epochs=1", "--steps_per_epoch=1"]
    done = hocket(*words)
    assert done.returncode == 0, done.stderr
    assert other.read_text() == "mine" and (run / ".half-a-film.tmp").read_text() == "mine too"
    assert not list(run.rglob(".hocket-*"))
    assert not (run / "config.toml").is_symlink()

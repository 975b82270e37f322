"""Several processes train as one: the same losses, the same weights everywhere, and none waits for ever."""

import json
import socket
import subprocess
from pathlib import Path

import pytest
import torch
import worker

from forked import Copy
from hocket.errors import ConfigError, HocketError
from hocket.model.weights import load_checkpoint
from hocket.runs import newest_first
from hocket.training.runtime import Processes, Rank, find_rank

FULL = {
    "batch_size": 4,
    "gan_weight": 0.1,
    "feature_matching_weight": 0.1,
    "gan_start": 0.0,
    "timbre_weight": 0.5,
    "ema_decay": 0.9,
}
"""With an adversary and with the terms that speak of a whole batch."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def launch(
    number: int, music: Path, run: Path, fields: dict, **wishes
) -> list[subprocess.CompletedProcess[str]]:
    """Starts so many workers as torchrun would, and waits for them."""
    return launch_in_turn(number, music, fields, {"run": str(run), **wishes})


def launch_in_turn(
    number: int, music: Path, fields: dict, *runs: dict
) -> list[subprocess.CompletedProcess[str]]:
    """The same for several runs, one after the other, for which the libraries are loaded once."""
    task = [{"fields": fields, "music": str(music), **run} for run in runs]
    shared = {
        "WORLD_SIZE": number,
        "LOCAL_WORLD_SIZE": number,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": free_port(),
    }
    places = [shared | {"RANK": rank, "LOCAL_RANK": rank} if number > 1 else {} for rank in range(number)]
    workers = [
        Copy(worker.main, task, **{name: str(value) for name, value in place.items()}) for place in places
    ]
    # Less than the time for which a process waits for another, so that what hangs is an error here.
    return [process.end(timeout=240) for process in workers]


def assert_well(done: list[subprocess.CompletedProcess[str]]) -> None:
    for process in done:
        assert process.returncode == 0, process.stdout + process.stderr


def log(run: Path, kind: str) -> list[dict]:
    lines = (run / "log.jsonl").read_text().splitlines()
    return [line for line in map(json.loads, lines) if line["kind"] == kind]


def tensors(run: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(newest_first(run)[0])[0]


def test_two_processes_give_the_losses_of_one_and_continue_bit_for_bit(tmp_path, corpus, small) -> None:
    music = corpus / "music"
    fields = small | FULL
    paths = {name: str(tmp_path / name) for name in ("one", "two", "parts")}
    # The second process is the one that is told to stop; both do.
    stopping = {"run": paths["parts"], "stop_after": 4, "rank": 1}
    stopped = launch_in_turn(2, music, fields, {"run": paths["two"]}, stopping)
    assert_well(stopped)
    assert [process.stdout.splitlines()[-1] for process in stopped] == ["ended 4 SIGUSR1"] * 2
    # One prepares the music of a run, once.
    assert [process.stdout.count("scanned ") for process in stopped] == [16, 0]
    again = launch(2, music, tmp_path / "parts", fields)
    assert_well(again)
    assert not any("scanned " in process.stdout for process in again)
    whole, parts = tensors(tmp_path / "two"), tensors(tmp_path / "parts")
    assert whole.keys() == parts.keys()
    assert {"rng.0.torch", "rng.1.torch", "rng.1.python", "rng.1.numpy"} <= whole.keys()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    # With another number of processes it goes on from the same place, and says what is different.
    alone = launch_in_turn(1, music, fields, {"run": paths["one"]}, {"run": paths["parts"]})
    assert_well(alone)
    assert "2 processes wrote the checkpoint and 1 continue" in alone[0].stdout
    for kind in ("train", "validation"):
        one, two = log(tmp_path / "one", kind), log(tmp_path / "two", kind)
        assert len(one) == len(two) > 0
        for alone, shared in zip(one, two, strict=True):
            for name, value in alone.items():
                if isinstance(value, float):
                    assert shared[name] == pytest.approx(value, rel=5e-3, abs=5e-4), (
                        kind,
                        alone["step"],
                        name,
                    )
                else:
                    assert shared[name] == value, name


@pytest.mark.slow
def test_two_processes_continue_bit_for_bit_in_bf16_and_in_parts(tmp_path, prepared, small) -> None:
    fields = small | FULL | {"precision": "bf16", "accumulation_steps": 2, "num_workers": 2}
    assert_well(launch(2, prepared, tmp_path / "whole", fields))
    for stop_after in (2, 1):
        assert_well(launch(2, prepared, tmp_path / "parts", fields, stop_after=stop_after))
    assert_well(launch(2, prepared, tmp_path / "parts", fields))
    whole, parts = tensors(tmp_path / "whole"), tensors(tmp_path / "parts")
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    assert log(tmp_path / "whole", "train") == log(tmp_path / "parts", "train")


def test_what_is_not_finite_in_one_process_is_skipped_by_all_and_named(
    tmp_path, corpus, prepared, small
) -> None:
    # Batches of 4: example 6 is the second process's part of the second batch.
    done = launch(2, prepared, tmp_path / "run", small | {"batch_size": 4}, poison=[6])
    assert_well(done)
    steps = log(tmp_path / "run", "train")
    assert [step["skipped"] for step in steps] == [0, 1, 0, 0, 0, 0]
    (fault,) = log(tmp_path / "run", "fault")
    assert fault["step"] == 2 and "rhythm" in fault["terms"]
    assert len(fault["files"]) == 1 and str(corpus / "music") in fault["files"][0]
    assert log(tmp_path / "run", "end")[0]["num_skipped"] == 1


def test_when_one_is_killed_the_others_end(tmp_path, prepared, small) -> None:
    fields = small | {"num_epochs": 200, "checkpoint_every_steps": 1}
    first, second = launch(2, prepared, tmp_path / "run", fields, die_after=3, rank=1)
    assert second.returncode == -9
    assert first.returncode == 2 and "lost contact" in first.stdout, first.stdout + first.stderr
    assert load_checkpoint(newest_first(tmp_path / "run")[0])[1]["progress"]["step"] >= 2


def test_the_place_is_what_the_starter_says() -> None:
    assert find_rank({}) == Rank()
    torchrun = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4"}
    assert find_rank(torchrun) == Rank(5, 8, 1, 4)
    srun = {"SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "8", "SLURM_PROCID": "5", "SLURM_LOCALID": "1"}
    assert find_rank(srun | {"SLURM_NTASKS_PER_NODE": "4"}) == Rank(5, 8, 1, 4)
    # Plain Python in a batch script is no task of srun's, however many tasks the job has.
    assert find_rank({"SLURM_JOB_ID": "7", "SLURM_NTASKS": "8", "SLURM_PROCID": "0"}) == Rank()
    assert find_rank(srun | {"SLURM_STEP_NUM_TASKS": "1"}) == Rank()
    with pytest.raises(ConfigError, match="WORLD_SIZE is 'two'"):
        find_rank(torchrun | {"WORLD_SIZE": "two"})


def test_alone_every_verb_is_the_identity() -> None:
    alone = Processes()
    values = torch.ones(3, requires_grad=True)
    assert alone.add_up(values) is values
    assert alone.all_gather_object({"a": 1.5}) == [{"a": 1.5}] and alone.largest(3) == 3
    assert alone.on_rank_zero(lambda: "x") == "x"

    def fail() -> None:
        raise HocketError("no")

    with pytest.raises(HocketError, match="no"):
        alone.on_rank_zero(fail)

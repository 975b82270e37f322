"""One flag for all verbs that compute, and what is said where there is no such device or too little memory on it."""

import re
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from forked import Copy
from hocket import devices, examples
from hocket.cli import main
from hocket.cli.flags import with_note
from hocket.errors import ConfigError, HocketError
from hocket.fusing import Fuser
from hocket.model import FusionModel
from hocket.objective import Objective
from hocket.settings import TrainingConfig, build
from hocket.training.runtime import Processes, Runtime, start
from hocket.training.steps import Learner, enough_memory, make_optimizer, train_step
from small_run import SMALL

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device is at hand")
SOUNDS = [str(examples.FOLDER / f"drums-strings-{part}.mp3") for part in ("rhythm", "harmony")]
TOLERANCE = 1e-3


@pytest.mark.parametrize("name", ["tpu", "cuda:", "cuda:x", "mps:0", "CPU", "", "cuda:-1"])
def test_other_names_are_refused_in_one_sentence(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = f"device is {name!r}: give one of auto, cpu, cuda, cuda:N, mps"
    with pytest.raises(ConfigError, match=re.escape(said)):
        TrainingConfig(device=name)
    for verb in (
        ["fuse", *SOUNDS],
        ["evaluate", "--pairs", "p.csv"],
        ["listen", "p.csv"],
        ["studio"],
        ["train"],
    ):
        assert main([*verb, f"--device={name}"]) == 2
        printed = capsys.readouterr()
        assert printed.err == f"hocket {verb[0]}: error: {said}\n" and printed.out == ""


@pytest.mark.skipif(torch.cuda.is_available() or torch.backends.mps.is_available(), reason="has a GPU")
@pytest.mark.parametrize("name", ["cuda", "cuda:3", "mps"])
def test_a_device_that_is_not_there_is_named_with_the_cure(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = f"device is {name}, but no .* visible here: use --device auto or cpu"
    for choose in (devices.choose, lambda name: start(TrainingConfig(device=name))):
        with pytest.raises(ConfigError, match=said):
            choose(name)
    assert main(["fuse", *SOUNDS, "-o", str(tmp_path / "a.wav"), "--device", name]) == 2
    assert re.search(said, capsys.readouterr().err)
    assert not list(tmp_path.iterdir())


@needs_cuda
def test_a_gpu_beyond_the_last_is_named() -> None:
    with pytest.raises(ConfigError, match=r"device is cuda:99, but only .* visible"):
        devices.choose("cuda:99")
    assert devices.choose("cuda:0") == torch.device("cuda", 0)


def test_auto_and_cpu_are_always_there() -> None:
    assert devices.choose("cpu") == torch.device("cpu")
    assert devices.choose("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_apples_gpus_may_fall_back_before_torch_is_loaded(capsys: pytest.CaptureFixture[str]) -> None:
    code = (
        "import os, sys; from hocket.cli import main; main(['--version']); "
        "print(os.environ['PYTORCH_ENABLE_MPS_FALLBACK'], 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300
    )
    assert done.stdout.splitlines()[-1] == "1 False"
    assert with_note("mps") == "mps" and with_note("cpu") == "cpu"
    assert capsys.readouterr().err == f"{devices.MPS_NOTE}\n"


@needs_cuda
def test_a_fusion_on_the_gpu_is_that_on_the_cpu() -> None:
    fused = [Fuser.from_checkpoint(device=name).fuse_files(*SOUNDS).audio.samples for name in ("cpu", "cuda")]
    assert np.abs(fused[0] - fused[1]).max() < TOLERANCE
    assert fused[0].std() > 10 * TOLERANCE


@needs_cuda
@pytest.mark.parametrize("precision", ["32", "bf16"])
def test_a_step_on_the_gpu_is_that_on_the_cpu(precision: str) -> None:
    losses = []
    for name in ("cpu", "cuda"):
        learner, batch = learner_and_batch(2, name)
        runtime = Runtime(torch.device(name), precision == "bf16", Processes())
        scalars = train_step(runtime=runtime, learner=learner, batches=[batch], gradient_clip=1.0)
        losses.append(float(scalars["loss/total"]))
    assert losses[1] == pytest.approx(losses[0], rel=1e-3 if precision == "32" else 5e-2)


def learner_and_batch(size: int, device: str = "cpu") -> tuple[Learner, dict[str, torch.Tensor]]:
    config = build(SMALL)
    torch.manual_seed(0)
    model = FusionModel(config.model).to(device)
    learner = Learner(model, make_optimizer(model, config.training), Objective(config.objective), None)
    generator = torch.Generator().manual_seed(1)
    waves = (0.1 * torch.randn(size, 24_000, generator=generator) for _ in range(2))
    return learner, dict(zip(("input", "target"), waves, strict=True))


@pytest.mark.skipif(sys.platform != "linux", reason="reads how much memory there is from /proc")
def test_too_little_memory_names_a_batch_that_fits() -> None:
    """In a process of its own, as libraries remember that an allocation failed."""
    ended = Copy(train_under_a_limit).end(300)
    assert ended.returncode == 0, ended.stderr


def train_under_a_limit() -> int:
    """With real allocations that fail: on a CPU under a limit, as on a GPU without one."""
    size = 512
    learner, batch = learner_and_batch(size)
    runtime = Runtime(torch.device("cpu"), False)
    # What is loaded late would count as well.
    small = {name: wave[:2] for name, wave in batch.items()}
    train_step(runtime=runtime, learner=learner, batches=[small], gradient_clip=1.0)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + 300 * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))
    # Its primitives fail without a word on memory, which no GPU does.
    with torch.backends.mkldnn.flags(enabled=False):
        with (
            pytest.raises(HocketError, match="too little memory for steps of 512 examples") as error,
            enough_memory(runtime, learner, batch, size),
        ):
            train_step(runtime=runtime, learner=learner, batches=[batch], gradient_clip=1.0)
        fits = int(re.search(r"--batch-size (\d+)", str(error.value))[1])  # type: ignore[index]
        assert 1 <= fits <= size // 2
        part = {name: wave[:fits] for name, wave in batch.items()}
        train_step(runtime=runtime, learner=learner, batches=[part], gradient_clip=1.0)
    return 0


def test_several_processes_are_told_about_how_many_fit() -> None:
    learner, batch = learner_and_batch(512)
    runtime = Runtime(torch.device("cpu"), False)
    shared = replace(runtime, processes=Processes())
    shared.processes.size = 2
    with (
        pytest.raises(HocketError, match="about 256 fit"),
        enough_memory(shared, learner, batch, 512),
    ):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


def test_other_faults_stay_what_they_are() -> None:
    learner, batch = learner_and_batch(2)
    fault = RuntimeError("mat1 and mat2 shapes cannot be multiplied")
    with (
        pytest.raises(RuntimeError) as error,
        enough_memory(Runtime(torch.device("cpu"), False), learner, batch, 2),
    ):
        raise fault
    assert error.value is fault


def test_a_fusion_without_memory_ends_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def forward(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr("hocket.model.agent.CreativeAgent.forward", forward)
    assert main(["fuse", *SOUNDS, "-o", str(tmp_path / "a.wav"), "--no-check"]) == 2
    assert capsys.readouterr().err.endswith("or try --device cpu.\n")
    assert not list(tmp_path.iterdir())

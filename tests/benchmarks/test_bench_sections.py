"""The sections themselves, quick: that their figures hang together."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks.children import environment, measured
from benchmarks.learning import Trainee, configuration, distance, draw
from benchmarks.page import Table
from benchmarks.plan import Plan
from benchmarks.timing import threads

from benchmarks import fusing, gpu
from hocket.errors import HocketError


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return Plan(tmp_path, quick=True)


@pytest.mark.slow
def test_fusing_quick(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    # Threads beside other tests' are slow, and prove nothing here.
    monkeypatch.setattr(fusing, "num_cores", lambda: 1)
    section = fusing.measure(plan)
    figures = section.figures
    assert sum(figures["shares"]["fuse"].values()) == pytest.approx(1.0)
    assert set(figures["one_thread"]) >= {"fuse", "fuse: FFTs", "inference", "inference: transforms"}
    assert all(len(seconds) == plan.rounds for seconds in figures["one_thread"].values())
    # A whole process of ours has torch in it.
    assert figures["command"]["one thread"]["peak_megabytes"] > 100
    speed = next(part for part in section.content if isinstance(part, Table))
    assert len({len(row) for row in speed.rows} | {len(speed.columns)}) == 1


def test_without_a_gpu_that_is_said(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    section = gpu.measure(plan)
    assert section.figures == {"measured": False}
    assert "Not measured" in section.markdown


@pytest.mark.slow
def test_what_a_step_must_move_grows_with_the_batch(plan: Plan) -> None:
    config = configuration(plan, batch_size=1, excerpt_seconds=1.0)
    batch = draw(plan, config, 1)[0]
    trainee = Trainee.fresh(config)
    twice = {name: waveform.repeat(2, 1) for name, waveform in batch.items()}
    with threads(1):
        one, two = (gpu.bytes_to_move(trainee, part) for part in (batch, twice))
    weights = sum(parameter.nbytes for parameter in trainee.learner.model.parameters())
    assert one > 8 * weights
    assert 1.5 < (two - 8 * weights) / (one - 8 * weights) < 2.1


@pytest.mark.slow
def test_the_pace_on_latents_of_an_encodec(plan: Plan) -> None:
    pytest.importorskip("transformers")
    with threads(1):
        assert re.search(
            r"EnCodec with 16 channels .* a step of 2 pairs .* examples/s\.$", gpu.encodec_pace("cpu", plan)
        )


def test_a_copy_has_a_bandwidth_and_equal_outputs_no_difference() -> None:
    assert 1e8 < gpu.copy_bandwidth("cpu") < 1e13
    wave = torch.randn(1000).numpy()
    assert gpu.difference_db(wave, wave) == gpu.NOTHING_DB
    assert gpu.difference_db(1.1 * wave, wave) == pytest.approx(-20.0, abs=1e-3)


def test_curves_are_compared_by_their_largest_distance() -> None:
    assert distance([1.0, 2.0, 3.3], [1.0, 2.0, 3.0]) == pytest.approx(0.1)


def test_a_child_is_measured_by_itself() -> None:
    """Whatever this process holds or held, which Linux would count as the child's."""
    held = np.ones(2**28, dtype=np.uint8)
    code = "x = b'x' * (100 * 2**20); print('there')"
    child = measured([sys.executable, "-c", code], env=environment(1))
    assert child.output == "there\n"
    assert 100 < child.peak_megabytes < 200 < held.nbytes / 2**20
    assert environment(1)["OMP_NUM_THREADS"] == "1"
    assert "OMP_NUM_THREADS" not in environment(None)


def test_a_child_that_fails_is_told() -> None:
    with pytest.raises(HocketError, match="no such luck"):
        measured([sys.executable, "-c", "import sys; sys.exit('no such luck')"])

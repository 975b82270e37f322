"""Works in turns, ratios, and the shares of a run's steps."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from benchmarks.fusing import FUSING
from benchmarks.learning import STEP, Trainee, configuration, feed
from benchmarks.plan import Plan
from benchmarks.shares import step_shares
from benchmarks.timing import Timing, ratio, side_by_side, threads

from hocket.fusing import Fuser


def outer() -> int:
    time.sleep(0.02)
    return inner() + inner()


def inner() -> int:
    time.sleep(0.03)
    return 1


def counting() -> Iterator[int]:
    for number in range(3):
        time.sleep(0.01)
        yield number


def test_works_take_turns_and_warm_ups_do_not_count() -> None:
    order: list[str] = []
    timings = side_by_side(
        {"a": lambda: order.append("a"), "b": lambda: order.append("b")}, rounds=3, warm_ups=2
    )
    assert "".join(order) == "ab" * 5
    assert [len(timing.seconds) for timing in timings.values()] == [3, 3]


def test_ratios_are_of_medians_and_round_by_round() -> None:
    slow, fast = Timing((3.0, 9.0, 4.0)), Timing((1.0, 2.0, 4.0))
    assert ratio(slow, fast).of_medians == 2.0
    assert ratio(slow, fast).of_rounds == (3.0, 4.5, 1.0)
    assert ratio(slow, fast).words == "2.00x (1.00-4.50)"
    assert ratio(slow, slow).of_medians == 1.0


def test_threads_are_given_back() -> None:
    before = torch.get_num_threads()
    with pytest.raises(ValueError, match="x"), threads(before + 1):
        assert torch.get_num_threads() == before + 1
        raise ValueError("x")
    assert torch.get_num_threads() == before


def test_each_step_has_its_own_time() -> None:
    def work() -> None:
        assert outer() == 2
        for _ in counting():
            time.sleep(0.05)

    shares, whole = step_shares(
        work, {"outer": (outer,), "inner": (inner,), "count": (counting,)}, clock=time.perf_counter
    )
    # Sleeps last at least as long as asked for; how much longer is the machine's affair.
    assert shares["outer"] * whole >= 0.02
    assert shares["inner"] * whole >= 0.06
    assert shares["count"] * whole >= 0.03
    assert shares["other"] * whole >= 0.15
    assert sum(shares.values()) == pytest.approx(1.0)
    assert sys.getprofile() is None


def test_built_in_functions_are_seen() -> None:
    shares, _ = step_shares(lambda: time.sleep(0.05), {"sleep": (time.sleep,)}, clock=time.perf_counter)
    assert shares["sleep"] > 0.5


def test_every_step_of_fusing_takes_time(tmp_path: Path) -> None:
    """Or a step would be done by other code than is measured."""
    fuser = Fuser.from_checkpoint()
    paths = Plan(tmp_path, quick=True).pair(2.0)
    with threads(1):
        shares, _ = step_shares(lambda: fuser.fuse_to_file(*paths, tmp_path / "out.wav"), FUSING)
    assert all(share > 0 for share in shares.values()), shares
    assert shares["other"] < 0.25


def test_every_part_of_a_training_step_takes_time(tmp_path: Path) -> None:
    plan = Plan(tmp_path, quick=True)
    config = configuration(plan, batch_size=1, excerpt_seconds=1.0)
    batches, trainee = feed(plan, config, 1), Trainee.fresh(config)
    with threads(1):
        shares, _ = step_shares(lambda: trainee.step(next(batches)), STEP)
    assert all(share > 0 for step, share in shares.items() if step != "discriminator"), shares

"""Works in turns, ratios, and the clock that is put on named functions from outside."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from hocket.bench.learning import STEP
from hocket.bench.plan import Plan
from hocket.bench.stopwatch import FUSING, INFERENCE, find, stopwatch
from hocket.bench.timing import Timing, ratio, side_by_side, threads
from hocket.inference import Fuser


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


def test_the_clock_gives_each_step_its_own_time() -> None:
    here = sys.modules[__name__]
    plain = outer, inner, counting
    seams = {
        "outer": (f"{__name__}:outer",),
        "inner": (f"{__name__}:inner",),
        "count": (f"{__name__}:counting",),
    }
    with stopwatch(seams, clock=time.perf_counter) as watch:
        assert here.outer() == 2
        for _ in here.counting():
            time.sleep(0.05)
        whole, parts = watch.whole, watch.shares
    assert (outer, inner, counting) == plain
    # Sleeps last at least as long as asked for; how much longer is the machine's affair.
    assert watch.seconds["outer"] >= 0.02
    assert watch.seconds["inner"] >= 0.06
    assert watch.seconds["count"] >= 0.03
    assert sum(parts.values()) == pytest.approx(1.0)
    assert parts["other"] * whole >= 0.15
    assert watch.seconds["outer"] < whole - 0.24 + 0.02


def test_a_seam_that_is_gone_is_told_and_nothing_is_left_changed() -> None:
    plain = inner
    with (
        pytest.raises(AttributeError, match="vanished"),
        stopwatch({"a": (f"{__name__}:inner", f"{__name__}:vanished")}),
    ):
        pass
    assert inner is plain


@pytest.mark.parametrize("seams", [FUSING, INFERENCE, STEP], ids=["fusing", "inference", "step"])
def test_every_seam_is_there(seams: dict[str, tuple[str, ...]]) -> None:
    for places in seams.values():
        for place in places:
            find(place)


def test_every_step_of_fusing_takes_time(tmp_path: Path) -> None:
    """Or a step would be done by other code than is measured."""
    fuser = Fuser.from_checkpoint()
    paths = Plan(tmp_path, quick=True).pair(2.0)
    with threads(1), stopwatch(FUSING) as watch:
        fuser.fuse_to_file(*paths, tmp_path / "out.wav")
        shares = watch.shares
    assert all(share > 0 for share in shares.values()), shares
    assert shares["other"] < 0.25

"""Killed, signalled and continued dozens of times, a run ends where one that was left alone ends."""

import random
import signal
from pathlib import Path

import pytest
from runs import assert_equal_ends, damaged, finish, latest_step, start, strike

pytestmark = pytest.mark.slow

NUM_KILLS, NUM_SIGNALS = 50, 20
CODES = {signal.SIGUSR1: 138, signal.SIGTERM: 143, signal.SIGINT: 130}


@pytest.fixture(scope="module")
def reference(tmp_path_factory, corpus) -> Path:
    """The run that nobody disturbs."""
    run = tmp_path_factory.mktemp("undisturbed") / "run"
    finish(corpus / "music", run)
    return run


def test_fifty_kills_lose_nothing(tmp_path, corpus, reference, record_property) -> None:
    run, chance = tmp_path / "run", random.Random(4)
    resumed = kills = 0
    leftovers = 0
    while kills < NUM_KILLS:
        before = latest_step(run)
        process = start(corpus / "music", run)
        strike(process, run, signal.SIGKILL, chance, early=kills % 10 == 9)
        assert process.returncode == -signal.SIGKILL, "the run came to its end before its 50 kills"
        kills += 1
        leftovers += len(list((run / "checkpoints").glob(".*.tmp")))
        assert not damaged(run)
        assert latest_step(run) >= before
        resumed += latest_step(run) > before or kills % 10 == 0
    finish(corpus / "music", run)
    assert_equal_ends(run, reference)
    assert not list((run / "checkpoints").glob(".*.tmp")), "what a kill left half-written is cleared away"
    print(
        f"\n{kills} kills, {resumed} of the runs in between got further, {leftovers} times in the middle of a save"
    )


def test_twenty_signals_at_any_moment(tmp_path, corpus, reference) -> None:
    run, chance = tmp_path / "run", random.Random(5)
    longest = 0.0
    for count in range(NUM_SIGNALS):
        number = list(CODES)[count % 3]
        process = start(corpus / "music", run)
        longest = max(longest, strike(process, run, number, chance, early=count % 4 == 3))
        # Before Python itself is up, a signal ends it as it ends any program.
        assert process.returncode in (CODES[number], -number), run.with_suffix(".out").read_text()[-2000:]
        assert not damaged(run)
    finish(corpus / "music", run)
    assert_equal_ends(run, reference)
    assert longest < 6.0
    print(
        f"\n{NUM_SIGNALS} signals, the longest wait for the end {longest:.1f} s, at step {latest_step(run)}"
    )

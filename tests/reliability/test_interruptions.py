"""Killed, signalled and continued dozens of times, a run ends where one that was left alone ends."""

import random
import signal
from pathlib import Path

import pytest
from runs import assert_equal_ends, damaged, finish, latest_step, start, strike, unfinished

pytestmark = pytest.mark.slow

NUM_KILLS, NUM_SIGNALS = 50, 20
CODES = {signal.SIGUSR1: 138, signal.SIGTERM: 143, signal.SIGINT: 130}


@pytest.fixture(scope="module")
def reference(tmp_path_factory, corpus) -> Path:
    """The run that nobody disturbs."""
    run = tmp_path_factory.mktemp("undisturbed") / "run"
    finish(corpus / "music", run)
    return run


def test_fifty_kills_lose_nothing(tmp_path, corpus, reference) -> None:
    run, chance = tmp_path / "run", random.Random(4)
    kills, in_saves = 0, set()
    while kills < NUM_KILLS:
        before = latest_step(run)
        process = start(corpus / "music", run)
        moment = "loading" if kills % 10 == 9 else "saving" if kills % 2 else "any"
        strike(process, run, signal.SIGKILL, chance, moment)
        assert process.returncode == -signal.SIGKILL, "the run came to its end before its 50 kills"
        kills += 1
        in_saves |= unfinished(run)
        assert not damaged(run)
        assert latest_step(run) >= before
    finish(corpus / "music", run)
    assert_equal_ends(run, reference)
    assert len(in_saves) >= 5, "too few kills met a save to tell anything of them"
    assert not unfinished(run), "what a kill left half-written is cleared away"
    print(f"\n{kills} kills, {len(in_saves)} while a checkpoint was being written; none lost or damaged")


def test_twenty_signals_at_any_moment(tmp_path, corpus, reference) -> None:
    run, chance = tmp_path / "run", random.Random(5)
    longest = 0.0
    for count in range(NUM_SIGNALS):
        number = list(CODES)[count % 3]
        moment = "loading" if count % 4 == 3 else "saving" if count % 4 == 1 else "any"
        process = start(corpus / "music", run)
        longest = max(longest, strike(process, run, number, chance, moment))
        # Before Python itself is up, a signal ends it as it ends any program.
        assert process.returncode in (CODES[number], -number), run.with_suffix(".out").read_text()[-2000:]
        assert not damaged(run)
    finish(corpus / "music", run)
    assert_equal_ends(run, reference)
    # 2 s on a quiet machine.
    assert longest < 20.0
    print(
        f"\n{NUM_SIGNALS} signals, the longest wait for the end {longest:.1f} s, at step {latest_step(run)}"
    )

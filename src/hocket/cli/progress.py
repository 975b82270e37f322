"""Progress in seconds of audio, with the rate and the time that is left."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# On a terminal a line is written anew this often; elsewhere, as in a batch job's log, a line is written this often.
TERMINAL_SECONDS, LOG_SECONDS = 0.2, 30.0


@contextmanager
def audio_progress(total_seconds: float) -> Iterator[Callable[[float], None]]:
    """What to tell the share done of work on so many seconds of audio; it writes to stderr."""
    line = _Line(total_seconds)
    try:
        yield line.show
    finally:
        line.close()


class _Line:
    def __init__(self, total_seconds: float) -> None:
        self._total = total_seconds
        self._terminal = sys.stderr.isatty()
        self._begin = time.monotonic()
        self._last = self._begin
        self._open = False

    def show(self, share_done: float) -> None:
        """Writes where the work is, unless that was done a moment ago; takes the line away when all is done."""
        if share_done >= 1:
            self.close()
            return
        now = time.monotonic()
        if now - self._last < (TERMINAL_SECONDS if self._terminal else LOG_SECONDS):
            return
        self._last = now
        text = progress_words(share_done, self._total, now - self._begin)
        print(
            f"\r{text}\x1b[K" if self._terminal else text, end="" if self._terminal else "\n", file=sys.stderr
        )
        sys.stderr.flush()
        self._open = self._terminal

    def close(self) -> None:
        """Takes the line away again: what comes next is the result."""
        if self._open:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
        self._open = False


def progress_words(share_done: float, total_seconds: float, seconds: float) -> str:
    """Like `  20:10 of 60:00   8.1x real time   4:55 left`."""
    done = share_done * total_seconds
    left = seconds * (1 - share_done) / max(share_done, 1e-9)
    return (
        f"  {clock(done)} of {clock(total_seconds)}   {done / max(seconds, 1e-9):.1f}x real time   "
        f"{clock(left)} left"
    )


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02d}"

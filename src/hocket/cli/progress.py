"""Progress with the rate and the time that is left, in seconds of audio or in files."""

import os
import re
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

LABEL = re.compile(r" *(?:\S+ )*\S+ {2,}(?=\S)| *")
"""A label and the gap after it, or the indentation of a line; the rest of a broken line is indented as far."""
COMMAND = re.compile(r"(next: )?hocket [a-z]+ ")
"""Lines that are there to be copied stay whole."""

# On a terminal a line is written again this often; elsewhere, as in a batch job's log, a line is written this often.
TERMINAL_SECONDS, LOG_SECONDS = 0.2, 30.0


@contextmanager
def audio_progress(total_seconds: float, work: str = "") -> Iterator[Callable[[float], None]]:
    """Gives what to tell the share done of work on so many seconds of audio; it writes to stderr."""
    line = _Line(total_seconds, work)
    try:
        yield line.show
    finally:
        line.close()


class _Line:
    def __init__(self, total_seconds: float, work: str) -> None:
        self._total, self._work = total_seconds, f"  {work}" if work else ""
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
        text = self._work + progress_words(share_done, self._total, now - self._begin)
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


def duration(seconds: float) -> str:
    """A time that a person would say: 45 s, 12 min, 3 h 20 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def say(text: str, stream: TextIO | None = None) -> None:
    """Prints lines as `fitted` breaks them, to stdout unless another stream is given."""
    stream = stream or sys.stdout
    print(fitted(text, stream), file=stream)


def fitted(text: str, stream: TextIO) -> str:
    """Breaks lines between words to fit a terminal; in a log, which is searched line by line, they stay whole."""
    if not stream.isatty():
        return text
    columns = shutil.get_terminal_size(os.get_terminal_size(stream.fileno())).columns or 80
    return "\n".join(_broken(line, columns) for line in text.split("\n"))


def _broken(line: str, columns: int) -> str:
    if len(line) <= columns or COMMAND.match(line):
        return line
    indent = " " * min(len(LABEL.findall(line)[0]), columns // 3)
    style: dict[str, Any] = {
        "subsequent_indent": indent,
        "break_long_words": False,
        "break_on_hyphens": False,
    }
    return textwrap.fill(line, columns, **style)


def rich_console(**options: Any) -> "Console":
    """A terminal, or a log file, to which sentences are printed as they are."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True, **options)


def bar(console: "Console", *, with_time_left: bool = True) -> "Progress":
    """A live bar: the work, how much of it is done, the `rate`, and the time left."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        *([TimeRemainingColumn()] if with_time_left else []),
        console=console,
    )


class FileProgress:
    """A bar with rate and time left where someone watches, a line now and then elsewhere."""

    EVERY_SECONDS = 10.0

    def __init__(self, *, stderr: bool = True) -> None:
        self._console = rich_console(stderr=stderr)
        self._bar = bar(self._console)
        self._start = self._said = time.monotonic()

    def __enter__(self) -> "FileProgress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar.task_ids:  # one that never began would leave an empty line
            self._bar.stop()

    def advance(self, done: int, total: int, path: str) -> None:
        """Moves the bar, or writes a line where the last one is a while ago."""
        now = time.monotonic()
        rate = done / max(now - self._start, 1e-3)
        if self._console.is_terminal:
            if not self._bar.task_ids:
                self._bar.add_task("reading recordings", total=total, rate="")
                self._bar.start()
            self._bar.update(self._bar.task_ids[0], completed=done, rate=f"{rate:.1f} files/s")
        elif done == total or now - self._said >= self.EVERY_SECONDS:
            self._said = now
            left = f", {duration((total - done) / rate)} left" if done < total else ""
            line = f"read {done} of {total} recordings ({rate:.1f} files/s{left})"
            self._console.print(line, markup=False)

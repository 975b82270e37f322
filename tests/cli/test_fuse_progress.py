"""Progress in seconds of audio: a line that moves on a terminal, lines now and then in a log, nothing left over."""

import io

import pytest

from hocket.cli import progress
from hocket.cli.progress import audio_progress, clock, progress_words


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (605, "10:05"), (3600, "60:00")])
def test_the_clock_reads_as_a_player_does(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_the_words_say_where_how_fast_and_how_long() -> None:
    assert progress_words(0.25, 3600.0, 150.0) == "  15:00 of 60:00   6.0x real time   7:30 left"
    assert progress_words(0.0, 60.0, 0.0).startswith("  0:00 of 1:00")


def test_a_terminals_line_is_gone_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "TERMINAL_SECONDS", 0.0)
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with audio_progress(60.0) as show:
        show(0.5)
        assert "0:30 of 1:00" in terminal.getvalue()
        show(1.0)
        assert terminal.getvalue().endswith("\r\x1b[K")
    assert "\n" not in terminal.getvalue()


def test_a_line_is_gone_after_an_error_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "TERMINAL_SECONDS", 0.0)
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with pytest.raises(KeyboardInterrupt), audio_progress(60.0) as show:
        show(0.5)
        raise KeyboardInterrupt
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_a_log_gets_whole_lines_and_few_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    monkeypatch.setattr("sys.stderr", log)
    with audio_progress(60.0) as show:
        for share in (0.1, 0.2, 0.3, 1.0):
            show(share)
    assert log.getvalue() == ""
    monkeypatch.setattr(progress, "LOG_SECONDS", 0.0)
    with audio_progress(60.0) as show:
        show(0.5)
    assert log.getvalue().count("\n") == 1 and "\r" not in log.getvalue()

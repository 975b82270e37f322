"""Strangers on the network: they stand about, drip, and ask for too much, and others are served all the same."""

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from visiting import Visitor, ended, serving, started

from hocket.cli import main
from hocket.studio import server
from hocket.studio.settings import Settings

TOKEN = "a-token-of-thirty-letters-or-so"
# The bar is 2 s; machines that run tests are busy.
PATIENCE_SECONDS = 10.0


def _connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    assert parts.hostname is not None
    return socket.create_connection((parts.hostname, parts.port or 80), timeout=PATIENCE_SECONDS)


@pytest.mark.parametrize("max_files", [64, 256])
def test_hundreds_who_only_connect_lock_nobody_out(tmp_path: Path, max_files: int) -> None:
    studio, url = started(["--token", TOKEN], tmp_path, max_files=max_files)
    with contextlib.ExitStack() as lines:
        for _ in range(2):
            for _ in range(300):
                lines.enter_context(_connect(url))
            with httpx.Client(timeout=PATIENCE_SECONDS) as client:
                assert client.get(url).status_code == 200
                assert client.get(url.partition("?")[0] + "api/about").status_code == 200
        errors = ended(studio, signal.SIGTERM)
    assert studio.returncode == 143
    assert len(errors) < 2000 and "Traceback" not in errors


EXHAUSTING = """
import os, sys, threading, time
from hocket.cli import main

def take_all():
    taken = []
    while not os.path.exists(os.environ["TAKE"]):
        time.sleep(0.02)
    try:
        while True:
            taken.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        os.rename(os.environ["TAKE"], os.environ["TAKEN"])
    while os.path.exists(os.environ["TAKEN"]):
        time.sleep(0.02)
    for descriptor in taken:
        os.close(descriptor)

threading.Thread(target=take_all, daemon=True).start()
sys.exit(main(["studio", *sys.argv[1:]]))
"""


def test_descriptors_that_run_out_are_told_of_once_and_not_for_good(tmp_path: Path) -> None:
    take, taken, temp = tmp_path / "take", tmp_path / "taken", tmp_path / "temp"
    temp.mkdir()
    studio, url = started(
        [], temp, program=("-c", EXHAUSTING), TAKE=str(take), TAKEN=str(taken), max_files=256
    )
    with contextlib.ExitStack() as lines:
        assert httpx.get(url, timeout=PATIENCE_SECONDS).status_code == 200
        take.touch()
        while not taken.exists():
            time.sleep(0.02)
        for _ in range(100):
            lines.enter_context(_connect(url))
        # Long enough for the studio to try again, which it does each second.
        time.sleep(2.5)
        taken.unlink()
        assert httpx.get(url, timeout=PATIENCE_SECONDS).status_code == 200
        errors = ended(studio, signal.SIGTERM)
    assert errors.count("ulimit -n") == 1 and "Traceback" not in errors and len(errors) < 2000


def test_too_few_descriptors_are_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import resource

    allowed = resource.getrlimit
    monkeypatch.setattr(
        resource, "getrlimit", lambda kind: (40, 40) if kind == resource.RLIMIT_NOFILE else allowed(kind)
    )
    assert main(["studio", "--port", "0", "--no-browser"]) == 2
    told = capsys.readouterr()
    assert "ulimit -n" in told.err and told.err.count("\n") == 1 and not told.out


def test_who_never_asks_for_anything_is_shown_the_door(
    studio_temp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "HEADER_SECONDS", 0.3)
    monkeypatch.setattr(server, "WATCH_SECONDS", 0.1)
    with serving(Settings(port=0)) as url, _connect(url) as silent, _connect(url) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\n")
        for line in (silent, slow):
            with contextlib.suppress(ConnectionResetError):
                assert line.recv(1) == b""


@pytest.fixture
def small(studio_temp: Path) -> Iterator[str]:
    """A studio that takes two files at once and holds little."""
    settings = Settings(
        port=0, max_uploads=2, idle_seconds=2.0, max_stored_bytes=2**24, max_upload_bytes=2**30
    )
    with serving(settings) as url:
        yield url


def _drip(line: socket.socket, answers: list[bytes]) -> None:
    """Sends a byte every now and then, never twice as far apart as an upload may stand still."""
    line.sendall(b"POST /api/sources?name=a.wav HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999\r\n\r\n")
    line.settimeout(0.2)
    end_seconds = time.monotonic() + 60
    while time.monotonic() < end_seconds:
        line.sendall(b"R")
        with contextlib.suppress(TimeoutError):
            answers.append(line.recv(4096))
            return


def test_uploads_that_drip_give_their_places_back(small: str, drums_wav: Path) -> None:
    with Visitor(base_url=small, timeout=60) as visitor:
        # Again where the two were over before anybody else could ask, as while the model is loaded in this process.
        assert any(_is_full_while_two_drip(small, visitor) for _ in range(5))
        assert visitor.upload(drums_wav)["num_channels"] == 2


def _is_full_while_two_drip(url: str, visitor: Visitor) -> bool:
    answers: list[bytes] = []
    with _connect(url) as first, _connect(url) as second:
        drips = [threading.Thread(target=_drip, args=(line, answers)) for line in (first, second)]
        for drip in drips:
            drip.start()
        is_full = False
        while any(drip.is_alive() for drip in drips):
            is_full |= visitor.post("/api/sources?name=a.wav", content=b"RIFF").status_code == 503
            time.sleep(0.05)
    assert [answer.split()[1] for answer in answers] == [b"408", b"408"]
    return is_full


@pytest.mark.slow
def test_a_slow_sender_who_keeps_the_least_rate_is_heard_out(small: str) -> None:
    content = bytes(60_000)
    head = (
        f"POST /api/sources?name=a.wav HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    with _connect(small) as line:
        line.sendall(head.encode())
        # Three times as long as an upload may stand still, at two and a half times the least rate.
        for start in range(0, len(content), 1000):
            line.sendall(content[start : start + 1000])
            time.sleep(0.1)
        assert line.recv(4096).split()[1] == b"422", "it is no music, but all of it was taken"


def test_a_file_larger_than_all_that_may_be_stored_is_refused_by_its_length(small: str) -> None:
    head = "POST /api/sources?name=a.wav HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20000000\r\n\r\n"
    with _connect(small) as line:
        line.sendall(head.encode())
        assert line.recv(4096).split()[1] == b"413"


HANGING = """
import os, sys
from hocket.cli import main
from hocket.studio import following

def hang(*_):
    with open(os.environ["HANG_AT"]) as pipe:
        return pipe.read()

following.with_libraries = hang
sys.exit(main(["studio", *sys.argv[1:]]))
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_thread_that_hangs_in_a_read_does_not_keep_the_studio_from_its_end(
    tmp_path: Path, number: int, code: int
) -> None:
    pipe, temp = tmp_path / "pipe", tmp_path / "temp"
    os.mkfifo(pipe)
    temp.mkdir()
    studio, url = started([], temp, program=("-c", HANGING), HANG_AT=str(pipe))
    with _connect(url) as line:
        line.sendall(b"GET /api/runs HTTP/1.1\r\nHost: localhost\r\n\r\n")
        # Opening waits for the reader, which then waits for what never comes.
        with pipe.open("w"):
            begin = time.monotonic()
            errors = ended(studio, number)
            assert time.monotonic() - begin < PATIENCE_SECONDS, "the bar is 3 s"
    assert studio.returncode == code and "Traceback" not in errors
    assert not list(temp.iterdir())

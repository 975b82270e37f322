"""Tokens that no other user of the machine can read: from a private file, from the environment, or made anew."""

import os
import re
import signal
import time
from pathlib import Path

import httpx
import pytest
from visiting import ended, started

from hocket.cli import main

TOKEN = "a-token-of-thirty-letters-or-so"


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    path.chmod(0o600)
    return path


def _command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text() if Path("/proc").is_dir() else ""


def test_a_token_from_a_file_or_the_environment_is_asked_for_and_in_no_list(
    tmp_path: Path, token_file: Path
) -> None:
    temp = tmp_path / "temp"
    temp.mkdir()
    ways: list[tuple[list[str], dict[str, str]]] = [
        (["--token-file", str(token_file)], {}),
        ([], {"HOCKET_TOKEN": TOKEN}),
    ]
    for arguments, environment in ways:
        studio, url = started(arguments, temp, **environment)
        assert url.endswith(f"/?token={TOKEN}") and TOKEN not in _command_line(studio.pid)
        assert httpx.get(url.partition("?")[0]).status_code == 401
        assert httpx.get(url).status_code == 200
        ended(studio, signal.SIGTERM)


def test_a_token_without_a_value_is_a_new_one_each_time(tmp_path: Path) -> None:
    urls = []
    for _ in range(2):
        studio, url = started(["--token"], tmp_path)
        assert httpx.get(url.partition("?")[0]).status_code == 401
        urls.append(url.partition("?token=")[2])
        ended(studio, signal.SIGTERM)
    assert urls[0] != urls[1] and min(map(len, urls)) >= 16


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_token_file_that_others_can_open_is_refused(
    token_file: Path, mode: int, capsys: pytest.CaptureFixture[str]
) -> None:
    token_file.chmod(mode)
    assert main(["studio", "--port", "0", "--no-browser", "--token-file", str(token_file)]) == 2
    told = capsys.readouterr()
    assert "chmod 600" in told.err and told.err.count("\n") == 1 and TOKEN not in told.err + told.out


@pytest.mark.parametrize(
    "content", [b"", b"short\n", b"two lines of\nmany-letters-each", b"\xff" * 40, b"a" * 5000]
)
def test_a_token_file_without_a_token_is_one_sentence(
    token_file: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    token_file.write_bytes(content)
    assert main(["studio", "--port", "0", "--no-browser", "--token-file", str(token_file)]) == 2
    error = capsys.readouterr().err
    assert str(token_file) in error and error.count("\n") == 1 and "aaaa" not in error


def test_a_pipe_a_folder_and_a_missing_file_are_no_token_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "missing"):
        assert main(["studio", "--port", "0", "--no-browser", "--token-file", str(path)]) == 2
        error = capsys.readouterr().err
        assert str(path) in error and error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "value", "word"),
    [
        ([], "", "HOCKET_TOKEN"),
        ([], "short", "HOCKET_TOKEN"),
        (["--token", "x" * 20, "--token-file", "/nowhere"], None, "choose one of them"),
        (["--token", ""], None, "token"),
    ],
)
def test_a_token_that_is_none_does_not_leave_the_studio_open(
    arguments: list[str],
    value: str | None,
    word: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if value is not None:
        monkeypatch.setenv("HOCKET_TOKEN", value)
    assert main(["studio", "--port", "0", "--no-browser", *arguments]) == 2
    error = capsys.readouterr().err
    assert word in error and error.count("\n") == 1


def test_a_browser_is_led_to_the_page_and_not_told_the_token(tmp_path: Path) -> None:
    browser, seen = tmp_path / "browser.sh", tmp_path / "seen"
    browser.write_text(
        f'#!/bin/sh\nfile="${{1#file://}}"\n{{ echo "$@"; stat -c %a "$file"; cat "$file"; }} > {seen}.part\n'
        f"mv {seen}.part {seen}\n"
    )
    browser.chmod(0o700)
    temp = tmp_path / "temp"
    temp.mkdir()
    program = ("-c", "import sys; from hocket.cli import main; sys.argv.remove('--no-browser'); "
               "sys.exit(main(['studio', *sys.argv[1:]]))")  # fmt: skip
    studio, url = started(["--token"], temp, program=program, BROWSER=f"{browser} %s")
    end_seconds = time.monotonic() + 30
    while not seen.exists():
        assert time.monotonic() < end_seconds
        time.sleep(0.05)
    arguments, mode, page = seen.read_text().split("\n", 2)
    ended(studio, signal.SIGTERM)
    token = url.partition("?token=")[2]
    assert arguments.startswith("file://") and token not in arguments and mode == "600"
    assert re.findall(r'url=([^"]+)"', page) == [url]
    assert not list(temp.iterdir())

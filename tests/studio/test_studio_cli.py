"""`hocket studio` from the shell: faults in a sentence, a quick start, and an end that leaves nothing."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from visiting import ended, started

from hocket.cli import main


def _processor_seconds(pid: int) -> float:
    """What a process has used since it began; 0 where the system does not tell."""
    stat = Path(f"/proc/{pid}/stat")
    fields = stat.read_text().rpartition(")")[2].split() if stat.exists() else ["0"] * 13
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_port_that_is_taken_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["studio", "--port", str(port), "--no-browser"]) == 2
    error = capsys.readouterr().err
    assert f"port {port}" in error and "--port" in error and error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--host", "0.0.0.0"], "--share"),
        (["--share", "--token", "short"], "token"),
        (["--runs", "/nowhere"], "not a folder"),
        (["--checkpoint", "/nowhere/best"], "does not exist"),
        (["--max-minutes", "-1"], "max_seconds"),
        (["--max-upload-mb", "nan"], "max_upload"),
        (["--max-minutes", "inf"], "max_seconds"),
        (["--share", "--host", "no address"], "listen"),
        (["--num-threads", "0"], "num_threads"),
    ],
)
def test_mistakes_are_one_sentence(
    arguments: list[str], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["studio", "--port", "0", "--no-browser", *arguments]) == 2
    error = capsys.readouterr().err
    assert word in error and error.count("\n") == 1


def test_a_missing_extra_is_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from hocket.cli import studio

    monkeypatch.setattr(studio, "find_spec", lambda name: None)
    assert main(["studio"]) == 2
    assert "pip install 'hocket[studio]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_it_is_there_at_once_and_leaves_nothing(tmp_path: Path, number: int, code: int) -> None:
    studio, url = started([], tmp_path)
    with httpx.Client(base_url=url) as client:
        page = client.get("/")
        # The bar is 2 s; processor time, because machines that run tests are busy.
        assert page.status_code == 200 and _processor_seconds(studio.pid) < 2
        assert client.post("/api/sources?name=a.wav", content=b"RIFF").status_code == 422
    assert [path.name[:14] for path in tmp_path.iterdir()] == ["hocket-studio-"]
    errors = ended(studio, number)
    assert studio.returncode == code
    assert not list(tmp_path.iterdir()) and "Traceback" not in errors


def test_what_a_killed_studio_left_goes_with_the_next_start(tmp_path: Path) -> None:
    studio, url = started([], tmp_path)
    assert httpx.get(url).status_code == 200
    ended(studio, signal.SIGKILL)
    [left] = tmp_path.iterdir()
    studio, url = started([], tmp_path)
    assert httpx.get(url).status_code == 200
    assert not left.exists() and len(list(tmp_path.iterdir())) == 1
    ended(studio, signal.SIGTERM)


def test_a_shared_studio_prints_an_address_that_opens_it(tmp_path: Path) -> None:
    studio, url = started(["--share", "--host", "127.0.0.1"], tmp_path)
    token = url.partition("?token=")[2]
    assert len(token) >= 16
    with httpx.Client() as client:
        assert client.get(url.partition("/?")[0]).status_code == 401
        assert client.get(url).status_code == 200
        assert client.get(url.replace(f"?token={token}", "api/about")).status_code == 200
    assert token not in ended(studio, signal.SIGTERM)


def test_the_page_is_served_without_torch() -> None:
    script = "import sys, hocket.studio.app, hocket.studio.server; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "starlette" in loaded and not {"torch", "matplotlib", "librosa", "scipy"} & loaded


@pytest.mark.parametrize(
    "given", ["", "best", "best.safetensors", "latest", "best_model.pt", "none", "checkpoints"]
)
def test_a_checkpoint_is_looked_for_as_the_model_will(tmp_path: Path, given: str) -> None:
    from hocket.errors import CheckpointError
    from hocket.runs import find_checkpoint
    from hocket.studio.settings import require_checkpoint

    def found(look: Callable[[Path], object]) -> bool:
        try:
            look(tmp_path / given)
        except CheckpointError:
            return False
        return True

    (tmp_path / "checkpoints").mkdir()
    for name in ("checkpoints/step-00000001.safetensors", "best.safetensors"):
        assert found(require_checkpoint) == found(find_checkpoint)
        (tmp_path / name).write_bytes(bytes(8) + b"{}")
    assert found(require_checkpoint) == found(find_checkpoint) == (given not in ("none", "checkpoints"))


def test_another_file_than_a_checkpoint_is_told_before_the_address(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "song.wav"
    path.write_bytes(b"RIFF" + bytes(99))
    assert main(["studio", "--port", "0", "--no-browser", "--checkpoint", str(path)]) == 2
    told = capsys.readouterr()
    assert "not a checkpoint" in told.err and told.err.count("\n") == 1 and not told.out

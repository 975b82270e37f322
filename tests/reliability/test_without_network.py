"""From a folder of music to a scored fusion without a single attempt to reach anybody."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

GUARD = """
import os, socket

def refuse(self, address, *rest):
    if self.family != socket.AF_UNIX:
        with open(os.environ["ATTEMPTS"], "a") as log:
            log.write(f"{address}\\n")
        raise OSError("no network here")

socket.socket.connect = socket.socket.connect_ex = refuse
_resolve = socket.getaddrinfo

def getaddrinfo(host, *rest, **options):
    with open(os.environ["ATTEMPTS"], "a") as log:
        log.write(f"{host}\\n")
    raise OSError("no network here")

socket.getaddrinfo = getaddrinfo
"""


def test_prepare_train_fuse_check_evaluate(tmp_path, corpus, small_flags) -> None:
    (tmp_path / "guard").mkdir()
    (tmp_path / "guard" / "sitecustomize.py").write_text(GUARD)
    attempts = tmp_path / "attempts"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "guard"), "ATTEMPTS": str(attempts)}
    songs = sorted((corpus / "music").iterdir())

    def hocket(*words: object) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "hocket", *map(str, words)],
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    hocket("prepare", corpus / "music", "-o", tmp_path / "data", "--minimum-seconds", "1.1")
    hocket("train", tmp_path / "data", "--run", tmp_path / "run", *small_flags)
    hocket(
        "fuse", songs[0], songs[1], "-o", tmp_path / "new.wav", "--checkpoint", tmp_path / "run", "--pictures"
    )
    hocket("check", tmp_path / "new.wav", "--input", songs[0], "--target", songs[1])
    hocket("evaluate", "--pairs", corpus / "pairs.csv", "--baselines")
    assert not attempts.exists(), attempts.read_text()
    # The guard is awake.
    tried = subprocess.run(
        [sys.executable, "-c", "import urllib.request; urllib.request.urlopen('http://localhost:9')"],
        env=environment, capture_output=True, check=False,
    )  # fmt: skip
    assert tried.returncode != 0 and Path(attempts).read_text()

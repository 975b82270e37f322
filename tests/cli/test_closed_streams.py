"""What cannot be told is dropped: the work is done where stdout or stderr is closed, full, or not read to its end."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from test_nothing_lost import put_sources

HOCKET = shlex.join([sys.executable, "-m", "hocket"])
FUSE = f"{HOCKET} fuse a.wav b.wav -o new.wav"
CHECK = f"{HOCKET} check a.wav --input a.wav --target b.wav"


def run(folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    """Runs a line in bash; its exit code is that of the first program."""
    put_sources(folder, "a.wav", "b.wav")
    words = ["bash", "-c", f"{line}; exit ${{PIPESTATUS[0]}}"]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.parametrize(
    "streams",
    [
        "<&- >&- 2>&-",
        ">/dev/full 2>/dev/full",
        *(
            pytest.param(streams, marks=pytest.mark.slow)
            for streams in ("| true", ">/dev/full", "2>/dev/full", ">&-", "2>&-", ">&- 2>&-")
        ),
    ],
)
def test_a_fusion_is_made_whoever_listens(tmp_path: Path, streams: str) -> None:
    done = run(tmp_path, f"{FUSE} {streams}")
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a.wav", "b.wav", "new.wav", "new.wav.hocket.json",
    ]  # fmt: skip
    assert (tmp_path / "new.wav").read_bytes()[:4] == b"RIFF"


def test_a_list_goes_on_when_nobody_reads(tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text("input,target\na.wav,b.wav\nb.wav,a.wav\n")
    done = run(tmp_path, f"{HOCKET} fuse --pairs pairs.csv -o out | head -1")
    assert (done.returncode, done.stderr) == (0, "")
    assert {"000 a x b.wav", "001 b x a.wav", "results.csv"} <= {
        path.name for path in (tmp_path / "out").iterdir()
    }


def test_a_mistake_keeps_its_exit_code_where_nobody_can_be_told(tmp_path: Path) -> None:
    for streams in ("2>&-", "2>/dev/full"):
        done = run(tmp_path, f"{HOCKET} fuse a.wav none.wav -o new.wav {streams}")
        assert (done.returncode, done.stdout, done.stderr) == (2, "", "")


def test_help_may_go_nowhere(tmp_path: Path) -> None:
    done = run(tmp_path, f"{HOCKET} --help >/dev/full")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_a_verb_that_only_prints_says_that_it_could_not(tmp_path: Path) -> None:
    done = run(tmp_path, f"{CHECK} --json >/dev/full")
    assert done.returncode == 2
    assert (
        done.stderr.count("\n") == 1
        and "cannot be written to stdout (No space left on device)" in done.stderr
    )
    done = run(tmp_path, f"{CHECK} --json --plot picture.png | true")
    assert (done.returncode, done.stderr) == (141, "")
    assert (tmp_path / "picture.png").read_bytes()[:4] == b"\x89PNG"

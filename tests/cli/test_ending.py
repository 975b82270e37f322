"""What ends a program from outside: signals at bad moments, too little memory, a folder that is gone."""

import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PROGRAM = """
import ctypes, os, signal, sys, threading, time
from hocket import files
from hocket.cli.ending import ending_in_order

def lose(number=signal.SIGTERM):
    os.kill(os.getpid(), number)
    time.sleep(0.01)

@ending_in_order
def main(argv=None):
{body}
    return 0

sys.exit(main())
"""

SWALLOWED = {
    "in a callback from C": "    ctypes.CFUNCTYPE(None)(lose)()",
    "in a finalizer": "    type('Dying', (), {'__del__': lambda self: lose()})()",
    "by code that catches all": "    try:\n        lose()\n    except BaseException:\n        pass",
}
LOST = {
    "for good": (
        "    with files.replacing('half') as handle:\n"
        "        handle.write(b'half')\n"
        "        while True:\n"
        "            try:\n                lose()\n                time.sleep(600)\n"
        "            except BaseException as error:\n                kept = error\n"
    ),
    "where no handler runs": (
        "    threading.Timer(0.5, lose).start()\n"
        "    lock, free = ctypes.CDLL(None).pthread_mutex_lock, ctypes.create_string_buffer(64)\n"
        "    lock(free)\n    lock(free)"
    ),
}


def run(
    body: str, folder: Path, *, prepare: Callable[[], object] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(body=body), "verb"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=prepare,
    )


@pytest.mark.parametrize("swallowed", SWALLOWED)
def test_an_interruption_that_a_library_swallows_is_raised_again(swallowed: str, tmp_path: Path) -> None:
    rest = "\n    try:\n        time.sleep(600)\n    finally:\n        print('unwound')"
    done = run(SWALLOWED[swallowed] + rest, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (143, "unwound\n", "hocket verb: stopped\n")


@pytest.mark.parametrize("num_calls", [25, 75])
def test_a_signal_where_pytorch_is_half_loaded_ends_the_program_in_order(
    num_calls: int, tmp_path: Path
) -> None:
    """Within its initialization, after so many calls that C++ made of Python: an exception at 75 crashes torch 2.13."""
    body = (
        "    left = []\n"
        "    def profile(frame, event, called):\n"
        "        if event == 'c_call' and called.__name__ == '_autograd_init':\n"
        f"            left.extend(range({num_calls}))\n"
        "        elif left and left.pop() == 0:\n"
        "            sys.setprofile(None)\n"
        "            lose()\n"
        "    sys.setprofile(profile)\n"
        "    with files.replacing('half'):\n"
        "        import torch\n"
    )
    done = run(body, tmp_path)
    assert (done.returncode, done.stderr) == (143, "hocket verb: stopped\n")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("lost", LOST)
def test_a_signal_that_is_lost_ends_the_program_all_the_same(lost: str, tmp_path: Path) -> None:
    done = run(LOST[lost], tmp_path)
    assert (done.returncode, done.stderr) == (143, "hocket verb: stopped\n")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_each_signal_has_its_own_exit_code(number: signal.Signals, code: int, tmp_path: Path) -> None:
    body = f"    lose({int(number)})\n    time.sleep(600)"
    done = run(body, tmp_path, prepare=lambda: signal.signal(number, signal.SIG_DFL))
    word = "interrupted" if number == signal.SIGINT else "stopped"
    assert (done.returncode, done.stderr) == (code, f"hocket verb: {word}\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_that_the_parent_ignores_stays_ignored(number: signal.Signals, tmp_path: Path) -> None:
    done = run(f"    lose({int(number)})", tmp_path, prepare=lambda: signal.signal(number, signal.SIG_IGN))
    assert (done.returncode, done.stderr) == (0, "")


def test_a_signal_after_the_work_does_not_change_the_exit_code(tmp_path: Path) -> None:
    done = run("    import atexit\n    atexit.register(lose)", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


VERBS = {
    "fuse": "fuse a.wav b.wav -o c.wav",
    "check": "check a.wav --input b.wav --target c.wav",
    "prepare": "prepare music -o data",
    "train": "train music --run run",
    "render": "render corpus",
    "studio": "studio --port 0 --no-browser",
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_working_directory_that_is_gone_is_a_sentence(verb: str, tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    command = [sys.executable, "-m", "hocket", *VERBS[verb].split()]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=120, preexec_fn=folder.rmdir
    )
    assert done.returncode == 2
    assert done.stderr == (
        f"hocket {verb}: error: the working directory no longer exists: change to another one.\n"
    )


@pytest.mark.parametrize("megabytes", [300, pytest.param(600, marks=pytest.mark.slow), 860])
@pytest.mark.parametrize("verb", ["export -o model.onnx", "studio --checkpoint nowhere"])
def test_too_little_memory_is_a_sentence(verb: str, megabytes: int, tmp_path: Path) -> None:
    size = megabytes * 1_000_000
    done = subprocess.run(
        [sys.executable, "-m", "hocket", *verb.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (size, size)),
    )
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert "error:" in done.stderr and not list(tmp_path.iterdir())

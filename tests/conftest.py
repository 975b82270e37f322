"""Shared fixtures: small rendered music, and the development recordings where they are there."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from small_run import SMALL

# Machines are shared: how long an example takes says nothing about the code.
settings.register_profile("hocket", deadline=None)
settings.load_profile("hocket")

MUSIC = Path(__file__).parents[2] / "shared" / "music"


LONGEST = ("test_readme.py", "test_distributed.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files with the longest tests first, or one process would wait for the other at the end."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


COMPILE = """
from importlib import import_module
from hocket.evaluation.evaluate import COMPILED
for name in COMPILED:
    import_module(name)
"""


def pytest_configure(config: pytest.Config) -> None:
    """Has librosa compiled before there are workers: several processes that write numba's cache at once break it."""
    if config.getoption("numprocesses", None):
        subprocess.run([sys.executable, "-c", COMPILE], check=False)


@pytest.fixture(scope="session")
def music() -> Path:
    """The folder of development recordings (train/, val/, pairs.csv), which is not part of the product."""
    if not (MUSIC / "pairs.csv").is_file():
        pytest.skip(f"the development recordings are not at {MUSIC}")
    return MUSIC


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all workers of pytest-xdist, whose own temporary folders are in it."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def made_once(path: Path, make: Callable[[Path], object]) -> Path:
    """The folder that `make` makes, which the first worker calls while the others wait; it is read only."""
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            half = path.with_suffix(".half")
            make(half)
            half.rename(path)
    return path


@pytest.fixture(scope="session")
def corpus(shared_folder: Path) -> Path:
    """A small rendered corpus: `music/`, `truth/` and `pairs.csv`; eight songs of six seconds."""
    from hocket.data.synthetic.corpus import render_corpus

    return made_once(
        shared_folder / "corpus",
        lambda path: render_corpus(path, num_songs=8, num_pairs=3, duration_seconds=6.0, seed=3),
    )


@pytest.fixture(scope="session")
def prepared(corpus: Path, shared_folder: Path) -> Path:
    """The corpus's music, prepared: a run on it begins at once, where one on the folder first scans it in children."""
    from hocket.data.prepare import prepare

    return made_once(
        shared_folder / "prepared",
        lambda path: prepare([corpus / "music"], path, validation_fraction=0.2, minimum_seconds=1.1, jobs=0),
    )


@pytest.fixture
def small() -> dict[str, object]:
    """A copy of the fields of a run that takes seconds."""
    return dict(SMALL)


@pytest.fixture
def small_flags(small: dict[str, object]) -> list[str]:
    """The same as command-line flags."""
    return [f"--{name}={value}" for name, value in small.items()]

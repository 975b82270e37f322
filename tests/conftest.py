"""Shared fixtures: small rendered music, and the development recordings where they are there."""

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


@pytest.fixture(scope="session")
def music() -> Path:
    """The folder of development recordings (train/, val/, pairs.csv), which is not part of the product."""
    if not (MUSIC / "pairs.csv").is_file():
        pytest.skip(f"the development recordings are not at {MUSIC}")
    return MUSIC


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small rendered corpus: `music/`, `truth/` and `pairs.csv`; eight songs of six seconds."""
    from hocket.data.synthetic import render_corpus

    return render_corpus(
        tmp_path_factory.mktemp("rendered") / "corpus", num_songs=8, num_pairs=3, duration_seconds=6.0, seed=3
    )


@pytest.fixture
def small() -> dict[str, object]:
    """A copy of the fields of a run that takes seconds."""
    return dict(SMALL)


@pytest.fixture
def small_flags(small: dict[str, object]) -> list[str]:
    """The same as command-line flags."""
    return [f"--{name}={value}" for name, value in small.items()]

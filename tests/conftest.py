"""Shared fixtures: small rendered music, and the development recordings where they are there."""

from pathlib import Path

import pytest

MUSIC = Path(__file__).parents[2] / "shared" / "music"


@pytest.fixture(scope="session")
def music() -> Path:
    """The folder of development recordings (train/, val/, pairs.csv), which is not part of the product."""
    if not (MUSIC / "pairs.csv").is_file():
        pytest.skip(f"the development recordings are not at {MUSIC}")
    return MUSIC

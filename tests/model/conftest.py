"""A decided model and its checkpoint."""

from pathlib import Path

import pytest

from fusion_samples import make_model, save, stir
from hocket.model import FusionModel


@pytest.fixture(scope="module")
def model() -> FusionModel:
    """A decided model."""
    return stir(make_model())


@pytest.fixture
def saved(model: FusionModel, tmp_path: Path) -> Path:
    """Its checkpoint."""
    return save(model, tmp_path / "run" / "best.safetensors")

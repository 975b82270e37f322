"""The notebook: it is kept without outputs, and runs from top to bottom."""

import json
from pathlib import Path
from typing import Any

import pytest

NOTEBOOK = Path(__file__).parents[1] / "examples" / "fuse.ipynb"
MOST_BYTES = 100_000


def test_it_is_kept_without_outputs() -> None:
    assert NOTEBOOK.stat().st_size < MOST_BYTES
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)


# The kernel's own libraries warn of each other.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_it_runs_from_top_to_bottom(tmp_path: Path) -> None:
    for name in ("nbclient", "nbformat", "ipykernel", "matplotlib"):
        pytest.importorskip(name, reason=f"the notebook's test needs {name}: pip install 'hocket[dev]'")
    import nbclient
    import nbformat

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    outputs: list[dict[str, Any]] = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    players = [one for one in outputs if "<audio" in one.get("data", {}).get("text/html", "")]
    assert len(players) == 5
    assert sum("image/png" in one.get("data", {}) for one in outputs) == 1
    (said,) = [one["text"] for one in outputs if one.get("name") == "stdout"]
    assert said.startswith("verdict: fusion\n")
    assert not [one for one in outputs if one.get("name") == "stderr"]
    assert {path.name for path in tmp_path.iterdir()} == {"fused.wav", "masks.png"}

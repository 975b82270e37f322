"""What a run folder has to tell, as one page with curves, pictures and sound."""

from pathlib import Path
from typing import Any


def summarise(path: str | Path) -> dict[str, Any]:
    """See `hocket.report.summary.summarise`."""
    from hocket.report import summary

    return summary.summarise(path)


def curves(path: str | Path) -> str:
    """See `hocket.report.panels.curves`."""
    from hocket.report import panels

    return panels.curves(path)

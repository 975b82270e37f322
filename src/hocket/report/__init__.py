"""Reads run folders, and makes one page of them with verdicts, sound, curves and pictures."""

from pathlib import Path
from typing import Any


def summarise(path: str | Path) -> dict[str, Any]:
    """See `hocket.report.summary.summarise`."""
    from hocket.report import summary

    return summary.summarise(path)


def curves(path: str | Path) -> dict[str, Any]:
    """The curves of one run; see `hocket.report.charts.curves_of`.

    Raises:
        CheckpointError: see `hocket.report.run.read_run`.
    """
    from hocket.report.charts import curves_of
    from hocket.report.run import read_run

    run = read_run(path)
    return curves_of({run.name: run})

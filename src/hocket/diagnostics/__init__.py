"""Diagnosis: what an output is, whatever its masks say."""

from hocket.diagnostics.copying import (
    Diagnosis,
    Figures,
    Level,
    Verdict,
    copying_ratio,
    diagnose,
    judge,
    level_of,
)
from hocket.diagnostics.milestones import (
    ChecklistItem,
    MaskFigures,
    Milestone,
    Remedy,
    checklist,
    mask_figures,
    milestone_due,
    remedies_for,
)
from hocket.diagnostics.swap import SwapFigures, judge_swap, next_example

__all__ = [
    "ChecklistItem",
    "Diagnosis",
    "Figures",
    "Level",
    "MaskFigures",
    "Milestone",
    "Remedy",
    "SwapFigures",
    "Verdict",
    "checklist",
    "copying_ratio",
    "diagnose",
    "judge",
    "judge_swap",
    "level_of",
    "mask_figures",
    "milestone_due",
    "next_example",
    "remedies_for",
]

"""The scores as text: a column for each system, blocks of rows, as many tables as the width asks for."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hocket.evaluation.summary import SystemScores

WIDTH = 100
INDENT = "  "
# Block, then the name of each row with its figure. A row whose figure no system has is left out.
BLOCKS: dict[str, dict[str, str]] = {
    "margins": {
        "rhythm": "rhythm_margin",
        "articulation": "articulation_margin",
        "harmony (mean)": "harmony_margin",
        "harmonic part": "harmony_margin_harmonic",
        "whole signal": "harmony_margin_whole",
    },
    "agreement": {
        "onsets, F": "onset_f_measure",
        "beats, F": "beat_f_measure",
        "chords": "chord_agreement",
        "key": "key_agreement",
    },
    "notes": {
        "recall": "note_recall",
        "precision": "note_precision",
        "margin": "note_margin",
        "foreign": "foreign_notes",
        "timing": "struck_margin",
    },
    "true fusion": {"rhythm": "truth_rhythm", "harmony": "truth_harmony"},
    "waveform": {
        "with input": "output_input_correlation",
        "with target": "output_target_correlation",
        "overlay R²": "overlay_r2",
        "in 0.4-0.6": "in_band_share",
    },
    "sound": {
        "Fréchet": "frechet",
        "from real mixes": "mix_distance",
        "isolated peaks": "isolated_peaks",
        "of sources": "isolated_peaks_sources",
        "kurtosis": "spectral_kurtosis",
    },
    "attack, ms": {
        "10 %": "attack_10_ms",
        "50 %": "attack_50_ms",
        "90 %": "attack_90_ms",
    },
    "masks": {
        "input mean": "input_mask_mean",
        "target mean": "target_mask_mean",
        "complementarity": "complementarity",
    },
    "speed": {"× real time": "real_time_factor"},
}
WITH_WORST = ("margins", "true fusion")
FORMATS: dict[str, Callable[[float], str]] = {
    "in_band_share": "{:.0%}".format,
    "foreign_notes": "{:.1%}".format,
    "frechet": "{:.0f}".format,
    "mix_distance": "{:.0f}".format,
    "attack_10_ms": "{:.0f}".format,
    "attack_50_ms": "{:.0f}".format,
    "attack_90_ms": "{:.0f}".format,
    "isolated_peaks": "{:.1f}".format,
    "isolated_peaks_sources": "{:.1f}".format,
    "real_time_factor": lambda value: f"{value:.{0 if value >= 100 else 1}f}",
}
NOTE = """\
{num_pairs}. Higher is better, except R², foreign notes, distances, isolated peaks, kurtosis, attack.
Margins: agreement with the right source minus agreement with the other; "worst" is the worst pair.
Onsets, beats, timing: compared with the input. Chords, key, notes: compared with the target.
Peaks: per second. Kurtosis: relative to the sources. Intervals over pairs: --json."""

Row = tuple[str, ...]


def as_table(systems: Mapping[str, SystemScores], *, num_pairs: int) -> str:
    """Formats what `hocket evaluate` prints: a note, then tables at most 100 characters wide, of about equal size."""
    lines = [NOTE.format(num_pairs="1 pair" if num_pairs == 1 else f"{num_pairs} pairs")]
    for names in _shared_out(systems):
        table = _rows({name: systems[name] for name in names})
        lines += ["", *aligned(table)]
    return "\n".join(lines)


def _shared_out(systems: Mapping[str, SystemScores]) -> list[list[str]]:
    """The systems' names in their order, in as few groups as fit the width."""
    names = list(systems)
    widths = _widths(_rows(systems))
    for num_groups in range(1, len(names) + 1):
        size = -(-len(names) // num_groups)
        groups = [range(start, min(start + size, len(names))) for start in range(0, len(names), size)]
        taken = [widths[0] + sum(widths[1 + index] + 1 for index in group) for group in groups]
        if max(taken) <= WIDTH:
            break
    return [[names[index] for index in group] for group in groups]


def _rows(systems: Mapping[str, SystemScores]) -> list[Row]:
    """Header and body; a row of one cell is a block's heading."""
    rows = _header(list(systems))
    for block, figures in BLOCKS.items():
        body = [row for text, key in figures.items() for row in _figure(text, key, systems, block)]
        rows += [(block,), *body] if body else []
        if block == "waveform":
            rows += _verdicts(list(systems.values()))
    return rows


def _header(names: Sequence[str]) -> list[Row]:
    """Names over as many lines as the longest has; `margin_1` is one word."""
    parts = [name.replace("margin_", "margin ").split("_") for name in names]
    deepest = max(map(len, parts))
    padded = [[""] * (deepest - len(words)) + words for words in parts]
    words = [[word.replace("nmf", "NMF") for word in column] for column in padded]
    return [("", *line) for line in zip(*words, strict=True)]


def _figure(text: str, key: str, systems: Mapping[str, SystemScores], block: str) -> list[Row]:
    scores = list(systems.values())
    if not any(key in system.means for system in scores):
        return []
    row = (INDENT + text, *(_number(key, system.means.get(key)) for system in scores))
    if block not in WITH_WORST:
        return [row]
    return [row, (INDENT * 2 + "worst", *(_worst(system.worst.get(key)) for system in scores))]


def _number(key: str, value: float | None) -> str:
    return "-" if value is None else FORMATS.get(key, "{:.2f}".format)(value)


def _worst(entry: Mapping[str, Any] | None) -> str:
    return "-" if entry is None else f"{entry['pair']} {entry['value']:.2f}"


def _verdicts(scores: Sequence[SystemScores]) -> list[Row]:
    named = sorted({verdict for system in scores for verdict in system.verdicts})
    rows = [(INDENT + name, *(str(system.verdicts.get(name, 0)) for system in scores)) for name in named]
    return [("verdicts, pairs",), *rows]


def _widths(rows: Sequence[Row]) -> list[int]:
    columns = max(map(len, rows))
    return [max(len(row[index]) for row in rows if index < len(row)) for index in range(columns)]


def aligned(rows: Sequence[Row]) -> list[str]:
    """Lines with the first column to the left and the others to the right."""
    lines, widths = [], _widths(rows)
    for first, *others in rows:
        cells = [f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=False)]
        lines.append(" ".join([f"{first:<{widths[0]}}", *cells]).rstrip())
    return lines

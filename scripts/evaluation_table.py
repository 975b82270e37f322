"""A Markdown table from `hocket evaluate --json`: `python scripts/evaluation_table.py scores.json [--short]`."""

import argparse
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

Scores = Mapping[str, Any]
NAMES = {
    "overlay": "overlay", "layering": "layering", "layering_margin_1": "layering (margin 1)",
    "gated_layering": "gated layering", "cross_synthesis": "cross-synthesis", "envelope_gating": "envelope gating",
    "nmf_mosaicing": "NMF mosaicing", "retiming": "retiming", "model": "Hocket", "outputs": "outputs",
}  # fmt: skip
SHORT = ("overlay", "layering", "gated_layering", "cross_synthesis", "nmf_mosaicing", "retiming", "model")


def mean(name: str, form: str = "{:.2f}") -> Callable[[Scores], str]:
    """A figure's mean over the pairs; a dash where a system has none."""
    return lambda scores: "" if scores["means"].get(name) is None else form.format(scores["means"][name])


def both(first: str, second: str) -> Callable[[Scores], str]:
    """Two means."""
    return lambda scores: f"{mean(first)(scores)} / {mean(second)(scores)}" if mean(first)(scores) else ""


def worst(*names: str) -> Callable[[Scores], str]:
    """The worst pair of each figure."""
    return lambda scores: "; ".join(f"{scores['worst'][name]['value']:.2f}" for name in names)


def attack(scores: Scores) -> str:
    """Rise of the target's voice, if it was measured."""
    times = [scores["means"].get(f"attack_{percent}_ms") for percent in (10, 50, 90)]
    return "" if None in times else ", ".join(f"{time:.0f}" for time in times)


def verdicts(scores: Scores) -> str:
    """Counts the verdicts of the pairs."""
    return ", ".join(f"{count} {name}" for name, count in scores["verdicts"].items())


ROWS: dict[str, Callable[[Scores], str]] = {
    "rhythm margin": mean("rhythm_margin"),
    "articulation margin": mean("articulation_margin"),
    "harmony margin (mean of harmonic part and whole)": mean("harmony_margin"),
    "harmonic part; whole signal": both("harmony_margin_harmonic", "harmony_margin_whole"),
    "worst pair: rhythm; harmony; articulation": worst("rhythm_margin", "harmony_margin", "articulation_margin"),
    "output→input / output→target": both("output_input_correlation", "output_target_correlation"),
    "pairs with both in 0.4-0.6": mean("in_band_share", "{:.0%}"),
    "overlay R²": mean("overlay_r2"),
    "verdicts": verdicts,
    "log-mel Fréchet distance to the sources": mean("frechet", "{:.1f}"),
    "distance from real mixes": mean("mix_distance", "{:.0f}"),
    "notes of the target: recall; precision": both("note_recall", "note_precision"),
    "note margin": mean("note_margin"),
    "notes that the target does not have": mean("foreign_notes", "{:.1%}"),
    "notes struck with the input (margin)": mean("struck_margin"),
    "attack of the target's voice: 10, 50, 90 %, ms": attack,
    "isolated peaks a second": mean("isolated_peaks", "{:.2f}"),
    "spectral kurtosis above the sources'": mean("spectral_kurtosis"),
    "onset F; beat F with the input": both("onset_f_measure", "beat_f_measure"),
    "chords; key of the target": both("chord_agreement", "key_agreement"),
    "true fusion: rhythm; harmony": both("truth_rhythm", "truth_harmony"),
    "mask means": both("input_mask_mean", "target_mask_mean"),
    "complementarity": mean("complementarity", "{:.0%}"),
    "seconds of audio a second": mean("real_time_factor", "{:.0f}"),
}  # fmt: skip
SHORT_ROWS = {
    "rhythm like the input's ↑": "rhythm_margin",
    "notes played in the input's rhythm ↑": "articulation_margin",
    "harmony like the target's ↑": "harmony_margin",
    "notes of the target that remain ↑": "note_recall",
}
"""All better where higher; the best of a row is bold."""


def rows_of(systems: Mapping[str, Scores], *, short: bool) -> Iterator[list[str]]:
    """The cells of each row, its name first."""
    if not short:
        yield from ([text, *map(cell, systems.values())] for text, cell in ROWS.items())
        return
    for text, name in SHORT_ROWS.items():
        means = [scores["means"].get(name) for scores in systems.values()]
        best = max((value for value in means if value is not None), default=None)
        written = ["" if value is None else f"{value:.2f}" for value in means]
        yield [
            text,
            *(f"**{cell}**" if value == best else cell for cell, value in zip(written, means, strict=True)),
        ]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scores", type=Path)
    parser.add_argument("--short", action="store_true", help="four rows, and the most telling systems")
    options = parser.parse_args()
    systems = json.loads(options.scores.read_text(encoding="utf-8"))["systems"]
    chosen = {name: systems[name] for name in systems if not options.short or name in SHORT}
    print("| | " + " | ".join(NAMES[name] for name in chosen) + " |")
    print("|" + "---|" * (len(chosen) + 1))
    for row in rows_of(chosen, short=options.short):
        if any(row[1:]):
            print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()

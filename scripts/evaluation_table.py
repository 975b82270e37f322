"""A Markdown table from `hocket evaluate --json`: `python scripts/evaluation_table.py scores.json [--short]`."""

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Scores = Mapping[str, Any]
NAMES = {
    "overlay": "overlay", "layering": "layering", "layering_margin_1": "layering (margin 1)",
    "gated_layering": "gated layering", "cross_synthesis": "cross-synthesis", "envelope_gating": "envelope gating",
    "nmf_mosaicing": "NMF mosaicing", "model": "Hocket", "outputs": "outputs",
}  # fmt: skip
SHORT = ("overlay", "layering", "gated_layering", "cross_synthesis", "nmf_mosaicing", "model")


def mean(name: str, form: str = "{:.2f}") -> Callable[[Scores], str]:
    """A figure's mean over the pairs; a dash where a system has none."""
    return lambda scores: "" if scores["means"].get(name) is None else form.format(scores["means"][name])


def both(first: str, second: str) -> Callable[[Scores], str]:
    """Two means."""
    return lambda scores: f"{mean(first)(scores)} / {mean(second)(scores)}" if mean(first)(scores) else ""


def worst(*names: str) -> Callable[[Scores], str]:
    """The worst pair of each figure."""
    return lambda scores: "; ".join(f"{scores['worst'][name]['value']:.2f}" for name in names)


def verdicts(scores: Scores) -> str:
    """How many pairs got which verdict."""
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
    "isolated peaks a second": mean("isolated_peaks", "{:.2f}"),
    "spectral kurtosis above the sources'": mean("spectral_kurtosis"),
    "onset F; beat F with the input": both("onset_f_measure", "beat_f_measure"),
    "chords; key of the target": both("chord_agreement", "key_agreement"),
    "true fusion: rhythm; harmony": both("truth_rhythm", "truth_harmony"),
    "mask means": both("input_mask_mean", "target_mask_mean"),
    "complementarity": mean("complementarity", "{:.0%}"),
    "seconds of audio a second": mean("real_time_factor", "{:.0f}"),
}  # fmt: skip
SHORT_ROWS = tuple(ROWS)[:3] + tuple(ROWS)[4:7] + tuple(ROWS)[9:12] + tuple(ROWS)[17:]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scores", type=Path)
    parser.add_argument("--short", action="store_true", help="the most telling systems and figures")
    options = parser.parse_args()
    systems = json.loads(options.scores.read_text(encoding="utf-8"))["systems"]
    chosen = [name for name in systems if not options.short or name in SHORT]
    print(
        "| | "
        + " | ".join(f"**{NAMES[name]}**" if name == "model" else NAMES[name] for name in chosen)
        + " |"
    )
    print("|" + "---|" * (len(chosen) + 1))
    for text in SHORT_ROWS if options.short else ROWS:
        cells = [ROWS[text](systems[name]) for name in chosen]
        if any(cells):
            print(f"| {text} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()

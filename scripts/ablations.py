"""`make ablations`: the default with one thing changed at a time, for the same few steps on the same data.

Trains every variant that is not yet in the output folder, scores it with `hocket evaluate`, and writes
docs/results/ablations.md. An interrupted variant is begun again when its folder is removed. The default itself is there
with several seeds: what differs by less than they do is noise.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

TERMS = (
    "rhythm", "rhythm_leak", "harmony", "harmony_leak", "missing_notes", "foreign_notes", "articulation",
    "output_balance", "balance", "complementarity", "coverage", "timbre", "grain",
)  # fmt: skip
VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "seed 1": {"seed": 1},
    "seed 2": {"seed": 2},
    "missing and foreign notes off": {"missing_notes_weight": 0.0, "foreign_notes_weight": 0.0},
    **{f"{term.replace('_', ' ')} off": {f"{term}_weight": 0.0} for term in TERMS},
    "articulation halved": {"articulation_weight": 1.0},
    "equal correlations (ratio 1, both aims 0.5)": {
        "level_ratio": 1.0,
        "output_balance_aim": 0.5,
        "output_balance_target_aim": 0.5,
    },
    "attention over everything": {"attention_reach": 0},
    "without the feature held": {"features": ["level", "transient", "tonal"]},
    "chroma for held, foreign tones damped": {
        "features": ["level", "transient", "tonal", "chroma"],
        "foreign_damping": 1.0,
    },
    "without re-attack": {"reattack": 0.0},
    "pairs drawn at random": {"pairing": "random"},
    "without running average": {"ema_decay": 0.0},
    "stage 0 only": {"num_stages": 1},
    "levels off": {"balance_levels": False},
    "tone off": {"match_tone": False},
    "FFT 1024, hop 256": {"fft_size": 1024, "hop": 256},
    "FFT 4096, hop 1024": {"fft_size": 4096, "hop": 1024},
    "softer masks (overlap 0.12)": {"overlap_limit": 0.12},
    "harder masks (overlap 0)": {"overlap_limit": 0.0},
    "adversary 0.1 from 20 %": {"adversarial_weight": 0.1, "gan_start": 0.2},
}
RECIPE = {"pairing": "suitable", "ema_decay": 0.998}
"""The settings of `make weights` beside the preset."""
COLUMNS = {
    "rhythm": "rhythm_margin", "articulation": "articulation_margin", "harmony": "harmony_margin",
    "worst harmony": "", "note recall": "note_recall", "precision": "note_precision", "note margin": "note_margin",
    "foreign": "foreign_notes", "struck": "struck_margin", "in band": "in_band_share", "complem.": "complementarity",
    "Fréchet": "frechet", "isolated peaks": "isolated_peaks",
}  # fmt: skip


def main() -> None:
    """Runs what is missing, then writes the table of all that is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where runs and scores are kept")
    parser.add_argument("--music", type=Path, required=True, help="what is trained on")
    parser.add_argument("--pairs", type=Path, required=True, help="CSV of the pairs that are scored")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--output", type=Path, default=Path("docs/results/ablations.md"))
    parser.add_argument(
        "--reverse", action="store_true", help="begin at the end: for a second process beside the first"
    )
    parser.add_argument("--only", nargs="*", metavar="VARIANT", help="these variants, in this order")
    parser.add_argument("--table-only", action="store_true", help="train nothing")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if not options.table_only:
        names = options.only or list(VARIANTS)
        for name in reversed(names) if options.reverse else names:
            measure(name, VARIANTS[name], options)
    page = "\n".join(table(options))
    options.output.write_text(page + "\n", encoding="utf-8")
    print(page)


def measure(name: str, changes: Mapping[str, Any], options: argparse.Namespace) -> None:
    """Trains and scores one variant, unless its run was begun here before (remove its folder to repeat it)."""
    score, run = score_path(options.folder, name), options.folder / slug(name)
    if score.is_file() or run.is_dir():
        return
    print(f"== {name}", flush=True)
    fields = {
        "num_epochs": 1,
        "steps_per_epoch": options.steps,
        "warmup_steps": 30,
        "num_threads": 1,
        **RECIPE,
        **changes,
    }
    flags = [
        f"--{field}={value if isinstance(value, str) else json.dumps(value)}"
        for field, value in fields.items()
    ]
    hocket("train", options.music, "--run", run, *flags)
    # Of one epoch the best weights are the last, as they are averaged.
    text = hocket("evaluate", "--pairs", options.pairs, "--checkpoint", run / "best", "--json")
    score.write_text(text, encoding="utf-8")


def hocket(*words: object) -> str:
    """Standard output of a command; its messages go where this script's go."""
    command = [sys.executable, "-m", "hocket", *map(str, words)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def slug(name: str) -> str:
    """A variant's name as that of a file."""
    return "_".join("".join(letter if letter.isalnum() else " " for letter in name).split())


def score_path(folder: Path, name: str) -> Path:
    """Path of a variant's scores."""
    return folder / f"{slug(name)}.json"


def table(options: argparse.Namespace) -> list[str]:
    """The page: how it was made, and a row for each variant that has a score."""
    rows = []
    num_pairs = 0
    for name in VARIANTS:
        path = score_path(options.folder, name)
        if path.is_file():
            result = json.loads(path.read_text(encoding="utf-8"))
            num_pairs = result["pairs"]
            rows.append(f"| {name} | " + " | ".join(cells(result["systems"]["model"])) + " |")
    return [
        "# One thing changed at a time",
        "",
        f"Written by `python scripts/ablations.py {options.folder} --music {options.music} --pairs {options.pairs} "
        f"--steps {options.steps}`: the preset `default` for {options.steps} steps of four 4-second pairs, with one "
        f"thing changed, scored by `hocket evaluate` on {num_pairs} pairs. Short runs: they rank what matters early, "
        f"not what a long training would reach. {os.cpu_count()} cores, {platform.machine()}, torch "
        f"{torch.__version__}. What differs by less than the seeds do is noise.",
        "",
        "| variant | " + " | ".join(COLUMNS) + " |",
        "|" + "---|" * (len(COLUMNS) + 1),
        *rows,
        "",
    ]


def cells(scores: Mapping[str, Any]) -> list[str]:
    """A variant's figures in the order of the columns."""
    means = {**scores["means"], "": scores["worst"]["harmony_margin"]["value"]}
    forms = {
        "in_band_share": "{:.0%}",
        "foreign_notes": "{:.1%}",
        "frechet": "{:.0f}",
        "isolated_peaks": "{:.1f}",
        "complementarity": "{:.0%}",
    }
    return [forms.get(key, "{:.2f}").format(means[key]) for key in COLUMNS.values()]


if __name__ == "__main__":
    main()

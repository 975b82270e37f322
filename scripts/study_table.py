"""Writes the table of `make study` from the runs' own logs: what was predicted for each preset, and what it did."""

import argparse
import json
import os
import platform
from pathlib import Path

from hocket.diagnostics.milestones import MILESTONES

PRESETS = ("collapsed", "fixed", "guided", "default")
PREDICTED = {
    "collapsed": "0.11 / 0.86, copying the target",
    "fixed": "0.45-0.60 / 0.50-0.65, mixing, complementarity 85-90 %",
    "guided": "as `fixed`",
    "default": "not in the update",
}
COLUMNS = (
    "preset", "masks input / target", "complementarity", "variance", "output→input", "output→target", "R²",
    "margins: rhythm", "harmony", "articulation", "verdict", "rung",
)  # fmt: skip


def main() -> None:
    """Reads the four runs and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--music", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    logs = {
        preset: [json.loads(line) for line in (options.folder / preset / "log.jsonl").open(encoding="utf-8")]
        for preset in PRESETS
    }
    page = "\n".join([*_head(logs, options.music), *_table(logs), *_predictions(logs), *_milestones(logs)])
    options.output.write_text(page + "\n", encoding="utf-8")
    print(page)


def _head(logs: dict, music: Path) -> list[str]:
    start = logs["default"][0]
    config, facts = start["config"], start["versions"]
    steps = config["num_epochs"] * config["steps_per_epoch"]
    rendered = (music.parent / "corpus.json").is_file()
    data = "the rendered corpus" if rendered else f"the music of `{os.path.relpath(music)}`"
    chosen = "" if rendered else f" MUSIC={os.path.relpath(music)}"
    rates = ", ".join(f"{name} {_end(log)['examples_per_second']:.1f}" for name, log in logs.items())
    return [
        "# The collapse, and what the cures do",
        "",
        "Written by `make study` from the runs' logs. Four presets, the same "
        f"{steps} steps of {config['batch_size']} pairs of {config['excerpt_seconds']:g} s, seed {config['seed']}, on "
        f"{data}; validation on {config['num_validation_examples']} pairs of songs that were held out, judged as "
        "`hocket check` judges.",
        "",
        f"Machine: {os.cpu_count()} cores, {start['device']}, {platform.machine()}; torch {facts['torch']}, Python "
        f"{facts['python']}. Examples per second: {rates}.",
        "",
        f"Command: `make study EPOCHS={config['num_epochs']} STEPS={config['steps_per_epoch']}{chosen}`",
        "",
    ]


def _table(logs: dict) -> list[str]:
    rows = ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    for preset, log in logs.items():
        end = _last_validation(log)
        cells = [
            f"`{preset}`",
            f"{end['input_mask_mean']:.2f} / {end['target_mask_mean']:.2f}",
            f"{100 * end['complementarity']:.0f} %",
            *(
                f"{end[name]:.2f}"
                for name in (
                    "mask_variance", "output_input_correlation", "output_target_correlation", "overlay_r2",
                    "rhythm_margin", "harmony_margin", "articulation_margin",
                )
            ),
            f"{end['verdict']} ({end['ratio']:.1f}x)",
            end["rung"],
        ]  # fmt: skip
        rows.append("| " + " | ".join(cells) + " |")
    return ["After the last epoch:", "", *rows, ""]


def _predictions(logs: dict) -> list[str]:
    rows = ["| preset | predicted output→input / output→target | measured |", "|---|---|---|"]
    for preset, log in logs.items():
        end = _last_validation(log)
        measured = (
            f"{end['output_input_correlation']:.2f} / {end['output_target_correlation']:.2f}, {end['verdict']}, "
            f"complementarity {100 * end['complementarity']:.0f} %"
        )
        rows.append(f"| `{preset}` | {PREDICTED[preset]} | {measured} |")
    return ["Predicted by the training update, and measured:", "", *rows, ""]


def _milestones(logs: dict) -> list[str]:
    header = [f"{item.wish} (by {100 * item.fraction:.0f} %)" for item in MILESTONES]
    rows = ["| preset | " + " | ".join(header) + " |", "|" + "---|" * (len(header) + 1)]
    for preset, log in logs.items():
        validations = [line for line in log if line["kind"] == "validation"]
        cells = []
        for item in MILESTONES:
            line = validations[item.epoch(len(validations)) - 1]
            reached = _reached(item.fraction, line)
            cells.append(
                f"{'reached' if reached else 'missed'} ({line['output_input_correlation']:.2f} / "
                f"{line['output_target_correlation']:.2f}, {100 * line['complementarity']:.0f} %)"
            )
        rows.append(f"| `{preset}` | " + " | ".join(cells) + " |")
    return ["Milestones (output→input / output→target, complementarity, when each fell due):", "", *rows]


def _reached(fraction: float, line: dict) -> bool:
    from hocket.diagnostics import Figures, MaskFigures

    item = next(item for item in MILESTONES if item.fraction == fraction)
    figures = Figures(**{name: line[name] for name in Figures.__dataclass_fields__})
    masks = MaskFigures(**{name: line[name] for name in MaskFigures.__dataclass_fields__})
    return item.reached(figures, masks)


def _end(log: list[dict]) -> dict:
    return next(line for line in reversed(log) if line["kind"] == "end")


def _last_validation(log: list[dict]) -> dict:
    return next(line for line in reversed(log) if line["kind"] == "validation")


if __name__ == "__main__":
    main()

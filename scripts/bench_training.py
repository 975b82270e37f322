"""Where a training step's time goes, and what a second process is worth: shares and ratios, side by side in one run.

    python scripts/bench_training.py MUSIC_DIR [--rounds 2] [--json OUT.json]

Every variant trains the default preset for two epochs of 12 steps; the first is for warming up and is not counted.
Rounds take turns, so that what else the machine does meets all variants.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

STEPS = 12
BATCH = 4
ONE = (sys.executable, "-m", "hocket")
TWO = (sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "-m", "hocket")

VARIANTS = {
    "one process, one thread": (ONE, ["--num_threads=1"]),
    "one process, one thread, no music held in memory": (ONE, ["--num_threads=1", "--cache_megabytes=0"]),
    "one process, two threads": (ONE, ["--num_threads=2"]),
    "two gloo processes, one thread each": (TWO, ["--num_threads=1"]),
}


def main() -> None:
    """Runs all variants in turn and prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("music", type=Path)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    seen: dict[str, list[dict[str, float]]] = {name: [] for name in VARIANTS}
    for _ in range(options.rounds):
        for name, (starter, flags) in VARIANTS.items():
            seen[name].append(measured(starter, options.music, flags))
    rows = {
        name: {key: statistics.median(row[key] for row in rows) for key in rows[0]}
        for name, rows in seen.items()
    }
    print(table(rows))
    if options.json:
        options.json.write_text(json.dumps({"rows": rows, "rounds": seen}, indent=2) + "\n")


def measured(starter: tuple[str, ...], music: Path, flags: list[str]) -> dict[str, float]:
    """Seconds of the second epoch, by what they went into."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        words = [
            *starter,
            "train",
            str(music),
            "--run-dir",
            str(run),
            f"--steps_per_epoch={STEPS}",
            "--num_epochs=2",
        ]
        subprocess.run(
            [*words, *flags],
            check=True,
            capture_output=True,
            env={**os.environ, "OMP_WAIT_POLICY": "passive"},
        )
        lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    second = [line for line in lines if line["kind"] == "timing"][1]
    return {name: value for name, value in second.items() if name.endswith("_seconds")}


def table(rows: dict[str, dict[str, float]]) -> str:
    """Markdown: pace against the first variant, and shares of the time."""
    base = next(iter(rows.values()))
    lines = [
        "| | examples/s | against the first | waiting for data | checkpoint | validation |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        training = row["data_seconds"] + row["step_seconds"]
        whole = training + row["validation_seconds"] + row["checkpoint_seconds"]
        pace = (base["data_seconds"] + base["step_seconds"]) / training
        lines.append(
            f"| {name} | {STEPS * BATCH / training:.1f} | {pace:.2f}x | {row['data_seconds'] / training:.1%} | "
            f"{row['checkpoint_seconds'] / whole:.2%} | {row['validation_seconds'] / whole:.0%} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()

"""Samples of a trained run, by the command of the training update; `hocket fuse` does the work.

    python scripts/inference_cascade.py --checkpoint checkpoints_creative_agent_fixed/best_model.pt --num_samples 5

writes each output with its two sources and its pictures to the folder `samples` beside the checkpoint, or to `-o DIR`.
Every other word is handed on to `hocket fuse`.
"""

import argparse
import sys
from pathlib import Path

try:
    from hocket.cli import main as hocket
except ModuleNotFoundError as missing:
    sys.exit(f"{missing}: run this with the checkout's own Python, .venv/bin/python.")


def main() -> int:
    """Fills in the folder of the samples and calls `hocket fuse`; its exit code is this one's."""
    parser = argparse.ArgumentParser(
        description="Fuses samples of a trained run.",
        epilog="All other flags are those of 'hocket fuse'.",
        allow_abbrev=False,
    )
    parser.add_argument("--checkpoint", type=Path, required=True, help="best_model.pt means best.safetensors")
    parser.add_argument("-o", "--output", type=Path, help="folder of the samples (beside the checkpoint)")
    options, others = parser.parse_known_args()
    run = options.checkpoint if options.checkpoint.is_dir() else options.checkpoint.parent
    # The folder that belongs to this script is filled anew; one that the user names is asked about.
    place = ["-o", str(options.output)] if options.output else ["-o", str(run / "samples"), "--overwrite"]
    return hocket(["fuse", *others, "--checkpoint", str(options.checkpoint), *place])


if __name__ == "__main__":
    raise SystemExit(main())

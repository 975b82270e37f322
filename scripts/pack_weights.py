"""Makes runs' best weights those that come with hocket: `python scripts/pack_weights.py RUN ... --corpus corpus.json`.

Of several runs the weights are averaged (Wortsman et al. 2022): they must begin alike and differ in their loss alone.
Writes src/hocket/weights/default.safetensors (the model alone, no paths of the machine that trained it) and
default.json beside it: configuration, versions, and exactly what music was used.
"""

import argparse
import hashlib
import json
from pathlib import Path

import torch

from hocket.model.weights import PREFIX, load_checkpoint, save_checkpoint
from hocket.runs import find_checkpoint

FOLDER = Path(__file__).parents[1] / "src" / "hocket" / "weights"
KEPT = ("model", "config", "versions", "library")


def main() -> None:
    """Packs and says how large it became."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="a run folder of `hocket train`")
    parser.add_argument(
        "--corpus", type=Path, required=True, help="corpus.json of the rendered corpus that it was trained on"
    )
    arguments = parser.parse_args()
    loaded = [load_checkpoint(find_checkpoint(run)) for run in arguments.runs]
    weights = {
        name: torch.stack([tensors[name] for tensors, _ in loaded]).mean(dim=0)
        for name in loaded[0][0]
        if name.startswith(PREFIX)
    }
    metadata = loaded[0][1]
    facts = {name: metadata[name] for name in KEPT if name in metadata}
    # Where the music lay says nothing to anybody else.
    configs = [
        {name: value for name, value in found["config"].items() if name != "music"} for _, found in loaded
    ]
    facts["config"] = configs[0]
    differing = [name for name in configs[0] if any(config[name] != configs[0][name] for config in configs)]
    path = FOLDER / "default.safetensors"
    save_checkpoint(path, weights, facts)
    corpus = json.loads(arguments.corpus.read_text(encoding="utf-8"))
    provenance = {
        "weights": {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()},
        "licence": "Apache-2.0",
        "averaged_runs": [{name: config[name] for name in differing} for config in configs],
        "data": {
            "what": "rendered from hocket's own scores; no recording of anybody's music was used",
            "settings": corpus["settings"],
            # Whose instruments played, and under which licence: only a corpus of `python -m corpus` has this.
            **({"sound_set": corpus["sound_set"]} if "sound_set" in corpus else {}),
        },
        **facts,
    }
    text = json.dumps(provenance, indent=2, sort_keys=True)
    path.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()

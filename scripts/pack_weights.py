"""Makes a run's best weights the ones that come with hocket: `python scripts/pack_weights.py RUN --corpus corpus.json`.

Writes src/hocket/weights/default.safetensors (the model alone, no paths of the machine that trained it) and
default.json beside it: configuration, versions, and exactly what music was used.
"""

import argparse
import hashlib
import json
from pathlib import Path

from hocket.model.weights import PREFIX, load_checkpoint, save_checkpoint
from hocket.runs import find_checkpoint

FOLDER = Path(__file__).parents[1] / "src" / "hocket" / "weights"
KEPT = ("model", "config", "versions", "library")


def main() -> None:
    """Packs and says how large it became."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="a run folder of `hocket train`")
    parser.add_argument(
        "--corpus", type=Path, required=True, help="corpus.json of the rendered corpus that it was trained on"
    )
    arguments = parser.parse_args()
    tensors, metadata = load_checkpoint(find_checkpoint(arguments.run))
    weights = {name: tensor for name, tensor in tensors.items() if name.startswith(PREFIX)}
    facts = {name: metadata[name] for name in KEPT if name in metadata}
    # Where the music lay says nothing to anybody else.
    facts["config"] = {name: value for name, value in facts["config"].items() if name != "music"}
    path = FOLDER / "default.safetensors"
    save_checkpoint(path, weights, facts)
    corpus = json.loads(arguments.corpus.read_text(encoding="utf-8"))
    provenance = {
        "weights": {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()},
        "licence": "Apache-2.0",
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

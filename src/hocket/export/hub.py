"""A model as the folder of a hub's repository: weights, configuration, model card and an example; no pickle."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from hocket import files, outputs
from hocket.errors import HocketError
from hocket.hub import CONFIG, MODEL_TYPE, WEIGHTS
from hocket.model.weights import load_model, model_tensors, save_checkpoint
from hocket.version import __version__

CARD = "README.md"
EXAMPLE = "example"
KEPT = ("model", "config", "versions", "library", "step")
"""Of a checkpoint's metadata: names of songs, and where they lay, are nobody else's business."""

HEAD = """\
---
library_name: {library}
pipeline_tag: audio-to-audio
tags:
- music
- audio
- rhythm
- harmony
{licence}---

# {title}

Fuses the rhythm of one recording with the harmony of another, by Hocket:

```bash
pip install 'hocket[hub]'
hocket fuse RHYTHM.wav HARMONY.wav --checkpoint hub:OWNER/{title}
```

`example/` has two recordings and what these weights make of them.

"""


def require_new(folder: Path) -> None:
    """Raises HocketError if a folder is not empty, or cannot be written to."""
    outputs.make_folder(folder)
    if any(folder.iterdir()):
        raise HocketError(f"{folder} is not empty: give a new or empty folder.")


def write_hub_folder(
    folder: Path, checkpoint: Path, *, card: str, licence: str | None, example: Mapping[str, Path]
) -> None:
    """Writes a repository's files, all or none; `card` is Markdown, `example` has sounds by their new names.

    Raises:
        HocketError: the checkpoint is damaged, or the folder is not empty or cannot be written to.
    """
    require_new(folder)
    model, metadata = load_model(checkpoint)
    facts = {name: metadata[name] for name in KEPT if name in metadata}
    if "config" in facts:
        facts["config"] = {name: value for name, value in facts["config"].items() if name != "music"}
    with tempfile.TemporaryDirectory(prefix="hocket-hub-") as work:
        save_checkpoint(Path(work) / WEIGHTS, model_tensors(model), facts)
        weights = (Path(work) / WEIGHTS).read_bytes()
    config = {"model_type": MODEL_TYPE, "hocket": __version__, **facts}
    head = HEAD.format(
        library=MODEL_TYPE, title=folder.resolve().name, licence=f"license: {licence}\n" if licence else ""
    )
    contents = {
        WEIGHTS: weights,
        CONFIG: (json.dumps(config, indent=2, sort_keys=True) + "\n").encode(),
        **{f"{EXAMPLE}/{name}": sound.read_bytes() for name, sound in example.items()},
        CARD: (head + card.strip() + "\n").encode(),
    }
    outputs.make_folder(folder / EXAMPLE)
    with files.FileGroup(failure=HocketError) as group:
        for name, content in contents.items():
            files.write_all(group.open(folder / name), content)

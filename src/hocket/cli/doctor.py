"""`hocket doctor`: all that a bug report needs to say of this machine, and a fusion that proves that it works."""

import json
import os
import platform
import shutil
import sys
import tempfile
import time
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hocket import examples
from hocket.cli.flags import VerbParser
from hocket.cli.progress import say
from hocket.errors import HocketError
from hocket.version import __version__

EXIT_BROKEN = 1
LIBRARIES = ("torch", "numpy", "scipy", "soundfile", "soxr", "python-stretch", "mido")
EXTRAS = {
    "eval": ("librosa", "mir_eval", "onnxruntime"),
    "pictures": ("matplotlib",),
    "studio": ("starlette", "uvicorn"),
    "tensorboard": ("tensorboard",),
    "onnx": ("onnx", "onnxruntime"),
    "formats": ("av",),
    "hub": ("huggingface_hub",),
    "neural": ("transformers",),
}
"""Extras of the package, and the modules by which one knows that they are installed."""

PAIR = "drums-strings"


def run(argv: list[str]) -> int:
    """Prints what was found; 0 if the self-test worked, else 1."""
    options = _parser().parse_args(argv)
    test = _self_test()
    found = _machine() | {"self-test": test}
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        found["self-test"] = _verdict(found["self-test"])
        for name, value in found.items():
            say(f"{name:<12} {_in_words(value)}")
    return 0 if test["worked"] else EXIT_BROKEN


def _parser() -> VerbParser:
    parser = VerbParser(
        "doctor",
        "Prints versions, devices, formats, extras and weights, and fuses an example to prove that it works. Paste it "
        "into a bug report.",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    return parser


def _machine() -> dict[str, Any]:
    import torch

    from hocket.files import WRITABLE
    from hocket.model.weights import default_weights

    extras = {name: all(map(_is_there, modules)) for name, modules in EXTRAS.items()}
    free, num_threads = shutil.disk_usage(tempfile.gettempdir()).free, torch.get_num_threads()
    return {
        "hocket": __version__,
        "python": f"{platform.python_version()} ({sys.executable})",
        "system": f"{platform.platform()}, {os.cpu_count()} cores",
        "libraries": {name: _version(name) for name in LIBRARIES},
        "devices": {"cpu": f"{num_threads} thread{'s' * (num_threads != 1)}", **_accelerators()},
        "reads": "wav, flac, ogg, opus, mp3, aiff" + (", m4a, aac" if extras["formats"] else ""),
        "writes": ", ".join(ending[1:] for ending in WRITABLE if ending != ".m4a" or extras["formats"]),
        "extras": {name: "yes" if there else f"no: pip install 'hocket[{name}]'" for name, there in extras.items()},
        "weights": str(default_weights()),
        "free space": f"{free / 1e9:.1f} GB in {tempfile.gettempdir()}",
    }  # fmt: skip


def _accelerators() -> dict[str, str]:
    import torch

    cuda = {f"cuda:{index}": torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())}
    return cuda | ({"mps": "available, not measured yet"} if torch.backends.mps.is_available() else {})


def _self_test() -> dict[str, Any]:
    """Fuses an example in a folder of its own, and checks what came out."""
    from hocket import api

    rhythm, harmony = (examples.FOLDER / f"{PAIR}-{part}.mp3" for part in ("rhythm", "harmony"))
    begin = time.perf_counter()
    try:
        with tempfile.TemporaryDirectory(prefix="hocket-doctor-") as folder:
            output = Path(folder) / "fused.wav"
            api.fuse(rhythm, harmony, output)
            level = api.check(output, input=rhythm, target=harmony).level
    except (HocketError, OSError) as error:
        return {"worked": False, "error": str(error)}
    seconds = time.perf_counter() - begin
    return {"worked": level == "fusion", "level": str(level), "seconds": round(seconds, 1)}


def _is_there(module: str) -> bool:
    return find_spec(module) is not None


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "missing"


def _verdict(test: dict[str, Any]) -> str:
    if "error" in test:
        return f"failed: {test['error']}"
    return f"{'passed' if test['worked'] else 'failed'}: an example became a {test['level']} in {test['seconds']} s"


def _in_words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {part}" for name, part in value.items())
    return str(value)

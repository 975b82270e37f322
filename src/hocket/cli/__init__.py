"""The `hocket` command: a table of verbs, each loaded only when it is called."""

import gc
import importlib
import os
import sys
from collections.abc import Sequence

from hocket.cli.ending import EXIT_USAGE, ending_in_order
from hocket.cli.progress import say
from hocket.cli.streams import lasting_streams
from hocket.devices import allow_fallback, is_out_of_memory
from hocket.errors import HocketError, ToldElsewhereError
from hocket.memory import keep_freed_memory
from hocket.typed import nearest
from hocket.version import __version__

GROUPS = {
    "Make music": {
        "fuse": "fuse the rhythm of one recording with the harmony of another",
        "check": "tell whether an output mixes its two sources or copies one of them",
        "studio": "open a local page to fuse recordings and to follow training runs",
    },
    "Train": {
        "prepare": "check folders of music and split them by song for training",
        "train": "train a model on a folder of music",
        "report": "write a page with the results, pictures and sound of a run",
        "slurm": "print or submit the batch script for training on a SLURM cluster",
    },
    "Tools": {
        "evaluate": "score fusions with independent metrics, next to baseline methods",
        "listen": "write a blind listening test as one page, and count its answers",
        "export": "write the model as ONNX, checked against PyTorch",
        "render": "render a corpus of simple music whose true fusions are known",
        "doctor": "print versions, devices and extras, and test a fusion on this machine",
    },
}
FLAGS = ("--help", "--version")
VERBS = {verb: words for group in GROUPS.values() for verb, words in group.items()}

ONE_THREAD = ("fuse", "studio")
"""Verbs whose work a second thread does not make faster, only dearer (docs/results/performance.md)."""

PRINTING = ("check", "doctor", "evaluate", "slurm")
"""Verbs whose work is what they print; all others go on where nobody reads it."""

EXIT_UNREAD = 141
MEMORY_CURE = "end other programs that use it, or try --device cpu."
GARBAGE_THRESHOLD = 100_000


@ending_in_order
def main(argv: Sequence[str] | None = None) -> int:
    """Runs one verb and returns its exit code; a user's mistake is one line on stderr and exit code 2."""
    # Threads that spin while they wait make a step beside a busy core several times slower; set before torch loads.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    allow_fallback()
    arguments = list(sys.argv[1:] if argv is None else argv)
    with lasting_streams(is_product=bool(arguments) and arguments[0] in PRINTING):
        return _run(arguments)


def _run(arguments: list[str]) -> int:
    verb, *words = arguments or ["help"]
    if verb in ("help", "-h", "--help"):
        if not words:
            say(_help())
            return 0
        verb, words = words[0], ["--help"]
    if verb == "--version":
        print(f"hocket {__version__}")
        return 0
    if verb not in VERBS:
        kind, close = "flag" if verb.startswith("-") else "verb", nearest(verb, (*VERBS, *FLAGS))
        hint = f"did you mean {close}?" if close else "see 'hocket --help'."
        say(f"hocket: error: there is no {kind} {verb}: {hint}", sys.stderr)
        return EXIT_USAGE
    if verb in ONE_THREAD:
        os.environ.setdefault("OMP_NUM_THREADS", "1")
    keep_freed_memory()
    # Loading torch makes half a million objects that stay: looking for garbage among them took a tenth of the time.
    gc.set_threshold(GARBAGE_THRESHOLD)
    module = importlib.import_module(f"hocket.cli.{verb}")
    try:
        code = int(module.run(words))
        sys.stdout.flush()
        return code
    except ToldElsewhereError:
        return EXIT_USAGE
    except HocketError as error:
        say(f"hocket {verb}: error: {error}", sys.stderr)
        return EXIT_USAGE
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        say(f"hocket {verb}: error: there is too little memory for this: {MEMORY_CURE}", sys.stderr)
        return EXIT_USAGE
    except BrokenPipeError:
        # Whoever read the output has had enough of it, as in `hocket evaluate ... | head`; nothing more can be told.
        return EXIT_UNREAD


def _help() -> str:
    width = max(map(len, VERBS)) + 4
    lines = ["usage: hocket VERB ..."]
    for title, verbs in GROUPS.items():
        lines += ["", f"{title}:", *(f"  {verb}".ljust(width) + words for verb, words in verbs.items())]
    lines += ["", "'hocket VERB --help' explains a verb; 'hocket --version' shows the version."]
    return "\n".join(lines)

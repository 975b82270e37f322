"""The `hocket` command: a table of verbs, each loaded only when it is called."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from hocket import __version__
from hocket.cli.ending import EXIT_USAGE, ending_in_order
from hocket.cli.streams import lasting_streams
from hocket.errors import HocketError, ToldElsewhereError
from hocket.memory import keep_freed_memory

VERBS = {
    "prepare": "look through folders of music and split them by song, ready to train on",
    "train": "learn to fuse from a folder of music, with a diagnosis in every batch",
    "fuse": "fuse the rhythm of one recording with the harmony of another",
    "check": "say whether an output mixes its sources or copies one of them",
    "evaluate": "score fusions with independent estimators, beside methods that need no training",
    "report": "write one page that shows what runs did, with pictures and sound",
    "studio": "serve a local page to fuse two recordings and to follow runs",
    "export": "write the agent and the cascade as ONNX, checked against what trained them",
    "slurm": "print or submit the batch script that trains on a SLURM cluster",
    "render": "render a corpus of simple music whose true fusions are known",
}

ONE_THREAD = ("fuse", "studio")
"""Verbs whose work a second thread does not make faster, only dearer (docs/results/performance.md)."""

PRINTING = ("check", "evaluate", "slurm")
"""Verbs whose work is what they print; all others go on where nobody reads it."""

EXIT_UNREAD = 141


@ending_in_order
def main(argv: Sequence[str] | None = None) -> int:
    """Runs one verb and returns its exit code; a user's mistake is one line on stderr and exit code 2."""
    # Threads that spin while they wait make a step beside a busy core several times slower; set before torch loads.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    arguments = list(sys.argv[1:] if argv is None else argv)
    with lasting_streams(is_product=bool(arguments) and arguments[0] in PRINTING):
        return _run(arguments)


def _run(arguments: list[str]) -> int:
    parser = _top_parser()
    verb = parser.parse_args(arguments[:1]).verb
    if verb in ONE_THREAD:
        os.environ.setdefault("OMP_NUM_THREADS", "1")
    keep_freed_memory()
    module = importlib.import_module(f"hocket.cli.{verb}")
    try:
        code = int(module.run(arguments[1:]))
        sys.stdout.flush()
        return code
    except ToldElsewhereError:
        return EXIT_USAGE
    except HocketError as error:
        print(f"hocket {verb}: error: {error}", file=sys.stderr)
        return EXIT_USAGE
    except BrokenPipeError:
        # Whoever read the output has had enough of it, as in `hocket evaluate ... | head`; nothing more can be told.
        return EXIT_UNREAD


def _top_parser() -> argparse.ArgumentParser:
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {verb:<{width}}  {text}" for verb, text in VERBS.items())
    parser = argparse.ArgumentParser(
        prog="hocket",
        description="Fuses the rhythm of an input with the harmony of a target.",
        epilog=f"verbs:\n{verbs}\n\n'hocket VERB --help' tells more of each.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"hocket {__version__}")
    parser.add_argument("verb", choices=VERBS, metavar="VERB", help="what to do")
    return parser

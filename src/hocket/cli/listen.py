"""`hocket listen`: writes a blind listening test as one page, and counts the answers that listeners send back."""

import argparse
import json
import secrets
import sys
from dataclasses import asdict
from pathlib import Path

from hocket import outputs
from hocket.cli.flags import INCLUDED, VerbParser, add_device, with_note
from hocket.cli.progress import say
from hocket.errors import ConfigError
from hocket.typed import one_of

LEAST_SECONDS, MOST_SECONDS = 1.0, 60.0


def run(argv: list[str]) -> int:
    """Writes the page, or with `--results` prints what the answers come to; progress goes to stderr."""
    options = _parser().parse_args(argv)
    _check(options)
    return _make(options) if options.pairs is not None else _count(options)


def _parser() -> VerbParser:
    parser = VerbParser(
        "listen",
        "Writes a blind listening test: one page that plays the outputs of Hocket and of baseline methods, equally "
        "loud and without their names, and asks how well each one keeps the rhythm and the harmony. Send index.html "
        "to your listeners and keep key.json to yourself. --results summarises the files that they send back.",
        usage="hocket listen PAIRS -o FOLDER [flags], or hocket listen --results ANSWERS.json ... --key key.json",
    )
    add = parser.add_argument
    add("pairs", type=Path, nargs="?", metavar="PAIRS", help="CSV file with the columns input and target")
    add("-o", "--output", type=Path, metavar="FOLDER", help="folder for index.html and key.json")
    add(
        "--with",
        dest="baselines",
        default="layering,cross-synthesis",
        metavar="NAMES",
        help="baseline methods to compare with: overlay, layering, … as in 'hocket evaluate'",
    )
    add("--checkpoint", type=Path, metavar="RUN/best", help=f"the model to test (default: {INCLUDED})")
    add("--seconds", type=float, default=12.0, metavar="S", help="length of each sound in seconds, 1 to 60")
    add("--seed", type=int, metavar="N", help="random seed for the hidden names (default: new each time)")
    add("--overwrite", action="store_true", help="replace an existing test")
    add("--results", type=Path, nargs="+", metavar="ANSWERS.json", help="files that your listeners sent back")
    add("--key", type=Path, metavar="key.json", help="the key that was written next to the page")
    add_device(parser)
    add("--json", action="store_true", help="print the results as one JSON object instead of a table")
    return parser


def _check(options: argparse.Namespace) -> None:
    if (options.pairs is None) == (options.results is None):
        raise ConfigError("give either PAIRS to write a test, or --results ANSWERS.json to count answers.")
    if options.pairs is not None and options.output is None:
        raise ConfigError("the test needs a folder: give it with -o FOLDER.")
    if options.results is not None and options.key is None:
        raise ConfigError("--results needs the test's key: give it with --key key.json.")
    if not LEAST_SECONDS <= options.seconds <= MOST_SECONDS:
        raise ConfigError(f"--seconds is {options.seconds:g}: give {LEAST_SECONDS:g} to {MOST_SECONDS:g}.")


def _make(options: argparse.Namespace) -> int:
    from hocket.data.pairs import read_pairs
    from hocket.evaluation.baselines import BASELINES
    from hocket.fusing import Fuser
    from hocket.listening import making

    baselines = _baselines(options.baselines, tuple(BASELINES))
    pairs = read_pairs(options.pairs)
    planned = [options.output / making.PAGE, options.output / making.KEY]
    sources = [options.pairs, *(path for pair in pairs for path in (pair.input, pair.target))]
    outputs.check_outputs(planned, sources=sources, sound=planned, overwrite=options.overwrite)
    fuser = Fuser.from_checkpoint(options.checkpoint, device=with_note(options.device))
    excerpts = making.read_excerpts(pairs, seconds=options.seconds)
    outputs.make_folder(options.output)
    trials: list[making.Trial] = []
    for trial in making.make_trials(excerpts, fuser=fuser, baselines=baselines):
        trials.append(trial)
        print(f"pair {trial.pair.name} made ({len(trials)}/{len(pairs)})", file=sys.stderr, flush=True)
    seed = secrets.randbelow(2**32) if options.seed is None else options.seed
    about = {"checkpoint": str(fuser.checkpoint), "seconds": options.seconds}
    making.write_test(options.output, trials, seed=seed, about=about)
    size_mb = planned[0].stat().st_size / 1e6
    say(f"Saved {planned[0]} ({size_mb:.1f} MB): send it to your listeners; it opens in any browser.")
    say(f"Saved {planned[1]}: keep it to yourself, it says which system made which sound.")
    print(f"next: hocket listen --results answers-*.json --key {planned[1]}")
    return 0


def _baselines(text: str, known: tuple[str, ...]) -> list[str]:
    """The names in a list with commas, hyphens or underscores, each once."""
    names = dict.fromkeys(name.strip().replace("-", "_") for name in text.split(",") if name.strip())
    for name in names:
        if name not in known:
            raise ConfigError(f"--with names {name!r}: {one_of(name, known)}.")
    return list(names)


def _count(options: argparse.Namespace) -> int:
    from hocket.listening import QUESTIONS
    from hocket.listening.results import as_table, read_answers, read_key, summarise

    key = read_key(options.key)
    answers, notes = read_answers(options.results, key)
    for note in notes:
        say(f"note: {note}", sys.stderr)
    results = summarise(answers, key)
    if options.json:
        told = {"listening_test": key.test, "questions": QUESTIONS, **asdict(results)}
        print(json.dumps(told, indent=2, allow_nan=False))
    else:
        say(as_table(results))
    return 0

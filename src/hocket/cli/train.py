"""`hocket train`: settings from presets, files and flags; progress, diagnosis and checklist on the terminal."""

import argparse
import json
import re
import sys
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from hocket import files, outputs
from hocket.cli.ending import EXIT_CODES, Interrupted, Stopping
from hocket.cli.flags import VerbParser, with_hyphens, with_note
from hocket.cli.progress import say
from hocket.errors import ConfigError
from hocket.runs import CONFIG, RENAMED, REPORT, RunLock
from hocket.typed import field_help, read_value

if TYPE_CHECKING:
    from hocket.settings import RunConfig
    from hocket.training.events import Outcome

EXIT_UNMET = 3
USUAL = {
    *("num_epochs", "steps_per_epoch", "batch_size", "learning_rate", "seed"),
    *("device", "num_threads", "num_workers", "novelty_weight", *RENAMED.values()),
}
"""Fields that the short help shows: length and speed of a run, and the weights that the training update names."""
_METAVARS = {int: "N", float: "X", str: "TEXT", bool: "{true,false}"}


def run(argv: list[str]) -> int:
    """Trains; returns 0, 3 where `--strict` meets an unmet checklist, or what stands for the signal that ended it."""
    # Before anything heavy is loaded: a cluster's warning may come while torch still is.
    try:
        with Stopping() as stopping:
            options, fields = read_flags(argv)
            config = read_config(options, fields)
            outcome, is_first = _train(options, config, stopping)
    except RuntimeError as error:
        # Torch tells of a dead reading process wherever the main thread is, on the way out of another error too.
        from hocket.training.feeding import WORKER_DIED, worker_died

        if WORKER_DIED not in str(error):
            raise
        raise worker_died() from error
    # After the processes have left each other: nobody waits for a page to be drawn.
    if is_first and outcome.validation is not None and options.report:
        _report(options.run)
    return _exit_code(outcome, options.strict)


def _unless_told(failure: threading.ExceptHookArgs) -> None:
    """TensorBoard's thread dies of a full disk with a traceback, of which the tracker tells in a sentence."""
    if not (isinstance(failure.exc_value, OSError) and type(failure.thread).__name__ == "_AsyncWriterThread"):
        threading.__excepthook__(failure)


def _report(run: Path) -> None:
    """Writes the page next to the run; a training that is done is not failed by its page."""
    from hocket.report.page import write_report
    from hocket.settings import RunConfig, flatten

    try:
        with Stopping():
            outputs.check_outputs([run / REPORT], sources=[], overwrite=False)
            write_report([run], run / REPORT, defaults=flatten(RunConfig()))
        print(f"report: {run / REPORT}")
    except (Exception, Interrupted) as error:
        # Whoever does not wait for the page gets the training's own exit code: it is done, and not to be queued again.
        reason = " ".join(str(error).split()) or type(error).__name__
        say(f"the report was not written ({reason}): try again with hocket report {run}", sys.stderr)


def _train(options: argparse.Namespace, config: "RunConfig", stopping: Stopping) -> "tuple[Outcome, bool]":
    """Trains; gives the outcome, and True in the process that prints."""
    from hocket.cli.console import Console
    from hocket.cli.progress import FileProgress
    from hocket.training import runtime
    from hocket.training.events import Listener
    from hocket.training.opening import open_music
    from hocket.training.trainer import Trainer

    threading.excepthook = _unless_told
    with_note(config.training.device)
    started, lock = runtime.start(config.training), RunLock()
    try:
        speaks = started.processes.is_first
        console = Console()
        _spare_config(options, config)
        with FileProgress(stderr=False) as progress:
            library = open_music(
                config,
                options.run,
                started.processes,
                fresh=options.fresh,
                lock=lock,
                progress=progress.advance,
            )
        trainer = Trainer(config, library, options.run, console if speaks else Listener(), started)
        notes = trainer.resume()
        # From here on a signal saves, and only then is it told that the run is there.
        stopping.handler = trainer.request_stop
        if speaks:
            console.on_library(library)
            console.on_start(trainer, options.run, notes)
        outcome = trainer.run()
        if speaks:
            console.on_end(outcome, options.run)
    finally:
        lock.release()
        started.processes.leave()
    return outcome, speaks


def _spare_config(options: argparse.Namespace, config: "RunConfig") -> None:
    """Refuses to write the run's configuration over one that the user wrote by hand in the same place."""
    from hocket.settings import build, read_toml, write_toml

    written = options.run / CONFIG
    if options.config is None or not written.exists() or not written.samefile(options.config):
        return
    text = files.read_text(written, max_bytes=files.MAX_SETTINGS_BYTES)
    if text not in (write_toml(config), write_toml(build(read_toml(options.config)))):
        raise ConfigError(f"{written} would be overwritten while it is read: give --config a copy elsewhere.")


def read_flags(argv: list[str]) -> tuple[argparse.Namespace, dict[str, Any]]:
    """The command's own options, and the values of the fields that have been given.

    Raises:
        ConfigError: see `VerbParser`.
    """
    from hocket.settings import FIELDS

    options = _parser(everything="--help-all" in with_hyphens(argv)).parse_args(argv)
    given = vars(options)
    fields = {name: given.pop(name) for name in list(given) if name in FIELDS}
    return options, fields


def _parser(*, everything: bool = True) -> VerbParser:
    """Knows all fields; its help shows the usual ones, or `everything`."""
    from hocket.settings import DEFAULT_PRESET, GROUPS, flatten, preset, preset_names

    parser = VerbParser(
        "train",
        "Trains a model on a folder of music. Run the same command again to continue. Settings come from the preset or "
        f"the configuration file, then from flags; the defaults below are those of the preset '{DEFAULT_PRESET}'.",
        usage="hocket train MUSIC_DIR --run RUN_DIR [flags]",
        epilog=None if everything else "'hocket train --help-all' shows every setting.",
    )
    add = parser.add_argument
    add(
        "data", type=Path, nargs="?", metavar="MUSIC_DIR", help="music folder, prepared data, or CSV of pairs"
    )
    # torchrun takes the short name for an abbreviation of its own --run-path, even behind the script's name.
    words = "run folder (under torchrun, write --run-dir)"
    add("--run", "--run-dir", type=Path, metavar="RUN_DIR", help=words)
    add("--preset", help=f"named settings: {', '.join(preset_names())} (default: {DEFAULT_PRESET})")
    add("--config", type=Path, metavar="FILE", help="TOML file of settings, such as RUN_DIR/config.toml")
    add("--fresh", action="store_true", help="delete the run in this folder and start over")
    add("--strict", action="store_true", help=f"exit with {EXIT_UNMET} if the success checklist is not met")
    add("--no-report", dest="report", action="store_false", help="do not write RUN_DIR/report.html")
    add("--help-all", action="help", help="show every setting and exit")
    defaults = flatten(preset(DEFAULT_PRESET))
    for group, kind in GROUPS.items():
        described = field_help(kind)
        is_shown = everything or USUAL & described.keys()
        words = _with_flags(str(kind.__doc__).partition("\n")[0])
        section = parser.add_argument_group(f"{group} settings", words if is_shown else None)
        for name, hint in get_type_hints(kind).items():
            default = f" (default: {shown(defaults[name])})" if defaults[name] != "" else ""
            words = f"{_with_flags(described[name]).rstrip('.')}{default}".replace("%", "%%")
            is_choice = get_origin(hint) is Literal
            section.add_argument(
                *(flag(word) for word in (name, *(old for old, new in RENAMED.items() if new == name))),
                dest=name,
                default=argparse.SUPPRESS,
                type=partial(read_value, kind=hint),
                metavar=f"{{{','.join(get_args(hint))}}}" if is_choice else _METAVARS.get(hint, "LIST"),
                help=words if everything or name in USUAL else argparse.SUPPRESS,
            )
    return parser


def _with_flags(text: str) -> str:
    """Replaces the names of fields in a sentence by those of their flags."""
    from hocket.settings import FIELDS

    return re.sub(r"\w+_\w+", lambda found: flag(found[0]) if found[0] in FIELDS else found[0], text)


def flag(name: str) -> str:
    """The flag of a field."""
    return f"--{name.replace('_', '-')}"


def shown(value: Any) -> str:
    """A field's value as its flag takes it."""
    if isinstance(value, list | tuple):
        return json.dumps(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def read_config(options: argparse.Namespace, given: dict[str, Any]) -> "RunConfig":
    """The configuration: preset, then file, then flags.

    Raises:
        ConfigError: a value is out of its range, or the music or the run folder is missing.
    """
    from hocket.settings import DEFAULT_PRESET, build, read_preset, read_toml

    # A configuration file is whole by itself: what it does not name is the base, not a preset's.
    name = options.preset or (None if options.config else DEFAULT_PRESET)
    values = read_preset(name) if name else {}
    if options.config:
        values |= read_toml(options.config)
    values |= given
    music = options.data or values.get("music")
    if music:
        # Written down in full, so that RUN/config.toml repeats the run from any folder.
        values["music"] = _recordable(Path(music).resolve())
    if Path(str(weights := values.get("codec_weights", ""))).is_dir() and weights:
        values["codec_weights"] = _recordable(Path(weights).resolve())
    config = build(values)
    if not music or options.run is None:
        raise ConfigError("give the music and a run folder: hocket train MUSIC_DIR --run RUN_DIR")
    if "codec" in values:
        from hocket.codec import open_codec

        # Before any music is prepared for a codec that cannot be used.
        codec = open_codec(config.codec, any_rate="sample_rate" not in values)
        config = replace(config, codec=replace(config.codec, sample_rate=codec.sample_rate))
    return config


def _recordable(path: Path) -> str:
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise ConfigError(
            f"{path} has a name that is not UTF-8, which config.toml cannot store: rename it."
        ) from error
    return str(path)


def _exit_code(outcome: "Outcome", strict: bool) -> int:
    for number, code in EXIT_CODES.items():
        if outcome.stopped == number.name:
            return code
    return EXIT_UNMET if strict and not all(item.met for item in outcome.items) else 0

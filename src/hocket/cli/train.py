"""`hocket train`: settings from presets, files and flags; progress, diagnosis and checklist on the terminal."""

import argparse
import json
import sys
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn, get_args, get_origin, get_type_hints

from hocket import files, outputs
from hocket.cli.ending import EXIT_CODES, Interrupted, Stopping
from hocket.cli.flags import VerbParser, suggest
from hocket.errors import ConfigError
from hocket.runs import CONFIG, RENAMED, REPORT, RunLock
from hocket.typed import field_help, read_value

if TYPE_CHECKING:
    from hocket.settings import RunConfig
    from hocket.training.events import Outcome

EXIT_UNMET = 3
OWN_FLAGS = ("run", "run_dir", "preset", "config", "fresh", "strict", "no_report")
_METAVARS = {int: "N", float: "X", str: "TEXT", bool: "true|false"}


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
    """Writes the page beside the run; a training that is done is not failed by its page."""
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
        print(f"the report was not written ({reason}); hocket report {run} tries again", file=sys.stderr)


def _train(options: argparse.Namespace, config: "RunConfig", stopping: Stopping) -> "tuple[Outcome, bool]":
    """How it ended, and whether this is the process that speaks."""
    from hocket.cli.console import Console
    from hocket.cli.progress import FileProgress
    from hocket.training import runtime
    from hocket.training.events import Listener
    from hocket.training.opening import open_music
    from hocket.training.trainer import Trainer

    threading.excepthook = _unless_told
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
        raise ConfigError(
            f"{written} is also read and would be written over: give --config a copy elsewhere."
        )


def read_flags(argv: list[str]) -> tuple[argparse.Namespace, dict[str, Any]]:
    """The command's own options, and the values of the fields that have been given.

    Raises:
        ConfigError: a flag is unknown (the nearest right one is named) or lacks its value.
    """
    from hocket.settings import FIELDS

    options, rest = _parser().parse_known_args(argv)
    suggest(rest, [*FIELDS, *RENAMED, *OWN_FLAGS])
    if rest:
        raise ConfigError(
            f"{rest[0]} is one word too many: give one MUSIC_DIR, and see 'hocket train --help'."
        )
    given = vars(options)
    fields = {name: given.pop(name) for name in list(given) if name in FIELDS}
    return options, fields


class _Parser(VerbParser):
    def error(self, message: str) -> NoReturn:
        """Says it in a sentence; the usage would name a hundred flags."""
        raise ConfigError(message)


def _parser() -> VerbParser:
    from hocket.settings import DEFAULT_PRESET, GROUPS, flatten, preset

    parser = _Parser(
        "train",
        "Learns to fuse from a music folder (recursive) or a CSV with the columns input,target. Settings are those of "
        "the preset or of the configuration file, then those of the flags.",
        usage="hocket train MUSIC_DIR --run RUN_DIR [--preset PRESET] [--config FILE] [flags]",
    )
    add = parser.add_argument
    add(
        "data", type=Path, nargs="?", metavar="MUSIC_DIR", help="music folder, prepared data, or CSV of pairs"
    )
    # torchrun takes the short name for an abbreviation of its own --run-path, even behind the script's name.
    add(
        "--run",
        "--run_dir",
        type=Path,
        metavar="RUN_DIR",
        help="folder of the run (--run-dir under torchrun)",
    )
    add("--preset", help="collapsed, fixed, guided or default (default)")
    add("--config", type=Path, metavar="FILE", help="TOML file of fields, such as RUN_DIR/config.toml")
    add("--fresh", action="store_true", help="start over where the folder holds a run")
    add("--strict", action="store_true", help="exit with 3 if the success checklist is not met")
    add("--no_report", dest="report", action="store_false", help="write no RUN_DIR/report.html at the end")
    usual = flatten(preset(DEFAULT_PRESET))
    for group, kind in GROUPS.items():
        section = parser.add_argument_group(group, (kind.__doc__ or "").partition("\n")[0])
        described = field_help(kind)
        for name, hint in get_type_hints(kind).items():
            section.add_argument(
                *(f"--{word}" for word in (name, *(old for old, new in RENAMED.items() if new == name))),
                dest=name,
                default=argparse.SUPPRESS,
                type=partial(read_value, kind=hint),
                metavar="|".join(get_args(hint))
                if get_origin(hint) is Literal
                else _METAVARS.get(hint, "LIST"),
                help=f"{described.get(name, '').rstrip('.')} ({shown(usual[name])})".strip().replace(
                    "%", "%%"
                ),
            )
    return parser


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
    config = build(values)
    if not music or options.run is None:
        raise ConfigError("give the music and a run folder: hocket train MUSIC_DIR --run RUN_DIR")
    return config


def _recordable(path: Path) -> str:
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise ConfigError(
            f"{path} has a name that is no UTF-8, which config.toml cannot hold: rename it."
        ) from error
    return str(path)


def _exit_code(outcome: "Outcome", strict: bool) -> int:
    for number, code in EXIT_CODES.items():
        if outcome.stopped == number.name:
            return code
    return EXIT_UNMET if strict and not all(item.met for item in outcome.items) else 0

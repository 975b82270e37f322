"""`hocket train`: settings from presets, files and flags; progress, diagnosis and checklist on the terminal."""

import argparse
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hocket import files, outputs
from hocket.cli.flags import joined, suggest, underscored
from hocket.cli.stopping import EXIT_CODES, Interrupted, Stopping
from hocket.errors import ConfigError

if TYPE_CHECKING:
    from hocket.training.config import RunConfig
    from hocket.training.events import Outcome

EXIT_UNMET = 3
MAX_SAID = 500


def run(argv: list[str]) -> int:
    """Trains; returns 0, 3 where `--strict` meets an unmet checklist, or what stands for the signal that ended it."""
    # Before anything heavy is loaded: a cluster's warning may come while torch still is.
    try:
        with Stopping() as stopping:
            options, config = _parse(argv)
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
    from hocket.training.config import RunConfig, flatten
    from hocket.training.folder import REPORT

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
    from hocket.cli.prepare import Progress
    from hocket.training import runtime
    from hocket.training.events import SilentListener
    from hocket.training.folder import RunLock
    from hocket.training.opening import open_music
    from hocket.training.trainer import Trainer

    threading.excepthook = _unless_told
    started, lock = runtime.start(config.training), RunLock()
    try:
        speaks = started.processes.is_first
        console = Console()
        _spare_config(options, config)
        with Progress(stderr=False) as progress:
            library = open_music(
                config,
                options.run,
                started.processes,
                fresh=options.fresh,
                lock=lock,
                progress=progress.advance,
            )
        trainer = Trainer(config, library, options.run, console if speaks else SilentListener(), started)
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
    from hocket.training.config import build, read_toml, write_toml
    from hocket.training.folder import CONFIG, MOST_CONFIG_BYTES

    written = options.run / CONFIG
    if options.config is None or not written.exists() or not written.samefile(options.config):
        return
    text = files.read_text(written, max_bytes=MOST_CONFIG_BYTES)
    if text not in (write_toml(config), write_toml(build(read_toml(options.config)))):
        raise ConfigError(
            f"{written} is also read and would be written over: give --config a copy elsewhere."
        )


def _parse(argv: list[str]) -> tuple[argparse.Namespace, "RunConfig"]:
    """The command's own options, and the configuration: preset, then file, then flags."""
    from hocket.training.config import FIELDS

    own = argparse.ArgumentParser(
        prog="hocket train",
        description="Learns to fuse from a music folder (recursive) or a CSV with the columns input,target.",
        add_help=False,
        allow_abbrev=False,
    )
    own.add_argument("data", type=Path, nargs="?", metavar="DATA", help="music folder, or CSV of pairs")
    # torchrun takes the short name for an abbreviation of its own --run-path, even behind the script's name.
    own.add_argument(
        "--run",
        "--run_dir",
        type=Path,
        metavar="RUN_DIR",
        help="folder of the run (--run-dir under torchrun)",
    )
    own.add_argument("--preset", default=None, help="collapsed, fixed, guided or default")
    own.add_argument(
        "--config", type=Path, metavar="FILE", help="TOML file of fields, such as RUN_DIR/config.toml"
    )
    own.add_argument("--fresh", action="store_true", help="start over where the folder holds a run")
    own.add_argument("--strict", action="store_true", help="exit with 3 if the success checklist is not met")
    own.add_argument(
        "--no_report", dest="report", action="store_false", help="write no RUN_DIR/report.html at the end"
    )
    own.add_argument("-h", "--help", action="store_true", help="show this message and exit")
    options, rest = own.parse_known_args(joined(underscored(argv), FIELDS))
    if options.help:
        own.print_help()
        print("\nEvery field of the configuration is a flag too:\n")
        _field_parser().print_help()
        raise SystemExit(0)
    config = _config(options, rest)
    if not config.data.music or options.run is None:
        raise ConfigError("give the music and a run folder: hocket train MUSIC_DIR --run RUN_DIR")
    return options, config


def _config(options: argparse.Namespace, flags: list[str]) -> "RunConfig":
    from hocket.training.config import DEFAULT_PRESET, FIELDS, build, read_preset, read_toml

    # A configuration file is whole by itself: what it does not name is the base, not a preset's.
    preset = options.preset or (None if options.config else DEFAULT_PRESET)
    values = read_preset(preset) if preset else {}
    if options.config:
        values |= read_toml(options.config)
    suggest(flags, FIELDS)
    from jsonargparse import ArgumentError

    lowest = [
        f"--{name}={list(value) if isinstance(value, tuple) else value}" for name, value in values.items()
    ]
    try:
        parsed = _field_parser().parse_args(lowest + flags)
    except ArgumentError as error:
        said = " ".join(str(error).split())
        raise ConfigError(said if len(said) <= MAX_SAID else f"{said[:MAX_SAID]}…") from error
    fields = {name: parsed[name] for name in FIELDS}
    music = options.data if options.data is not None else fields["music"]
    if music:
        # Written down in full, so that RUN/config.toml repeats the run from any folder.
        fields["music"] = _recordable(Path(music).resolve())
    return build(fields)


def _recordable(path: Path) -> str:
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise ConfigError(
            f"{path} has a name that is no UTF-8, which config.toml cannot hold: rename it."
        ) from error
    return str(path)


def _field_parser() -> Any:
    from jsonargparse import ArgumentParser

    from hocket.training.config import GROUPS

    parser = ArgumentParser(prog="hocket train", exit_on_error=False, usage=argparse.SUPPRESS)
    for kind in GROUPS.values():
        parser.add_class_arguments(kind, as_group=True)
    return parser


def _exit_code(outcome: "Outcome", strict: bool) -> int:
    for number, code in EXIT_CODES.items():
        if outcome.stopped == number.name:
            return code
    return EXIT_UNMET if strict and not all(item.met for item in outcome.items) else 0

"""The batch script that trains on a SLURM cluster: a header of settings over a body that is always the same."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from hocket.errors import ConfigError

BODY = "train_body.sh"
# sbatch reads a name up to the next blank, takes quotes off, and ends at a `#`.
_PLAIN = re.compile(r"[\w.@+:/=,-]+")
_CONSTRAINT = re.compile(r"[\w.@+:/=,&|*()\[\]-]+")
_UNQUOTABLE = re.compile(r"[\x00-\x1f\x7f\"\\]")
# sbatch(1), --signal: the number of seconds lies between 0 and 65535.
MAX_SIGNAL_SECONDS = 65_535


@dataclass(frozen=True)
class Job:
    """A request to SLURM; numbers of GPUs and tasks are per node.

    Without a `command` the script takes hocket's words from its own arguments: `sbatch SCRIPT train DATA --run RUN`.
    Without a `python` it takes that of HOCKET_PYTHON, or of `.venv` where it was submitted.

    Raises:
        ConfigError: a number is out of range, or a name cannot stand in a batch script.
    """

    nodes: int = 1
    gpus: int = 4
    tasks: int = 4
    cpus_per_task: int = 16
    time_seconds: int = 12 * 3600
    signal_seconds: int = 180
    name: str = "hocket"
    account: str | None = None
    partition: str | None = None
    constraint: str | None = None
    memory: str | None = None
    output_dir: Path | None = None
    python: Path | None = None
    command: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for field, least in (("nodes", 1), ("gpus", 0), ("tasks", 1), ("cpus_per_task", 1)):
            if getattr(self, field) < least:
                raise ConfigError(
                    f"--{field.replace('_', '-')} {getattr(self, field)}: give at least {least}."
                )
        if self.gpus and self.tasks != self.gpus:
            raise ConfigError(
                f"--tasks {self.tasks} with --gpus {self.gpus}: leave --tasks out, each GPU has its own task."
            )
        if not 1 <= self.signal_seconds <= MAX_SIGNAL_SECONDS:
            raise ConfigError(
                f"--signal-seconds {self.signal_seconds}: give between 1 and {MAX_SIGNAL_SECONDS}."
            )
        if self.signal_seconds >= self.time_seconds:
            raise ConfigError(
                f"--signal-seconds {self.signal_seconds} is not within --time {format_time(self.time_seconds)}: "
                "training would be stopped as soon as it starts; give a longer --time or fewer seconds."
            )
        for field in ("name", "account", "partition", "memory"):
            _check(field, getattr(self, field), _PLAIN)
        _check("constraint", self.constraint, _CONSTRAINT)
        if self.output_dir is not None and _UNQUOTABLE.search(str(self.output_dir)):
            raise ConfigError(
                f"--output-dir {str(self.output_dir)!r} has a character that a batch script cannot contain: "
                "give another folder."
            )


def render(job: Job) -> str:
    """The whole script; what the shell runs is quoted, so that any name of a file is safe."""
    body = (resources.files("hocket.cluster") / BODY).read_text(encoding="utf-8")
    return "\n".join([*_header(job), "", *_prelude(job), "", body])


def _header(job: Job) -> Iterator[str]:
    yield "#!/bin/bash"
    if job.command is None:
        yield "# Trains on SLURM:  sbatch slurm/train.sbatch train DATA --run RUN_DIR [any flag of hocket train]"
        yield "# On Levante (DKRZ), fill in the account, and change the partition if yours is different. Written by"
        yield "# `hocket slurm --template`; `hocket slurm ... -- train DATA --run RUN_DIR` fills in everything."
    for name, value in (
        ("account", job.account),
        ("partition", job.partition),
        ("constraint", job.constraint),
    ):
        if value is not None:
            yield f"#SBATCH --{name}={value}"
    yield f"#SBATCH --job-name={job.name}"
    if job.command is not None:
        yield "# Jobs with the same name run one after another: two must never write to the same run folder."
        yield "#SBATCH --dependency=singleton"
    yield from _resources(job)
    yield from _life(job)


def _resources(job: Job) -> Iterator[str]:
    yield f"#SBATCH --nodes={job.nodes}"
    if job.gpus:
        yield "# One task per GPU; each task finds its GPU by its number on the node."
        yield f"#SBATCH --gpus-per-node={job.gpus}"
    yield f"#SBATCH --ntasks-per-node={job.tasks}"
    yield f"#SBATCH --cpus-per-task={job.cpus_per_task}"
    if job.memory is not None:
        yield f"#SBATCH --mem={job.memory}"


def _life(job: Job) -> Iterator[str]:
    yield "# Levante's GPU partition ends every job after 12 hours, so continuing after a stop is normal."
    yield f"#SBATCH --time={format_time(job.time_seconds)}"
    yield "# This long before the limit, the tasks are told to save and stop; SLURM may be a minute early."
    yield f"#SBATCH --signal=USR1@{job.signal_seconds}"
    yield "# A preempted job, or one whose node fails, goes back into the queue."
    yield "#SBATCH --requeue"
    yield "# One log per job; a requeued job appends to it."
    yield "#SBATCH --open-mode=append"
    folder = "" if job.output_dir is None else f"{job.output_dir}/".replace("%", "%%")
    yield f'#SBATCH --output="{folder}%x-%j.log"'


def _prelude(job: Job) -> Iterator[str]:
    if job.python is None:
        yield "python=${HOCKET_PYTHON:-${SLURM_SUBMIT_DIR:-.}/.venv/bin/python}"
    else:
        yield f"python={shlex.quote(str(job.python))}"
    if job.command is not None:
        yield f"set -- {shlex.join(job.command)}"


def _check(field: str, value: str | None, pattern: re.Pattern[str]) -> None:
    if value is not None and not pattern.fullmatch(value):
        flag = {"name": "job-name", "memory": "mem"}.get(field, field)
        raise ConfigError(f"--{flag} {value!r} cannot be used in a script: give letters, digits and -_.")


# sbatch(1), --time: minutes, minutes:seconds, hours:minutes:seconds, days-hours, days-hours:minutes, and all four.
_WITHOUT_DAYS = re.compile(
    r"(?:(?:(?P<hours>\d+):)?(?P<minutes>\d+):(?P<seconds>\d+)|(?P<only>\d+))", re.ASCII
)
_WITH_DAYS = re.compile(r"(?P<days>\d+)-(?P<hours>\d+)(?::(?P<minutes>\d+)(?::(?P<seconds>\d+))?)?", re.ASCII)
_LONGEST_SECONDS = 366 * 24 * 3600


def parse_time(text: str) -> int:
    """The seconds that SLURM reads in a `--time`; note that `12:00` is twelve minutes.

    Raises:
        ConfigError: it is not one of SLURM's forms, is nothing, or is more than a year.
    """
    match = _WITH_DAYS.fullmatch(text) or _WITHOUT_DAYS.fullmatch(text)
    if match is None:
        raise ConfigError(f"--time {text} is not a SLURM time: give HH:MM:SS or D-HH:MM:SS.")
    parts = {name: int(value) for name, value in match.groupdict().items() if value}
    minutes = parts.get("only", 0) + parts.get("minutes", 0)
    hours = 24 * parts.get("days", 0) + parts.get("hours", 0)
    seconds = 3600 * hours + 60 * minutes + parts.get("seconds", 0)
    if not 60 <= seconds <= _LONGEST_SECONDS:
        raise ConfigError(f"--time {text} is {seconds} s: give a minute to a year.")
    return seconds


def format_time(seconds: int) -> str:
    """`[D-]HH:MM:SS`, the one form that cannot be misread; SLURM counts in whole minutes, so it is rounded up."""
    minutes = -(-seconds // 60)
    days, minutes = divmod(minutes, 24 * 60)
    clock = f"{minutes // 60:02d}:{minutes % 60:02d}:00"
    return f"{days}-{clock}" if days else clock

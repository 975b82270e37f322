"""`hocket slurm`: prints or submits the batch script of a training run."""

import argparse
import os
import re
import subprocess
import sys
import zlib
from pathlib import Path

from hocket.cli.flags import VerbParser
from hocket.cluster.script import Job, parse_time, render
from hocket.errors import ConfigError

SBATCH_SECONDS = 120
USAGE = "hocket slurm [flags] -- train MUSIC_DIR --run RUN_DIR [flags]"


def run(argv: list[str]) -> int:
    """Prints the script, or submits it and prints the job's number."""
    cut = argv.index("--") if "--" in argv else len(argv)
    options = _parser().parse_args(argv[:cut])
    job = _job(options, argv[cut + 1 :])
    script = os.fsencode(render(job))
    if options.submit:
        return _submit(job, script)
    sys.stdout.flush()
    sys.stdout.buffer.write(script)
    sys.stdout.buffer.flush()
    return 0


def _parser() -> VerbParser:
    parser = VerbParser(
        "slurm",
        "Prints the batch script for training on a SLURM cluster; --submit submits it. The job saves before the time "
        "limit, goes back into the queue, and continues.",
        usage=USAGE,
    )
    add = parser.add_argument
    add("--nodes", type=int, default=1, metavar="N", help="number of nodes")
    add("--gpus", type=int, default=4, metavar="N", help="GPUs per node, each with one task; 0 = CPUs only")
    add("--tasks", type=int, metavar="N", help="tasks per node if there are no GPUs (default: 1)")
    add("--cpus-per-task", type=int, metavar="N", help="CPUs per task (default: 16 with GPUs, else 1)")
    add("--time", default="12:00:00", metavar="T", help="time limit: HH:MM:SS, D-HH:MM:SS or minutes")
    add(
        "--signal-seconds", type=int, default=180, metavar="S", help="save this many seconds before the limit"
    )
    add("--account", metavar="A", help="project to charge; required on Levante")
    add("--partition", metavar="P", help="partition, such as gpu on Levante")
    add("--constraint", metavar="C", help="node type, such as a100_80 on Levante")
    add("--mem", metavar="M", help="memory per node, such as 200G; 0 = all of it")
    add("--job-name", metavar="J", help="jobs of the same name run one by one (default: from the run folder)")
    add("--output-dir", type=Path, default=Path(), metavar="DIR", help="folder of the log (default: .)")
    add("--venv", type=Path, metavar="DIR", help="virtual environment with Hocket (default: this one)")
    add("--submit", action="store_true", help="submit the script with sbatch instead of printing it")
    add("--template", action="store_true", help="print a script for `sbatch SCRIPT train MUSIC_DIR ...`")
    return parser


def _job(options: argparse.Namespace, words: list[str]) -> Job:
    if options.template and (words or options.submit):
        raise ConfigError("--template takes no command: leave out --submit and everything after --.")
    tasks = _or(options.tasks, max(options.gpus, 1))
    command, run_dir = (None, None) if options.template else _command(words, options.nodes * tasks)
    return Job(
        nodes=options.nodes,
        gpus=options.gpus,
        tasks=tasks,
        cpus_per_task=_or(options.cpus_per_task, 16 if options.gpus else 1),
        time_seconds=parse_time(options.time),
        signal_seconds=options.signal_seconds,
        name=options.job_name or _name(run_dir),
        account=options.account,
        partition=options.partition,
        constraint=options.constraint,
        memory=options.mem,
        output_dir=None if options.template else _output_dir(options.output_dir),
        python=None if options.template else _python(options.venv),
        command=command,
    )


def _or(value: int | None, default: int) -> int:
    return default if value is None else value


def _command(words: list[str], num_tasks: int) -> tuple[tuple[str, ...], Path]:
    """Hocket's own words with absolute paths, checked as `hocket train` would, and the run's folder."""
    if not words or words[0] != "train":
        raise ConfigError(f"the training command is missing: {USAGE}")
    from hocket.cli.train import flag, read_config, read_flags, shown

    # Here rather than on the node: a wrong field would cost hours in the queue.
    options, fields = read_flags(words[1:])
    config = read_config(options, fields)
    shares = num_tasks * config.training.accumulation_steps
    if shares > 0 and config.data.batch_size % shares:
        size = config.data.batch_size
        raise ConfigError(
            f"batch_size is {size}, which {num_tasks} tasks cannot share: give a multiple of {shares}."
        )
    data, run_dir = _absolute(Path(config.data.music)), _absolute(options.run)
    if not data.exists():
        raise ConfigError(f"{data} does not exist: give a folder of music, or a CSV of pairs.")
    if run_dir.exists() and not run_dir.is_dir():
        raise ConfigError(f"{run_dir} is a file: give a folder for the run.")
    if not run_dir.parent.is_dir():
        raise ConfigError(f"{run_dir.parent} does not exist: create it, or give another --run.")
    paths = {"run": run_dir, "config": options.config and _absolute(options.config)}
    own = {name: value for name, value in {**paths, "preset": options.preset}.items() if value is not None}
    # Of the music only the folder is given on.
    fields.pop("music", None)
    if "codec_weights" in fields:
        fields["codec_weights"] = config.codec.codec_weights
    named = [f"{flag(name)}={shown(value)}" for name, value in {**own, **fields}.items()]
    flags = {"--fresh": options.fresh, "--strict": options.strict, "--no-report": not options.report}
    return ("train", str(data), *named, *(flag for flag, is_given in flags.items() if is_given)), run_dir


def _absolute(path: Path) -> Path:
    # Links stay: the node may see another place behind them, and a venv's python is a link.
    return Path(os.path.normpath(path.absolute()))


def _name(run_dir: Path | None) -> str:
    """One name for each run folder, since SLURM keeps jobs of one name from running at once."""
    if run_dir is None:
        return "hocket"
    plain = re.sub(r"[^\w.-]+", "-", run_dir.name, flags=re.ASCII).strip("-")[:32]
    return f"hocket-{plain or 'run'}-{zlib.crc32(os.fsencode(run_dir)):08x}"


def _output_dir(path: Path) -> Path:
    if not path.is_dir():
        raise ConfigError(
            f"--output-dir {path} is not a folder: create it first, because SLURM needs it for the log."
        )
    return _absolute(path)


def _python(venv: Path | None) -> Path:
    path = _absolute(Path(sys.executable) if venv is None else venv / "bin" / "python")
    if not os.access(path, os.X_OK):
        raise ConfigError(f"{path} cannot be run: give --venv a virtual environment that contains hocket.")
    return path


def _submit(job: Job, script: bytes) -> int:
    try:
        done = subprocess.run(
            ["sbatch", "--parsable"], input=script, capture_output=True, timeout=SBATCH_SECONDS, check=False
        )
    except FileNotFoundError as error:
        raise ConfigError("sbatch was not found: submit from a login node of the cluster.") from error
    except subprocess.TimeoutExpired as error:
        raise ConfigError(
            f"sbatch did not answer within {SBATCH_SECONDS} s: try again later, or check that SLURM is running."
        ) from error
    if done.returncode:
        reason = " ".join(done.stderr.decode(errors="replace").replace("sbatch: error: ", "").split())
        raise ConfigError(
            f"sbatch refused the job ({reason or f'exit code {done.returncode}'}): check --account, "
            "--partition, --time and the resources per node."
        )
    number = done.stdout.decode().strip().partition(";")[0]
    print(f"submitted job {number}: {job.output_dir}/{job.name}-{number}.log")
    print(f"  squeue --job {number}    scancel {number}")
    return 0

"""A real SLURM of one node on this machine, started and ended by the project's own scripts."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "salloc", "scontrol")
POLL_SECONDS = 0.1


def why_not() -> str | None:
    """What keeps SLURM from running here; nothing where it can be tried."""
    if os.geteuid() != 0:
        return "slurmd has to be started by root"
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    return (
        f"not installed: {', '.join(missing)} (Debian: slurmctld slurmd slurm-client munge)"
        if missing
        else None
    )


class Job(dict[str, str]):
    """What `scontrol show job` says; empty once SLURM has forgotten it."""

    @property
    def ended(self) -> bool:
        return self["JobState"] in ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "DEADLINE")


class Slurm:
    """The running SLURM, and the words to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # The tests' own variables of a SLURM or torchrun around them are none of the jobs' business.
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "SBATCH"))}
        self.environment = kept | {
            "SLURM_CONF": str(folder / "slurm.conf"),
            "SLURM_UP_PORT": str(free_ports()),
            "OMP_NUM_THREADS": "1",
        }

    def up(self) -> None:
        """Starts it; RuntimeError says why it does not."""
        done = self._script("slurm_up.sh")
        if done.returncode:
            raise RuntimeError((done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1])

    def down(self) -> None:
        self._script("slurm_down.sh")

    def _script(self, name: str) -> subprocess.CompletedProcess[str]:
        # Into files: the daemons keep what they inherit open, and a pipe to them would never end.
        said = self.folder.with_suffix(".said")
        with said.open("w") as handle:
            done = subprocess.run(
                ["bash", str(ROOT / "scripts" / name), str(self.folder)],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=handle,
                stderr=handle,
                timeout=120,
                check=False,
            )
        return subprocess.CompletedProcess(done.args, done.returncode, "", said.read_text())

    def tell(
        self, *words: object, seconds: float = 60, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command against this SLURM, whatever its exit code."""
        return subprocess.run(
            [str(word) for word in words],
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def submit(self, *words: object, log_dir: Path) -> tuple[str, Path]:
        """`hocket slurm --submit` of a CPU job: its number and its log."""
        done = self.tell(
            *(sys.executable, "-m", "hocket", "slurm", "--submit", "--gpus=0", f"--output-dir={log_dir}"), *words
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.split()[2].rstrip(":"), Path(done.stdout.splitlines()[0].split(": ", 1)[1])

    def batch(self, script: str, *options: str, log: Path) -> str:
        """A job of a script of the test's own."""
        path = log.with_suffix(".sh")
        path.write_text(f"#!/bin/bash\n{script}\n")
        done = self.tell("sbatch", "--parsable", f"--output={log}", *options, path)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def job(self, number: str) -> Job:
        said = self.tell("scontrol", "--oneliner", "show", "job", number).stdout
        return Job(word.split("=", 1) for word in said.split() if "=" in word)

    def wait_for(self, number: str, wanted: Callable[[Job], bool], *, seconds: float) -> tuple[Job, float]:
        """The job once it is as wanted, and how long that took; AssertionError with its state when it does not."""
        begin = time.monotonic()
        while not wanted(job := self.job(number)):
            waited = time.monotonic() - begin
            assert waited < seconds, f"after {waited:.0f} s job {number} is {job.get('JobState')}: {job}"
            time.sleep(POLL_SECONDS)
        return job, time.monotonic() - begin

    def processes(self, number: str) -> list[int]:
        """The operating system's numbers of the tasks of a job's first step, by rank."""
        lines = self.tell("scontrol", "listpids", f"{number}.0").stdout.splitlines()[1:]
        # Processes that a task has started have no rank.
        rows = [row for row in map(str.split, lines) if row[3].isdigit()]
        return [int(row[0]) for row in sorted(rows, key=lambda row: int(row[3]))]


def free_ports() -> int:
    """The first of two neighbouring ports that nobody listens on."""
    for port in range(16_817, 20_000, 2):
        try:
            for number in (port, port + 1):
                with socket.socket() as probe:
                    probe.bind(("", number))
        except OSError:
            continue
        return port
    raise RuntimeError("no two free ports")


def wait_until(condition: Callable[[], bool], *, seconds: float, what: str) -> float:
    """How long it took; AssertionError when it took longer."""
    begin = time.monotonic()
    while not condition():
        assert time.monotonic() - begin < seconds, f"not within {seconds} s: {what}"
        time.sleep(POLL_SECONDS)
    return time.monotonic() - begin


def flags_of(fields: Mapping[str, object]) -> list[str]:
    return [f"--{name}={value}" for name, value in fields.items()]

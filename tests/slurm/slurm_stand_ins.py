"""Executables that stand in for srun and scontrol, so that bash runs the batch script for real without a cluster."""

import os
import subprocess
from pathlib import Path

SRUN = r"""#!/bin/bash
# Notes what it was given, plays the training that the test wants, and returns its code.
printf '%s\0' "$@" >"$STAND_IN/srun.words"
env -0 >"$STAND_IN/srun.environment"
echo >>"$STAND_IN/starts"
trap 'echo warned >>"$STAND_IN/warned"; [[ -n ${CODE_WHEN_WARNED:-} ]] && { sleep 0.3; exit "$CODE_WHEN_WARNED"; }' USR1
steps() {
    mkdir -p "$RUN/checkpoints"
    : >"$(printf '%s/checkpoints/step-%08d.safetensors' "$RUN" "$1")"
}
[[ -n ${STEPS_PER_START:-} ]] && steps $(( STEPS_PER_START * $(wc -l <"$STAND_IN/starts") ))
if [[ -n ${WAIT_SECONDS:-} ]]; then
    : >"$STAND_IN/ready"
    for _ in $(seq $(( WAIT_SECONDS * 20 ))); do sleep 0.05; done
fi
[[ -n ${STARTS_UNTIL_DONE:-} ]] && (( $(wc -l <"$STAND_IN/starts") >= STARTS_UNTIL_DONE )) && exit 0
exit "${CODE:-0}"
"""

SCONTROL = r"""#!/bin/bash
if [[ $1 == show ]]; then
    [[ $2 == hostnames ]] && tr ',' '\n' <<<"$3"
elif [[ $1 == requeue ]]; then
    echo "$2" >>"$STAND_IN/requeued"
    exit "${REQUEUE_CODE:-0}"
fi
"""


def executable(path: Path, text: str) -> Path:
    """Writes a program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


class Cluster:
    """A folder of stand-ins, and the environment that SLURM gives to a job's batch script."""

    def __init__(self, folder: Path, run_dir: Path) -> None:
        self.folder, self.run_dir = folder, run_dir
        run_dir.parent.mkdir(parents=True)
        executable(folder / "bin" / "srun", SRUN)
        executable(folder / "bin" / "scontrol", SCONTROL)
        self.environment = {
            "PATH": f"{folder / 'bin'}:/usr/bin:/bin",
            "STAND_IN": str(folder),
            "RUN": str(run_dir),
            "LC_ALL": "C.UTF-8",
            "SLURM_JOB_ID": "41234",
            "SLURM_JOB_NODELIST": "l50000,l50003",
            "SLURM_NTASKS": "8",
            "SLURM_CPUS_PER_TASK": "16",
        }

    def start(self, script: str, *words: str, **environment: str) -> subprocess.Popen[str]:
        """Starts the script as slurmd would: from a file, with the job's environment."""
        path = self.folder / "script"
        path.write_bytes(os.fsencode(script))
        return subprocess.Popen(
            ["bash", str(path), *words],
            env=self.environment | environment,
            cwd=self.folder,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def run(self, script: str, *words: str, **environment: str) -> tuple[int, str]:
        """The script's exit code, and all that it said."""
        process = self.start(script, *words, **environment)
        said, _ = process.communicate(timeout=30)
        return process.returncode, said

    def count(self, name: str) -> int:
        """Lines in one of the stand-ins' notes: `starts`, `requeued` or `warned`."""
        path = self.folder / name
        return len(path.read_text().splitlines()) if path.exists() else 0

    def words(self) -> list[str]:
        """What srun was given."""
        return [os.fsdecode(word) for word in (self.folder / "srun.words").read_bytes().split(b"\0")[:-1]]

    def exported(self) -> dict[str, str]:
        """The environment that srun was started in."""
        pairs = (self.folder / "srun.environment").read_bytes().split(b"\0")[:-1]
        return dict(os.fsdecode(pair).split("=", 1) for pair in pairs)

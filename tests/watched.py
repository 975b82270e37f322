"""A command under strace: whom it wants to reach, and which files it makes. Nobody is reached: every attempt fails."""

import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
REACHING = "connect,sendto,sendmsg,sendmmsg"
STRACE = (
    *("strace", "--follow-forks", "--seccomp-bpf", "--quiet=all", "-s", "200"),
    *("-e", f"trace={REACHING},openat", "-e", f"inject={REACHING}:error=ENETUNREACH", "-e", "signal=none"),
)


@cache
def why_not() -> str | None:
    """What keeps commands from being watched here; nothing where they can be."""
    if shutil.which("strace") is None:
        return "strace is not installed (Debian: strace)"
    tried = subprocess.run([*STRACE, "-o", "/dev/null", "true"], capture_output=True, check=False)
    return None if tried.returncode == 0 else "strace may not watch processes here"


class Watched:
    """A Python script that runs in an empty folder, with a home and a place for temporary files of its own."""

    def __init__(self, folder: Path, script: str, *arguments: object) -> None:
        self.folder, self._trace = folder, folder / "trace"
        for name in ("home", "temporary", "work"):
            (folder / name).mkdir(parents=True)
        self._process = subprocess.Popen(
            [*STRACE, "-o", self._trace, sys.executable, "-c", script, *map(str, arguments)],
            cwd=folder / "work",
            # Nothing of the environment around it: on a CI machine onnxruntime for one is silent anyway.
            env={
                "PATH": "/usr/bin:/bin",
                "HOME": str(folder / "home"),
                "TMPDIR": str(folder / "temporary"),
                "PYTHONPATH": str(ROOT / "src"),
                "PYTHONDONTWRITEBYTECODE": "1",
                "OMP_NUM_THREADS": "1",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def wait(self) -> None:
        """Waits until it is through; AssertionError with its words when it failed."""
        said, _ = self._process.communicate(timeout=240)
        assert self._process.returncode == 0, said

    @property
    def attempts(self) -> list[str]:
        """Every try to reach anybody: another machine, a name server, a service on this one."""
        calls = "|".join(REACHING.split(","))
        return re.findall(rf"^.*\b(?:{calls})\(.*$", self._trace.read_text(), flags=re.M)

    @property
    def made(self) -> set[str]:
        """Every file that was opened to be made, those included that are gone again, but for devices."""
        found = re.findall(r'openat\(.*?, "([^"]*)", [^)]*O_CREAT', self._trace.read_text())
        return {path for path in found if not path.startswith("/dev/")}

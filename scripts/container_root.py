"""Runs the steps of the Dockerfile in a clean Debian root, where no container builder is at hand.

sudo python scripts/container_root.py ROOT    (a new folder; needs debootstrap, chroot, and a network)
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parents[1]


def steps(dockerfile: str) -> Iterator[tuple[str, str]]:
    """The instructions with their words; comments are left out, continued lines joined."""
    text = re.sub(r"\\\n\s*", "", "".join(line for line in dockerfile.splitlines(True) if line[:1] != "#"))
    for line in filter(str.strip, text.splitlines()):
        name, _, words = line.partition(" ")
        yield name, words.strip()


def entrypoint(dockerfile: str) -> list[str]:
    """The command that a container runs when nothing else is said."""
    found = dict(steps(dockerfile))
    return [*json.loads(found["ENTRYPOINT"]), *json.loads(found["CMD"])]


def build(root: Path, arguments: dict[str, str]) -> dict[str, str]:
    """Does the steps below `root`; gives the environment that is left. Arguments stand in for the build's."""
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    given: dict[str, str] = {}
    folder = "/"
    for name, words in steps((HERE / "Dockerfile").read_text(encoding="utf-8")):
        print(f"== {name} {words}", flush=True)
        if name == "FROM":
            suite = re.fullmatch(r"debian:(\w+)-slim", words)
            assert suite, f"{words} is not a plain Debian"
            subprocess.run(["debootstrap", "--variant=minbase", suite[1], root], check=True)
            shutil.copy("/etc/resolv.conf", root / "etc" / "resolv.conf")
        elif name == "RUN":
            within(root, ["sh", "-c", words], environment | given, folder)
        elif name == "COPY":
            *sources, goal = words.split()
            for source in sources:
                copy(HERE / source, root / folder[1:] / (source if goal == "./" else goal))
        elif name == "WORKDIR":
            folder = words
            (root / folder[1:]).mkdir(parents=True, exist_ok=True)
        elif name == "ARG":
            key, _, default = words.partition("=")
            given[key] = arguments.get(key, shlex.split(default)[0])
        elif name == "ENV":
            environment |= dict(word.split("=", 1) for word in shlex.split(words))
        else:
            assert name in ("EXPOSE", "ENTRYPOINT", "CMD"), f"{name} is not known here"
    return environment


def copy(source: Path, goal: Path) -> None:
    """Copies a file or a folder, without what Python leaves beside it."""
    if source.is_dir():
        shutil.copytree(source, goal, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, goal)


def within(root: Path, command: list[str], environment: dict[str, str], folder: str = "/") -> None:
    """Runs a command below another root, with nothing of this environment but what names networks' certificates."""
    own = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_"))}
    chroot = ["chroot", str(root), "env", "-C", folder, "-i"]
    words = [f"{name}={value}" for name, value in (own | environment).items()]
    subprocess.run([*chroot, *words, *command], check=True)


def main() -> None:
    """Builds, and fuses two of the examples as a container with a mounted folder would."""
    root, *rest = sys.argv[1:]
    environment = build(Path(root).resolve(), dict(word.split("=", 1) for word in rest))
    music = Path(root).resolve() / "music"
    for part in ("rhythm", "harmony"):
        shutil.copy(HERE / "src" / "hocket" / "examples" / f"drums-strings-{part}.mp3", music / f"{part}.mp3")
    command = [entrypoint((HERE / "Dockerfile").read_text(encoding="utf-8"))[0], "fuse"]
    within(Path(root), [*command, "rhythm.mp3", "harmony.mp3", "-o", "new.wav"], environment, "/music")


if __name__ == "__main__":
    main()

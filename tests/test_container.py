"""The Dockerfile: what it copies exists, what it runs is real; its steps run in a clean root where that is asked."""

import json
import os
import re
import runpy
import shlex
import tomllib
from pathlib import Path

import pytest

from hocket.cli import VERBS, fuse, studio

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
SCRIPT = runpy.run_path(str(ROOT / "scripts" / "container_root.py"))
STEPS = list(SCRIPT["steps"](DOCKERFILE))


def words_of(name: str) -> list[str]:
    return [words for step, words in STEPS if step == name]


def test_it_copies_what_exists_and_what_the_wheel_needs() -> None:
    copied = {source for words in words_of("COPY") for source in words.split()[:-1]}
    assert all((ROOT / source).exists() for source in copied)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {"pyproject.toml", project["readme"], *project["license-files"]}
    assert all(name in copied or name.partition("/")[0] in copied for name in needed)
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored and {line[1:] for line in ignored if line[:1] == "!"} == copied


def test_what_is_installed_are_extras_and_the_torch_that_is_tested() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    runs = " ".join(words_of("RUN"))
    extras = re.search(r"\.\[([\w,]+)\]", runs)
    assert extras and set(extras[1].split(",")) <= project["optional-dependencies"].keys()
    arguments = dict(shlex.split(words)[0].split("=", 1) for words in words_of("ARG"))
    assert arguments["TORCH"] == "--requirement constraints.txt"
    with_cuda = re.search(r"--build-arg TORCH=(\S+)", DOCKERFILE)
    assert with_cuda and f"\n{with_cuda[1]} ;" in (ROOT / "constraints.txt").read_text()
    assert "TORCH_INDEX ?= " + arguments["TORCH_INDEX"] in (ROOT / "Makefile").read_text()


def test_its_commands_are_hockets() -> None:
    program, verb, *flags = SCRIPT["entrypoint"](DOCKERFILE)
    assert program == "hocket" and verb in VERBS
    # Other machines come in, as all that reach a container are, and have to know the token.
    options = studio._parser().parse_args(flags)
    assert options.share and options.no_browser
    assert words_of("EXPOSE") == [str(options.port)]
    (example,) = re.findall(r"hocket (fuse .*)", DOCKERFILE)
    options = fuse._parser().parse_args(shlex.split(example)[1:])
    assert options.output == Path("new.wav")
    assert f'-v "$PWD:{words_of("WORKDIR")[-1]}"' in DOCKERFILE


def test_instructions_are_read_as_builders_read_them() -> None:
    text = '# a\nFROM b\n# c\nRUN d \\\n    && e\n\nENTRYPOINT ["f"]\nCMD ["g", "h i"]\n'
    assert list(SCRIPT["steps"](text))[:2] == [("FROM", "b"), ("RUN", "d && e")]
    assert SCRIPT["entrypoint"](text) == ["f", "g", "h i"]
    assert json.loads(words_of("CMD")[0])


@pytest.mark.slow
@pytest.mark.skipif(
    not os.environ.get("HOCKET_CONTAINER_ROOT"),
    reason="takes a network, root and gigabytes: HOCKET_CONTAINER_ROOT=/new/folder runs it",
)
def test_its_steps_run_in_a_clean_root(monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(os.environ["HOCKET_CONTAINER_ROOT"])
    monkeypatch.setattr("sys.argv", ["container_root.py", str(root)])
    SCRIPT["main"]()
    assert (root / "music" / "new.wav").stat().st_size > 100_000

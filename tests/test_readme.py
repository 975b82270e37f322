"""The README's code blocks run, in their order, in an empty folder; trainings and renderings are shortened."""

import json
import re
import shlex
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest

from small_run import SMALL

ROOT = Path(__file__).parents[1]
SHORTER = {
    "hocket render": ["--num-songs=8", "--num-pairs=1", "--duration-seconds=6"],
    "hocket prepare": ["--minimum-seconds=1.1"],
    "hocket fuse --checkpoint": ["--num-samples=1"],
    "hocket train": [f"--{name}={value}" for name, value in SMALL.items()],
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / "README.md").read_text(), flags=re.M | re.S)


def commands() -> list[list[str]]:
    lines = "".join(blocks("bash")).splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


ONE_AFTER_THE_OTHER = """
import json, sys
from hocket.cli import main
for words in json.loads(sys.argv[1]):
    print("hocket", *words, flush=True)
    code = main(words)
    assert code == 0, code
"""
"""All commands in one process, which loads torch and librosa once: other tests start `python -m hocket`."""


def run_in(folder: Path, code: str, *arguments: str) -> None:
    command = [sys.executable, "-c", code, *arguments]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"


def test_every_command_runs(tmp_path) -> None:
    shortened = []
    for words in commands():
        if words[0] == "make":
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), flags=re.M), words
            continue
        assert words[0] == "hocket", words
        # Later flags win: what the README names is there, its length is not.
        shorter = [flags for start, flags in SHORTER.items() if " ".join(words).startswith(start)]
        shortened.append([*words[1:], *chain(*shorter)])
    assert {words[0] for words in shortened} == {
        "render", "prepare", "train", "fuse", "check", "evaluate", "report",
    }  # fmt: skip
    (tmp_path / "src").symlink_to(ROOT / "src")
    run_in(tmp_path, ONE_AFTER_THE_OTHER, json.dumps(shortened))
    for name in (
        "new.wav",
        "new.wav.hocket.json",
        "new.png",
        "fused/results.csv",
        "samples/000.wav.hocket.png",
        "runs/mine/report.html",
        *(path.relative_to(tmp_path) for path in tmp_path.glob("fused/*.wav")),
    ):
        assert (tmp_path / name).stat().st_size > 0
    assert list(tmp_path.glob("fused/000 song_??? x song_???.wav"))
    (python,) = blocks("python")
    run_in(tmp_path, python + "\nassert output_audio.shape == input_audio.shape\n")


def test_links_and_tree_are_true() -> None:
    text = (ROOT / "README.md").read_text()
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / link).exists(), link
    for folder in re.findall(r"^  (\w+)/ ", text, flags=re.M):
        assert (ROOT / "src" / "hocket" / folder).is_dir(), folder


def test_no_module_of_the_package_is_missing_from_the_tree() -> None:
    text = (ROOT / "README.md").read_text()
    packages = {path.parent.name for path in (ROOT / "src" / "hocket").glob("*/__init__.py")}
    assert packages <= set(re.findall(r"^  (\w+)/ ", text, flags=re.M)) | {"presets"}


FOREIGN = {
    "nproc-per-node", "run-path", "logdir", "signal", "me", "gpus-per-node", "ntasks-per-node", "dependency", "requeue",
}  # fmt: skip
"""Flags of torchrun, TensorBoard and SLURM that the page on training speaks of."""


def test_the_page_on_training_names_flags_that_exist(capsys) -> None:
    from hocket.cli import main
    from hocket.settings import FIELDS

    text = (ROOT / "docs" / "training.md").read_text()
    known = {name.replace("_", "-") for name in FIELDS} | FOREIGN
    for verb in ("prepare", "train", "slurm", "fuse", "report", "studio"):
        with pytest.raises(SystemExit):
            main([verb, "--help"])
        known |= {name.replace("_", "-") for name in re.findall(r"--([a-z][\w-]*)", capsys.readouterr().out)}
    named = {name.replace("_", "-") for name in re.findall(r"--([a-z][\w-]*)", text)}
    assert named <= known, named - known
    for link in re.findall(r"\]\(([^)#:]+)[)#]", text):
        assert (ROOT / "docs" / link).exists(), link

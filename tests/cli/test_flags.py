"""Flags with hyphens or underscores, and verbs that are there before torch is."""

import os
import subprocess
import sys

import pytest

from hocket.cli import main
from hocket.cli.flags import with_sign


def test_flags_with_either_sign_are_one_and_values_stay() -> None:
    words = ["a_b-c", "--job_name=a_b-c", "--gan-weight", "x_y-z", "-o", "--flag_with-both"]
    assert with_sign(words, "-") == [
        "a_b-c",
        "--job-name=a_b-c",
        "--gan-weight",
        "x_y-z",
        "-o",
        "--flag-with-both",
    ]
    assert with_sign(words, "_") == [
        "a_b-c",
        "--job_name=a_b-c",
        "--gan_weight",
        "x_y-z",
        "-o",
        "--flag_with_both",
    ]


def test_all_behind_a_double_hyphen_stays() -> None:
    assert with_sign(["--a-b", "--", "--a-b"], "_") == ["--a_b", "--", "--a-b"]
    assert with_sign(["--a_b", "--", "--a_b"], "-") == ["--a-b", "--", "--a_b"]


@pytest.mark.parametrize("verb", ["prepare", "render", "slurm", "check", "progress"])
def test_these_are_there_before_torch_is(verb: str) -> None:
    code = f"import sys, hocket.cli.{verb}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize(("given", "used"), [(None, "1"), ("3", "3")])
def test_fusing_takes_one_thread_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, given: str | None, used: str
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", given or "")
    if given is None:
        monkeypatch.delenv("OMP_NUM_THREADS")
    with pytest.raises(SystemExit):
        main(["fuse", "--help"])
    assert os.environ["OMP_NUM_THREADS"] == used

"""Flags with hyphens or underscores, and verbs that are there before torch is."""

import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from hocket.cli import main
from hocket.cli.flags import with_hyphens
from hocket.cli.train import read_flags
from hocket.errors import ConfigError
from hocket.runs import RENAMED
from hocket.settings import GROUPS, build, flatten, read_toml, write_toml
from hocket.typed import field_help


def test_flags_with_either_sign_are_one_and_values_stay() -> None:
    words = ["a_b-c", "--job_name=a_b-c", "--gan-weight", "x_y-z", "-o", "--flag_with-both"]
    assert with_hyphens(words) == [
        "a_b-c",
        "--job-name=a_b-c",
        "--gan-weight",
        "x_y-z",
        "-o",
        "--flag-with-both",
    ]


def test_all_behind_a_double_hyphen_stays() -> None:
    assert with_hyphens(["--a_b", "--", "--a_b"]) == ["--a-b", "--", "--a_b"]


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


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_the_training_updates_names_are_aliases_everywhere(tmp_path: Path, old: str, new: str) -> None:
    for flag in (f"--{old}", f"--{old.replace('_', '-')}", f"--{new}"):
        assert read_flags([flag, "0.25"])[1] == {new: 0.25}
    assert flatten(build({old: 0.25}))[new] == 0.25
    path = tmp_path / "config.toml"
    path.write_text(f"[objective]\n{old} = 0.25\n")
    assert read_toml(path) == {new: 0.25}
    # What is written anew has the current name alone, and reads back to the same.
    written = write_toml(build(read_toml(path)))
    assert f"\n{new} = 0.25\n" in written and f"\n{old} =" not in written
    path.write_text(written)
    assert build(read_toml(path)) == build({old: 0.25})


def test_two_names_of_one_field_are_one_too_many(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("gan_weight = 0.1\n[objective]\nadversarial_weight = 0.2\n")
    with pytest.raises(ConfigError, match=r"config.toml: gan_weight and adversarial_weight are two names"):
        read_toml(path)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--rhythm_weight", "many"], "rhythm_weight is 'many': give a number"),
        (["--device", "tpu"], "device is 'tpu': give one of auto, cpu, cuda"),
        (["--pairing", "suitabel"], "did you mean suitable. Give one of random, suitable, next_segment"),
        (["--match_tone", "yes"], "match_tone is 'yes': give true or false"),
        (["--seed", "1.5"], "seed is '1.5': give a whole number"),
    ],
)
def test_a_value_of_another_kind_is_refused_in_words(words: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        build(read_flags(words)[1])


def test_one_word_too_many_is_named() -> None:
    with pytest.raises(ConfigError, match="more is one argument too many"):
        read_flags(["music", "more"])


@pytest.mark.parametrize("kind", GROUPS.values())
def test_every_field_says_in_its_help_what_it_is(kind: type) -> None:
    assert list(field_help(kind)) == [field.name for field in fields(kind)]

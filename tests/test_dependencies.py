"""The lock and the table of licences speak of the dependencies that pyproject.toml names."""

import re
import runpy
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def named() -> list[Requirement]:
    """Everything that development and users may install, torch and what builds hocket included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lines = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    for group in project["project"]["optional-dependencies"].values():
        lines += group
    return [found for line in lines if (found := Requirement(line)).name != "hocket"]


@pytest.fixture(scope="module")
def locked() -> dict[str, str]:
    """What the lock says of each package."""
    text = (ROOT / "requirements.lock").read_text()
    return {entry.split("==")[0]: entry for entry in re.split(r"\n(?=\w)", text)[1:]}


def test_the_lock_has_every_dependency_within_its_bounds(
    named: list[Requirement], locked: dict[str, str]
) -> None:
    for requirement in named:
        if requirement.name != "torch":
            entry = locked[canonicalize_name(requirement.name)]
            version = re.match(r"\S+==(\S+)", entry).group(1)
            assert version in requirement.specifier, f"{requirement} is locked as {version}: make lock"


def test_everything_locked_has_hashes(locked: dict[str, str]) -> None:
    assert len(locked) > 80
    for name, entry in locked.items():
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), name


def test_neither_torch_nor_cuda_is_locked(locked: dict[str, str]) -> None:
    """Which builds of them there are depends on the index."""
    assert not [name for name in locked if re.match("torch|nvidia|cuda|triton", name)]


def test_the_torch_that_is_tested_is_one_that_users_may_have(named: list[Requirement]) -> None:
    (bounds,) = (requirement.specifier for requirement in named if requirement.name == "torch")
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if not line.startswith("#"):
            (pinned,) = Requirement(line).specifier
            assert bounds.contains(pinned.version)


def rows(page: str) -> list[list[str]]:
    """The table of direct dependencies without what depends on the day it was written: versions and licences."""
    table = page.split("What these need in turn")[0]
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in re.findall(r"^\|.*", table, re.M)]
    return [[name, extra, lowest, use] for name, extra, _, lowest, _, use in cells]


def test_the_table_of_licences_is_that_of_pyproject(named: list[Requirement]) -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text()
    script = runpy.run_path(str(ROOT / "scripts" / "licences.py"))
    assert rows(page) == rows(script["page"]()), "run make licences"
    builders = {"hatchling"}
    names = {canonicalize_name(requirement.name) for requirement in named} - builders
    assert {row[0] for row in rows(page)[2:]} == names == script["USES"].keys()


@pytest.mark.parametrize(
    "words",
    ["LGPL-2.1-or-later", "GPL-2.0-or-later", "BSD-3-Clause", "LICENSE-wavesurfer.txt", "LICENSE-uPlot.txt"],
)
def test_the_table_names_what_is_not_permissive_and_what_is_carried(words: str) -> None:
    assert words in (ROOT / "docs" / "dependencies.md").read_text()

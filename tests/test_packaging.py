"""The wheel and the sdist hold what they should, the changelog has its form, and the wheel works on its own."""

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from hocket.version import __version__

ROOT = Path(__file__).parents[1]
SOUNDS_AND_PICTURES = {".mp3", ".wav", ".flac", ".ogg", ".png", ".gif", ".jpg", ".sf2", ".sf3", ".mid"}
DATA = {
    "cluster": {"train_body.sh"},
    "evaluation/basic_pitch": {"LICENSE", "NOTICE", "nmp.onnx"},
    "examples": {
        f"{pair}-{part}.mp3"
        for pair in ("band-choir", "drums-strings", "percussion-piano")
        for part in ("harmony", "rhythm")
    },
    "listening/page": {"index.html", "page.css", "page.js"},
    "presets": {"collapsed.toml", "default.toml", "fixed.toml", "guided.toml"},
    "report/plots": {
        "LICENSE-uPlot.txt", "README.md", "curves.css", "curves.js", "uPlot.iife.min.js", "uPlot.min.css",
    },
    "report/templates": {"parts.html", "report.css", "report.html", "report.js"},
    "studio/page": {"icon.svg", "index.html", "studio.css"},
    "studio/page/js": {
        "api.js", "chords.js", "controls.js", "dom.js", "facts.js", "fuse.js", "history.js", "main.js", "mixer.js",
        "player.js", "result.js", "source.js", "spectrum.js", "stage.js", "tabs.js", "tracks.js", "training.js",
        "transport.js", "waveform.js",
    },
    "studio/page/vendor": {
        "LICENSE-wavesurfer.txt", "README.md", "regions.esm.js", "wavesurfer.esm.js",
    },
    "weights": {"README.md", "default.json", "default.safetensors"},
    ".": {"py.typed"},
}  # fmt: skip
"""Everything in the wheel that is no Python, by its folder."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """Sizes of the wheel's files, in bytes."""
    builder = pytest.importorskip("hatchling.builders.wheel", reason="hatchling builds hocket: make setup")
    (path,) = builder.WheelBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("wheel")))
    with zipfile.ZipFile(path) as archive:
        return {entry.filename: entry.file_size for entry in archive.infolist()}


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """Sizes of the sdist's files, in bytes, by their path in the checkout."""
    builder = pytest.importorskip("hatchling.builders.sdist", reason="hatchling builds hocket: make setup")
    (path,) = builder.SdistBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("sdist")))
    with tarfile.open(path) as archive:
        return {member.name.partition("/")[2]: member.size for member in archive if member.isfile()}


def test_the_wheel_holds_weights_examples_pages_and_nothing_else(wheel: dict[str, int]) -> None:
    names = {PurePosixPath(name) for name in wheel}
    info = PurePosixPath(f"hocket-{__version__}.dist-info")
    assert {name.parts[0] for name in names} == {"hocket", info.name}
    package = {name.relative_to("hocket") for name in names if name.parts[0] == "hocket"}
    modules = {path.relative_to(ROOT / "src/hocket").as_posix() for path in (ROOT / "src").rglob("*.py")}
    assert {str(name) for name in package if name.suffix == ".py"} == modules
    found: dict[str, set[str]] = {}
    for name in package:
        if name.suffix != ".py":
            found.setdefault(str(name.parent), set()).add(name.name)
    assert found == DATA
    assert wheel["hocket/weights/default.safetensors"] > 1e6
    assert sum(wheel.values()) < 10e6


def test_the_wheel_carries_every_licence(wheel: dict[str, int]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for name in project["license-files"]:
        assert wheel[f"hocket-{__version__}.dist-info/licenses/{name}"] == (ROOT / name).stat().st_size
    parts = {str(path.relative_to(ROOT)) for path in (ROOT / "src").rglob("*") if "LICENSE" in path.name}
    assert parts <= set(project["license-files"])


def test_the_sdist_builds_and_tests_hocket_without_music_and_pictures(sdist: dict[str, int]) -> None:
    for folder in ("benchmarks", "corpus", "docs", "examples", "scripts", "slurm", "src/hocket", "tests"):
        tracked = {str(path.relative_to(ROOT)) for path in (ROOT / folder).rglob("*.py")}
        assert tracked <= sdist.keys()
    wanted = {
        "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "Makefile", "PKG-INFO", "README.md",
        "constraints.txt", "docs/design.md", "pyproject.toml", "requirements.lock", "scripts/check_package.sh",
        "slurm/train.sbatch", "tests/evaluation/golden/baselines.json",
    }  # fmt: skip
    assert wanted <= sdist.keys()
    carried = {name for name in sdist if PurePosixPath(name).suffix in SOUNDS_AND_PICTURES}
    assert {str(PurePosixPath(name).parent) for name in carried} == {"src/hocket/examples"}
    weights = "src/hocket/weights/default.safetensors"
    assert max(size for name, size in sdist.items() if name != weights) < 300_000


def test_the_changelog_is_in_the_form_of_keep_a_changelog() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    heads = re.findall(r"^## (.+)$", text, re.M)
    assert heads[0] == "[Unreleased]"
    versions = [re.fullmatch(r"\[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)", head) for head in heads[1:]]
    assert all(versions) and versions[0][1] == __version__
    assert [found[2] for found in versions] == sorted((found[2] for found in versions), reverse=True)
    for part in re.split(r"^## .+$", text, flags=re.M)[1:]:
        kinds = re.findall(r"^### (.+)$", part, re.M)
        order = [
            kind
            for kind in ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
            if kind in kinds
        ]
        assert kinds == order
    assert f"version: {__version__}\n" in (ROOT / "CITATION.cff").read_text()


@pytest.mark.slow
def test_the_wheel_works_in_an_empty_environment_with_each_extra(tmp_path: Path) -> None:
    reached = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--dest",
        str(tmp_path),
        "twine",
    ]
    if subprocess.run(reached, capture_output=True, check=False).returncode:
        pytest.skip("no package index can be reached from here")
    done = subprocess.run(
        ["bash", "scripts/check_package.sh", str(tmp_path / "dist")],
        cwd=ROOT,
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=3600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{tmp_path / 'dist'} is ready" in done.stdout
    assert sorted(path.name for path in (tmp_path / "dist").iterdir()) == [
        f"hocket-{__version__}-py3-none-any.whl",
        f"hocket-{__version__}.tar.gz",
    ]

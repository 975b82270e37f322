"""Writes docs/dependencies.md: each dependency, its licence, and what it is used for, from what is installed here.

make licences
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "dependencies.md"
NAME = "hocket"
GROUPED = ("all", "dev")
"""Extras that name other extras; what `dev` names besides is for development alone."""

USES = {
    "torch": "the model, its training, the transforms",
    "numpy": "arrays",
    "scipy": "filters, rank statistics, non-negative factors",
    "soundfile": "reading and writing recordings; its wheels carry libsndfile (LGPL-2.1-or-later)",
    "soxr": "resampling; **LGPL-2.1-or-later**, a library of its own that stays replaceable",
    "safetensors": "weights and checkpoints on disk",
    "rich": "progress and tables in the terminal",
    "tomli-w": "writing configurations",
    "python-stretch": "for `--align`, `--fit` and `--key`; carries Signalsmith Stretch (MIT)",
    "jinja2": "the report's page",
    "pillow": "pictures of masks",
    "mido": "MIDI files, read and written",
    "librosa": "independent estimators and baselines of `hocket evaluate`",
    "mir-eval": "scores of beats and keys",
    "matplotlib": "pictures of a fusion and of a run",
    "tensorboard": "curves in TensorBoard, where it is asked for",
    "av": "m4a, mp4 and aac; **its wheels carry FFmpeg (LGPL-3.0) with x264 and x265 (GPL-2.0-or-later)**, "
    "so it is in no other extra",
    "transformers": "the codecs EnCodec and DAC, where they are asked for",
    "starlette": "the studio's server",
    "uvicorn": "the studio's server",
    "onnx": "`hocket export`",
    "onnxruntime": "checking what `hocket export` writes; its telemetry is switched off",
    "huggingface-hub": "`--checkpoint hub:OWNER/NAME`",
    "nbclient": "running the notebook in a test",
    "nbformat": "running the notebook in a test",
    "ipykernel": "running the notebook in a test",
    "mkdocs-material": "the pages of docs/ as a site",
    "mkdocstrings": "its page of the Python functions, from their docstrings",
    "pytest": "tests",
    "pytest-xdist": "tests in two processes",
    "hypothesis": "tests on random input",
    "pyloudnorm": "the tests' second opinion on loudness",
    "httpx": "the tests' requests to the studio",
    "playwright": "driving Chromium in the tests of the page",
    "ruff": "lint and format",
    "mypy": "types",
    "pre-commit": "the same checks before a commit",
}

HEAD = """# Dependencies and their licences

Written by `make licences` from the metadata of what is installed; not legal advice. Hocket itself is Apache-2.0. Its
wheel carries wavesurfer.js (BSD-3-Clause,
[its licence](../src/hocket/studio/page/vendor/LICENSE-wavesurfer.txt)), uPlot (MIT,
[its licence](../src/hocket/report/plots/LICENSE-uPlot.txt)), the network of basic-pitch (Apache-2.0,
[its licence](../src/hocket/evaluation/basic_pitch/LICENSE)) and no other work of others: all that follows is installed
by pip as a package of its own, under its own licence. An extra is installed by `pip install 'hocket[EXTRA]'`; `all` is
every extra but `docs`, `formats`, `neural` and `dev`.

"""


@dataclass(frozen=True)
class Dependency:
    """A line of pyproject.toml and what it is for."""

    requirement: Requirement
    extra: str
    use: str

    @property
    def name(self) -> str:
        """As package indexes spell it."""
        return canonicalize_name(self.requirement.name)


def dependencies() -> list[Dependency]:
    """All of pyproject.toml, in its order; KeyError names one whose use is not said above."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = {"": project["dependencies"], **project["optional-dependencies"]}
    requirements = [(extra, Requirement(line)) for extra, lines in extras.items() for line in lines]
    return [
        Dependency(requirement, extra, USES[canonicalize_name(requirement.name)])
        for extra, requirement in requirements
        if not (extra in GROUPED and requirement.name == NAME)
    ]


def licence_of(found: Distribution) -> str:
    """The licence in the metadata: an expression, else a short name, else the classifiers."""
    stated = found.metadata.get("License-Expression") or found.metadata.get("License") or ""
    if stated not in ("", "UNKNOWN") and "\n" not in stated:
        return stated
    classifiers = found.metadata.get_all("Classifier") or []
    names = [line.rsplit(" :: ", 1)[1] for line in classifiers if line.startswith("License :: ")]
    return ", ".join(names) or "not stated"


def row(*cells: str) -> str:
    """A line of a table."""
    return f"| {' | '.join(cells)} |"


def brought_along(direct: list[Dependency]) -> Iterator[Distribution]:
    """Yields what the dependencies need in turn, on this system, but for what is direct itself."""
    seen = {dependency.name for dependency in direct}
    queue = [dependency.requirement for dependency in direct]
    while queue:
        requirement = queue.pop()
        found = distribution(requirement.name)
        if canonicalize_name(requirement.name) not in seen:
            seen.add(canonicalize_name(requirement.name))
            yield found
        for line in found.requires or []:
            needed = Requirement(line)
            wanted = [{"extra": extra} for extra in ("", *requirement.extras)]
            known = canonicalize_name(needed.name) in seen
            if not known and (needed.marker is None or any(map(needed.marker.evaluate, wanted))):
                queue.append(needed)


def page() -> str:
    """The whole page."""
    direct = dependencies()
    lines = [
        row("package", "extra", "tested version", "lowest", "licence", "used for"),
        row(*["---"] * 6),
    ]
    for dependency in direct:
        found = distribution(dependency.name)
        version, bounds = found.version.split("+")[0], str(dependency.requirement.specifier)
        extra = dependency.extra or "always"
        lines.append(row(dependency.name, extra, version, bounds, licence_of(found), dependency.use))
    lines += ["", "What these need in turn:", "", row("package", "version", "licence"), row(*["---"] * 3)]
    for found in sorted(brought_along(direct), key=lambda one: canonicalize_name(one.name)):
        lines.append(row(canonicalize_name(found.name), found.version, licence_of(found)))
    return HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

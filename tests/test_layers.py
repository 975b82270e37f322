"""Imports go down only. The table here is the one of docs/design.md; imports inside functions count as well."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import hocket

ROOT = Path(hocket.__file__).parent

LAYERS = (
    {"cli", "inference"},
    {"api"},
    {"studio"},
    {"report", "listening"},
    {"training", "fusing", "evaluation", "pictures", "cluster", "export"},
    {"objective", "diagnostics", "score"},
    {"data", "codec", "model"},
    {"signal", "audio"},
    {"settings"},
    {"runs"},
    {"outputs", "hub"},
    {"files", "typed", "hearing"},
    {"options"},
    {"keys", "shards", "devices"},
    {"errors", "examples", "memory", "onnx_runtime", "version"},
)
"""From top to bottom; a part may import from lower layers, and from its own only what `BESIDE` allows."""

BESIDE = {"model": {"codec"}, "training": {"pictures"}}

UP = {"hocket.model.fusion": {"hocket.fusing.arrays"}}
"""Imports that go up, inside functions: `FusionModel.inference` climbs the ladder that files climb.

Whoever has a model has its `inference`, and there is one way to fuse. The ladder knows the model by a protocol only, so
that no file imports another in a circle.
"""

ONLY = {
    "evaluation": {
        "hocket.audio",
        "hocket.data.pairs",
        "hocket.data.workers",
        "hocket.errors",
        "hocket.files",
        "hocket.hearing",
        "hocket.onnx_runtime",
        "hocket.outputs",
        "hocket.shards",
    },
    "objective": {
        "hocket.model.masks",
        "hocket.model.result",
        "hocket.settings",
        "hocket.signal",
    },
    "codec": {"hocket.settings", "hocket.signal", "hocket.errors", "hocket.typed"},
    "model": {
        "hocket.codec",
        "hocket.signal",
        "hocket.errors",
        "hocket.files",
        "hocket.typed",
        "hocket.hearing",
        "hocket.runs",
        "hocket.settings",
        "hocket.version",
    },
    "data": {
        "hocket.audio",
        "hocket.errors",
        "hocket.files",
        "hocket.hearing",
        "hocket.outputs",
        "hocket.shards",
        "hocket.signal",
        "hocket.settings",
        "hocket.typed",
        "hocket.version",
    },
    "signal": {"hocket.errors", "hocket.keys"},
    "audio": {"hocket.errors", "hocket.files", "hocket.hearing"},
    "settings": {"hocket.devices", "hocket.errors", "hocket.files", "hocket.runs", "hocket.typed"},
    "runs": {"hocket.errors", "hocket.files", "hocket.hub", "hocket.outputs"},
    "hub": {"hocket.errors", "hocket.files", "hocket.version"},
    "outputs": {"hocket.errors", "hocket.files", "hocket.version"},
    "files": {"hocket.errors"},
    "typed": {"hocket.errors"},
    "hearing": set(),
    "options": {"hocket.errors", "hocket.keys"},
    "keys": {"hocket.errors"},
    "shards": {"hocket.errors"},
    "devices": {"hocket.errors"},
    "errors": set(),
    "onnx_runtime": set(),
}
"""All that these parts may import of ours, beside themselves."""

NEVER = {
    "fusing": {"hocket.objective", "hocket.training"},
    "diagnostics": {"hocket.objective", "hocket.data", "hocket.codec"},
    "pictures": {"hocket.training", "hocket.fusing", "hocket.evaluation"},
    "report": {"hocket.training", "hocket.fusing", "hocket.evaluation", "hocket.data", "hocket.model"},
    "studio": {"hocket.training", "hocket.evaluation", "hocket.objective"},
}

MODEL_TYPES = {"hocket.model.masks", "hocket.model.result"}
"""The modules of the model that judges may know."""


@cache
def modules() -> list[tuple[str, ast.Module]]:
    """All modules of the package by their dotted names."""
    return list(_parsed())


def _parsed() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        name = ".".join(parts).removesuffix(".__init__")
        yield name, ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def exists(name: str) -> bool:
    path = ROOT.parent.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def imports_of(tree: ast.AST) -> set[str]:
    """Dotted names of all modules that a module imports, anywhere in it; attributes are cut off ours."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: name the package in full"
            assert node.module is not None
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            ours = node.module.split(".")[0] == "hocket"
            names |= {name if ours and exists(name) else node.module for name in inside}
    return names


def part_of(module: str) -> str:
    """The part of the package that a module belongs to; nothing for the package itself."""
    return module.split(".")[1] if "." in module else ""


def is_within(module: str, allowed: set[str]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in allowed)


IMPORTS = {name: imports_of(tree) for name, tree in modules()}
OURS = {
    name: {
        module
        for module in found - UP.get(name, set())
        if module.split(".")[0] == "hocket" and part_of(module) != part_of(name)
    }
    for name, found in IMPORTS.items()
}
DEPTH = {part: depth for depth, parts in enumerate(LAYERS) for part in parts}


def test_every_part_has_its_layer() -> None:
    parts = {part_of(name) for name in IMPORTS} - {"", "__main__"}
    assert parts == DEPTH.keys(), "a part is new or gone: put it into the table, or take it out"


@pytest.mark.parametrize("name", sorted(IMPORTS))
def test_imports_go_down_only(name: str) -> None:
    part = part_of(name)
    if part in ("", "__main__"):
        assert OURS[name] <= ({"hocket.cli"} if part else {"hocket.api", "hocket.version"})
        return
    for module in OURS[name] - {"hocket"}:
        other = part_of(module)
        allowed = DEPTH[other] > DEPTH[part] or other in BESIDE.get(part, set())
        assert allowed, f"{name} must not import {module}"


def test_no_files_import_each_other_in_a_circle() -> None:
    below = {name: {module for module in found if module in IMPORTS} for name, found in IMPORTS.items()}
    while ground := {name for name, found in below.items() if not found}:
        below = {name: found - ground for name, found in below.items() if name not in ground}
    assert not below, "each of these files imports, in the end, itself"


def test_imports_that_go_up_are_inside_functions() -> None:
    for name, tree in modules():
        at_the_top = imports_of(ast.Module([node for node in tree.body if not _defines(node)], []))
        assert not at_the_top & UP.get(name, set()), name


def _defines(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef | ast.ClassDef)


@pytest.mark.parametrize("part", sorted(ONLY))
def test_some_parts_know_a_few_others_only(part: str) -> None:
    for name, found in OURS.items():
        if part_of(name) == part:
            strangers = {module for module in found - {"hocket"} if not is_within(module, ONLY[part])}
            assert not strangers, f"{name} must not import {strangers}"


@pytest.mark.parametrize("part", sorted(NEVER))
def test_some_parts_must_not_meet(part: str) -> None:
    for name, found in OURS.items():
        if part_of(name) == part:
            met = {module for module in found if is_within(module, NEVER[part])}
            assert not met, f"{name} must not import {met}"


def test_judges_know_the_models_results_and_not_the_model() -> None:
    for name, found in OURS.items():
        if part_of(name) in ("objective", "diagnostics"):
            assert {module for module in found if part_of(module) == "model"} <= MODEL_TYPES, name


def test_nobody_imports_the_command_line() -> None:
    callers = {name for name, found in OURS.items() if any(part_of(module) == "cli" for module in found)}
    assert callers == {"hocket.__main__"}


@pytest.mark.parametrize(
    "part", ["audio", "evaluation", "errors", "files", "hearing", "options", "runs", "settings"]
)
def test_what_works_without_torch_does_not_import_it(part: str) -> None:
    for name, found in IMPORTS.items():
        if part_of(name) == part:
            assert not any(module.split(".")[0] == "torch" for module in found), name


def test_one_part_alone_knows_file_formats() -> None:
    for name, found in IMPORTS.items():
        formats = {
            module for module in found if module.split(".")[0] in ("soundfile", "wave", "audioread", "av")
        }
        assert not formats or part_of(name) == "audio", f"{name} imports {formats}"


def test_one_module_alone_imports_onnxruntime() -> None:
    """The one that switches its telemetry off first."""
    importing = {
        name for name, found in IMPORTS.items() if any(part.split(".")[0] == "onnxruntime" for part in found)
    }
    assert importing == {"hocket.onnx_runtime"}


def test_nothing_that_is_loaded_can_run_code() -> None:
    for name, tree in modules():
        assert not {"pickle", "marshal", "shelve", "joblib"} & {
            module.split(".")[0] for module in IMPORTS[name]
        }, name
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in ("eval", "exec", "torch.load", "os.system", "os.popen"), (
                    f"{name}: {called}"
                )
                assert not any(
                    keyword.arg == "shell" and ast.unparse(keyword.value) != "False"
                    for keyword in node.keywords
                ), f"{name}: {called}"


OPENED_TO_WRITE = re.compile(r"[wax+]")
WRITES = {
    "os.replace",
    "os.rename",
    "os.renames",
    "shutil.move",
    "shutil.copyfile",
    "shutil.copy",
    "os.fdopen",
}
WRITES_ITSELF = {
    "audio.lossy": "what FFmpeg encodes, into a file that `hocket.files` opened",
    "audio.streams": "nameless files that the system takes away again",
    "data.scan": "a line is added as soon as it is known, and no link is followed",
    "data.synthetic.corpus": "a rendered folder takes its name as a whole",
    "runs": "the lock of a run",
    "training.folder": "damaged checkpoints that get another name",
    "training.tracker": "a line is added to a log that was made a moment ago",
    "studio.bodies": "uploads, in the studio's private folder",
    "studio.state": "the studio's private folder and its lock",
    "studio.results": "copies inside the studio's private folder",
    "cli.streams": "closed streams are led nowhere",
    "outputs": "a nameless file, to see that a folder can be written to",
}
"""Modules that do not write through `hocket.files`, and why."""


def writes_in(tree: ast.AST) -> set[str]:
    """The calls by which a module makes, fills or renames files."""
    found = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called, values = ast.unparse(node.func), [*node.args, *(keyword.value for keyword in node.keywords)]
        method = called.rpartition(".")[2]
        modes = [v.value for v in values if isinstance(v, ast.Constant) and isinstance(v.value, str)]
        opens = method in ("open", "FileIO") and any(
            len(mode) < 4 and OPENED_TO_WRITE.search(mode) for mode in modes
        )
        makes = method == "open" and any("os.O_" in ast.unparse(value) for value in values)
        renames = method in ("replace", "rename") and len(values) == 1 and "." in called and not node.keywords
        writes = method in ("write_text", "write_bytes", "touch") and called.partition(".")[0] != "files"
        draws = method == "savefig" and ast.unparse(values[0]) != "content"
        if called in WRITES or opens or makes or renames or writes or draws or method == "TemporaryFile":
            found.add(called)
    return found


def test_one_module_writes_files() -> None:
    writers = {name.removeprefix("hocket.") for name, tree in modules() if writes_in(tree)}
    assert writers == {"files", *WRITES_ITSELF}


def test_writing_would_be_noticed() -> None:
    for line in (
        "os.replace(a, b)",
        "path.replace(b)",
        "path.open('ab')",
        "open(a, mode='w')",
        "p.write_text(a)",
    ):
        assert writes_in(ast.parse(line)), line
    for line in ("text.replace('a', 'b')", "replace(a, b=c)", "path.open('rb')", "files.write_text(a, b)"):
        assert not writes_in(ast.parse(line)), line


def test_only_the_command_line_prints() -> None:
    for name, tree in modules():
        prints = any(
            isinstance(node, ast.Call) and ast.unparse(node.func) == "print" for node in ast.walk(tree)
        )
        assert not prints or part_of(name) == "cli", name


def test_the_table_would_notice() -> None:
    tree = ast.parse("def late():\n    from hocket.training import trainer\n    import hocket.cli.train\n")
    assert imports_of(tree) == {"hocket.training.trainer", "hocket.cli.train"}
    assert imports_of(ast.parse("from hocket.errors import HocketError")) == {"hocket.errors"}
    assert imports_of(ast.parse("from hocket import audio, __version__")) == {"hocket.audio", "hocket"}
    assert not is_within("hocket.data.library", ONLY["evaluation"])
    assert is_within("hocket.data.pairs", ONLY["evaluation"])


def _loaded_after(code: str) -> set[str]:
    script = f"import sys\ntry:\n    {code}\nexcept SystemExit:\n    pass\nprint('\\n@', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.rsplit("@", 1)[1].split())


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["train", "--help"]])
def test_help_is_there_before_torch_is(arguments: list[str]) -> None:
    loaded = _loaded_after(f"from hocket.cli import main; main({arguments!r})")
    assert "hocket.cli" in loaded
    assert not {"torch", "numpy", "scipy", "librosa", "matplotlib", "soundfile"} & loaded

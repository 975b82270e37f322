"""The training update's commands, as docs/training-update.md maps them: each is run, or looked up."""

import importlib
import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tomllib
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from documents import ROOT, blocks, flags_of, is_make_target, parse, prose, text_of
from hocket import audio
from hocket.cli import VERBS, main
from hocket.cli.console import checklist_lines
from hocket.diagnostics import Figures, MaskFigures, Verdict, checklist, remedies_for
from hocket.diagnostics.milestones import MILESTONES
from hocket.diagnostics.wording import rule_words, worded
from hocket.model import FusionModel
from hocket.model.weights import load_model
from hocket.runs import RENAMED, find_checkpoint
from hocket.settings import FIELDS, build, flatten, preset_names, read_preset

PAGE = "docs/training-update.md"
TEXT = text_of(PAGE)
RUN = "checkpoints_creative_agent_fixed"
SCRIPT = "scripts/run_train_creative_agent_fixed.sh"
OVERRIDES = {"LOSS_WEIGHT_INPUT": "0.5", "BALANCE_LOSS_WEIGHT": "7"}
FIGURES = Figures(0.1, 0.75, 1.0, 0.9, 0.8, 0.4)


COMMANDS = [line for block in blocks(PAGE, "bash") for line in block.splitlines()]
SPANS = sorted(set(re.findall(r"`([^`\n]+)`", prose(PAGE))))
SCRIPT_OPTIONS = [line for line in COMMANDS if SCRIPT in line and "--fresh" in line]
TRAIN_OPTIONS = [line for line in COMMANDS if re.search("hocket train.*(_option_|_copying_)", line)]


def documented(*parts: str) -> str:
    """The page's first command with all these parts."""
    return next(line for line in COMMANDS if all(part in line for part in parts))


def environment(**extra: str) -> dict[str, str]:
    """This one, with this Python's commands first, and outside of any SLURM job."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_")}
    clean["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{clean['PATH']}"
    return clean | extra


def shell(line: str, folder: Path, *more: str, **extra: str) -> subprocess.CompletedProcess[str]:
    words = ["bash", "-c", f'{line} "$@"', "bash", *more]
    return subprocess.run(
        words, cwd=folder, env=environment(**extra), capture_output=True, text=True, timeout=300
    )


def short_flags() -> list[str]:
    from small_run import SMALL

    return [f"--{name}={value}" for name, value in {**SMALL, "num_epochs": 1, "steps_per_epoch": 2}.items()]


@pytest.fixture(scope="module")
def desk(tmp_path_factory, corpus, prepared) -> Path:
    """A folder in which the page's commands work as they stand: scripts, music, and two recordings."""
    folder = tmp_path_factory.mktemp("desk")
    (folder / "scripts").symlink_to(ROOT / "scripts")
    (folder / "MUSIC_DIR").symlink_to(prepared)
    songs = sorted((corpus / "music").iterdir())
    for name, song in zip(("input", "target"), songs, strict=False):
        audio.save(folder / f"{name}.wav", audio.load(song))
    return folder


@pytest.fixture(scope="module")
def trained(desk) -> subprocess.CompletedProcess[str]:
    """What the script says of a short run with two of its variables set from outside."""
    result = shell(documented(f"bash {SCRIPT}"), desk, *short_flags(), **OVERRIDES)
    assert result.returncode == 0, result.stderr
    return result


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A checkout whose `hocket` and `srun` only say how they were called."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / SCRIPT, tmp_path / SCRIPT)
    for name in (".venv/bin/hocket", "slurm/srun"):
        stub = tmp_path / name
        stub.parent.mkdir(parents=True)
        stub.write_text(f"#!/bin/sh\nprintf '%s\\n' {stub.name} \"$@\"\n")
        stub.chmod(0o755)
    return tmp_path


def objective_of(run: Path) -> dict[str, float]:
    return tomllib.loads((run / "config.toml").read_text())["objective"]


def test_the_script_trains_the_cure_with_the_variables_of_the_environment(desk, trained) -> None:
    fixed = flatten(build(read_preset("fixed")))
    found = objective_of(desk / RUN)
    assert found == {name: fixed[name] for name in found} | {
        "reconstruction_input_weight": 0.5,
        "balance_weight": 7.0,
    }


def test_training_prints_the_figures_and_the_alert(trained) -> None:
    for line in blocks(PAGE, "text")[0].splitlines():
        # A run of one epoch meets the last milestone at once, whose wish is another one.
        label = "  milestone     " if "milestone" in line else re.split(r"\d", line)[0]
        label = "  2x rule       " if "2x rule" in line else label
        assert label in trained.stdout or line.strip() == "✓ Fusion"
    assert "  ⚠ Overlay\n" in trained.stdout and "✓ Fusion" not in trained.stdout
    best = trained.stdout[trained.stdout.index("Best weights") :]
    for item in re.findall(r"^  [✓✗] (.+): .+$", best, re.MULTILINE):
        assert item.partition(": ")[0] in TEXT


def test_every_batch_of_the_run_is_in_the_log(desk, trained, monkeypatch, capsys) -> None:
    monkeypatch.chdir(desk)
    exec(blocks(PAGE, "python")[0], {})
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[0] for row in rows] == ["1", "2"]
    # Flat masks give the sum of two unrelated, equally loud sources.
    assert [float(value) for value in rows[0][1:]] == pytest.approx([0.707, 0.707], abs=0.05)


def test_the_same_command_continues_and_another_weight_is_refused(desk, trained, monkeypatch, capsys) -> None:
    again = shell(documented(f"bash {SCRIPT}"), desk, *short_flags(), **OVERRIDES)
    assert again.returncode == 0, again.stderr
    assert "continuing after step 2 of 2" in again.stdout
    monkeypatch.chdir(desk)
    plain = shlex.split(documented("hocket train", f"--run {RUN}"))[1:]
    assert main([*plain, *short_flags()]) == 2
    assert "reconstruction_input_weight = 0.5" in capsys.readouterr().err


@pytest.fixture(scope="module")
def samples(desk, trained) -> Path:
    """The folder that the update's command for inference fills, here with one sample."""
    result = shell(documented("inference_cascade.py"), desk, "--num_samples", "1")
    assert result.returncode == 0, result.stderr
    return desk / RUN / "samples"


def test_inference_by_the_old_command(samples) -> None:
    assert {path.name for path in samples.glob("*.wav")} == {"000.wav", "000_input.wav", "000_target.wav"}
    assert {path.name for path in samples.glob("*.png")} == {
        "000.wav.hocket.png",
        "000.wav.hocket.masks.png",
    }
    assert [row["output"] for row in json.loads((samples / "results.json").read_text())] == ["000.wav"]


def test_inference_needs_a_checkpoint(desk, monkeypatch, capsys) -> None:
    words = ["inference_cascade.py", "--checkpoint", "nowhere/best_model.pt", "--num_samples", "1"]
    monkeypatch.chdir(desk)
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "scripts" / "inference_cascade.py"), run_name="__main__")
    assert ended.value.code == 2
    assert "nowhere/best_model.pt is not a checkpoint" in capsys.readouterr().err


def test_quick_validation_agrees_with_the_updates_arithmetic(desk, trained, monkeypatch, capsys) -> None:
    monkeypatch.chdir(desk)
    names: dict[str, object] = {}
    exec(blocks(PAGE, "python")[1], names)
    printed = capsys.readouterr().out.splitlines()

    model, _ = load_model(Path(f"{RUN}/best_model.pt"))
    sources = [
        torch.from_numpy(audio.load(f"{name}.wav", sample_rate=model.sample_rate, mono=True).samples[0])
        for name in ("input", "target")
    ]
    output = model.inference(*sources).reshape(-1)
    by_corrcoef = [
        float(torch.corrcoef(torch.stack([output, source[: len(output)]]))[0, 1]) for source in sources
    ]
    assert printed[0] == f"Output→Input: {by_corrcoef[0]:.3f}"
    assert printed[1] == f"Output→Target: {by_corrcoef[1]:.3f}"
    assert max(by_corrcoef) < 2 * min(by_corrcoef)
    assert printed[2] == "overlay"  # two steps leave the masks flat, which the update's rule calls mixed


def test_the_last_commands_fuse_and_check_two_files(desk, trained, monkeypatch, capsys) -> None:
    monkeypatch.chdir(desk)
    assert main(shlex.split(documented("hocket fuse input.wav"))[1:]) == 0
    check = shlex.split(documented("hocket check output.wav"))[1:]
    capsys.readouterr()
    assert main([*check, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "overlay"
    copied = ["target.wav" if word == "output.wav" else word for word in check]
    assert main(copied) == 0
    said = capsys.readouterr().out
    assert "⚠ Copy of the target" in said and "⚠ COPYING THE TARGET (ratio" in said


def test_options_by_variables(desk, checkout, trained, monkeypatch) -> None:
    """The script's own words for each option, trained for real on a fresh start of one folder."""
    monkeypatch.chdir(desk)
    wanted = [{"INPUT": 0.5}, {"INPUT": 0.3, "TARGET": 0.5}, {"NOVELTY": 0.8}, {"INPUT": 0.2, "TARGET": 0.8}]
    names = {
        "INPUT": "reconstruction_input_weight",
        "TARGET": "reconstruction_target_weight",
        "NOVELTY": "novelty_weight",
    }
    fixed = read_preset("fixed")
    assert len(SCRIPT_OPTIONS) == len(wanted)
    for line, changes in zip(SCRIPT_OPTIONS, wanted, strict=True):
        words = shell(line, checkout).stdout.splitlines()
        assert words[0] == "hocket"
        assert main([*words[1:], f"--run={desk / 'options'}", *short_flags(), "--no-report"]) == 0
        found = objective_of(desk / "options")
        changed = {names[name]: value for name, value in changes.items()}
        expected = {name: value for name, value in (fixed | changed).items() if name in found}
        assert len(expected) > 5 and {name: found[name] for name in expected} == expected


@pytest.mark.parametrize("line", TRAIN_OPTIONS)
def test_options_by_flags_with_underscores_and_hyphens(desk, monkeypatch, capsys, line) -> None:
    monkeypatch.chdir(desk)
    words = shlex.split(line)[1:]
    assert main([*words, *short_flags(), "--fresh", "--no-report"]) == 0
    found = objective_of(desk / words[words.index("--run") + 1])
    changed = {name: float(value) for name, value in pairwise(words) if "_weight" in name}
    assert changed
    assert all(found[RENAMED.get(name[2:], name[2:])] == value for name, value in changed.items())
    hyphens = [word.replace("_", "-") if word.startswith("--") else word for word in words]
    assert main([*hyphens, *short_flags(), "--no-report"]) == 0
    assert "continuing after step 2 of 2" in capsys.readouterr().out


def test_there_is_a_command_for_each_option() -> None:
    assert len(TRAIN_OPTIONS) == 4
    assert {"a", "b", "c"} == set(re.findall("checkpoints_option_([a-z])", "".join(TRAIN_OPTIONS)))


def test_the_script_asks_for_music(checkout) -> None:
    for words in ("", "--num_epochs 1"):
        result = shell(f"bash {SCRIPT} {words}", checkout)
        assert (result.returncode, result.stdout) == (2, "")
        assert result.stderr.startswith("usage: ")
        assert len(result.stderr.splitlines()) == 1


def test_the_script_finds_hocket_on_the_path_and_says_where_there_is_none(checkout) -> None:
    stub = checkout / ".venv" / "bin" / "hocket"
    (checkout / "other").mkdir()
    stub.rename(checkout / "other" / "hocket")
    found = shell(f"bash {SCRIPT} M", checkout, PATH=f"{checkout / 'other'}:/usr/bin:/bin")
    assert found.stdout.splitlines()[:3] == ["hocket", "train", "M"]
    none = shell(f"bash {SCRIPT} M", checkout, PATH="/usr/bin:/bin")
    assert none.returncode == 2
    assert "make setup" in none.stderr


@pytest.mark.parametrize(
    ("slurm", "launcher"),
    [
        ({}, []),
        ({"SLURM_JOB_ID": "7"}, ["srun", "--ntasks=1"]),
        (
            {"SLURM_JOB_ID": "7", "SLURM_CPUS_PER_TASK": "8"},
            ["srun", "--ntasks=1", "--cpus-per-task=8"],
        ),
        ({"SLURM_JOB_ID": "7", "SLURM_STEP_ID": "0"}, []),
    ],
)
def test_the_script_inside_an_allocation(checkout, slurm, launcher) -> None:
    path = f"{checkout / 'slurm'}:/usr/bin:/bin"
    words = shell(f"bash {SCRIPT} 'my music' --seed 3", checkout, PATH=path, **slurm).stdout.splitlines()
    assert words[: len(launcher)] == launcher
    hocket, *rest = words[len(launcher) :]
    assert Path(hocket).name == "hocket"
    assert rest[:6] == ["train", "my music", "--run", RUN, "--preset", "fixed"]
    assert rest[-2:] == ["--seed", "3"]


def test_an_allocation_without_srun_is_a_workstation(checkout) -> None:
    if shutil.which("srun", path="/usr/bin:/bin"):
        pytest.skip("there is a real srun here")
    result = shell(f"bash {SCRIPT} M", checkout, PATH="/usr/bin:/bin", SLURM_JOB_ID="7")
    assert result.stdout.splitlines()[0] == "hocket"


def test_the_scheduler_gets_its_lines_before_the_first_command() -> None:
    lines = (ROOT / SCRIPT).read_text().splitlines()
    first_command = next(number for number, line in enumerate(lines) if line and not line.startswith("#"))
    wanted = ("account", "partition", "ntasks", "time", "signal")
    for word in wanted:
        assert any(line.startswith(f"#SBATCH --{word}=") for line in lines[:first_command])


def test_the_scripts_variables_are_those_of_the_preset() -> None:
    """What stands at the script's top is `fixed`, so that the script without variables is the preset."""
    values = re.findall(
        r'^([A-Z_]+_WEIGHT\w*)="\$\{\1:-([\d.]+)\}"$', (ROOT / SCRIPT).read_text(), re.MULTILINE
    )
    fixed = flatten(build(read_preset("fixed")))
    assert len(values) == 5
    assert {name: float(value) for name, value in values} == {
        name: fixed[RENAMED.get(name.lower(), name.lower())] for name, _ in values
    }


def test_the_table_of_weights_is_that_of_the_presets() -> None:
    presets = {name: flatten(build(read_preset(name))) for name in ("collapsed", "fixed", "guided")}
    rows = re.findall(r"^\| `--(\w+)` \| `(\w+)` \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", TEXT, re.MULTILINE)
    assert len(rows) == 5
    for flag, variable, *values in rows:
        assert variable == flag.upper()
        assert [float(value) for value in values] == [
            preset[RENAMED.get(flag, flag)] for preset in presets.values()
        ]


def test_alerts_stand_there_as_they_are_printed() -> None:
    figures = {
        Verdict.COPYING_TARGET: Figures(0.1, 0.75, 1.0, 0, 0, 0),
        Verdict.COPYING_INPUT: Figures(0.75, 0.1, 1.0, 0, 0, 0),
        Verdict.OVERLAY: Figures(0.7, 0.7, 1.0, 0, 0, 0),
        Verdict.MIXING: Figures(0.5, 0.5, 0.5, 0, 0, 0),
        Verdict.UNRELATED: Figures(0.0, 0.0, 0.0, 0, 0, 0),
    }
    assert set(figures) == set(Verdict)
    for verdict, example in figures.items():
        assert example.verdict is verdict
        assert verdict in (Verdict.OVERLAY, Verdict.UNRELATED) or f"`{rule_words(example)}`" in TEXT
        assert f"`{worded(example).line}`" in TEXT
    layered = Figures(0.5, 0.5, 0.5, 0.9, 0.9, 0.1)
    for example in (layered, replace(layered, articulation_margin=0.5), replace(layered, harmony_margin=0)):
        assert f"`{worded(example).line}`" in TEXT


def test_milestones_remedies_and_checklist_stand_there_as_they_are() -> None:
    assert [item.epoch(50) for item in MILESTONES] == [10, 20, 30]
    for item in MILESTONES:
        assert re.search(rf"`{re.escape(item.wish)}`.*\| {100 * item.fraction:.0f} % \|", TEXT)
    remedies = remedies_for(Verdict.COPYING_TARGET, epoch=10, num_epochs=50)
    remedies += remedies_for(Verdict.COPYING_INPUT, epoch=20, num_epochs=50)
    assert len(remedies) == 5
    assert remedies_for(Verdict.COPYING_TARGET, epoch=9, num_epochs=50) == ()
    assert remedies_for(Verdict.COPYING_INPUT, epoch=19, num_epochs=50) == ()
    for remedy in remedies:
        assert f"`--{remedy.field} {remedy.value:g}`" in TEXT
    items = checklist(FIGURES, MaskFigures(0.5, 0.5, 0.9, 1.0, 0.1))
    assert len(items) == len(checklist_lines(items)) == 7
    for item in items:
        assert f"| `{item.name}` |" in TEXT


def assert_command(words: list[str], *, whole: bool) -> None:
    """The program, script or make target exists, and the real parser reads what follows `hocket`."""
    program = words[0]
    if program == "hocket" and len(words) > 1:
        parse(words[1:], whole=whole)
    elif program == "make":
        assert is_make_target(words[1])
    elif program in ("bash", "python") and len(words) > 1:
        assert (ROOT / words[1]).is_file()
    else:
        assert program in ("hocket", "bash", "python", "tensorboard")


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_is_one(line) -> None:
    words = shlex.split(line)
    while "=" in words[0]:
        assert f'{words[0].partition("=")[0]}="${{' in (ROOT / SCRIPT).read_text()
        words = words[1:]
    assert_command(words, whole=True)


KNOWN_WORDS = (
    {*FIELDS, *preset_names(), *FIGURES.as_dict()}
    | {*MaskFigures.__dataclass_fields__}
    | {item.wish for item in MILESTONES}
    | {item.name for item in checklist(FIGURES, MaskFigures(0.5, 0.5, 0.9, 1.0, 0.1))}
)


@pytest.mark.parametrize("span", SPANS)
def test_everything_in_code_type_exists(span, request) -> None:
    script = (ROOT / SCRIPT).read_text()
    head = span.split()[0]
    if span in KNOWN_WORDS or head[0] in "⚠◐✓" or span in ("2x rule", "mixes both sources (ratio 1.0x)"):
        return
    if span.startswith("--"):
        assert head.replace("_", "-") in set.union(*map(flags_of, VERBS))
    elif head in ("hocket", "bash", "python", "make"):
        assert_command(shlex.split(span), whole=False)
    elif re.fullmatch(r"[A-Z_]+(=[\d.]+)?", span):
        assert f'{span.partition("=")[0]}="${{' in script
    elif span in ("sbatch", "srun"):
        assert span in script
    elif head.startswith(("model.", "torch.")):
        owner = FusionModel if head.startswith("model.") else torch
        assert hasattr(owner, re.findall(r"\.(\w+)", span)[0])
    elif re.fullmatch(r"hocket(\.\w+)+", span):
        module, _, name = span.rpartition(".")
        assert hasattr(importlib.import_module(module), name)
    else:
        assert_file(span, request)


def assert_file(name: str, request: pytest.FixtureRequest) -> None:
    """A file of the checkout, else of a run or its samples, which are made for it; or what `hocket render` makes."""
    if (ROOT / name).exists() or name == "corpus/music":
        return
    if name.startswith("000"):
        assert (request.getfixturevalue("samples") / name).is_file()
        return
    request.getfixturevalue("trained")
    desk = request.getfixturevalue("desk")
    assert any(path.exists() for path in (desk / name, desk / RUN / name)) or find_checkpoint(desk / name)

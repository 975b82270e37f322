"""A command line for people: help that is found, read and not cut; mistakes that are told in one sentence."""

import fcntl
import importlib
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hocket.cli import GROUPS, VERBS, main, train
from hocket.cli.console import Console
from hocket.cli.flags import VerbParser
from hocket.cli.progress import fitted
from hocket.settings import FIELDS, flatten, preset
from hocket.training import trainer
from hocket.training.events import time_left
from hocket.training.state import Progress

Say = Callable[..., tuple[int, str, str]]
SENTENCE = re.compile(r"hocket( \w+)?: error: [^\n]+\n")


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    def call(*words: str) -> tuple[int, str, str]:
        try:
            code = main(list(words))
        except SystemExit as end:
            code = int(str(end.code))
        return code, *capsys.readouterr()

    return call


def on_terminal(columns: int, *words: str) -> str:
    """What the command prints on a terminal of that width."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    command = [sys.executable, "-m", "hocket", *words]
    process = subprocess.Popen(
        command, stdin=follower, stdout=follower, stderr=follower, env=environment, close_fds=True
    )
    os.close(follower)
    parts = []
    while True:
        try:
            parts.append(os.read(leader, 65536))
        except OSError:  # the other end is closed
            break
        if not parts[-1]:
            break
    os.close(leader)
    process.wait()
    return b"".join(parts).decode().replace("\r\n", "\n")


def test_hocket_alone_is_its_help(say: Say) -> None:
    code, out, err = say()
    assert (code, err) == (0, "")
    assert say("--help") == say("-h") == say("help") == (0, out, "")
    places = [out.index(f"\n{title}:\n") for title in ("Make music", "Train", "Tools")]
    assert places == sorted(places) and list(GROUPS) == ["Make music", "Train", "Tools"]
    assert re.findall(r"^  (\w+) ", out, re.MULTILINE) == list(VERBS)
    assert list(VERBS) == [
        *("fuse", "check", "studio"),
        *("prepare", "train", "report", "slurm"),
        *("evaluate", "listen", "export", "render", "doctor"),
    ]


def test_help_of_a_verb_in_either_order(say: Say) -> None:
    assert say("help", "check") == say("check", "--help") and "usage: hocket check" in say("help", "check")[1]


def test_the_version(say: Say) -> None:
    assert re.fullmatch(r"hocket \d\S*\n", say("--version")[1])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["fusee"], "hocket: error: there is no verb fusee: did you mean fuse?"),
        (["help", "trian"], "hocket: error: there is no verb trian: did you mean train?"),
        (["xyzzy"], "hocket: error: there is no verb xyzzy: see 'hocket --help'."),
        (["--verison"], "hocket: error: there is no flag --verison: did you mean --version?"),
    ],
)
def test_a_verb_that_is_none(say: Say, words: list[str], said: str) -> None:
    assert say(*words) == (2, "", f"{said}\n")


@pytest.mark.parametrize("verb", VERBS)
def test_every_flag_of_every_verb_may_be_mistyped(say: Say, verb: str) -> None:
    code, out, _ = say(verb, "--help-all" if verb == "train" else "--help")
    assert code == 0
    flags = set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", out, re.MULTILINE))
    assert "--help" in flags and len(flags) > 1
    for flag in flags:
        code, out, err = say(verb, f"{flag}x")
        assert (code, out) == (2, "")
        assert err == f"hocket {verb}: error: there is no flag {flag}x: did you mean {flag}?\n"
    assert say(verb, "--xyzzy=1")[2].endswith(f"there is no flag --xyzzy: see 'hocket {verb} --help'.\n")


@pytest.mark.parametrize("verb", VERBS)
def test_help_shows_hyphens_only_and_explains_every_argument(say: Say, verb: str) -> None:
    out = say(verb, "--help-all" if verb == "train" else "--help")[1]
    assert not re.findall(r"--[a-z-]+_", out)
    assert "usage: hocket " + verb in out
    module = importlib.import_module(f"hocket.cli.{verb}")
    unexplained = [
        action.dest for action in module._parser()._actions if not (action.help or "").strip(" .()")
    ]
    # `fuse` writes its own.
    assert not unexplained or verb == "fuse"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["check", "a.wav"], "--input, --target are missing: hocket check OUT --input A --target B [flags]"),
        (["report"], "RUN is missing: hocket report RUN [RUN ...] [flags]"),
        (["prepare", "music", "-o"], "-o/--output needs a value: see 'hocket prepare --help'."),
        (["prepare", "music", "--resplit=1"], "--resplit takes no value: see 'hocket prepare --help'."),
        (["prepare", "music", "--jobs", "many"], "--jobs is 'many': give a whole number."),
        (["studio", "--max_minutes", "ten"], "--max-minutes is 'ten': give a number."),
        (["render", "out", "more"], "more is one argument too many: hocket render OUT_DIR [flags]"),
        (["render", "out", "-x"], "there is no flag -x: see 'hocket render --help'."),
        (["fuse", "a", "b", "-o", "c.wav", "--num_sample", "3"], "did you mean --num-samples?"),
        (["fuse", "a", "b", "-o", "c.wav", "--align", "temop"], "--align is 'temop': did you mean tempo?"),
        (["fuse", "a", "b", "-o", "c.wav", "--align", "swing"], "give one of none, tempo, beats, bars."),
    ],
)
def test_a_mistake_is_one_sentence(say: Say, words: list[str], said: str) -> None:
    code, out, err = say(*words)
    assert (code, out) == (2, "") and SENTENCE.fullmatch(err) and said in err
    assert err.startswith(f"hocket {words[0]}: error: ")


def test_the_flags_of_a_verb_may_be_added_with_either_sign() -> None:
    parser = VerbParser("test", "For this test.")
    parser.add_argument_group("group").add_argument("--one_two", type=int, default=3, help="a number")
    parser.add_argument("--other-flag", help="a text")
    for word in ("--one-two=4", "--one_two=4"):
        assert vars(parser.parse_args([word])) == {"one_two": 4, "other_flag": None}
    assert "  --one-two ONE_TWO  " in parser.format_help()
    assert "A number (default: 3)" in parser.format_help()


def test_the_short_help_of_training_shows_what_is_used(say: Say) -> None:
    short, full = say("train", "--help")[1], say("train", "--help-all")[1]
    own = {"help", "run", "preset", "config", "fresh", "strict", "no-report", "help-all"}
    usual = {name.replace("_", "-") for name in train.USUAL}
    assert (
        len(usual) == 13 and set(re.findall(r"^  (?:-h, )?--([a-z-]+)", short, re.MULTILINE)) == own | usual
    )
    assert short.endswith("\n'hocket train --help-all' shows every setting.\n")
    assert set(re.findall(r"^  (?:-h, )?--([a-z-]+)", full, re.MULTILINE)) == own | {
        name.replace("_", "-") for name in FIELDS
    }


def test_every_setting_is_described_with_its_default_and_no_class_name() -> None:
    parser = train._parser(everything=True)
    explained = {action.dest: str(action.help).replace("%%", "%") for action in parser._actions}
    for name, value in flatten(preset("default")).items():
        words, _, default = explained[name].partition(" (default: ")
        assert len(words.split()) > 1 and not words.endswith((".", " ")), name
        assert default == (f"{train.shown(value)})" if value != "" else "")
    assert explained["output_balance_aim"].endswith("(default: 0.47)")
    for group in parser._action_groups:
        assert not re.search(r"[a-z][A-Z]|\w+\(", f"{group.title} {group.description}")
    assert len([group for group in parser._action_groups if group.description]) == 7


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_help_fits_a_terminal_and_breaks_no_word(columns: int) -> None:
    pages = {words: on_terminal(columns, *words) for words in ((), ("train", "--help-all"), ("studio", "-h"))}
    studio = pages["studio", "-h"]
    assert "--public-url" in studio and "https://studio.example.org/hocket/" in studio
    studio = pages["studio", "-h"]
    assert "--public-url" in studio and "https://studio.example.org/hocket/" in studio
    for words, page in pages.items():
        lines = page.splitlines()
        assert max(map(len, lines)) <= columns, words
        # The width is made use of, where there is so much to say.
        assert max(map(len, lines)) > columns - 15 or not words
        assert not re.search(r"-$|\(default:$|^ *= ", page, re.MULTILINE)


def test_a_sentence_fits_a_terminal_and_is_one_line_in_a_log(say: Say) -> None:
    words = ("train", "--pairing", "next_segmnet", "--run", "somewhere", "music")
    log = say(*words)[2]
    assert SENTENCE.fullmatch(log) and len(log) > 80
    shown = on_terminal(60, *words)
    assert max(map(len, shown.splitlines())) <= 60 and len(shown.splitlines()) > 1
    assert " ".join(shown.split()) == " ".join(log.split())


class Terminal:
    """A stream that a terminal of 40 columns seems to be behind."""

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return 0


def test_lines_are_broken_under_their_label(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "get_terminal_size", lambda descriptor=0: os.terminal_size((40, 24)))
    monkeypatch.delenv("COLUMNS", raising=False)
    for text, lines in (
        (
            "  margins   rhythm -0.44   harmony -0.51   overlay R² 0.95",
            ["  margins   rhythm -0.44   harmony -0.51", "            overlay R² 0.95"],
        ),
        ("short\n\n  as it is", ["short", "", "  as it is"]),
        (
            "next: hocket train data/of/mine --run RUN_DIR",
            ["next: hocket train data/of/mine --run RUN_DIR"],
        ),
        (
            "/a/path/that/is/longer/than/the/terminal/is/wide.wav --flag-of-two-words",
            ["/a/path/that/is/longer/than/the/terminal/is/wide.wav", "--flag-of-two-words"],
        ),
    ):
        assert fitted(text, Terminal()).split("\n") == lines  # type: ignore[arg-type]


def test_the_time_left_counts_validations_and_checkpoints() -> None:
    plan = preset("default").training  # 50 epochs of 16 steps
    progress = Progress(step=160, epochs_judged=10, seconds=320.0)
    assert time_left(progress, plan, pause_seconds=0) == 640 * 2
    # 40 epochs to go, and the best weights once more.
    assert time_left(progress, plan, pause_seconds=30) == 640 * 2 + 41 * 30
    done = Progress(step=800, epochs_judged=50, seconds=1600.0)
    assert time_left(done, plan, pause_seconds=30) == 30


def test_a_run_tells_a_time_left_with_its_validations_and_checkpoints(
    prepared: Path, tmp_path: Path, small_flags: list[str], say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(now=0.0)
    clock.monotonic = lambda: clock.now

    def taking(seconds: float, work: Callable[..., Any]) -> Callable[..., Any]:
        def slow(*args: Any, **options: Any) -> Any:
            clock.now += seconds
            return work(*args, **options)

        return slow

    monkeypatch.setattr(trainer, "time", clock)
    monkeypatch.setattr(trainer, "train_step", taking(2, trainer.train_step))
    for owner, name, seconds in (
        (trainer.Validator, "__call__", 20),
        (trainer.RunFolder, "save", 4),
        (trainer.RunFolder, "save_best", 1),
    ):
        monkeypatch.setattr(owner, name, taking(seconds, getattr(owner, name)))
    words = ("train", str(prepared), "--run", str(tmp_path / "run"), *small_flags, "--no-report")
    code, out, err = say(*words, "--num-epochs=3", "--steps-per-epoch=3")
    assert code == 0, err
    # Six steps, and three pauses: two epochs, and the best weights at the end. The first epoch is the best so far.
    assert "Epoch 1/3   1.0 examples/s   ETA 87 s" in out
    assert re.search(r"Epoch 3/3   1.0 examples/s   ETA 2[45] s", out)


def test_the_bar_counts_down_from_the_last_epochs_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("hocket.cli.console.time.monotonic", lambda: now)
    console = Console()
    task = SimpleNamespace(remaining=100, speed=2.0)
    assert console._eta(task) == "ETA over 50 s"  # type: ignore[arg-type]
    monkeypatch.setattr("hocket.cli.console.epoch_lines", lambda report: [])
    console.on_epoch(SimpleNamespace(eta_seconds=600.0))  # type: ignore[arg-type]
    now += 120
    assert console._eta(task) == "ETA 8 min"  # type: ignore[arg-type]
    now += 600
    assert console._eta(task) == "ETA 0 s"  # type: ignore[arg-type]

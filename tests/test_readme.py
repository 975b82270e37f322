"""The README's code blocks run, in their order, in an empty folder; trainings and renderings are shortened."""

import re
from itertools import chain

from documents import ROOT, blocks, is_make_target, lines, run_commands, run_in, text_of
from small_run import SMALL

SHORTER = {
    "hocket render": ["--num-songs=8", "--num-pairs=1", "--duration-seconds=6"],
    "hocket prepare": ["--minimum-seconds=1.1"],
    "hocket fuse --checkpoint": ["--num-samples=1"],
    "hocket train": [f"--{name}={value}" for name, value in SMALL.items()],
}


def test_every_command_runs(tmp_path) -> None:
    shortened = []
    for words in lines("README.md", "bash"):
        if words[0] == "make":
            assert is_make_target(words[1]), words
            continue
        assert words[0] == "hocket", words
        # Later flags win: what the README names is there, its length is not.
        shorter = [flags for start, flags in SHORTER.items() if " ".join(words).startswith(start)]
        shortened.append([*words[1:], *chain(*shorter)])
    assert {words[0] for words in shortened} == {
        "render", "prepare", "train", "fuse", "check", "evaluate", "report",
    }  # fmt: skip
    run_commands(tmp_path, shortened)
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
    (python,) = blocks("README.md", "python")
    run_in(tmp_path, python + "\nassert output_audio.shape == input_audio.shape\n")


def test_the_tree_is_true() -> None:
    for folder in re.findall(r"^  (\w+)/ ", text_of("README.md"), flags=re.M):
        assert (ROOT / "src" / "hocket" / folder).is_dir(), folder


def test_no_module_of_the_package_is_missing_from_the_tree() -> None:
    packages = {path.parent.name for path in (ROOT / "src" / "hocket").glob("*/__init__.py")}
    assert packages <= set(re.findall(r"^  (\w+)/ ", text_of("README.md"), flags=re.M)) | {"presets"}
